//! What findings rest on, as it is shown, and from when on they hold.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::domain::access::Grant;
use crate::domain::finding::EXPIRING_WITHIN;
use crate::domain::finding::FindingKind;
use crate::domain::finding::HABIT_HOURS;
use crate::domain::finding::NEVER_USED_AFTER;
use crate::domain::finding::UNUSED_AFTER;
use crate::domain::finding::is_writing;
use crate::domain::resource::Identifiers;
use crate::domain::signing_key::SigningKeyRecord;
use crate::store::FindingRow;

use super::super::access::Book;

/// From when on the condition is met.
pub(super) fn since(kind: FindingKind, row: &FindingRow) -> Timestamp {
    match kind {
        FindingKind::ExpiringSoon => row.at.saturating_sub(EXPIRING_WITHIN).unwrap_or(row.at),
        FindingKind::OverlapStillUsed => half_of_the_overlap(row),
        FindingKind::Unused => later(row.at, UNUSED_AFTER),
        FindingKind::NeverUsed => later(row.at, NEVER_USED_AFTER),
        _ => row.at,
    }
}

fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

fn half_of_the_overlap(row: &FindingRow) -> Timestamp {
    let (Some(begin), Some(end)) = (row.third_at, row.other_at) else {
        return row.at;
    };
    let half = (end.as_millisecond() - begin.as_millisecond()) / 2;
    Timestamp::from_millisecond(begin.as_millisecond() + half).unwrap_or(row.at)
}

/// The evidence of a row.
pub(super) fn of(kind: FindingKind, row: &FindingRow) -> Value {
    let mut evidence = match kind {
        FindingKind::ExpiringSoon => json!({"ends_at": row.at}),
        FindingKind::OverlapStillUsed => json!({
            "last_used_at": row.at,
            "overlap_began_at": row.third_at,
            "ends_at": row.other_at,
        }),
        FindingKind::Unused => json!({"last_used_at": row.at}),
        FindingKind::NeverUsed | FindingKind::NoOwner | FindingKind::NeverExpires => {
            json!({"created_at": row.at})
        }
        FindingKind::DormantWokeUp => json!({"woke_up_at": row.at, "quiet_since": row.other_at}),
        FindingKind::NewNetwork => json!({
            "network": row.network,
            "first_used_at": row.at,
            "last_used_at": row.other_at,
        }),
        FindingKind::RefusalsAboveHabit => json!({
            "hour_start_at": row.at,
            "refused": row.count,
            "refused_in_the_week_before": row.before,
            "hours_before": HABIT_HOURS,
        }),
        FindingKind::LeakReported => json!({
            "reported_at": row.at,
            "reported_from": row.network,
            // By this the report is dismissed.
            "secret": row.subject,
        }),
        FindingKind::SigningKeyOld | FindingKind::WriteOnAllResources => json!({}),
    };
    evidence["organization"] = json!(row.organization);
    evidence["service_account"] = json!(row.account);
    if let Some(found) = &row.credential {
        evidence[found.id.noun()] = json!(found.id.to_string());
    }
    if row.credential.is_some() && matches!(kind, FindingKind::Unused | FindingKind::NeverUsed) {
        // What tells that this one is not needed, and not that the account is not.
        evidence["account_last_used_at"] = json!(row.other_at);
    }
    evidence
}

/// The evidence of a grant that is too wide.
pub(super) fn of_grant(row: &FindingRow, grant: &Grant, book: &Book) -> Value {
    let writing = grant
        .scopes
        .iter()
        .filter(|scope| is_writing(scope.as_str()));
    let whole = grant.resources.iter();
    let whole = whole.filter(|(_, identifiers)| **identifiers == Identifiers::All);
    json!({
        "organization": row.organization,
        "service_account": row.account,
        "api": book.describe_grant(grant).api,
        "scopes": writing.map(ToString::to_string).collect::<Vec<_>>(),
        "resource_types": whole.map(|(kind, _)| kind.to_string()).collect::<Vec<_>>(),
    })
}

/// The evidence of a signing key.
pub(super) fn of_key(key: &SigningKeyRecord, rotation: Duration) -> Value {
    json!({
        "alg": key.algorithm.as_str(),
        "active_from": key.active_from,
        "rotation_days": rotation.as_secs() / (24 * 60 * 60),
    })
}
