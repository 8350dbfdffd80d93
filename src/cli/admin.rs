//! `ostler admin`: what only somebody at the server's own machine may do.

use std::io::ErrorKind;

use clap::Args;
use clap::Subcommand;
use secrecy::ExposeSecret;

use super::environment::Environment;
use super::failure::Exit;
use super::failure::Failure;
use super::init;
use super::local;
use super::output::OutputArgs;
use super::secret_sink::SecretArgs;
use super::settings::SettingsArgs;
use super::terminal;
use super::terminal::printable;
use crate::run::RunError;
use crate::run::recovery;
use crate::run::recovery::RecoverError;

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Make a new credential for `administrator`, when nobody has one that works
    Recover(Recover),
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
It makes a new credential for the account `administrator` of the organization `default`, and shows its
secret once. Whatever the account lacks to administer everything it gets again: it and its organization
are enabled, an end that has passed is taken away, it holds all of `ostler` on every organization, and
where it was deleted it is made anew. Where it lacked anything, its other credentials and API tokens are
revoked; else they stay as they are. The audit trail says that it was done, and what came of it.

Run it on the server's machine, as the server's user, with the server's configuration. A server that
runs is asked through its socket in the data directory; where none runs, the store is opened.

Examples:
  ostler admin recover -c ostler.toml --secret-out administrator.env
  ostler admin recover -o json        # {\"issuer\", \"client_id\", \"client_secret\"}, this once")]
pub struct Recover {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Runs a verb.
pub fn run(environment: &Environment, verb: &Verb) -> Result<(), Failure> {
    let Verb::Recover(recover) = verb;
    recover.run(environment)
}

impl Recover {
    fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let sink = init::sink(self.output, &self.secret)?;
        let (config, _log) = local::prepare(&self.settings.sources(environment))?;
        local::block_on(async {
            let made = recovery::recover(config).await.map_err(failure)?;
            for sentence in &made.restored {
                terminal::note(&format!("✓ {}", printable(sentence)));
            }
            let secret = made.secret.expose_secret();
            let handed_over = init::hand_over(sink, &made.issuer, &made.client_id, secret);
            handed_over.map_err(|failure| {
                failure.fix("the secret is lost: run `ostler admin recover` once more")
            })
        })
    }
}

fn failure(error: RecoverError) -> Failure {
    let told = local::in_full(&error);
    match error {
        RecoverError::Start(error) if error.is_locked() => local::failure_of_init(RunError::Start(
            error,
        ))
        .fix("a server that starts or stops has it for a moment: try again, or stop the server"),
        RecoverError::Start(error) => local::failure(RunError::Start(error)),
        RecoverError::Refused { code, .. } => Failure::new(exit_of(&code), told),
        RecoverError::Unanswered { source, .. } => match source.kind() {
            ErrorKind::PermissionDenied => Failure::new(Exit::NotAllowed, told)
                .fix("run it as the user that the server runs as"),
            _ => Failure::failed(told).fix("run it once more, or stop the server first"),
        },
    }
}

/// What a problem of this code means to a script.
fn exit_of(code: &str) -> Exit {
    match code {
        "forbidden" => Exit::NotAllowed,
        "not_found" => Exit::NotFound,
        _ => Exit::Failure,
    }
}
