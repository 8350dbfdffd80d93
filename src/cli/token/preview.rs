//! `ostler token preview`: what a credential would get, without its secret.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::VIEW;
use super::decode;
use crate::cli::body::Body;
use crate::cli::credential::place::Place;
use crate::cli::failure::Exit;
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::lifetime::Span;
use crate::cli::output::Document;
use crate::cli::request::Request;
use crate::cli::session;
use crate::cli::session::Session;
use crate::cli::shell::Shell;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler token preview ci-deployer/github-actions --scope read --resource https://jira.example.com
  ostler token preview sac_01j9...

It ends with 0 when there would be a token, whose claims are printed, and with 6 when not; -o json is the
whole answer, either way.")]
pub struct Preview {
    /// A credential as ACCOUNT/CREDENTIAL, or a client id
    #[arg(value_name = "CREDENTIAL")]
    credential: String,
    /// The scopes of the request, separated by commas or blanks; all that are granted when left out
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scope: Vec<String>,
    /// The audience of the API that the token would be for
    #[arg(long, value_name = "URI")]
    resource: Option<String>,
    /// What it would ask to reach, as RFC 9396 has it: JSON, - for standard input
    #[arg(long, value_name = "FILE")]
    authorization_details: Option<PathBuf>,
    /// The lifetime that it would ask for
    #[arg(long, value_name = "TIME")]
    expires_in: Option<Span>,
}

impl Preview {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let mut body = Body::new();
        body.say("client_id", Some(self.client_id(&session).await?));
        let scope = self.scope.join(" ");
        body.say("scope", Some(scope).filter(|scope| !scope.is_empty()));
        body.say("resource", self.resource.as_ref());
        if let Some(path) = &self.authorization_details {
            let details = input::file_or_stdin(path).await?;
            body.say("authorization_details", Some(details.trim()));
        }
        body.say("expires_in", self.expires_in.map(Span::as_secs));
        let path = session::path(&["tokens", "preview"])?;
        let answer = session.ask(Request::post(path, body.value())).await?;
        let document = Document::of(&answer)?;
        let answer = &document.value;
        let is_granted = answer["granted"] == true;
        // What was asked for in a form is the whole answer, as of any other command.
        if shell.output.format.is_some() {
            shell.output.show(&document, &VIEW)?;
        } else if is_granted {
            let claims = Document::from(answer["claims"].clone());
            decode::json_unless_said(shell.output).show(&claims, &VIEW)?;
        }
        if is_granted {
            Ok(())
        } else {
            Err(refused(answer))
        }
    }

    async fn client_id(&self, session: &Session) -> Result<String, Failure> {
        let Ok(place) = self.credential.parse::<Place>() else {
            return Ok(self.credential.clone());
        };
        let path = place.path(session, "credentials")?;
        let found = session.look(&path).await?.json()?;
        match &found["client_id"] {
            Value::String(id) => Ok(id.clone()),
            _ => Err(Failure::failed(format!(
                "the server did not say the client id of {place}"
            ))),
        }
    }
}

fn refused(answer: &Value) -> Failure {
    let text = |member: &str| answer[member].as_str();
    let what = match (text("error_description"), text("error")) {
        (Some(description), Some(error)) => format!("{description} ({error})"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "there would be no token".to_owned(),
    };
    let failure = Failure::new(Exit::Negative, what);
    match text("hint") {
        Some(hint) => failure.fix(hint),
        None => failure,
    }
}
