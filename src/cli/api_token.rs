//! `ostler api-token`: long-lived tokens, for tools that can hold nothing else.

use clap::Args;
use clap::Subcommand;

use super::body::Body;
use super::credential::place;
use super::credential::place::Place;
use super::failure::Failure;
use super::filters::FilterArgs;
use super::grant::AccessArgs;
use super::lifetime::Span;
use super::list::PageArgs;
use super::output::Document;
use super::output::View;
use super::secret_sink::SecretArgs;
use super::shell::Shell;
use super::terminal;
use super::terminal::printable;

const VIEW: View = View {
    columns: &[
        ("NAME", "name"),
        ("STATUS", "status"),
        ("HINT", "hint"),
        ("CREATED", "created_at"),
        ("EXPIRES", "expires_at"),
        ("LAST USED", "last_used_at"),
        ("ID", "id"),
    ],
    id: "id",
};

/// The inventory names the account of each.
const INVENTORY: View = View {
    columns: &[
        ("ACCOUNT", "account"),
        ("NAME", "name"),
        ("STATUS", "status"),
        ("HINT", "hint"),
        ("CREATED", "created_at"),
        ("EXPIRES", "expires_at"),
        ("LAST USED", "last_used_at"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Make an API token; it is shown this once
    Create(Box<Create>),
    /// List the API tokens of an account, or those of all accounts
    List(Box<List>),
    /// Show an API token
    #[command(visible_alias = "get")]
    Show(Existing),
    /// Take an API token back for good, with what was exchanged for it
    Revoke(Existing),
}

/// An API token that exists.
#[derive(Args, Clone, Debug)]
pub struct Existing {
    /// The account and its API token, by name or id
    #[arg(value_name = "ACCOUNT/TOKEN")]
    token: Place,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler api-token create ci-deployer/dashboard --expires 90d --api jira --scope read \\
      --project APOLLO --secret-out dashboard.env")]
pub struct Create {
    /// The account, and the name of the new API token
    #[arg(value_name = "ACCOUNT/NAME")]
    token: String,
    /// Its lifetime, from 1d to 365d; 90 days when left out
    #[arg(long, value_name = "TIME")]
    expires: Option<Span>,
    #[command(flatten)]
    narrowing: AccessArgs,
    #[command(flatten)]
    secret: SecretArgs,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler api-token list ci-deployer --status active
  ostler api-token list --expires-within 14d --sort expires_at")]
pub struct List {
    /// The account, by name or id; those of all accounts when left out
    account: Option<String>,
    #[command(flatten)]
    filters: FilterArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Create(create) => create.run(shell).await,
        Verb::List(list) => list.run(shell).await,
        Verb::Show(existing) => {
            let session = shell.session()?;
            let path = existing.token.path(&session, "api-tokens")?;
            shell.show(&Document::of(&session.read(&path).await?)?, &VIEW)
        }
        Verb::Revoke(existing) => existing.revoke(shell).await,
    }
}

impl Create {
    async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let sink = shell.sink(&self.secret)?;
        let session = shell.session()?;
        let place = place::new(&self.token, "default");
        let mut body = Body::new();
        body.say("name", Some(&place.name));
        body.say("expires_in_seconds", self.expires.map(Span::as_secs));
        body.say("access", self.narrowing.grants::<Self>(&session).await?);
        let path = session.here(&["service-accounts", &place.account, "api-tokens"])?;
        let made = session.post(&path, body.value()).await?;
        sink.hand_over(session.issuer(), Document::of(&made)?, "", &VIEW)
    }
}

impl List {
    async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let (path, view) = match &self.account {
            Some(account) => {
                let path = session.here(&["service-accounts", account, "api-tokens"])?;
                (path, &VIEW)
            }
            None => (session.here(&["api-tokens"])?, &INVENTORY),
        };
        let filters = self.filters.query();
        let found = session.filtered(&path, &filters, &self.page).await?;
        if let Some(active) = found.value["active_count"].as_u64() {
            terminal::note(&format!("{active} active"));
        }
        shell.show(&found, view)
    }
}

impl Existing {
    async fn revoke(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = self.token.path(&session, "api-tokens")?;
        let seen = session.glance(&path).await?;
        let question = format!("Revoke {}? It cannot be undone.", self.token);
        shell.confirm(&question).await?;
        session.delete(&path, seen.as_ref()).await?;
        let name = printable(&self.token.name);
        terminal::note(&format!(
            "✓ {name} is revoked, with what was exchanged for it"
        ));
        Ok(())
    }
}
