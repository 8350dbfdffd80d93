//! The filters that lists have in common: almost all of them, or those of accounts, credentials and API
//! tokens.

use clap::Args;

use super::list::Query;

/// The filter that almost all lists have.
#[derive(Args, Clone, Debug, Default)]
pub struct SearchArgs {
    /// Only those with this in what people call or wrote of them, or with this id
    #[arg(long, short, value_name = "TEXT", help_heading = "Filters")]
    q: Option<String>,
}

impl SearchArgs {
    /// What was said.
    pub fn query(&self) -> Query {
        Query::new().and("q", self.q.as_ref())
    }
}

#[derive(Args, Clone, Debug, Default)]
pub struct FilterArgs {
    /// Only those of this status, such as active, disabled or expired
    #[arg(long, value_name = "STATUS", help_heading = "Filters")]
    status: Option<String>,
    /// Only those with this in what people wrote of them, or with this id or client id
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
    unused_for: Option<String>,
    /// Only those that end within this time, such as 14d
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    expires_within: Option<String>,
    /// The member to sort by, with a - before it from the greatest down: name, created_at,
    /// last_used_at, expires_at
    #[arg(long, value_name = "MEMBER", allow_hyphen_values = true)]
    sort: Option<String>,
}

impl FilterArgs {
    /// Those that were said.
    pub fn query(&self) -> Query {
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
