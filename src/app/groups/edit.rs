//! Editing and deleting a group.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::audit::Changes;
use crate::domain::audit::MAX_TOLD;
use crate::domain::group::Group;
use crate::domain::id::GroupId;
use crate::domain::role::Role;
use crate::store::AccessOf;
use crate::store::ConcernedBy;
use crate::store::Lookup;

use super::super::access::Reading;
use super::super::access::budget;
use super::super::account_roles::names_of;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::edit::Edit;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::reduction::Before;
use super::super::reduction::Concerned;
use super::super::to_completion;
use super::access_of;
use super::named;
use super::target;

/// What is to be another in a group.
#[derive(Clone, Debug, Default)]
pub struct GroupEdit {
    /// What it is for.
    pub description: Edit<String>,
    /// Its roles, by name; `None` = they stay as they are.
    pub roles: Option<Vec<String>>,
}

/// Edits a group.
pub async fn update(
    within: InOrganization,
    group: String,
    submitted: Submitted<GroupEdit>,
) -> Result<Group, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let group = within.group_in(change.rows(), &group).await?;
        within.may_edit_group(&mut change, group.id).await?;
        let edit = submitted?;
        let had = roles_of(&within, &mut change, &group).await?;
        let mut reading = Reading::of_nothing(&within);
        let roles = match &edit.roles {
            None => had.clone(),
            Some(names) => reading.roles(change.rows(), "/roles", names).await?,
        };
        if !reading.is_good() {
            drop(change);
            return Err(reading.refuse().await);
        }
        if !access_of(&roles).lies_within(&access_of(&had)) {
            within.caller.may_hand_on(&access_of(&roles))?;
        }
        change.check_version(&group)?;
        let after = Group {
            description: edit.description.of(group.description.clone()),
            roles: named(&roles),
            ..group.clone()
        };
        if after == group {
            return Ok(group);
        }
        write(&within, change, &group, &after, (&had, &roles)).await
    })
    .await
}

async fn write(
    within: &InOrganization,
    mut change: AuditedChange,
    before: &Group,
    after: &Group,
    (had, roles): (&[Arc<Role>], &[Arc<Role>]),
) -> Result<Group, Problem> {
    let concerned = concerned(&mut change, within, before.id).await?;
    let loses = access_of(had).is_reduced_to(&access_of(roles));
    let held = Before::read(&mut change, within.id(), concerned, loses).await?;
    let ids: Vec<_> = after.roles.iter().map(|role| role.id).collect();
    let description = after.description.as_deref();
    change
        .rows()
        .update_group(within.id(), after.id, description, &ids)
        .await?;
    if before.roles != after.roles {
        change
            .note_access_change(AccessOf::Group(before.id))
            .await?;
    }
    if roles.iter().any(|role| !had.contains(role)) {
        let by = ConcernedBy::Group(after.id);
        budget::check_all(&mut change, within.id(), by).await?;
    }
    let reduced = held.settle(&mut change).await?;
    let mut changes = Changes::default();
    if before.description != after.description {
        let (before, after) = (before.description.clone(), after.description.clone());
        changes = changes.with("description", before, after);
    }
    if before.roles != after.roles {
        changes = changes.with("roles", names_of(had), names_of(roles)).with(
            "accounts_with_tokens_revoked",
            Value::Null,
            reduced.count(),
        );
    }
    let after = within
        .group_in(change.rows(), &before.id.to_string())
        .await?;
    change
        .commit("group.update", target(&after), changes)
        .await?;
    Ok(after)
}

/// Deletes a group. Its members stay, without what they had by it.
pub async fn delete(
    within: InOrganization,
    group: String,
    nothing: Submitted<()>,
) -> Result<(), Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let group = within.group_in(change.rows(), &group).await?;
        within.may_edit_group(&mut change, group.id).await?;
        nothing?;
        change.check_version(&group)?;
        let concerned = concerned(&mut change, &within, group.id).await?;
        let held = Before::read(&mut change, within.id(), concerned, true).await?;
        let members = change
            .rows()
            .list_member_ids(within.id(), group.id, u32::from(MAX_TOLD))
            .await?;
        let members: Vec<_> = members.iter().map(ToString::to_string).collect();
        change.rows().remove_group(within.id(), group.id).await?;
        let reduced = held.settle(&mut change).await?;
        let roles: Vec<_> = group.roles.iter().map(|role| role.name.as_str()).collect();
        let changes = Changes::default()
            .with("name", group.name.as_str(), Value::Null)
            .with("roles", roles, Value::Null)
            .with("members", members, Value::Null)
            .with("member_count", group.member_count, Value::Null)
            .with("accounts_with_tokens_revoked", Value::Null, reduced.count());
        change
            .commit("group.delete", target(&group), changes)
            .await?;
        Ok(())
    })
    .await
}

/// The roles of a group, with what they grant.
pub(super) async fn roles_of(
    within: &InOrganization,
    change: &mut AuditedChange,
    group: &Group,
) -> Result<Vec<Arc<Role>>, Problem> {
    let mut roles = Vec::with_capacity(group.roles.len());
    for role in &group.roles {
        let lookup = Lookup::Id(role.id);
        let found = change.rows().find_role(within.id(), &lookup).await?;
        roles.extend(found.map(Arc::new));
    }
    Ok(roles)
}

/// The accounts in the group.
async fn concerned(
    change: &mut AuditedChange,
    within: &InOrganization,
    group: GroupId,
) -> Result<Concerned, Problem> {
    let rows = change.rows();
    let found = rows
        .list_member_ids(within.id(), group, Concerned::LIMIT)
        .await?;
    Ok(Concerned::of(found))
}
