//! The last administrator: somebody must be left who holds all of `ostler` on every organization.

use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::account::ServiceAccount;
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
    if !administers_all(before) || administers_all(after) {
        return Ok(());
    }
    keep_another(change, account, |_| true).await
}

/// The same for an account that gets an end, or an earlier one: who is left has to be there for as
/// long as it would have been. Else the ends of several could be set one after the other until nobody
/// is left after the last. `held` is all that the account may do.
pub(super) async fn keep_one_as_long(
    change: &mut AuditedChange,
    account: &ServiceAccount,
    held: &Access,
) -> Result<(), Problem> {
    if !administers_all(held) {
        return Ok(());
    }
    let is_there_as_long = |holder: &ApiHolder| {
        let ends_later = |end| account.expires_at.is_some_and(|before| before <= end);
        holder.expires_at.is_none_or(ends_later)
    };
    keep_another(change, account.id, is_there_as_long).await
}

/// Refuses a change that leaves nobody but the account to administer, among those who count.
async fn keep_another(
    change: &mut AuditedChange,
    account: AccountId,
    counts: impl Fn(&ApiHolder) -> bool,
) -> Result<(), Problem> {
    let now = change.now;
    let holders = holders(change).await?;
    let mut others = holders.iter().filter(|holder| holder.account != account);
    if others.any(|holder| administers_at(holder, now) && counts(holder)) {
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

/// The same for a credential that is to be stopped, taken back or left without a secret, or narrowed
/// to `after`: an account that is left without one that may do everything does not administer any
/// more. `held` is all that the account may do.
///
/// Only a report of a leak ends the last one all the same: then a new one is made at the server's own
/// machine ([`super::recovery`]).
pub(super) async fn keep_one_credential(
    change: &mut AuditedChange,
    credential: &Credential,
    held: &Access,
    after: &Access,
) -> Result<(), Problem> {
    let now = change.now;
    if !may_do_all(credential, held, now) || administers_all(after) {
        return Ok(());
    }
    let others = others_of_account(change, credential).await?;
    if others.iter().any(|other| may_do_all(other, held, now)) {
        return Ok(());
    }
    keep_one(change, credential.account, held, &Access::NOTHING).await
}

/// The same for a credential of the account that from now on works until `until`, where that is earlier
/// than before: who is left has to be there for as long as it would have been.
pub(super) async fn keep_one_credential_as_long(
    change: &mut AuditedChange,
    account: &ServiceAccount,
    credential: &Credential,
    held: &Access,
    until: Timestamp,
) -> Result<(), Problem> {
    let now = change.now;
    // Without its account a credential is good for nothing.
    let account_ends = account.expires_at.unwrap_or(Timestamp::MAX);
    let before = credential.works_until(now).min(account_ends);
    if until.min(account_ends) >= before || !may_do_all(credential, held, now) {
        return Ok(());
    }
    let others = others_of_account(change, credential).await?;
    let is_there_as_long =
        |other: &Credential| may_do_all(other, held, now) && other.works_until(now) >= before;
    if others.iter().any(is_there_as_long) {
        return Ok(());
    }
    let ends_later = |holder: &ApiHolder| holder.expires_at.is_none_or(|end| before <= end);
    keep_another(change, account.id, ends_later).await
}

async fn others_of_account(
    change: &mut AuditedChange,
    credential: &Credential,
) -> Result<Vec<Credential>, StoreError> {
    let rows = change.rows();
    let mut all = rows
        .list_credentials(credential.organization, credential.account)
        .await?;
    all.retain(|other| other.id != credential.id);
    Ok(all)
}

/// Whether all of `ostler` on every organization can be done with it. `held` is all that its account
/// may do.
fn may_do_all(credential: &Credential, held: &Access, now: Timestamp) -> bool {
    let left = |narrowing| administers_all(&held.narrowed_by(narrowing));
    administers_all(held)
        && credential.status_at(now) == CredentialStatus::Active
        && credential.narrowing.as_ref().is_none_or(left)
}

/// Everybody who holds any of `ostler`, while nobody else changes that.
async fn holders(change: &mut AuditedChange) -> Result<Vec<ApiHolder>, StoreError> {
    // The rule is about the whole instance, so changes in two organizations may not overtake each
    // other here.
    change.rows().lock_instance().await?;
    change.rows().list_holders(OSTLER_API).await
}

fn administers_at(holder: &ApiHolder, at: Timestamp) -> bool {
    holder.is_active_at(at)
        && holder.organization.1 == Status::Active
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
