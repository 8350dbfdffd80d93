//! `ostler report`: what an administrator should look at; and what anybody may report to one.

mod leak;
mod leaks;

use clap::Args;
use clap::Subcommand;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::account;
use super::account::UsageArgs;
use super::failure::Failure;
use super::lifetime::Span;
use super::list::PageArgs;
use super::list::Query;
use super::output::Document;
use super::output::View;
use super::session;
use super::session::Session;
use super::shell::Shell;

const FINDINGS: View = View {
    columns: &[
        ("SEVERITY", "severity"),
        ("KIND", "kind"),
        ("TYPE", "subject.type"),
        ("NAME", "subject.name"),
        ("SINCE", "since"),
        ("EVIDENCE", "evidence"),
        ("ID", "subject.id"),
    ],
    id: "subject.id",
};

const EXPIRING: View = View {
    columns: &[
        ("EXPIRES", "expires_at"),
        ("ACCOUNT", "account"),
        ("NAME", "name"),
        ("CLIENT ID", "client_id"),
        ("LAST USED", "last_used_at"),
        ("ID", "id"),
    ],
    id: "id",
};

const SYSTEM: View = View {
    columns: &[],
    id: "version",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// What needs attention: expiring, unused, unowned, too wide, out of habit; with the evidence
    Findings(Findings),
    /// Accounts that nobody has used for some time
    Unused(Unused),
    /// Credentials and API tokens of all accounts that end soon
    Expiring(Expiring),
    /// Secrets that were reported as leaked, where a person decides what follows
    Leaks(leaks::Leaks),
    /// Dismiss such a report: the secret goes on working
    Dismiss(leaks::Dismiss),
    /// Report a secret that was found where it should not be; it takes no identity
    Leak(leak::Leak),
    /// The server: its version, what it runs on, its limits and how it is
    System,
    /// How much the accounts of the organization were used, and from where
    Usage {
        #[command(flatten)]
        which: UsageArgs,
    },
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Each finding has, with -o json, the call of the admin API that mends it.")]
pub struct Findings {
    /// Only this kind, such as expiring_soon or never_used
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only this severity
    #[arg(long, value_name = "SEVERITY")]
    severity: Option<String>,
    /// Of the whole instance, with every organization that can be seen and the signing keys
    #[arg(long)]
    instance: bool,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Args, Clone, Debug)]
pub struct Unused {
    /// For how long
    #[arg(long = "for", value_name = "TIME", default_value = "90d")]
    span: Span,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Args, Clone, Debug)]
pub struct Expiring {
    /// Within which time
    #[arg(long, value_name = "TIME", default_value = "14d")]
    within: Span,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session()?;
    match verb {
        Verb::Leaks(leaks) => leaks.run(shell).await,
        Verb::Dismiss(dismiss) => dismiss.run(shell).await,
        Verb::Leak(leak) => leak.run(shell).await,
        Verb::System => {
            let info = session.read(&session::path(&["system", "info"])?).await?;
            shell.show(&Document::of(&info)?, &SYSTEM)
        }
        Verb::Findings(findings) => {
            let here = (!findings.instance).then(|| session.organization().to_owned());
            let query = Query::new()
                .and("organization", here)
                .and("kind", findings.kind)
                .and("severity", findings.severity);
            let path = session::path(&["findings"])?;
            let found = session.filtered(&path, &query, &findings.page).await?;
            shell.show(&found, &FINDINGS)
        }
        Verb::Unused(unused) => {
            let query = Query::new()
                .and("unused_for", Some(unused.span))
                .and("sort", Some("last_used_at"));
            let path = session.here(&["service-accounts"])?;
            let found = session.filtered(&path, &query, &unused.page).await?;
            shell.show(&found, &account::VIEW)
        }
        Verb::Expiring(expiring) => shell.show(&expiring.find(&session).await?, &EXPIRING),
        Verb::Usage { which } => which.show(shell, &session.here(&["usage"])?).await,
    }
}

impl Expiring {
    /// From both inventories, the soonest first.
    async fn find(&self, session: &Session) -> Result<Document, Failure> {
        let query = Query::new()
            .and("status", Some("active"))
            .and("expires_within", Some(self.within));
        let mut ending = Vec::new();
        for inventory in ["credentials", "api-tokens"] {
            let path = session.here(&[inventory])?;
            let every = PageArgs::default();
            let mut found = session.filtered(&path, &query, &every).await?;
            if let Value::Array(mut things) = found.value["items"].take() {
                ending.append(&mut things);
            }
        }
        ending.sort_by_key(end);
        Ok(json!({"items": ending, "next_cursor": null}).into())
    }
}

fn end(thing: &Value) -> Option<Timestamp> {
    thing["expires_at"].as_str()?.parse().ok()
}
