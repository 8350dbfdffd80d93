//! What attacks cost: the figures of those security cases that name a time, a distribution or a size.
//!
//!     cargo bench --bench attacks
//!     cargo bench --bench attacks -- --help
//!
//! The real release binary runs pinned to one core, this process (which attacks) to another. Three kinds
//! of figures: [`costs`], what a hostile request takes of the server; [`likeness`], whether the time of
//! an answer tells what the answer does not; [`floods`], what is left for others while many attack.
//! That each is answered as it should be is a test; here it only makes a figure worthless if it is not.

// Parts of the load run, which uses all of them.
#[path = "../load/cores.rs"]
mod cores;
#[path = "../load/process.rs"]
mod process;

mod costs;
mod exchange;
mod floods;
mod likeness;
mod options;
mod report;
mod stage;
mod statistics;
mod wire;

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use cores::Cores;
use options::Options;
use report::Report;

fn main() -> ExitCode {
    let options = match Options::parse() {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    match measure(&options) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("attacks: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<Report, Box<dyn Error>> {
    let cores = Cores::choose()?;
    cores::pin(cores.generator)?;
    let mut report = Report::new(options);
    costs::measure(options, cores, &mut report)?;
    likeness::measure(options, cores, &mut report)?;
    floods::measure(options, cores, &mut report)?;
    fs::write(&options.json, serde_json::to_vec_pretty(&report)?)?;
    Ok(report)
}
