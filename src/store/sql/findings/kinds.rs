//! What is found of each kind.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::finding::EXPIRING_WITHIN;
use crate::domain::finding::FindingKind;
use crate::domain::finding::HABIT_HOURS;
use crate::domain::finding::MANY_REFUSALS;
use crate::domain::finding::NETWORK_KNOWN_FOR;
use crate::domain::finding::NEVER_USED_AFTER;
use crate::domain::finding::REFUSALS_SHOWN_FOR;
use crate::domain::finding::SHOWN_FOR;
use crate::domain::finding::TIMES_THE_HABIT;
use crate::domain::finding::UNUSED_AFTER;

use super::super::query::millis;
use super::Columns;
use super::Found;
use super::Order;
use super::by_end::expiring_soon;
use super::by_end::never_expires;
use super::by_overlap::overlap_still_used;
use super::by_use::never_used;
use super::by_use::unused;

/// An hour in the unit of instants.
const HOUR_MILLIS: u64 = 60 * 60 * 1_000;

/// The accounts with a scope that may be a writing one on all resources of a type: of their own, by a
/// role, or by a group's role. Who holds such a grant is gathered once.
const WIDE_ACCOUNTS: &str = "WITH wide AS MATERIALIZED (
        SELECT access_type.holder_id FROM access_type
        JOIN access_scope ON access_scope.holder_id = access_type.holder_id
            AND access_scope.position = access_type.position
        WHERE access_type.is_all = 1
          AND (access_scope.scope LIKE '%write%' OR access_scope.scope LIKE '%admin%'
               OR access_scope.scope LIKE '%manage%' OR access_scope.scope LIKE '%delete%')
    )
    SELECT holder_id FROM wide
    UNION ALL
    SELECT account_role.account_id FROM account_role
    WHERE account_role.role_id IN (SELECT holder_id FROM wide)
    UNION ALL
    SELECT group_member.account_id FROM group_member
    JOIN group_role ON group_role.group_id = group_member.group_id
    WHERE group_role.role_id IN (SELECT holder_id FROM wide)";

/// When what an account holds was last changed: its own grants, its roles, its groups, what these roles
/// grant, or the roles of these groups. (A role, a group or an API that was deleted says nothing of what
/// is left.)
const ACCESS_CHANGED_AT: &str = "(SELECT max(changed.changed_at) FROM (
        SELECT coalesce(account.access_changed_at, account.created_at) AS changed_at
        UNION ALL
        SELECT role.access_changed_at AS changed_at
        FROM account_role JOIN role ON role.id = account_role.role_id
        WHERE account_role.account_id = account.id
        UNION ALL
        SELECT account_group.access_changed_at AS changed_at
        FROM group_member JOIN account_group ON account_group.id = group_member.group_id
        WHERE group_member.account_id = account.id
        UNION ALL
        SELECT role.access_changed_at AS changed_at
        FROM group_member JOIN group_role ON group_role.group_id = group_member.group_id
        JOIN role ON role.id = group_role.role_id
        WHERE group_member.account_id = account.id
    ) AS changed)";

/// An account that may be used.
pub(super) const ACCOUNT: &str = "service_account AS account";

/// What holds for an account that may be used.
pub(super) fn is_usable(now: i64) -> Vec<String> {
    vec![
        "account.deleted_at IS NULL".to_owned(),
        "account.status = 'active'".to_owned(),
        format!("(account.expires_at IS NULL OR account.expires_at > {now})"),
    ]
}

fn of_accounts(at: &'static str, from: &str, now: i64, more: Vec<String>) -> Found {
    Found {
        columns: Columns::of_account(at),
        from: format!("{ACCOUNT} {from}"),
        conditions: [is_usable(now), more].concat(),
        order: Order::Subject,
        stretch: None,
    }
}

/// Whether a secret may still authenticate, as far as it depends on the secret itself.
pub(super) fn works(secret: &str, now: i64) -> String {
    format!(
        "{secret}.revoked_at IS NULL AND ({secret}.ends_at IS NULL OR {secret}.ends_at > {now})"
    )
}

/// A secret, and whose it is.
pub(super) const OF_ONE_ACCOUNT: &str = "credential.id = secret.credential_id
      AND account.id = credential.account_id
      AND account.organization_id = credential.organization_id";

