//! The last administrator: somebody must be left who holds all of `ostler` on every organization.

use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialStatus;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::organization::Status;
use crate::domain::role;
use crate::domain::role::OSTLER_API;
use crate::store::ApiHolder;
use crate::store::StoreError;

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
    let now = change.now;
    keep_one_after(change, now, account, before, after).await
}

/// The same for a change that takes it away at `end`: who is left has to be left after it.
pub(super) async fn keep_one_after(
    change: &mut AuditedChange,
    end: Timestamp,
    account: AccountId,
    before: &Access,
    after: &Access,
) -> Result<(), Problem> {
    if !administers_all(before) || administers_all(after) {
        return Ok(());
    }
    let holders = holders(change).await?;
    let mut others = holders.iter().filter(|holder| holder.account != account);
    if others.any(|holder| administers_at(holder, end)) {
        return Ok(());
    }
    Err(nobody_left())
}

/// The same for a change whose writes are made already: somebody has to be left.
pub(super) async fn keep_somebody(change: &mut AuditedChange) -> Result<(), Problem> {
    let now = change.now;
    let holders = holders(change).await?;
    if holders.iter().any(|holder| administers_at(holder, now)) {
        return Ok(());
    }
    Err(nobody_left())
}

/// The same for all accounts of an organization.
pub(super) async fn keep_one_elsewhere(
    change: &mut AuditedChange,
    organization: OrganizationId,
) -> Result<(), Problem> {
    let now = change.now;
    let holders = holders(change).await?;
    let (here, elsewhere): (Vec<_>, Vec<_>) = holders
        .iter()
        .filter(|holder| administers_at(holder, now))
        .partition(|holder| holder.organization.0 == organization);
    if here.is_empty() || !elsewhere.is_empty() {
        return Ok(());
    }
    Err(nobody_left())
}

/// The same for a credential that is to be stopped, or narrowed to `after`: an account that is left
/// without one that may do everything does not administer any more. `held` is all that the account
/// may do.
pub(super) async fn keep_one_credential(
    change: &mut AuditedChange,
    credential: &Credential,
    held: &Access,
    after: &Access,
) -> Result<(), Problem> {
    let now = change.now;
    let may_do_all = |credential: &Credential| {
        credential.status_at(now) == CredentialStatus::Active
            && credential
                .narrowing
                .as_ref()
                .is_none_or(|narrowing| administers_all(&held.narrowed_by(narrowing)))
    };
    if !administers_all(held) || !may_do_all(credential) || administers_all(after) {
        return Ok(());
    }
    let all = change
        .rows()
        .list_credentials(credential.organization, credential.account)
        .await?;
    let mut others = all.iter().filter(|other| other.id != credential.id);
    if others.any(may_do_all) {
        return Ok(());
    }
    keep_one(change, credential.account, held, &Access::NOTHING).await
}

/// Everybody who holds any of `ostler`, while nobody else changes that.
async fn holders(change: &mut AuditedChange) -> Result<Vec<ApiHolder>, StoreError> {
    // The rule is about the whole instance, so changes in two organizations may not overtake each
    // other here.
    change.rows().lock_instance().await?;
    change.rows().list_holders(OSTLER_API).await
}

fn administers_at(holder: &ApiHolder, at: Timestamp) -> bool {
    holder.status == Status::Active
        && holder.organization.1 == Status::Active
        && holder.expires_at.is_none_or(|end| at < end)
        && administers_all(&holder.access)
}

fn nobody_left() -> Problem {
    Problem::conflict(
        Conflict::LastAdministrator,
        "nobody else holds all of `ostler` on every organization: grant it to another account first",
    )
}

/// Whether it is all of `ostler` on every organization.
pub(super) fn administers_all(access: &Access) -> bool {
    role::everything().lies_within(access)
}
