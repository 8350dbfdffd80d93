//! `ostler group members`: who is in a group.

use clap::Args;
use clap::Subcommand;
use serde_json::json;

use super::Group;
use crate::cli::failure::Exit;
use crate::cli::failure::Failure;
use crate::cli::filters::SearchArgs;
use crate::cli::list::PageArgs;
use crate::cli::output::View;
use crate::cli::request::Request;
use crate::cli::session::Session;
use crate::cli::shell::Shell;
use crate::cli::terminal;
use crate::cli::terminal::printable;

const VIEW: View = View {
    columns: &[("NAME", "name"), ("E-MAIL", "email"), ("ID", "id")],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the members of a group
    List {
        #[command(flatten)]
        group: Group,
        #[command(flatten)]
        search: SearchArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Put accounts into a group
    Add(Members),
    /// Take accounts out of a group; their tokens are dead
    Remove(Members),
}

#[derive(Args, Clone, Debug)]
pub struct Members {
    #[command(flatten)]
    group: Group,
    /// The accounts, by name or id
    #[arg(value_name = "ACCOUNT", required = true)]
    accounts: Vec<String>,
}

/// Runs the verb.
pub async fn run(shell: &Shell, session: &Session, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::List {
            group,
            search,
            page,
        } => {
            let path = format!("{}/members", group.path(session)?);
            let found = session.filtered(&path, &search.query(), &page).await?;
            shell.show(&found, &VIEW)
        }
        Verb::Add(members) => members.add(session).await,
        Verb::Remove(members) => members.remove(session).await,
    }
}

impl Members {
    async fn add(&self, session: &Session) -> Result<(), Failure> {
        let put = |path: &str| Request::put(path, json!({}));
        self.each(session, put, "in").await
    }

    async fn remove(&self, session: &Session) -> Result<(), Failure> {
        let delete = |path: &str| Request::delete(path);
        self.each(session, delete, "no longer in").await
    }

    /// One request for each account. Being in a group is a state of its own, whatever else becomes of
    /// the group meanwhile.
    async fn each(
        &self,
        session: &Session,
        request: impl Fn(&str) -> Request,
        state: &str,
    ) -> Result<(), Failure> {
        let group = self.group.path(session)?;
        let mut shown = Ok(());
        for account in &self.accounts {
            let path = self.path_of(session, account)?;
            let done = match shown {
                Ok(()) => session.insist(&group, || request(&path)).await,
                // What was shown before it makes another version of the group.
                Err(_) => session.perform(request(&path)).await,
            };
            match done {
                Err(failure) if failure.exit() == Exit::Shown => shown = Err(failure),
                done => {
                    done?;
                    self.tell(account, state);
                }
            }
        }
        shown
    }

    fn path_of(&self, session: &Session, account: &str) -> Result<String, Failure> {
        session.here(&["groups", &self.group.group, "members", account])
    }

    fn tell(&self, account: &str, state: &str) {
        let (account, group) = (printable(account), printable(&self.group.group));
        terminal::note(&format!("✓ {account} is {state} {group}"));
    }
}
