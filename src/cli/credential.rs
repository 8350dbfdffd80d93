//! `ostler credential`: the ways in which an account proves itself.

mod rotate;

use std::str::FromStr;

use clap::Args;
use clap::Subcommand;
use serde_json::json;

use super::client::Answer;
use super::failure::Failure;
use super::lifetime::Lifetime;
use super::list::PageArgs;
use super::output::Document;
use super::output::View;
use super::secret_sink::SecretArgs;
use super::session::Session;
use super::shell::Shell;
use super::terminal;
use super::terminal::printable;

/// The name of a credential that is not given one.
pub const FIRST_CREDENTIAL: &str = "default";

const VIEW: View = View {
    columns: &[
        ("NAME", "name"),
        ("STATUS", "status"),
        ("CLIENT ID", "client_id"),
        ("EXPIRES", "expires_at"),
        ("LAST USED", "last_used_at"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Make a credential; its secret is shown this once
    Create(Create),
    /// List the credentials of an account
    List(List),
    /// Show a credential and its secrets
    Get(Existing),
    /// Take a credential back for good: its secrets and tokens are dead at once
    Revoke(Sure),
    /// Delete a credential for good
    Delete(Sure),
    /// Give a credential a new secret; the old one works on for the overlap
    Rotate(rotate::Rotate),
}

/// A credential and its account.
#[derive(Clone, Debug)]
struct Place {
    account: String,
    credential: String,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // No account has a slash in its name, so what follows the first one is the credential's.
        match text.split_once('/') {
            Some((account, credential)) if !account.is_empty() && !credential.is_empty() => {
                Ok(Self {
                    account: account.to_owned(),
                    credential: credential.to_owned(),
                })
            }
            _ => Err("write ACCOUNT/CREDENTIAL, by name or id".to_owned()),
        }
    }
}

impl Place {
    fn path(&self, session: &Session) -> Result<String, Failure> {
        let account = &self.account;
        session.here(&["service-accounts", account, "credentials", &self.credential])
    }
}

/// A credential that exists.
#[derive(Args, Clone, Debug)]
pub struct Existing {
    /// The account and its credential, by name or id
    #[arg(value_name = "ACCOUNT/CREDENTIAL")]
    credential: Place,
}

#[derive(Args, Clone, Debug)]
pub struct Sure {
    #[command(flatten)]
    existing: Existing,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Args, Clone, Debug)]
pub struct List {
    /// The account, by name or id
    account: String,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler credential create ci-deployer/github-actions --expires 30d --secret-out ci.env")]
pub struct Create {
    /// The account, and the name of the new credential: `default` when left out
    #[arg(value_name = "ACCOUNT[/NAME]")]
    credential: String,
    /// The lifetime of its secret: 30d, never; 90 days when left out
    #[arg(long, value_name = "TIME")]
    expires: Option<Lifetime>,
    /// A network from which it may be used (CIDR); may be repeated, any when left out
    #[arg(long, value_name = "NETWORK")]
    allowed_network: Vec<String>,
    #[command(flatten)]
    secret: SecretArgs,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Create(create) => create.run(shell).await,
        Verb::List(list) => list.run(shell).await,
        Verb::Get(existing) => {
            let session = shell.session().await?;
            let found = session.read(&existing.credential.path(&session)?).await?;
            shell.show(&Document::of(&found)?, &VIEW)
        }
        Verb::Revoke(sure) => sure.revoke(shell).await,
        Verb::Delete(sure) => sure.delete(shell).await,
        Verb::Rotate(rotate) => rotate.run(shell).await,
    }
}

impl Create {
    async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let sink = self.secret.sink(shell.output)?;
        let (account, name) = self.place();
        let mut body = json!({"name": name});
        if let Some(lifetime) = self.expires {
            body["expires_in_seconds"] = json!(lifetime.as_secs());
        }
        if !self.allowed_network.is_empty() {
            body["allowed_networks"] = json!(self.allowed_network);
        }
        let session = shell.session().await?;
        let path = session.here(&["service-accounts", account, "credentials"])?;
        let made = session.post(&path, &body).await?;
        sink.hand_over(session.issuer(), Document::of(&made)?, "", &VIEW)
    }

    /// The account and the name of the new credential.
    fn place(&self) -> (&str, &str) {
        self.credential
            .split_once('/')
            .unwrap_or((&self.credential, FIRST_CREDENTIAL))
    }
}

impl List {
    async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session().await?;
        let path = session.here(&["service-accounts", &self.account, "credentials"])?;
        shell.show(&session.list(&path, &self.page).await?, &VIEW)
    }
}

impl Sure {
    async fn revoke(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session().await?;
        let path = self.existing.credential.path(&session)?;
        let seen = session.glance(&path).await?;
        shell
            .confirm(&self.question("Revoke", seen.as_ref())?, self.yes)
            .await?;
        let revoked = session.set_state(&path, "revoke").await?;
        shell.show(&Document::of(&revoked)?, &VIEW)
    }

    async fn delete(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session().await?;
        let path = self.existing.credential.path(&session)?;
        let seen = session.glance(&path).await?;
        shell
            .confirm(&self.question("Delete", seen.as_ref())?, self.yes)
            .await?;
        session.delete(&path, seen.as_ref()).await?;
        let name = &self.existing.credential.credential;
        terminal::note(&format!("✓ {} is deleted", printable(name)));
        Ok(())
    }

    fn question(&self, verb: &str, seen: Option<&Answer>) -> Result<String, Failure> {
        let Place {
            account,
            credential,
        } = &self.existing.credential;
        let used = match seen.map(Answer::json).transpose()? {
            Some(seen) => format!(
                ", last used {}",
                seen["last_used_at"].as_str().unwrap_or("never")
            ),
            None => String::new(),
        };
        Ok(format!(
            "{verb} {account}/{credential}{used}? It cannot be undone."
        ))
    }
}
