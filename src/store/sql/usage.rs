//! Usage stamps: evidence that is merged, never overwritten.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::usage::UsageKind;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;

use super::failure::Answer;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::millis;
use super::query::placeholders;

/// The most stamps that one statement writes, and things that one asks for. Few enough that `SQLite`,
/// which looks through all parameters for each, does not take longer for the parameters than for the
/// rows; and a statement of as many is prepared once.
pub(super) const BATCH: usize = 50;

/// How many columns a stamp has.
const COLUMNS: usize = 6;

fn id_of(subject: UsageSubject) -> String {
    match subject {
        UsageSubject::Account(id) => id.to_string(),
        UsageSubject::Credential(id) => id.to_string(),
        UsageSubject::Secret(id) => id.to_string(),
    }
}

/// An id says by its prefix what it is of.
fn subject_of(id: &str) -> Option<UsageSubject> {
    let account = || id.parse().ok().map(UsageSubject::Account);
    let credential = || id.parse().ok().map(UsageSubject::Credential);
    let secret = || id.parse().ok().map(UsageSubject::Secret);
    account().or_else(credential).or_else(secret)
}

fn read(row: &Row) -> Answer<UsageStamp> {
    Ok(UsageStamp {
        subject: row.word("subject_id", subject_of)?,
        kind: row.word("kind", UsageKind::parse)?,
        first_at: row.instant("first_at")?,
        last_at: row.instant("last_at")?,
        address: row.optional_address("address")?,
        user_agent: row.optional_text("user_agent")?.map(Arc::from),
    })
}

/// Merges stamps of the same use, so that a statement names each row once, and sorts them, so that
/// two nodes lock rows in one order.
pub(super) fn merged(stamps: &[UsageStamp]) -> Vec<UsageStamp> {
    let mut merged: BTreeMap<_, UsageStamp> = BTreeMap::new();
    for stamp in stamps {
        merged
            .entry((stamp.subject, stamp.kind))
            .and_modify(|known| known.merge(stamp.clone()))
            .or_insert_with(|| stamp.clone());
    }
    merged.into_values().collect()
}

/// Merges at most [`BATCH`] stamps, each of another use, into what is stored.
pub(super) async fn record(db: &mut Db, stamps: &[UsageStamp]) -> Answer<()> {
    let row = |number: usize| format!("({})", placeholders(number * COLUMNS + 1, COLUMNS));
    let rows: Vec<_> = (0..stamps.len()).map(row).collect();
    // `UsageStamp::merge`, in the words of both databases: the smaller of two values is `min` in one
    // and `least` in the other.
    let query = assembled(format!(
        "INSERT INTO usage_stamp (subject_id, kind, first_at, last_at, address, user_agent)
         VALUES {}
         ON CONFLICT (subject_id, kind) DO UPDATE SET
             first_at = CASE WHEN excluded.first_at < usage_stamp.first_at
                             THEN excluded.first_at ELSE usage_stamp.first_at END,
             last_at = CASE WHEN excluded.last_at > usage_stamp.last_at
                            THEN excluded.last_at ELSE usage_stamp.last_at END,
             address = CASE WHEN excluded.last_at > usage_stamp.last_at
                            THEN excluded.address ELSE usage_stamp.address END,
             user_agent = CASE WHEN excluded.last_at > usage_stamp.last_at
                               THEN excluded.user_agent ELSE usage_stamp.user_agent END",
        rows.join(", ")
    ));
    let query = stamps.iter().fold(query, |query, stamp| {
        query
            .bind(id_of(stamp.subject))
            .bind(stamp.kind.as_str())
            .bind(millis(stamp.first_at))
            .bind(millis(stamp.last_at))
            .bind(stamp.address.map(|address| address.to_string()))
            .bind(stamp.user_agent.as_deref().map(str::to_owned))
    });
    execute(db, query).await?;
    Ok(())
}

/// The stamps of at most [`BATCH`] things.
pub(super) async fn list(db: &mut Db, subjects: &[UsageSubject]) -> Answer<Vec<UsageStamp>> {
    let query = assembled(format!(
        "SELECT subject_id, kind, first_at, last_at, address, user_agent
         FROM usage_stamp WHERE subject_id IN ({})",
        placeholders(1, subjects.len())
    ));
    let query = subjects
        .iter()
        .fold(query, |query, id| query.bind(id_of(*id)));
    all(db, query).await?.iter().map(read).collect()
}
