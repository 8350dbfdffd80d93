//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

const HELP: &str = "\
Measures the token path of the release binary beside a floor, on two cores.

  cargo bench --bench load -- [OPTIONS]

  --rounds N      rounds of each scenario (5)
  --seconds N     length of one server's turn in a round (3)
  --accounts N    service accounts in the store (10000)
  --only A,B      only these scenarios
  --beside FILE   another build of ostler too, to see what a change gives
  --peers         other servers too, as benches/peers/README.md says
  --reuse         the accounts of the run before, if it made as many
  --json FILE     the result as JSON (target/bench/load.json)
";

/// How to measure.
pub struct Options {
    pub rounds: usize,
    pub turn: Duration,
    pub accounts: usize,
    pub only: Option<Vec<String>>,
    pub beside: Option<PathBuf>,
    pub peers: bool,
    pub reuse: bool,
    pub json: PathBuf,
    /// Where servers keep their data.
    pub directory: PathBuf,
}

impl Options {
    /// Reads the arguments; an error is what to print.
    pub fn parse() -> Result<Self, String> {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("load");
        let mut options = Self {
            rounds: 5,
            turn: Duration::from_secs(3),
            accounts: 10_000,
            only: None,
            beside: None,
            peers: false,
            reuse: false,
            json: directory.join("load.json"),
            directory,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or(format!("{argument}: what?\n\n{HELP}"))
            };
            match argument.as_str() {
                "--rounds" => options.rounds = number(&value()?)?.max(1),
                "--seconds" => options.turn = Duration::from_secs(number(&value()?)?.max(1) as u64),
                "--accounts" => options.accounts = number(&value()?)?.max(3),
                "--only" => options.only = Some(value()?.split(',').map(str::to_owned).collect()),
                "--json" => options.json = value()?.into(),
                "--beside" => options.beside = Some(value()?.into()),
                "--peers" => options.peers = true,
                "--reuse" => options.reuse = true,
                // What `cargo bench` adds.
                "--bench" => {}
                _ => return Err(HELP.to_owned()),
            }
        }
        Ok(options)
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| format!("{text}: not a number\n\n{HELP}"))
}