/// What is found of this kind at `now`: the parts, in their order.
pub(super) fn found(kind: FindingKind, now: Timestamp) -> Vec<Found> {
    let ago = |span: Duration| millis(now.saturating_sub(span).unwrap_or(Timestamp::MIN));
    let later = |span: Duration| millis(now.saturating_add(span).unwrap_or(Timestamp::MAX));
    let shown_since = ago(SHOWN_FOR);
    let soon = later(EXPIRING_WITHIN);
    let now_millis = millis(now);
    let accounts = |at, from: &str, more| of_accounts(at, from, now_millis, more);
    match kind {
        FindingKind::ExpiringSoon => expiring_soon(now_millis, soon),
        FindingKind::OverlapStillUsed => vec![overlap_still_used(now_millis)],
        FindingKind::NeverExpires => never_expires(now_millis),
        FindingKind::Unused => unused(now_millis, ago(UNUSED_AFTER)),
        FindingKind::NeverUsed => never_used(now_millis, ago(NEVER_USED_AFTER)),
        FindingKind::NoOwner => vec![accounts(
            "account.created_at",
            "",
            vec!["coalesce(account.owner, '') = ''".to_owned()],
        )],
        FindingKind::WriteOnAllResources => vec![accounts(
            ACCESS_CHANGED_AT,
            "",
            // A `CASE` is expected to hold for few: these are looked up then, and not all accounts read.
            vec![format!(
                "account.id IN (SELECT holder_id FROM ({WIDE_ACCOUNTS}) AS held
                     WHERE CASE WHEN holder_id <> '' THEN 1 END = 1)"
            )],
        )],
        FindingKind::DormantWokeUp => vec![Found {
            columns: Columns {
                other_at: "last_use.quiet_from",
                ..Columns::of_account("last_use.woke_at")
            },
            // The few that woke up are looked for, and then whose they are.
            from: format!("last_use CROSS JOIN {ACCOUNT}"),
            ..accounts(
                "last_use.woke_at",
                "",
                vec![
                    "account.id = last_use.account_id".to_owned(),
                    format!("last_use.woke_at > {shown_since}"),
                ],
            )
        }],
        FindingKind::NewNetwork => vec![new_network(now_millis, shown_since)],
        FindingKind::RefusalsAboveHabit => {
            vec![refusals_above_habit(now_millis, ago(REFUSALS_SHOWN_FOR))]
        }
        FindingKind::LeakReported => vec![leak_reported(now_millis)],
        FindingKind::SigningKeyOld => Vec::new(),
    }
}

/// A report that waits for a person, as long as what was reported may still be used.
fn leak_reported(now: i64) -> Found {
    Found {
        columns: Columns {
            subject: "leak.secret_id",
            // One address is as good a network as any.
            network: "leak.address",
            has_credential: true,
            ..Columns::of_account("leak.reported_at")
        },
        from: format!("leak CROSS JOIN secret CROSS JOIN credential CROSS JOIN {ACCOUNT}"),
        conditions: vec![
            "secret.id = leak.secret_id".to_owned(),
            OF_ONE_ACCOUNT.to_owned(),
            "account.deleted_at IS NULL".to_owned(),
            "credential.status <> 'revoked'".to_owned(),
            works("secret", now),
        ],
        order: Order::Subject,
        stretch: None,
    }
}

/// The newest network of an account that used others in the time before; a first network is none.
fn new_network(now: i64, shown_since: i64) -> Found {
    let known_for = NETWORK_KNOWN_FOR.as_millis();
    Found {
        columns: Columns {
            network: "used.network",
            other_at: "used.last_at",
            ..Columns::of_account("used.first_at")
        },
        from: format!("usage_network AS used CROSS JOIN {ACCOUNT}"),
        conditions: [
            vec![
                "account.id = used.account_id".to_owned(),
                format!("used.first_at > {shown_since}"),
                format!(
                    "EXISTS (SELECT 1 FROM usage_network AS known
                        WHERE known.account_id = used.account_id
                          AND known.first_at < used.first_at
                          AND known.last_at >= used.first_at - {known_for})"
                ),
                "NOT EXISTS (SELECT 1 FROM usage_network AS newer
                    WHERE newer.account_id = used.account_id
                      AND (newer.first_at > used.first_at
                           OR (newer.first_at = used.first_at AND newer.network > used.network)))"
                    .to_owned(),
            ],
            is_usable(now),
        ]
        .concat(),
        order: Order::Subject,
        stretch: None,
    }
}

/// The latest hour of an account with far more refusals than in the hours before it.
fn refusals_above_habit(now: i64, since: i64) -> Found {
    let habit_millis = HABIT_HOURS * HOUR_MILLIS;
    let above = format!(
        "SELECT hours.subject_id AS subject_id, max(hours.hour) AS hour,
                max(hours.refused) AS refused, max(hours.earlier) AS earlier
         FROM (SELECT one.subject_id AS subject_id, one.hour AS hour, one.refused AS refused,
                      CAST(coalesce((SELECT sum(usual.refused) FROM usage_hour AS usual
                          WHERE usual.subject_id = one.subject_id
                            AND usual.hour >= one.hour - {habit_millis}
                            AND usual.hour < one.hour), 0) AS BIGINT) AS earlier
               FROM (SELECT subject_id, hour, CAST(sum(refused) AS BIGINT) AS refused
                     FROM usage_hour
                     WHERE hour > {since} AND refused > 0 AND subject_id <> organization_id
                     GROUP BY subject_id, hour
                     HAVING sum(refused) > {MANY_REFUSALS}) AS one) AS hours
         WHERE hours.refused * {HABIT_HOURS} > hours.earlier * {TIMES_THE_HABIT}
         GROUP BY hours.subject_id"
    );
    Found {
        columns: Columns {
            count: "above.refused",
            before: "above.earlier",
            ..Columns::of_account("above.hour")
        },
        // The few that were refused so often are looked for, and then who they are.
        from: format!("({above}) AS above CROSS JOIN {ACCOUNT}"),
        conditions: [
            vec!["account.id = above.subject_id".to_owned()],
            is_usable(now),
        ]
        .concat(),
        order: Order::Subject,
        stretch: None,
    }
}
