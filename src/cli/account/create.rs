//! `ostler account create`.

use clap::Args;
use serde_json::Map;
use serde_json::Value;

use super::VIEW;
use crate::cli::body::Body;
use crate::cli::credential::FIRST_CREDENTIAL;
use crate::cli::failure::Failure;
use crate::cli::grant::AccessArgs;
use crate::cli::lifetime::End;
use crate::cli::lifetime::Lifetime;
use crate::cli::lifetime::Span;
use crate::cli::output::Document;
use crate::cli::secret_sink::SecretArgs;
use crate::cli::session::Session;
use crate::cli::shell::Shell;

const EXAMPLES: &str = "\
Examples:
  An account that may read and write in two projects, with its first credential in a file:
    ostler account create ci-deployer --api jira --scope read,write --project APOLLO,GEMINI \\
        --credential --secret-out ci.env

  An account that administers its own organization:
    ostler account create ops-robot --role operator --owner ops@example.com --credential -o json";

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Create {
    /// Its name: 6 to 30 letters, digits or single inner hyphens
    name: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Who answers for it
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// A label; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Its end: 90d, never, or an instant such as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN")]
    expires: Option<End>,
    /// The longest lifetime of its tokens
    #[arg(long, value_name = "TIME")]
    max_token_lifetime: Option<Span>,
    /// A role; may be repeated
    #[arg(long, value_name = "ROLE")]
    role: Vec<String>,
    #[command(flatten)]
    access: AccessArgs,
    /// Make its first credential too, under this name
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true,
          default_missing_value = FIRST_CREDENTIAL, help_heading = "The new secret")]
    credential: Option<String>,
    /// The lifetime of that credential's secret: 30d, never; 90 days when left out
    #[arg(
        long,
        value_name = "TIME",
        requires = "credential",
        help_heading = "The new secret"
    )]
    credential_expires: Option<Lifetime>,
    #[command(flatten)]
    secret: SecretArgs,
}

impl Create {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let sink = match &self.credential {
            Some(_) => Some(shell.sink(&self.secret)?),
            None if self.secret.names_a_file() => {
                let what = "no credential is made, so there is no secret to write";
                return Err(Failure::usage(what).fix("add --credential, or take --secret-out away"));
            }
            None => None,
        };
        let session = shell.session()?;
        let body = self.body(shell, &session).await?;
        let made = session
            .post(&session.here(&["service-accounts"])?, body)
            .await?;
        let made = Document::of(&made)?;
        match sink {
            Some(sink) => sink.hand_over(session.issuer(), made, "/credential", &VIEW),
            None => shell.show(&made, &VIEW),
        }
    }

    async fn body(&self, shell: &Shell, session: &Session) -> Result<Value, Failure> {
        let mut body = Body::new();
        body.say("name", Some(&self.name));
        body.say("description", self.description.as_ref());
        body.say("owner", self.owner.as_ref());
        let labels: Map<String, Value> = self.label.iter().cloned().map(text_member).collect();
        body.say("labels", (!labels.is_empty()).then_some(labels));
        let end = self.expires.map(|end| end.instant(shell.now()));
        body.say("expires_at", end.map(|at| at.map(|at| at.to_string())));
        let lifetime = self.max_token_lifetime.map(Span::as_secs);
        body.say("max_token_lifetime_seconds", lifetime);
        body.say_all("roles", &self.role);
        body.say("access", self.access.grants::<Self>(session).await?);
        body.say(
            "credential",
            self.credential.as_ref().map(|name| self.first(name)),
        );
        Ok(body.value())
    }

    fn first(&self, name: &str) -> Value {
        let mut credential = Body::new();
        credential.say("name", Some(name));
        let lifetime = self.credential_expires.map(Lifetime::as_secs);
        credential.say("expires_in_seconds", lifetime);
        credential.value()
    }
}

fn text_member((key, value): (String, String)) -> (String, Value) {
    (key, Value::String(value))
}

/// `team=ops`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}
