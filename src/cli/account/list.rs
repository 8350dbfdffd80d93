//! `ostler account list`.

use clap::Args;

use super::VIEW;
use crate::cli::failure::Failure;
use crate::cli::list::PageArgs;
use crate::cli::list::Query;
use crate::cli::shell::Shell;

#[derive(Args, Clone, Debug, Default)]
#[command(after_help = "\
Examples:
  Who may write to APOLLO, and when was it last used?
    ostler account list --api jira --scope write --resource project:APOLLO --sort -last_used_at

  What nobody has used for three months:
    ostler account list --unused-for 90d -o id")]
pub struct List {
    /// Only those of this status: active, disabled or expired
    #[arg(long, value_name = "STATUS", help_heading = "Filters")]
    status: Option<String>,
    /// Only those with this in their name or description, or with this id or client id
    #[arg(long, short, value_name = "TEXT", help_heading = "Filters")]
    q: Option<String>,
    /// Only those that this owner answers for
    #[arg(long, value_name = "TEXT", help_heading = "Filters")]
    owner: Option<String>,
    /// Only those with access to this API
    #[arg(long, value_name = "API", help_heading = "Filters")]
    api: Option<String>,
    /// Only those with this scope
    #[arg(long, value_name = "SCOPE", help_heading = "Filters")]
    scope: Option<String>,
    /// Only those with access to this resource
    #[arg(long, value_name = "TYPE:KEY", help_heading = "Filters")]
    resource: Option<String>,
    /// Only those not used for this long, such as 90d
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    pub unused_for: Option<String>,
    /// Only those that end within this time, such as 14d
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    expires_within: Option<String>,
    /// The member to sort by, with a - before it from the greatest down: name, created_at,
    /// last_used_at, expires_at
    #[arg(long, value_name = "MEMBER", allow_hyphen_values = true)]
    pub sort: Option<String>,
    #[command(flatten)]
    pub page: PageArgs,
}

impl List {
    /// Reads the list and shows it.
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = session.here(&["service-accounts"])?;
        let found = session.filtered(&path, &self.filters(), &self.page).await?;
        shell.show(&found, &VIEW)
    }

    fn filters(&self) -> Query {
        Query::new()
            .and("status", self.status.as_ref())
            .and("q", self.q.as_ref())
            .and("owner", self.owner.as_ref())
            .and("api", self.api.as_ref())
            .and("scope", self.scope.as_ref())
            .and("resource", self.resource.as_ref())
            .and("unused_for", self.unused_for.as_ref())
            .and("expires_within", self.expires_within.as_ref())
            .and("sort", self.sort.as_ref())
    }
}
