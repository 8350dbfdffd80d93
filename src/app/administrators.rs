//! The last administrator: somebody must be left who holds all of `ostler` on every organization.

use crate::domain::access::Access;
use crate::domain::id::AccountId;
use crate::domain::organization::Status;
use crate::domain::role;
use crate::domain::role::OSTLER_API;

use super::audited::AuditedChange;
use super::problem::Conflict;
use super::problem::Problem;

/// Refuses a change that takes the last grant of all of `ostler` on every organization away from
/// those who may use it. `before` and `after` are all that the account may do.
pub(super) async fn keep_one(
    change: &mut AuditedChange,
    account: AccountId,
    before: &Access,
    after: &Access,
) -> Result<(), Problem> {
    if !administers_all(before) || administers_all(after) {
        return Ok(());
    }
    keep_one_besides(change, Some(account)).await
}

/// The same for a change whose writes are made already: somebody has to be left.
pub(super) async fn keep_somebody(change: &mut AuditedChange) -> Result<(), Problem> {
    keep_one_besides(change, None).await
}

async fn keep_one_besides(
    change: &mut AuditedChange,
    account: Option<AccountId>,
) -> Result<(), Problem> {
    // The rule is about the whole instance, so changes in two organizations may not overtake each
    // other here.
    change.rows().lock_instance().await?;
    let now = change.now;
    let holders = change.rows().list_holders(OSTLER_API).await?;
    let another = holders.iter().any(|holder| {
        Some(holder.account) != account
            && holder.status == Status::Active
            && holder.organization.1 == Status::Active
            && holder.expires_at.is_none_or(|end| now < end)
            && administers_all(&holder.access)
    });
    if another {
        return Ok(());
    }
    Err(Problem::conflict(
        Conflict::LastAdministrator,
        "nobody else holds all of `ostler` on every organization: grant it to another account first",
    ))
}

/// Whether it is all of `ostler` on every organization.
pub(super) fn administers_all(access: &Access) -> bool {
    role::everything().lies_within(access)
}
