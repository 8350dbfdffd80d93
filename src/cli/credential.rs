//! `ostler credential`: the ways in which an account proves itself.

mod create;
mod edit;
mod list;
pub mod place;
mod retire;
mod rotate;

use clap::Args;
use clap::Subcommand;

use super::client::Answer;
use super::failure::Failure;
use super::output::Document;
use super::output::View;
use super::session::Session;
use super::shell::Shell;
use super::terminal;
use super::terminal::printable;

use place::Place;

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
    Create(Box<create::Create>),
    /// List the credentials of an account, or those of all accounts
    List(Box<list::List>),
    /// Show a credential and its secrets
    #[command(visible_alias = "get")]
    Show(Existing),
    /// Change its name, the networks it may be used from, or what it is narrowed to
    Edit(Box<edit::Edit>),
    /// Give a credential a new secret; the old one works on for the overlap
    Rotate(rotate::Rotate),
    /// End the old secret of a rotation before its overlap ends
    Retire(retire::Retire),
    /// Stop a credential: its tokens are dead at once, and it gets no new ones
    Disable(Existing),
    /// Let a stopped credential work again; its old tokens stay dead
    Enable(Existing),
    /// Take a credential back for good: its secrets and tokens are dead at once
    Revoke(Existing),
    /// Delete a credential for good
    Delete(Existing),
}

/// A credential that exists.
#[derive(Args, Clone, Debug)]
pub struct Existing {
    /// The account and its credential, by name or id
    #[arg(value_name = "ACCOUNT/CREDENTIAL")]
    credential: Place,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Create(create) => create.run(shell).await,
        Verb::List(list) => list.run(shell).await,
        Verb::Show(existing) => {
            let session = shell.session()?;
            let found = session.read(&existing.path(&session)?).await?;
            shell.show(&Document::of(&found)?, &VIEW)
        }
        Verb::Edit(edit) => edit.run(shell).await,
        Verb::Rotate(rotate) => rotate.run(shell).await,
        Verb::Retire(retire) => retire.run(shell).await,
        Verb::Disable(existing) => existing.set_state(shell, "disable").await,
        Verb::Enable(existing) => existing.set_state(shell, "enable").await,
        Verb::Revoke(existing) => existing.revoke(shell).await,
        Verb::Delete(existing) => existing.delete(shell).await,
    }
}

impl Existing {
    fn path(&self, session: &Session) -> Result<String, Failure> {
        self.credential.path(session, "credentials")
    }

    async fn set_state(&self, shell: &Shell, verb: &str) -> Result<(), Failure> {
        let session = shell.session()?;
        let changed = session.set_state(&self.path(&session)?, verb).await?;
        shell.show(&Document::of(&changed)?, &VIEW)
    }

    async fn revoke(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = self.path(&session)?;
        let seen = session.glance(&path).await?;
        shell
            .confirm(&self.question("Revoke", seen.as_ref())?)
            .await?;
        let revoked = session.set_state(&path, "revoke").await?;
        shell.show(&Document::of(&revoked)?, &VIEW)
    }

    async fn delete(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = self.path(&session)?;
        let seen = session.glance(&path).await?;
        shell
            .confirm(&self.question("Delete", seen.as_ref())?)
            .await?;
        session.delete(&path, seen.as_ref()).await?;
        let name = &self.credential.name;
        terminal::note(&format!("✓ {} is deleted", printable(name)));
        Ok(())
    }

    fn question(&self, verb: &str, seen: Option<&Answer>) -> Result<String, Failure> {
        let used = match seen.map(Answer::json).transpose()? {
            Some(seen) => format!(
                ", last used {}",
                seen["last_used_at"].as_str().unwrap_or("never")
            ),
            None => String::new(),
        };
        let place = &self.credential;
        Ok(format!("{verb} {place}{used}? It cannot be undone."))
    }
}
