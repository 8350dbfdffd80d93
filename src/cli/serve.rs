//! `ostler serve`: the server.

use clap::Args;

use super::environment::Environment;
use super::failure::Failure;
use super::local;
use super::settings::SettingsArgs;
use crate::run;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
It stops on SIGTERM or SIGINT, finishing what is in flight; a second one stops it at once. On SIGHUP
it reads its configuration and the files of TLS again; what it cannot use leaves all as it was.")]
pub struct Serve {
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Serve {
    /// Serves until it is told to stop.
    pub fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let sources = self.settings.sources(environment);
        let (config, _log) = local::prepare(&sources)?;
        local::block_on(async {
            let renewals = local::renewals_on_signals(sources)?;
            let shutdown = local::shutdown_on_signals()?;
            let served = run::serve(config, renewals, &shutdown).await;
            served.map_err(local::failure)
        })
    }
}
