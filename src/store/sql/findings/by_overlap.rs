//! Old secrets that are still used. A page walks the index of overlaps, those that end first.

use super::super::statement::EACH;
use super::Columns;
use super::Found;
use super::Order;
use super::Stretch;
use super::Walk;
use super::kinds::ACCOUNT;
use super::kinds::OF_ONE_ACCOUNT;
use super::kinds::is_usable;
use super::kinds::works;

/// When the secret was last used, in any way.
const LAST_USE_OF_SECRET: &str = "(SELECT max(usage_stamp.last_at) FROM usage_stamp
    WHERE usage_stamp.credential_id = secret.credential_id
      AND usage_stamp.secret_id = secret.id)";

/// The old secret of an overlap that is not over, used in its last half.
///
/// Credentials with none are passed over one by one: a join would be of whole tables on PostgreSQL.
pub(super) fn overlap_still_used(now: i64) -> Found {
    let walked = vec![format!("credential.overlap_end > {now}")];
    let still_used = is_still_used(now);
    let has_one = format!(
        "CASE WHEN EXISTS (SELECT 1 FROM secret
             JOIN secret AS newer ON newer.credential_id = secret.credential_id
             WHERE secret.credential_id = credential.id AND {} {EACH}) THEN 1 END = 1",
        still_used.join(" AND ")
    );
    let own = vec![
        "credential.status = 'active'".to_owned(),
        has_one,
        OF_ONE_ACCOUNT.to_owned(),
        "newer.credential_id = secret.credential_id".to_owned(),
    ];
    let stretch = Stretch {
        from: "credential",
        conditions: walked.clone(),
    };
    Found {
        columns: Columns {
            subject: "secret.id",
            other_at: "secret.ends_at",
            third_at: "newer.created_at",
            has_credential: true,
            ..Columns::of_account(LAST_USE_OF_SECRET)
        },
        from: format!(
            "credential CROSS JOIN secret CROSS JOIN secret AS newer CROSS JOIN {ACCOUNT}"
        ),
        conditions: [walked, own, still_used, is_usable(now)].concat(),
        order: Order::Walked(Walk {
            organization: "credential.organization_id",
            number: "credential.overlap_end",
            id: "credential.id",
        }),
        stretch: Some(stretch),
    }
}

/// That `secret` has not ended, was used in the last half of its overlap with `newer`, and that this is to
/// take its place: one that was taken back, or has ended, is to take nothing's place.
fn is_still_used(now: i64) -> Vec<String> {
    vec![
        "newer.position > secret.position".to_owned(),
        works("newer", now),
        "secret.revoked_at IS NULL".to_owned(),
        format!("secret.ends_at > {now}"),
        format!(
            "{LAST_USE_OF_SECRET} >= newer.created_at + (secret.ends_at - newer.created_at) / 2"
        ),
    ]
}
