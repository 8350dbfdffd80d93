//! `ostler config`: the configuration, without a server.

use clap::Subcommand;

use super::environment::Environment;
use super::failure::Exit;
use super::failure::Failure;
use super::settings::SettingsArgs;
use super::terminal;
use super::terminal::printable;
use crate::config;

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Read and check the configuration, and report every mistake at once
    Check {
        #[command(flatten)]
        settings: SettingsArgs,
    },
}

/// Runs the verb.
pub fn run(environment: &Environment, verb: &Verb) -> Result<(), Failure> {
    let Verb::Check { settings } = verb;
    match config::check(&settings.sources(environment)) {
        Ok((_, warnings)) => {
            for warning in warnings {
                terminal::note(&format!("warning: {}", printable(&warning.to_string())));
            }
            terminal::note("✓ the configuration is good");
            Ok(())
        }
        Err(problems) => Err(Failure::new(Exit::Negative, problems.to_string())),
    }
}
