//! `ostler account`: service accounts.

mod access;
mod create;
mod roles;

use clap::Args;
use clap::Subcommand;
use serde_json::Value;

use super::failure::Failure;
use super::list::PageArgs;
use super::output::Document;
use super::output::View;
use super::session::Session;
use super::shell::Shell;
use super::terminal;
use super::terminal::printable;

pub const VIEW: View = View {
    columns: &[
        ("NAME", "name"),
        ("STATUS", "status"),
        ("OWNER", "owner"),
        ("CREDENTIALS", "active_credentials"),
        ("LAST USED", "last_used_at"),
        ("EXPIRES", "expires_at"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Make a service account, with its access and its first credential if you like
    Create(Box<create::Create>),
    /// Show an account
    Get(Account),
    /// List the accounts
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Stop an account: its tokens are dead at once, and it gets no new ones
    Disable(Account),
    /// Let a stopped account work again; its old tokens stay dead
    Enable(Account),
    /// Delete an account for good, with its credentials and tokens
    Delete(Delete),
    /// What an account may do
    #[command(subcommand)]
    Access(access::Verb),
    /// The roles of an account
    #[command(subcommand)]
    Roles(roles::Verb),
}

/// An account that exists.
#[derive(Args, Clone, Debug)]
pub struct Account {
    /// The account, by name or id
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
}

#[derive(Args, Clone, Debug)]
pub struct Delete {
    #[command(flatten)]
    account: Account,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Create(create) => create.run(shell).await,
        Verb::Get(account) => {
            let session = shell.session().await?;
            let found = session.read(&account.path(&session)?).await?;
            shell.show(&Document::of(&found)?, &VIEW)
        }
        Verb::List { page } => {
            let session = shell.session().await?;
            let path = session.here(&["service-accounts"])?;
            shell.show(&session.list(&path, &page).await?, &VIEW)
        }
        Verb::Disable(account) => account.set_state(shell, "disable").await,
        Verb::Enable(account) => account.set_state(shell, "enable").await,
        Verb::Delete(delete) => delete.run(shell).await,
        Verb::Access(verb) => access::run(shell, verb).await,
        Verb::Roles(verb) => roles::run(shell, verb).await,
    }
}

impl Account {
    /// Its path.
    pub fn path(&self, session: &Session) -> Result<String, Failure> {
        session.here(&["service-accounts", &self.account])
    }

    /// The path of something below it.
    pub fn path_of(&self, session: &Session, part: &str) -> Result<String, Failure> {
        session.here(&["service-accounts", &self.account, part])
    }

    async fn set_state(&self, shell: &Shell, verb: &str) -> Result<(), Failure> {
        let session = shell.session().await?;
        let changed = session.set_state(&self.path(&session)?, verb).await?;
        shell.show(&Document::of(&changed)?, &VIEW)
    }
}

impl Delete {
    async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session().await?;
        let path = self.account.path(&session)?;
        let seen = session.glance(&path).await?;
        let question = match &seen {
            Some(seen) => question(&seen.json()?),
            None => format!("Delete {}? It cannot be undone.", self.account.account),
        };
        shell.confirm(&question, self.yes).await?;
        session.delete(&path, seen.as_ref()).await?;
        terminal::note(&format!(
            "✓ {} is deleted",
            printable(&self.account.account)
        ));
        Ok(())
    }
}

/// What would be gone.
fn question(account: &Value) -> String {
    let text = |member: &str| account[member].as_str().unwrap_or("never").to_owned();
    format!(
        "Delete {} with {} live credentials, last used {}? It cannot be undone.",
        text("name"),
        account["active_credentials"],
        text("last_used_at")
    )
}
