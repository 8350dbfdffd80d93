//! Organizations: the tenants. Made, shown, edited, stopped, started again.

mod edit;
mod status;

pub use edit::OrganizationEdit;
pub use edit::PolicyEdit;
pub use edit::edit;
pub use status::disable;
pub use status::enable;

use serde_json::Value;

use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::id::OrganizationId;
use crate::domain::name::Name;
use crate::domain::organization::Generation;
use crate::domain::organization::Organization;
use crate::domain::organization::Policy;
use crate::domain::organization::Status;
use crate::domain::resource::Identifiers;
use crate::domain::role::AdminScope;
use crate::domain::version::EntityTag;
use crate::domain::version::Version;
use crate::domain::version::Versioned;

use crate::store::Lookup;
/// Which organizations are wanted.
pub use crate::store::OrganizationFilter;

use super::App;
use super::audited::AuditedChange;
use super::authority::Caller;
use super::authority::InOrganization;
use super::authority::OnInstance;
use super::page::List;
use super::page::Listing;
use super::page::PageRequest;
use super::problem::Mistakes;
use super::problem::Problem;
use super::problem::Submitted;
use super::to_completion;

/// An organization that is to be made.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// Its name.
    pub name: Name,
    /// The most service accounts that it may have; `None` = no limit.
    pub max_service_accounts: Option<u32>,
    /// What it allows its accounts.
    pub policy: Policy,
}

/// An organization with all that an administrator sees of it.
#[derive(Clone, Debug)]
pub struct DescribedOrganization {
    /// The organization.
    pub organization: Organization,
    /// How many service accounts it has.
    pub service_account_count: u32,
}

impl Versioned for DescribedOrganization {
    fn tag(&self) -> EntityTag {
        self.organization.tag()
    }
}

/// Makes an organization.
pub async fn create(
    instance: OnInstance,
    submitted: Submitted<NewOrganization>,
) -> Result<DescribedOrganization, Problem> {
    to_completion(async move {
        let new = submitted?;
        check_policy(&instance.app, &new.policy)?;
        let mut change = instance.begin().await?;
        let organization = Organization {
            id: change.new_id(OrganizationId::generate),
            name: new.name,
            status: Status::Active,
            generation: Generation::FIRST,
            max_service_accounts: new.max_service_accounts,
            policy: new.policy,
            created_at: change.now,
            version: Version::FIRST,
        };
        let added = change.rows().add_organization(&organization).await;
        let taken = "another organization has this name";
        added.map_err(|error| Problem::of_write(error, taken))?;
        let (target, changes) = (target(&organization), changes(&organization));
        change
            .commit("organization.create", target, changes)
            .await?;
        Ok(DescribedOrganization {
            organization,
            service_account_count: 0,
        })
    })
    .await
}

/// An organization.
pub async fn show(within: InOrganization) -> Result<DescribedOrganization, Problem> {
    describe(&within.app, within.organization).await
}

/// Those of the organizations that the caller's token reaches which are asked for, the oldest first.
pub async fn list(
    app: &App,
    caller: &Caller,
    request: Submitted<(PageRequest, OrganizationFilter)>,
) -> Result<Listing<DescribedOrganization>, Problem> {
    caller.require(AdminScope::OrganizationsRead)?;
    let (request, filter) = request?;
    let list = List {
        key: &app.server_key,
        path: vec!["organizations".to_owned(), format!("{filter:?}")],
    };
    let page = list.page::<OrganizationId>(&request)?;
    let among: Option<Vec<OrganizationId>> = match caller.organizations() {
        Identifiers::All => None,
        Identifiers::Listed(keys) => {
            let ids = keys.iter().filter_map(|key| key.as_str().parse().ok());
            Some(ids.collect())
        }
    };
    let among = among.as_deref();
    let found = app.store.list_organizations(among, &filter, page).await?;
    let listing = list.listing(&request, found, |organization| organization.id);
    let mut items = Vec::with_capacity(listing.items.len());
    for organization in listing.items {
        items.push(describe(app, organization).await?);
    }
    Ok(Listing {
        items,
        next_cursor: listing.next_cursor,
    })
}

/// The organization, under the lock of a change in it.
async fn current(
    within: &InOrganization,
    change: &mut AuditedChange,
) -> Result<Organization, Problem> {
    let lookup = Lookup::Id(within.id());
    let found = change.rows().find_organization(&lookup).await?;
    found.ok_or(Problem::NotFound("organization"))
}

fn check_policy(app: &App, policy: &Policy) -> Result<(), Problem> {
    let limit = app.config.tokens.max_lifetime;
    let mut mistakes = Mistakes::default();
    if policy
        .max_token_lifetime
        .is_some_and(|lifetime| lifetime > limit)
    {
        let detail = format!("tokens live for at most {} seconds here", limit.as_secs());
        let at = "/policy/max_token_lifetime_seconds";
        mistakes.add(at, "invalid", detail);
    }
    mistakes.check()
}

/// The organization as a change leaves it.
async fn describe_in(
    change: &mut AuditedChange,
    organization: Organization,
) -> Result<DescribedOrganization, Problem> {
    let service_account_count = change.rows().count_accounts(organization.id).await?;
    Ok(DescribedOrganization {
        organization,
        service_account_count,
    })
}

async fn describe(app: &App, organization: Organization) -> Result<DescribedOrganization, Problem> {
    let service_account_count = app.store.count_accounts(organization.id).await?;
    Ok(DescribedOrganization {
        organization,
        service_account_count,
    })
}

fn target(organization: &Organization) -> Target {
    Target {
        kind: "organization",
        id: organization.id.to_string(),
        name: organization.name.to_string(),
    }
}

fn changes(organization: &Organization) -> Changes {
    let policy = organization.policy;
    let seconds = policy.max_token_lifetime.map(|lifetime| lifetime.as_secs());
    Changes::default()
        .with("name", Value::Null, organization.name.as_str())
        .with(
            "max_service_accounts",
            Value::Null,
            organization.max_service_accounts,
        )
        .with("leak_report", Value::Null, policy.leak_report.as_str())
        .with(
            "allow_never_expires",
            Value::Null,
            policy.allow_never_expires,
        )
        .with("max_token_lifetime_seconds", Value::Null, seconds)
}
