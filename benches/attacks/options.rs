//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

const HELP: &str = "\
Measures what attacks cost the release binary, on two cores.

  cargo bench --bench attacks -- [OPTIONS]

  --rounds N      rounds of each figure (5)
  --seconds N     how long a flood is watched in a round (3)
  --only A,B      only these security cases
  --json FILE     the result as JSON (attacks.json below target/tmp)
";

/// How to measure.
pub struct Options {
    pub rounds: usize,
    pub turn: Duration,
    only: Option<Vec<u16>>,
    pub json: PathBuf,
    /// Where servers keep their data.
    pub directory: PathBuf,
}

impl Options {
    /// Reads the arguments; an error is what to print.
    pub fn parse() -> Result<Self, String> {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("attacks");
        let mut options = Self {
            rounds: 5,
            turn: Duration::from_secs(3),
            only: None,
            json: directory.with_extension("json"),
            directory,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(HELP.to_owned());
            match argument.as_str() {
                "--rounds" => options.rounds = number::<usize>(&value()?)?.max(1),
                "--seconds" => options.turn = Duration::from_secs(number::<u64>(&value()?)?.max(1)),
                "--only" => {
                    let cases: Result<_, _> = value()?.split(',').map(number).collect();
                    options.only = Some(cases?);
                }
                "--json" => options.json = value()?.into(),
                // What `cargo bench` adds.
                "--bench" => {}
                _ => return Err(HELP.to_owned()),
            }
        }
        Ok(options)
    }

    /// Whether this case is to be measured.
    pub fn wants(&self, case: u16) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&case))
    }

    /// Whether any of these is.
    pub fn wants_any(&self, cases: &[u16]) -> bool {
        cases.iter().any(|case| self.wants(*case))
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text}: not a number\n\n{HELP}"))
}
