//! `ostler account usage`.

use clap::Args;
use jiff::Timestamp;

use super::Account;
use crate::cli::failure::Failure;
use crate::cli::lifetime::Span;
use crate::cli::list::Query;
use crate::cli::output::Document;
use crate::cli::output::View;
use crate::cli::shell::Shell;

const VIEW: View = View {
    columns: &[],
    id: "",
};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler account usage ci-deployer --since 7d --by refusal")]
pub struct Usage {
    #[command(flatten)]
    account: Account,
    #[command(flatten)]
    which: UsageArgs,
}

/// Which part of what is known of the use, in hours, for 30 days.
#[derive(Args, Clone, Debug)]
pub struct UsageArgs {
    /// From this instant on, such as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// The same, as the time before now: 24h, 7d
    #[arg(long, value_name = "TIME", conflicts_with = "from")]
    since: Option<Span>,
    /// Until this instant
    #[arg(long, value_name = "INSTANT")]
    to: Option<Timestamp>,
    /// Counted by total, api, refusal or credential
    #[arg(long, value_name = "KEY")]
    by: Option<String>,
}

impl Usage {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = self.account.path_of(&session, "usage")?;
        self.which.show(shell, &path).await
    }
}

impl UsageArgs {
    /// Reads the usage at `path` and shows it.
    pub async fn show(&self, shell: &Shell, path: &str) -> Result<(), Failure> {
        let session = shell.session()?;
        let since = self.since.map(|span| {
            let secs = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
            let at = shell.now().as_second().saturating_sub(secs);
            Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH)
        });
        let query = Query::new()
            .and("from", self.from.or(since))
            .and("to", self.to)
            .and("by", self.by.as_ref());
        let found = session.read(&query.after(path)).await?;
        shell.show(&Document::of(&found)?, &VIEW)
    }
}
