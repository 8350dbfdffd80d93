//! `ostler account`: service accounts.

mod access;
mod create;
mod edit;
mod effective_access;
pub mod list;
mod roles;
mod usage;

use clap::Args;
use clap::Subcommand;
use serde_json::Value;
use serde_json::json;

use super::failure::Failure;
use super::output::Document;
use super::output::View;
use super::session::Session;
use super::shell::Shell;
use super::terminal;
use super::terminal::printable;

pub use usage::UsageArgs;

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
    #[command(visible_alias = "get")]
    Show(Account),
    /// List the accounts
    List(Box<list::List>),
    /// Change what is told of an account, its end or the lifetime of its tokens
    Edit(Box<edit::Edit>),
    /// Stop an account: its tokens are dead at once, and it gets no new ones
    Disable(Account),
    /// Let a stopped account work again; its old tokens stay dead
    Enable(Account),
    /// Delete an account for good, with its credentials and tokens
    Delete(Account),
    /// End all tokens that an account has now; it can get new ones
    RevokeTokens(Account),
    /// What an account is granted
    #[command(subcommand)]
    Access(access::Verb),
    /// The roles of an account
    #[command(subcommand)]
    Roles(roles::Verb),
    /// What an account may do in the end, with its roles and groups, and where that is from
    EffectiveAccess(effective_access::EffectiveAccess),
    /// How much an account was used, and from where
    Usage(usage::Usage),
}

/// An account that exists.
#[derive(Args, Clone, Debug)]
pub struct Account {
    /// The account, by name or id
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Create(create) => create.run(shell).await,
        Verb::Show(account) => {
            let session = shell.session()?;
            let found = session.read(&account.path(&session)?).await?;
            shell.show(&Document::of(&found)?, &VIEW)
        }
        Verb::List(list) => list.run(shell).await,
        Verb::Edit(edit) => edit.run(shell).await,
        Verb::Disable(account) => account.set_state(shell, "disable").await,
        Verb::Enable(account) => account.set_state(shell, "enable").await,
        Verb::Delete(account) => account.delete(shell).await,
        Verb::RevokeTokens(account) => account.revoke_tokens(shell).await,
        Verb::Access(verb) => access::run(shell, verb).await,
        Verb::Roles(verb) => roles::run(shell, verb).await,
        Verb::EffectiveAccess(effective) => effective.run(shell).await,
        Verb::Usage(usage) => usage.run(shell).await,
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
        let session = shell.session()?;
        let changed = session.set_state(&self.path(&session)?, verb).await?;
        shell.show(&Document::of(&changed)?, &VIEW)
    }

    async fn revoke_tokens(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = self.path(&session)?;
        let seen = session.glance(&path).await?;
        let answer = session
            .act(&path, seen.as_ref(), "revoke-tokens", json!({}))
            .await?;
        terminal::note(&format!(
            "✓ the tokens of {} are dead",
            printable(&self.account)
        ));
        shell.show(&Document::of(&answer)?, &VIEW)
    }

    async fn delete(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = self.path(&session)?;
        let seen = session.glance(&path).await?;
        let question = match &seen {
            Some(seen) => question(&seen.json()?),
            None => format!("Delete {}? It cannot be undone.", self.account),
        };
        shell.confirm(&question).await?;
        session.delete(&path, seen.as_ref()).await?;
        terminal::note(&format!("✓ {} is deleted", printable(&self.account)));
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
