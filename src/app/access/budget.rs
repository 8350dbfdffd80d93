//! The limit of what an account holds in all ([`AccessSize::MAX_HELD`]), wherever that may grow.

use crate::domain::access_size::AccessSize;
use crate::domain::access_size::MAX_BYTES_HELD;
use crate::domain::access_size::MAX_GRANTS_HELD;
use crate::domain::id::OrganizationId;
use crate::store::ConcernedBy;

use super::super::audited::AuditedChange;
use super::super::problem::Conflict;
use super::super::problem::Problem;

/// Refuses to let one account hold too much.
pub(in crate::app) fn check(before: AccessSize, after: AccessSize) -> Result<(), Problem> {
    if after.grows_too_large(before) {
        return Err(refusal("the account", after));
    }
    Ok(())
}

/// The same for all accounts that have a role or are in a group, which has become larger: in one
/// statement, whatever their number. Called after the writes.
pub(in crate::app) async fn check_all(
    change: &mut AuditedChange,
    organization: OrganizationId,
    by: ConcernedBy,
) -> Result<(), Problem> {
    let most = AccessSize::MAX_HELD;
    let found = change
        .rows()
        .find_account_with_more(organization, by, most)
        .await?;
    match found {
        None => Ok(()),
        Some((account, size)) => {
            let who = format!("the account `{}`", account.name);
            Err(refusal(&who, size))
        }
    }
}

fn refusal(who: &str, size: AccessSize) -> Problem {
    Problem::conflict(
        Conflict::QuotaReached,
        format!(
            "{who} would hold {} grants with {} bytes of scopes and keys, by itself, by its roles and \
             by its groups, and may hold {MAX_GRANTS_HELD} with {MAX_BYTES_HELD}: grant \"*\", or give \
             some of it to another account",
            size.grants, size.bytes
        ),
    )
}
