//! How many requests there were, by the hour.

use super::Ground;
use super::id;

/// An hour in the unit of instants.
const HOUR_MILLIS: i64 = 60 * 60 * 1_000;

/// How many hours each account asked for tokens in.
const HOURS: u32 = 10;

pub(super) fn statements(ground: &Ground) -> Vec<String> {
    vec![issued(ground), refused(ground)]
}

/// Every account in each of the last hours.
fn issued(ground: &Ground) -> String {
    format!(
        "INSERT INTO usage_hour (subject_id, organization_id, hour, credential_id, api_id, refusal,
             issued, refused, introspected)
         SELECT {account}, '{organization}', {hour}, '', '', '', 60, 0, 0 FROM {numbers}",
        account = id("sa", &format!("(n / {HOURS} + 1)")),
        organization = ground.organization,
        hour = hour(ground, &format!("n % {HOURS}")),
        numbers = ground.numbers(ground.size.accounts * HOURS),
    )
}

/// One account in a hundred was refused now and then, and one in a thousand often.
fn refused(ground: &Ground) -> String {
    format!(
        "INSERT INTO usage_hour (subject_id, organization_id, hour, credential_id, api_id, refusal,
             issued, refused, introspected)
         SELECT {account}, '{organization}', {hour}, '', '', 'invalid_client', 0,
                CASE WHEN n % 1000 = 1 THEN 50 ELSE 3 END, 0
         FROM {numbers} WHERE n % 100 = 1",
        account = id("sa", "n"),
        organization = ground.organization,
        hour = hour(ground, "1"),
        numbers = ground.numbers(ground.size.accounts),
    )
}

/// The beginning of the hour so many hours ago.
fn hour(ground: &Ground, ago: &str) -> String {
    let present = ground.now - ground.now % HOUR_MILLIS;
    format!("({present} - ({ago}) * {HOUR_MILLIS})")
}
