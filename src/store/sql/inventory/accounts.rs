//! What a filter of accounts asks of each.

use jiff::Timestamp;

use crate::domain::account::AccountStatus;
use crate::domain::id::OrganizationId;
use crate::domain::organization::Status;
use crate::store::AccountFilter;

use super::super::query::millis;
use super::super::statement::Conditions;
use super::NEVER;
use super::add_ending;
use super::add_unused;
use super::held;

/// Adds what the filter says.
pub(super) fn restrict(
    conditions: &mut Conditions,
    organization: OrganizationId,
    filter: &AccountFilter,
) {
    if let Some((status, now)) = filter.status {
        let condition = account_status(conditions, status, now);
        conditions.add(condition);
    }
    if let Some(text) = &filter.text {
        conditions.add_search(text, &["service_account.search_text"], "service_account.id");
    }
    if let Some(owner) = &filter.owner {
        let owner = conditions.text(owner.as_str());
        conditions.add(format!("service_account.owner = {owner}"));
    }
    if let Some(holding) = &filter.holding {
        let holds = held::by_account(conditions, organization, holding);
        conditions.add(holds);
    }
    if let Some(since) = filter.unused_since {
        add_unused(conditions, "service_account", since);
    }
    if let Some(ending) = filter.ending {
        add_ending(conditions, "service_account.expires_at", ending);
    }
}

/// That an account stands so at `now`.
pub(super) fn account_status(
    conditions: &mut Conditions,
    status: AccountStatus,
    now: Timestamp,
) -> String {
    let active = format!("service_account.status = '{}'", Status::Active.as_str());
    match status {
        // In the words of its index.
        AccountStatus::Disabled => "service_account.status <> 'active'".to_owned(),
        AccountStatus::Active => {
            let now = conditions.number(millis(now));
            format!("{active} AND coalesce(service_account.expires_at, {NEVER}) > {now}")
        }
        AccountStatus::Expired => {
            let now = conditions.number(millis(now));
            format!("{active} AND coalesce(service_account.expires_at, {NEVER}) <= {now}")
        }
    }
}
