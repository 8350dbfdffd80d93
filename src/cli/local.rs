//! What the commands of the server's own machine share: its configuration, its log, its runtime.

use std::error::Error;
use std::future::Future;

use rustix::process::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use super::failure::Exit;
use super::failure::Failure;
use crate::app::init::InitError;
use crate::app::open::StartError;
use crate::config;
use crate::config::Config;
use crate::config::Sources;
use crate::run::RunError;
use crate::run::renewal::Renewals;
use crate::shutdown::Shutdown;
use crate::telemetry::log;
use crate::telemetry::log::Log;

/// The configuration that these sources make, and the log, which goes on until it is dropped.
pub fn prepare(sources: &Sources) -> Result<(Config, Log), Failure> {
    let (config, warnings) =
        config::check(sources).map_err(|problems| Failure::failed(problems.to_string()))?;
    let log = log::begin().map_err(|error| Failure::failed(in_full(&error)))?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok((config, log))
}

/// Runs `work` on all cores, to its end. A write beyond what a file may have (`RLIMIT_FSIZE`) fails
/// meanwhile, as on a full disk: the signal that comes with it would end the process.
pub fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let ended = runtime.block_on(async {
        // Whoever listens need not hear it.
        let _full = signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map_err(no_signals)?;
        work.await
    });
    // What is still running has had its time.
    runtime.shutdown_background();
    ended
}

/// The wish to stop, by SIGTERM or SIGINT.
pub fn shutdown_on_signals() -> Result<Shutdown, Failure> {
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals().map_err(no_signals)?;
    Ok(shutdown)
}

/// The wish to read `sources` again, by SIGHUP.
pub fn renewals_on_signals(sources: Sources) -> Result<Renewals, Failure> {
    Renewals::on_hangup(sources).map_err(no_signals)
}

/// The process may not install a signal handler.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub fn no_signals(error: std::io::Error) -> Failure {
    Failure::failed(format!("cannot listen for signals: {error}"))
}

/// What a failed run means to a script.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub fn failure(error: RunError) -> Failure {
    let told = in_full(&error);
    match &error {
        RunError::Start(StartError::Init(InitError::AlreadyInitialised)) => {
            Failure::new(Exit::Conflict, told)
                .fix("if nobody has it any more, make another: ostler admin recover")
        }
        RunError::Start(StartError::Init(InitError::NotEmpty(_))) => {
            Failure::new(Exit::Conflict, told)
        }
        _ => Failure::failed(told),
    }
}

/// What a failed `init` means: a store in use is one that somebody has initialised before.
pub fn failure_of_init(error: RunError) -> Failure {
    match &error {
        RunError::Start(reason) if reason.is_locked() => {
            Failure::new(Exit::Conflict, in_full(&error))
        }
        _ => failure(error),
    }
}

/// The error with its causes; those that it tells itself are not repeated.
pub fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_in_use_already_is_a_conflict() {
        let error = RunError::Start(StartError::Init(InitError::AlreadyInitialised));
        assert_eq!(failure(error).exit(), Exit::Conflict);
        let error = RunError::Start(StartError::NotInitialised);
        let failure = failure(error);
        assert_eq!(failure.exit(), Exit::Failure);
        assert!(failure.to_string().contains("ostler init"));
    }
}
