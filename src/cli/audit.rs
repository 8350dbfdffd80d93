//! `ostler audit`: who changed what, and whether anybody has touched the record.

mod export;
mod verify;

use clap::Args;
use clap::Subcommand;

use super::failure::Failure;
use super::list::PageArgs;
use super::list::Query;
use super::output::View;
use super::session;
use super::session::Session;
use super::shell::Shell;

const VIEW: View = View {
    columns: &[
        ("SEQUENCE", "sequence"),
        ("AT", "at"),
        ("ACTOR", "actor.name"),
        // A name may be taken again, or look like another one: an id is one thing's alone.
        ("ACTOR ID", "actor.id"),
        ("CREDENTIAL", "actor.credential"),
        ("ADDRESS", "actor.address"),
        ("ACTION", "action"),
        ("TARGET", "target.name"),
        ("TARGET ID", "target.id"),
        ("RESULT", "result"),
        ("COUNT", "count"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the events, the newest first
    List(List),
    /// Write the events as NDJSON, one a line; that is itself an event
    Export(export::Export),
    /// Check the chain: that nothing was changed, removed or put in another order
    Verify(verify::Verify),
}

/// Which chain.
#[derive(Args, Clone, Debug)]
pub struct Chain {
    /// The instance's own: keys, and organizations made
    #[arg(long)]
    instance: bool,
}

/// Which of its events.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Filters")]
pub struct Filters {
    /// Only this action, such as service_account.disable
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what this account did, by id or name, or by the client id of a credential
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// Only what was done to this thing, by id or name, or by its client id
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Only what ended like this: success or refused
    #[arg(long, value_name = "RESULT")]
    result: Option<String>,
    /// Only what was done by this request, by its id
    #[arg(long, value_name = "REQUEST")]
    request_id: Option<String>,
    /// Only from this instant on, such as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "INSTANT")]
    from: Option<String>,
    /// Only until this instant
    #[arg(long, value_name = "INSTANT")]
    to: Option<String>,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler audit list --action service_account.disable --from 2027-01-01T00:00:00Z")]
pub struct List {
    #[command(flatten)]
    chain: Chain,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    page: PageArgs,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::List(list) => {
            let session = shell.session()?;
            let path = list.chain.path(&session, &[])?;
            let query = list.filters.query();
            let found = session.filtered(&path, &query, &list.page).await?;
            shell.show(&found, &VIEW)
        }
        Verb::Export(export) => export.run(shell).await,
        Verb::Verify(verify) => verify.run(shell).await,
    }
}

impl Chain {
    fn path(&self, session: &Session, below: &[&str]) -> Result<String, Failure> {
        let parts = [&["audit-events"], below].concat();
        if self.instance {
            session::path(&parts)
        } else {
            session.here(&parts)
        }
    }
}

impl Filters {
    fn query(&self) -> Query {
        Query::new()
            .and("action", self.action.as_ref())
            .and("actor", self.actor.as_ref())
            .and("target", self.target.as_ref())
            .and("result", self.result.as_ref())
            .and("request_id", self.request_id.as_ref())
            .and("from", self.from.as_ref())
            .and("to", self.to.as_ref())
    }
}
