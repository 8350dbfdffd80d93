//! `ostler account create`.

use std::path::PathBuf;

use clap::Args;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::VIEW;
use super::access;
use crate::cli::credential::FIRST_CREDENTIAL;
use crate::cli::failure::Failure;
use crate::cli::grant::GrantArgs;
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
    grant: GrantArgs,
    /// All its access, as JSON: a list of grants, - for standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "api",
        help_heading = "Access"
    )]
    access_file: Option<PathBuf>,
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
            Some(_) => Some(self.secret.sink(shell.output)?),
            None => None,
        };
        let session = shell.session().await?;
        let body = self.body(shell, &session).await?;
        let made = session
            .post(&session.here(&["service-accounts"])?, &body)
            .await?;
        let made = Document::of(&made)?;
        match sink {
            Some(sink) => sink.hand_over(session.issuer(), made, "/credential", &VIEW),
            None => shell.show(&made, &VIEW),
        }
    }

    async fn body(&self, shell: &Shell, session: &Session) -> Result<Value, Failure> {
        let mut body = Map::from_iter([("name".to_owned(), json!(self.name))]);
        let mut say = |member: &str, value: Value| body.insert(member.to_owned(), value);
        if let Some(description) = &self.description {
            say("description", json!(description));
        }
        if let Some(owner) = &self.owner {
            say("owner", json!(owner));
        }
        if !self.label.is_empty() {
            say("labels", self.label.iter().cloned().collect());
        }
        if let Some(end) = self.expires {
            let instant = end.instant(shell.now());
            say(
                "expires_at",
                json!(instant.map(|instant| instant.to_string())),
            );
        }
        if let Some(span) = self.max_token_lifetime {
            say("max_token_lifetime_seconds", json!(span.as_secs()));
        }
        if !self.role.is_empty() {
            say("roles", json!(self.role));
        }
        if let Some(access) = self.access(session).await? {
            say("access", access);
        }
        if let Some(name) = &self.credential {
            let mut credential = json!({"name": name});
            if let Some(lifetime) = self.credential_expires {
                credential["expires_in_seconds"] = json!(lifetime.as_secs());
            }
            say("credential", credential);
        }
        Ok(Value::Object(body))
    }

    async fn access(&self, session: &Session) -> Result<Option<Value>, Failure> {
        let grant = self.grant.grant::<Self>(session).await?;
        match &self.access_file {
            Some(path) => access::from_file(path).await.map(Some),
            None => Ok(grant.map(|grant| json!([grant]))),
        }
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}
