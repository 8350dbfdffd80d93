//! The token path under load, beside a floor.
//!
//!     cargo bench --bench load
//!     cargo bench --bench load -- --help
//!
//! The real release binary runs pinned to one core, this process (which makes the load) to another.
//! Beside it, on the same core and in turn with it, runs the *floor*: what a bare axum server needs
//! to read the same request, to check the same secret and to make an answer of the same size with
//! the same key and library, and nothing else. Only ratios to the floor are worth quoting: machines
//! differ, and one machine differs from minute to minute.

mod cores;
mod floor;
mod generator;
mod histogram;
mod measure;
mod options;
mod ostler;
mod peers;
mod process;
mod report;
mod requests;
mod scenario;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The floor is this very program, started once more.
    if std::env::args().nth(1).as_deref() == Some(floor::ARGUMENT) {
        return floor::main();
    }
    let options = match options::Options::parse() {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match runtime.block_on(measure::run(&options)) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("load: {problem}");
            ExitCode::FAILURE
        }
    }
}
