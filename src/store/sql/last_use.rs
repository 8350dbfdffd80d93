//! When accounts and credentials were last used in any way, and whether something woke up.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::id::OrganizationId;
use crate::domain::usage::LastUse;

use super::failure::Answer;
use super::query::Db;
use super::query::assembled;
use super::query::execute;
use super::query::millis;
use super::query::parts;
use super::query::values;

/// How long something is quiet before a use of it counts as waking up.
pub(super) const LONG_QUIET: Duration = crate::domain::finding::DORMANT_AFTER;

/// Who is meant by a row.
pub(super) enum Subject {
    Account(String),
    Credential(String),
}

/// The row of something that was just made.
pub(super) async fn add(
    db: &mut Db,
    organization: OrganizationId,
    subject: Subject,
    made_at: Timestamp,
) -> Answer<()> {
    let (account, credential) = match subject {
        Subject::Account(id) => (Some(id), None),
        Subject::Credential(id) => (None, Some(id)),
    };
    let query = sqlx::query(
        "INSERT INTO last_use
             (subject_id, organization_id, account_id, credential_id, last_at, quiet_from)
         VALUES (coalesce($2, $3), $1, $2, $3, 0, $4)",
    );
    let query = query
        .bind(organization.to_string())
        .bind(account)
        .bind(credential)
        .bind(millis(made_at));
    execute(db, query).await?;
    Ok(())
}

/// Brings accounts and credentials to their places. It may be done twice.
///
/// What has no row any more is left out. The rows are locked in the order of their ids, so that two
/// nodes do not wait for each other.
pub(super) async fn record(db: &mut Db, uses: &[LastUse]) -> Answer<()> {
    let mut spans: BTreeMap<String, (Timestamp, Timestamp)> = BTreeMap::new();
    for one in uses {
        for id in [one.account.to_string(), one.credential.to_string()] {
            let span = spans.entry(id).or_insert((one.first_at, one.last_at));
            *span = (span.0.min(one.first_at), span.1.max(one.last_at));
        }
    }
    let spans: Vec<_> = spans.into_iter().collect();
    for part in parts(db, &spans) {
        record_part(db, part).await?;
    }
    Ok(())
}

async fn record_part(db: &mut Db, spans: &[(String, (Timestamp, Timestamp))]) -> Answer<()> {
    const COLUMNS: usize = 3;
    // `woke_at` carries the first use there, where there is no other column for it.
    let quiet_from = "CASE WHEN last_use.last_at = 0 THEN last_use.quiet_from
                           ELSE last_use.last_at END";
    let woke = format!(
        "excluded.woke_at - {quiet_from} >= {}",
        LONG_QUIET.as_millis()
    );
    let query = assembled(format!(
        "INSERT INTO last_use
             (subject_id, organization_id, account_id, credential_id, last_at, quiet_from, woke_at)
         SELECT known.subject_id, known.organization_id, known.account_id, known.credential_id,
                used.column3, known.quiet_from, used.column2
         FROM (VALUES {}) AS used JOIN last_use AS known ON known.subject_id = used.column1
         WHERE 1 = 1
         ORDER BY known.subject_id
         ON CONFLICT (subject_id) DO UPDATE SET
             quiet_from = CASE WHEN {woke} THEN {quiet_from} ELSE last_use.quiet_from END,
             woke_at = CASE WHEN {woke} THEN excluded.woke_at ELSE last_use.woke_at END,
             last_at = CASE WHEN excluded.last_at > last_use.last_at
                            THEN excluded.last_at ELSE last_use.last_at END",
        values(db, spans.len(), COLUMNS)
    ));
    let query = spans.iter().fold(query, |query, (id, (first, last))| {
        query
            .bind(id.clone())
            .bind(millis(*first))
            .bind(millis(*last))
    });
    execute(db, query).await?;
    Ok(())
}
