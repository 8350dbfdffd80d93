//! `ostler serve`: the server.

use clap::Args;

use super::environment::Environment;
use super::failure::Failure;
use super::local;
use super::settings::SettingsArgs;
use crate::run;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
It stops on SIGTERM or SIGINT, finishing what is in flight; a second one stops it at once.")]
pub struct Serve {
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Serve {
    /// Serves until it is told to stop.
    pub fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let (config, _log) = local::prepare(environment, &self.settings, |sources| sources)?;
        local::block_on(async {
            let shutdown = local::shutdown_on_signals()?;
            run::serve(config, &shutdown).await.map_err(local::failure)
        })
    }
}
