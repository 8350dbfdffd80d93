//! Groups: sets of accounts that share roles.

mod edit;
mod members;

pub use edit::GroupEdit;
pub use edit::delete;
pub use edit::update;
pub use members::add as add_member;
pub use members::list as list_members;
pub use members::remove as remove_member;

use std::sync::Arc;

use serde_json::Value;

use crate::domain::access::Access;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::group::Group;
use crate::domain::holdings::Holdings;
use crate::domain::id::GroupId;
use crate::domain::name::Name;
use crate::domain::quota::Limited;
use crate::domain::role::NamedRole;
use crate::domain::role::Role;
use crate::domain::version::Version;
use crate::store::Change;

use super::access::Reading;
use super::account_roles::names_of;
use super::audited::AuditedChange;
use super::authority::InOrganization;
use super::lookup;
use super::page::List;
use super::page::Listing;
use super::page::PageRequest;
use super::page::Search;
use super::problem::Problem;
use super::problem::Submitted;
use super::to_completion;

/// A group that is to be made. Nobody is in it yet.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: Option<String>,
    /// Its roles, by name.
    pub roles: Vec<String>,
}

/// Makes a group.
pub async fn create(
    within: InOrganization,
    submitted: Submitted<NewGroup>,
) -> Result<Group, Problem> {
    to_completion(async move {
        let new = submitted?;
        let mut change = within.begin().await?;
        let mut reading = Reading::of_nothing(&within);
        let roles = reading.roles(change.rows(), "/roles", &new.roles).await?;
        if !reading.is_good() {
            drop(change);
            return Err(reading.refuse().await);
        }
        within.caller.may_hand_on(&access_of(&roles))?;
        change.check_room(within.id(), Limited::Groups).await?;
        let group = Group {
            id: change.new_id(GroupId::generate),
            organization: within.id(),
            name: new.name,
            description: new.description,
            roles: named(&roles),
            member_count: 0,
            version: Version::FIRST,
        };
        let added = change.rows().add_group(&group).await;
        let taken = "another group of this organization has this name";
        added.map_err(|error| Problem::of_write(error, taken))?;
        let changes = Changes::default()
            .with("name", Value::Null, group.name.as_str())
            .with("description", Value::Null, group.description.clone())
            .with("roles", Value::Null, names_of(&roles));
        change
            .commit("group.create", target(&group), changes)
            .await?;
        Ok(group)
    })
    .await
}

/// A group.
pub async fn show(within: &InOrganization, group: &str) -> Result<Group, Problem> {
    let unknown = || Problem::NotFound("group");
    let lookup = lookup::group(group).ok_or_else(unknown)?;
    let found = within.app.store.find_group(within.id(), &lookup).await?;
    found.ok_or_else(unknown)
}

/// The groups of the organization, the oldest first.
pub async fn list(
    within: &InOrganization,
    request: Submitted<(PageRequest, Search)>,
) -> Result<Listing<Group>, Problem> {
    let (request, text) = request?;
    let list = List {
        key: &within.app.server_key,
        path: vec![
            "groups".to_owned(),
            within.id().to_string(),
            format!("{text:?}"),
        ],
    };
    let page = list.page::<GroupId>(&request)?;
    let store = &within.app.store;
    let found = store
        .list_groups(within.id(), text.as_deref(), page)
        .await?;
    Ok(list.listing(&request, found, |group| group.id))
}

/// All that these roles grant.
fn access_of(roles: &[Arc<Role>]) -> Access {
    let of_roles = Holdings {
        roles: roles.to_vec(),
        ..Holdings::default()
    };
    of_roles.access()
}

fn named(roles: &[Arc<Role>]) -> Vec<NamedRole> {
    let named = roles.iter().map(|role| NamedRole {
        id: role.id,
        name: role.name.clone(),
    });
    named.collect()
}

/// The group as the target of an audit event.
fn target(group: &Group) -> Target {
    Target {
        kind: "group",
        id: group.id.to_string(),
        name: group.name.to_string(),
    }
}

impl InOrganization {
    /// A group of the organization, inside a change.
    async fn group_in(&self, rows: &mut dyn Change, text: &str) -> Result<Group, Problem> {
        let unknown = || Problem::NotFound("group");
        let lookup = lookup::group(text).ok_or_else(unknown)?;
        let found = rows.find_group(self.id(), &lookup).await?;
        found.ok_or_else(unknown)
    }

    /// Refuses to let anybody edit a group that their own account is in.
    async fn may_edit_group(
        &self,
        change: &mut AuditedChange,
        group: GroupId,
    ) -> Result<(), Problem> {
        let is_in = |own: &Holdings| own.groups.iter().any(|held| held.id == group);
        self.may_edit(change.rows(), is_in).await
    }
}
