//! Editing and deleting a role.

use serde_json::Value;

use crate::domain::access_size::AccessSize;
use crate::domain::audit::Changes;
use crate::domain::holdings::Holdings;
use crate::domain::id::RoleId;
use crate::domain::role::Role;
use crate::store::AccessOf;
use crate::store::ConcernedBy;

use super::super::access::Book;
use super::super::access::PresentedAccess;
use super::super::access::Reading;
use super::super::access::budget;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::edit::Edit;
use super::super::in_use::InUse;
use super::super::in_use::MOST_HOLDERS;
use super::super::problem::Conflict;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::reduction::Before;
use super::super::reduction::Concerned;
use super::super::to_completion;
use super::DescribedRole;
use super::describe;
use super::target;

/// What is to be another in a role.
#[derive(Clone, Debug, Default)]
pub struct RoleEdit {
    /// What it is for.
    pub description: Edit<String>,
    /// What it grants; `None` = it stays as it is.
    pub access: Option<PresentedAccess>,
}

/// Edits a role.
pub async fn update(
    within: InOrganization,
    role: String,
    submitted: Submitted<RoleEdit>,
) -> Result<DescribedRole, Problem> {
    to_completion(async move {
        let mut submitted = submitted;
        if let Ok(RoleEdit {
            access: Some(presented),
            ..
        }) = &mut submitted
        {
            within.recognise_audiences(presented).await?;
        }
        let mut change = within.begin().await?;
        let role = within.role_in(change.rows(), &role).await?;
        may_edit(&within, &mut change, &role).await?;
        let edit = submitted?;

        let mut reading = Reading::new(&within, &role.access);
        let access = match &edit.access {
            None => role.access.clone(),
            Some(presented) => reading.read(change.rows(), presented).await?,
        };
        if !reading.is_good() {
            drop(change);
            return Err(reading.refuse().await);
        }
        reading.book.learn(change.rows(), &role.access).await?;
        let book = reading.book;
        if !access.lies_within(&role.access) {
            within.caller.may_hand_on(&access)?;
        }
        refuse_built_in(&role)?;
        change.check_version(&role)?;
        let after = Role {
            description: edit.description.of(role.description.clone()),
            access,
            ..role.clone()
        };
        if after == role {
            return Ok(describe(role, &book));
        }
        let after = write(&within, change, &role, &after, &book).await?;
        Ok(describe(after, &book))
    })
    .await
}

async fn write(
    within: &InOrganization,
    mut change: AuditedChange,
    before: &Role,
    after: &Role,
    book: &Book,
) -> Result<Role, Problem> {
    let concerned = concerned(&mut change, within, before.id).await?;
    let loses = before.access.is_reduced_to(&after.access);
    let held = Before::read(&mut change, within.id(), concerned, loses).await?;
    change.rows().update_role(after).await?;
    if before.access != after.access {
        change.note_access_change(AccessOf::Role(before.id)).await?;
    }
    if AccessSize::of(&after.access).grows(AccessSize::of(&before.access)) {
        let by = ConcernedBy::Role(before.id);
        budget::check_all(&mut change, within.id(), by).await?;
    }
    let reduced = held.settle(&mut change).await?;
    let mut changes = Changes::default();
    if before.description != after.description {
        let (before, after) = (before.description.clone(), after.description.clone());
        changes = changes.with("description", before, after);
    }
    if before.access != after.access {
        let described = |role: &Role| book.describe(&role.access).to_json();
        changes = changes
            .with("access", described(before), described(after))
            .with("accounts_with_tokens_revoked", Value::Null, reduced.count());
    }
    let after = within
        .role_in(change.rows(), &before.id.to_string())
        .await?;
    change
        .commit("role.update", target(&after), changes)
        .await?;
    Ok(after)
}

/// Deletes a role; one that is in use only when it is forced, from all who have it.
pub async fn delete(
    within: InOrganization,
    role: String,
    forced: Submitted<bool>,
) -> Result<(), Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let role = within.role_in(change.rows(), &role).await?;
        may_edit(&within, &mut change, &role).await?;
        let forced = forced?;
        refuse_built_in(&role)?;
        change.check_version(&role)?;
        let rows = change.rows();
        let holders = rows
            .list_holders_of_role(within.id(), role.id, MOST_HOLDERS)
            .await?;
        InUse::refuse("the role", holders, forced)?;
        let concerned = concerned(&mut change, &within, role.id).await?;
        let held = Before::read(&mut change, within.id(), concerned, true).await?;
        change.rows().remove_role(within.id(), role.id).await?;
        let reduced = held.settle(&mut change).await?;
        let mut book = Book::new(&within);
        book.learn(change.rows(), &role.access).await?;
        let access = book.describe(&role.access).to_json();
        let changes = Changes::default()
            .with("name", role.name.as_str(), Value::Null)
            .with("access", access, Value::Null)
            .with("accounts_with_tokens_revoked", Value::Null, reduced.count());
        change.commit("role.delete", target(&role), changes).await?;
        Ok(())
    })
    .await
}

async fn may_edit(
    within: &InOrganization,
    change: &mut AuditedChange,
    role: &Role,
) -> Result<(), Problem> {
    let is_held = |own: &Holdings| own.all_roles().any(|held| held.id == role.id);
    within.may_edit(change.rows(), is_held).await
}

fn refuse_built_in(role: &Role) -> Result<(), Problem> {
    if role.is_built_in() {
        return Err(Problem::conflict(
            Conflict::WrongState,
            format!("the role `{}` is built in: it stays as it is", role.name),
        ));
    }
    Ok(())
}

/// The accounts that have the role.
async fn concerned(
    change: &mut AuditedChange,
    within: &InOrganization,
    role: RoleId,
) -> Result<Concerned, Problem> {
    let rows = change.rows();
    let found = rows
        .list_accounts_with_role(within.id(), role, Concerned::LIMIT)
        .await?;
    Ok(Concerned::of(found))
}
