//! What a filter of credentials asks of each.

use jiff::Timestamp;

use crate::domain::credential::CredentialStatus;
use crate::domain::id::OrganizationId;
use crate::domain::organization::Status;
use crate::store::CredentialFilter;

use super::super::ends::has_ended;
use super::super::ends::has_live_secret;
use super::super::query::millis;
use super::super::statement::Conditions;
use super::super::statement::EACH;
use super::End;
use super::add_ending;
use super::add_unused;
use super::held;

/// Adds what the filter says.
pub(super) fn restrict(
    conditions: &mut Conditions,
    organization: OrganizationId,
    filter: &CredentialFilter,
) {
    if let Some(account) = filter.account {
        let account = conditions.text(account.to_string());
        conditions.add(format!("credential.account_id = {account}"));
    }
    if let Some((status, now)) = filter.status {
        let condition = credential_status(conditions, status, now);
        conditions.add(condition);
    }
    if let Some(text) = &filter.text {
        let columns = ["credential.folded_name", "credential.client_id"];
        conditions.add_search(text, &columns, "credential.id");
    }
    if let Some(owner) = &filter.owner {
        let owner = conditions.text(owner.as_str());
        conditions.add(format!(
            "EXISTS (SELECT 1 FROM service_account
                WHERE service_account.id = credential.account_id
                  AND service_account.owner = {owner} {EACH})"
        ));
    }
    if let Some(holding) = &filter.holding {
        let holds = held::by_credential(conditions, organization, holding);
        conditions.add(holds);
    }
    if let Some(since) = filter.unused_since {
        add_unused(conditions, "credential", since);
    }
    if let Some(ending) = filter.ending {
        // What was taken back has ended already.
        conditions.add(format!(
            "credential.status <> '{}'",
            Status::Revoked.as_str()
        ));
        let now = conditions.number(millis(filter.now));
        let end = format!(
            "CASE WHEN credential.newest_end > {now} THEN credential.newest_end
                  ELSE credential.last_end END"
        );
        add_ending(conditions, &end, ending);
    }
}

/// Adds that the end of each is in this column.
pub(super) fn restrict_to(conditions: &mut Conditions, end: End, filter: &CredentialFilter) {
    let now = conditions.number(millis(filter.now));
    conditions.add(end.holds(now));
    if let Some(ending) = filter.ending {
        // The same once more, for the index to begin there and to end.
        let (after, until) = (
            conditions.number(millis(ending.after)),
            conditions.number(millis(ending.until)),
        );
        let column = end.column();
        conditions.add(format!("{column} > {after} AND {column} <= {until}"));
    }
}

fn credential_status(
    conditions: &mut Conditions,
    status: CredentialStatus,
    now: Timestamp,
) -> String {
    let is = |status: Status| format!("credential.status = '{}'", status.as_str());
    // In the words of its index.
    let is_stopped_as = |status| format!("{} AND credential.status <> 'active'", is(status));
    match status {
        CredentialStatus::Disabled => is_stopped_as(Status::Disabled),
        CredentialStatus::Revoked => is_stopped_as(Status::Revoked),
        CredentialStatus::Active => {
            let now = conditions.number(millis(now));
            format!("{} AND {}", is(Status::Active), has_live_secret(now))
        }
        CredentialStatus::Expired => {
            let now = conditions.number(millis(now));
            format!("{} AND {}", is(Status::Active), has_ended(now))
        }
    }
}
