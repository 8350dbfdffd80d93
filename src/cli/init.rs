//! `ostler init`: the first organization, the first keys and the first administrator.

use std::io;

use clap::Args;
use serde_json::json;

use super::environment::Environment;
use super::failure::Failure;
use super::local;
use super::output::Document;
use super::output::Format;
use super::output::Output;
use super::output::OutputArgs;
use super::output::View;
use super::secret_sink::SecretArgs;
use super::secret_sink::SecretSink;
use super::settings::SettingsArgs;
use crate::domain::id::ClientId;
use crate::domain::secret::Secret;
use crate::run;

/// How the first administrator's credential is shown.
const VIEW: View = View {
    columns: &[],
    id: "client_id",
};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler init --secret-out administrator.env
  ostler init -o json        # {\"issuer\", \"client_id\", \"client_secret\"}, this once")]
pub struct Init {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Init {
    /// Initialises the store, which must be empty, and hands over the administrator's secret.
    pub fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let sink = sink(self.output, &self.secret)?;
        let (config, _log) = local::prepare(&self.settings.sources(environment))?;
        let issuer = config.server.issuer.to_string();
        let show = |client_id: &ClientId, secret: &Secret| {
            let handed_over = hand_over(sink, &issuer, &client_id.to_string(), secret.expose());
            handed_over.map_err(|failure| io::Error::other(failure.sentence().to_owned()))
        };
        local::block_on(async {
            run::init(config, show)
                .await
                .map_err(local::failure_of_init)
        })
    }
}

/// Where the credential goes. Unlike elsewhere the secret is what was asked for, so a pipe gets it too.
pub(super) fn sink(output: OutputArgs, secret: &SecretArgs) -> Result<SecretSink, Failure> {
    let mut output = Output::new(output);
    output.format = output.format.or(Some(Format::Table));
    secret.sink(output)
}

/// Hands over a credential that administers everything.
pub(super) fn hand_over(
    sink: SecretSink,
    issuer: &str,
    client_id: &str,
    client_secret: &str,
) -> Result<(), Failure> {
    let credential = Document::from(json!({
        "issuer": issuer,
        "client_id": client_id,
        "client_secret": client_secret,
    }));
    sink.hand_over(issuer, credential, "", &VIEW)
}
