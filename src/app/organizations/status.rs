//! An organization stopped, and started again.

use crate::domain::audit::Changes;
use crate::domain::organization::Organization;
use crate::domain::organization::Status;
use crate::domain::role::BuiltInRole;
use crate::domain::role::OSTLER_API;

use super::super::administrators;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::directory::Touched;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::DescribedOrganization;
use super::current;
use super::describe_in;
use super::target;

/// Stops an organization: none of its accounts gets a token any more, its own administrators
/// included, and their tokens are dead for good. One that is stopped already stays as it is.
pub async fn disable(
    within: InOrganization,
    nothing: Submitted<()>,
) -> Result<DescribedOrganization, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let before = current(&within, &mut change).await?;
        nothing?;
        change.check_version(&before)?;
        if before.status != Status::Active {
            return describe_in(&mut change, before).await;
        }
        administrators::keep_one_elsewhere(&mut change, before.id).await?;
        change.kill_tokens_in(&before).await?;
        set_status(
            &within,
            change,
            &before,
            Status::Disabled,
            "organization.disable",
        )
        .await
    })
    .await
}

/// Lets the accounts of an organization get tokens again; the tokens from before stay dead. Whatever
/// of `ostler` they hold comes back with it, so the caller has to hold all of that.
pub async fn enable(
    within: InOrganization,
    nothing: Submitted<()>,
) -> Result<DescribedOrganization, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let before = current(&within, &mut change).await?;
        if before.status != Status::Active {
            may_bring_back(&within, &mut change).await?;
        }
        nothing?;
        change.check_version(&before)?;
        if before.status == Status::Active {
            return describe_in(&mut change, before).await;
        }
        set_status(
            &within,
            change,
            &before,
            Status::Active,
            "organization.enable",
        )
        .await
    })
    .await
}

/// Refuses to bring back more of `ostler` than the caller's token holds. Accounts that are stopped
/// themselves do not come back: who starts them again is asked then.
async fn may_bring_back(
    within: &InOrganization,
    change: &mut AuditedChange,
) -> Result<(), Problem> {
    let (organization, now) = (within.id(), change.now);
    let rows = change.rows();
    for holder in rows.list_holders(OSTLER_API).await? {
        if holder.organization.0 == organization && holder.is_active_at(now) {
            within.caller.may_hand_on(&holder.access)?;
        }
    }
    let roles = rows.list_roles_in_force(organization, now).await?;
    for role in roles.into_iter().filter_map(BuiltInRole::of_id) {
        within.caller.may_hand_on(&role.of(organization).access)?;
    }
    Ok(())
}

async fn set_status(
    within: &InOrganization,
    mut change: AuditedChange,
    before: &Organization,
    status: Status,
    action: &'static str,
) -> Result<DescribedOrganization, Problem> {
    let after = Organization {
        status,
        ..before.clone()
    };
    change.rows().update_organization(&after).await?;
    change.open.touch(Touched::Organization(before.id));
    let after = current(within, &mut change).await?;
    let described = describe_in(&mut change, after).await?;
    let changes = Changes::default().with("status", before.status.as_str(), status.as_str());
    change.commit(action, target(before), changes).await?;
    Ok(described)
}
