//! `ostler token`: get one, look into one, check one.

mod decode;
mod get;
mod verify;

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use secrecy::SecretString;

use super::failure::Failure;
use super::input;
use super::shell::Shell;
use super::terminal;

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Exchange the client secret for an access token, and print it
    Get(get::Get),
    /// Show what a token says, without checking anything
    Decode(TokenArgs),
    /// Check a token: signature, issuer, audience, time, and what the server says of it
    Verify(verify::Verify),
}

/// A token to look at.
#[derive(Args, Clone, Debug)]
pub struct TokenArgs {
    /// A file with the token, - for standard input; OSTLER_TOKEN, else standard input, when left
    /// out
    #[arg(value_name = "FILE")]
    token: Option<PathBuf>,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Get(get) => get.run(shell).await,
        Verb::Decode(args) => decode::run(shell, &args).await,
        Verb::Verify(verify) => verify.run(shell).await,
    }
}

impl TokenArgs {
    /// The token, from where it is.
    async fn read(&self, shell: &Shell) -> Result<SecretString, Failure> {
        let text = match (&self.token, shell.environment().text("OSTLER_TOKEN")?) {
            (Some(path), _) => input::file_or_stdin(path).await?,
            (None, Some(token)) => {
                terminal::note("note: this is the token in OSTLER_TOKEN");
                token.into()
            }
            (None, None) => input::file_or_stdin(Path::new("-")).await?,
        };
        let token = text.trim();
        if token.is_empty() {
            return Err(Failure::usage("there is no token: the input is empty"));
        }
        Ok(SecretString::from(token))
    }
}
