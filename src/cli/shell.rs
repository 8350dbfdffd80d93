//! What the commands of one run share, and the flags of every noun.

use std::fmt::Debug;

use clap::Args;
use clap::Subcommand;
use jiff::Timestamp;

use super::connection::Connection;
use super::connection::ConnectionArgs;
use super::environment::Environment;
use super::failure::Failure;
use super::manner::Manner;
use super::output::Document;
use super::output::Output;
use super::output::OutputArgs;
use super::output::View;
use super::secret_sink::SecretArgs;
use super::secret_sink::SecretSink;
use super::session::Session;
use super::terminal;
use crate::clock::Clock;
use crate::clock::SystemClock;

/// A noun: its verbs, and the flags that all of them take.
#[derive(Args, Clone, Debug)]
pub struct Noun<V: Subcommand> {
    #[command(subcommand)]
    pub verb: V,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub manner: Manner,
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// The surroundings of a command that talks to a server.
pub struct Shell {
    environment: Environment,
    args: ConnectionArgs,
    manner: Manner,
    clock: SystemClock,
    /// Where data goes.
    pub output: Output,
}

impl Shell {
    /// The shell for the flags of a noun.
    pub fn new(
        environment: Environment,
        args: ConnectionArgs,
        manner: Manner,
        output: OutputArgs,
    ) -> Self {
        Self {
            environment,
            args,
            manner,
            clock: SystemClock,
            output: Output::new(output),
        }
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Which server, as whom.
    pub fn connection(&self) -> Result<Connection, Failure> {
        Connection::find(&self.args, &self.environment)
    }

    /// In which manner the command does its work.
    pub fn manner(&self) -> &Manner {
        &self.manner
    }

    /// A caller of the admin API.
    pub fn session(&self) -> Result<Session, Failure> {
        Session::open(self.connection()?, self.manner.clone())
    }

    /// A place for the secret that a command is about to make, if it makes one at all.
    pub fn sink(&self, args: &SecretArgs) -> Result<SecretSink, Failure> {
        if self.manner.makes_changes() {
            args.sink(self.output)
        } else {
            Ok(SecretSink::idle(self.output))
        }
    }

    /// Prints a document.
    pub fn show(&self, document: &Document, view: &View) -> Result<(), Failure> {
        self.output.show(document, view)
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets a person think again; a script has said what it means.
    pub async fn confirm(&self, question: &str) -> Result<(), Failure> {
        if !self.manner.asks() || !terminal::can_ask() {
            return Ok(());
        }
        terminal::question(&format!("{question} [y/N] "));
        let answer = super::input::line().await?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(Failure::failed("nothing was changed")),
        }
    }
}
