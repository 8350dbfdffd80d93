//! In which manner a command does its work: it sends its request, or only shows it.
//!
//! A request that is shown instead of sent ends the command there, since what would come next
//! depends on an answer that nobody gave. That travels as a [`Failure`] of the kind
//! [`Exit::Shown`](super::failure::Exit::Shown), which no one is told of.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;

use super::failure::Failure;
use super::request::Request;
use super::terminal;
use crate::domain::retry::IdempotencyKey;
use crate::domain::retry::InvalidKey;
use crate::random;

/// The flags of every noun that say in which manner.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "The request")]
pub struct Manner {
    /// Print the request as a curl line instead of sending it; $OSTLER_TOKEN stands for the token
    #[arg(long, global = true)]
    curl: bool,
    /// Say what would be done, and change nothing
    #[arg(long, global = true)]
    dry_run: bool,
    /// Do not ask before something is gone for good
    #[arg(long, short, global = true)]
    yes: bool,
    /// Under this Idempotency-Key a change happens once, however often it is sent; a random one
    /// when left out
    #[arg(long, global = true, value_name = "KEY", value_parser = key)]
    idempotency_key: Option<String>,
}

/// A key that the server takes.
fn key(text: &str) -> Result<String, InvalidKey> {
    IdempotencyKey::parse(text.as_bytes()).map(|_| text.to_owned())
}

impl Manner {
    /// Work that is done, once somebody has agreed to it.
    pub fn asking(asks: bool) -> Self {
        Self {
            yes: !asks,
            ..Self::default()
        }
    }

    /// Whether the request is printed as a line of the shell.
    pub fn shows_curl(&self) -> bool {
        self.curl
    }

    /// Whether nothing may change.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Whether changes are made.
    pub fn makes_changes(&self) -> bool {
        !self.curl && !self.dry_run
    }

    /// Whether somebody should think again before something is gone.
    pub fn asks(&self) -> bool {
        !self.yes && self.makes_changes()
    }

    /// The key of one change.
    pub fn idempotency_key(&self) -> String {
        let random = || URL_SAFE_NO_PAD.encode(random::bytes::<16>());
        self.idempotency_key.clone().unwrap_or_else(random)
    }

    /// Ends the command with the request to the server at `base`, when it is to be shown instead of
    /// sent.
    pub fn show_instead(&self, request: &Request, base: &str) -> Result<(), Failure> {
        if self.curl {
            terminal::print(&format!("{}\n", request.as_curl(base)))?;
            return Err(Failure::shown());
        }
        if self.dry_run && !request.changes_nothing() {
            terminal::note(&format!(
                "would send: {}",
                terminal::printable(&request.in_a_line())
            ));
            return Err(Failure::shown());
        }
        Ok(())
    }
}
