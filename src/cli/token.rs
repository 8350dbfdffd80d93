//! `ostler token`: get one, look into one, check one, take one back.

pub mod decode;
mod get;
mod preview;
mod verify;

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde_json::Value;
use serde_json::json;

use super::failure::Exit;
use super::failure::Failure;
use super::input;
use super::output::Document;
use super::output::View;
use super::request::Request;
use super::session;
use super::shell::Shell;
use super::terminal;

const VIEW: View = View {
    columns: &[],
    id: "",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Exchange the client secret for an access token, and print it
    Get(get::Get),
    /// Show what a token says, without checking anything
    Decode(TokenArgs),
    /// Check a token: signature, issuer, audience, time, and what the server says of it
    Verify(verify::Verify),
    /// Ask the server all that it knows of a token, and why it is not active
    Inspect(OtherToken),
    /// Take one token back, whoever's it is
    Revoke(OtherToken),
    /// Ask what a credential would get, or why not
    Preview(preview::Preview),
}

/// A token to look at.
#[derive(Args, Clone, Debug)]
pub struct TokenArgs {
    /// A file with the token, - for standard input; OSTLER_TOKEN, else standard input, when left
    /// out
    #[arg(value_name = "FILE")]
    token: Option<PathBuf>,
}

/// A token that is not our own.
#[derive(Args, Clone, Debug)]
pub struct OtherToken {
    /// A file with the token, - for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    token: PathBuf,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Get(get) => get.run(shell).await,
        Verb::Decode(args) => decode::run(shell, &args).await,
        Verb::Verify(verify) => verify.run(shell).await,
        Verb::Inspect(token) => token.inspect(shell).await,
        Verb::Revoke(token) => token.revoke(shell).await,
        Verb::Preview(preview) => preview.run(shell).await,
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
        one_token(&text)
    }
}

impl OtherToken {
    async fn request(&self, verb: &str) -> Result<Request, Failure> {
        let token = one_token(&input::file_or_stdin(&self.token).await?)?;
        let body = json!({"token": token.expose_secret()});
        let request = Request::post(session::path(&["tokens", verb])?, body);
        Ok(request.with_secret("token", "TOKEN"))
    }

    async fn inspect(&self, shell: &Shell) -> Result<(), Failure> {
        let request = self.request("inspect").await?;
        let answer = shell.session()?.ask(request).await?;
        decode::json_unless_said(shell.output).show(&Document::of(&answer)?, &VIEW)
    }

    async fn revoke(&self, shell: &Shell) -> Result<(), Failure> {
        let request = self.request("revoke").await?;
        let session = shell.session()?;
        let answer = session.perform(session.keyed(request)).await?;
        let document = Document::of(&answer)?;
        if is_not_known(&document.value) {
            return Err(
                Failure::new(Exit::NotFound, "the server knows no such token")
                    .detail("nothing was revoked")
                    .fix("see that it is whole, and of an organization that your identity reaches"),
            );
        }
        terminal::note("✓ the token is revoked");
        match shell.output.format {
            Some(_) => shell.output.show(&document, &VIEW),
            None => Ok(()),
        }
    }
}

/// Whether the server says that the token is none of its own that the caller may know of. It answers
/// that like what it knows.
fn is_not_known(inspection: &Value) -> bool {
    let reasons = inspection["reasons"].as_array();
    let is_no_token = |reason: &Value| reason == "unknown" || reason == "malformed";
    reasons.is_some_and(|reasons| !reasons.is_empty() && reasons.iter().all(is_no_token))
}

fn one_token(text: &str) -> Result<SecretString, Failure> {
    match text.trim() {
        "" => Err(Failure::usage("there is no token: the input is empty")),
        token => Ok(SecretString::from(token)),
    }
}
