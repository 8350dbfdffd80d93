//! Evidence of use: it is merged, never overwritten.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::usage::CredentialUse;
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
use super::query::parts;
use super::query::placeholders;
use super::query::values;

/// The most things that one statement asks for.
pub(super) const BATCH: usize = 50;

/// How many columns a use has.
const COLUMNS: usize = 8;

/// What becomes of a use that is there already, as [`CredentialUse::merge`] says, in the words of both
/// databases: the smaller of two values is `min` in one and `least` in the other.
const MERGED: &str = "ON CONFLICT (credential_id, secret_id, kind) DO UPDATE SET
    first_at = CASE WHEN excluded.first_at < usage_stamp.first_at
                    THEN excluded.first_at ELSE usage_stamp.first_at END,
    last_at = CASE WHEN excluded.last_at > usage_stamp.last_at
                   THEN excluded.last_at ELSE usage_stamp.last_at END,
    address = CASE WHEN excluded.last_at > usage_stamp.last_at
                   THEN excluded.address ELSE usage_stamp.address END,
    user_agent = CASE WHEN excluded.last_at > usage_stamp.last_at
                      THEN excluded.user_agent ELSE usage_stamp.user_agent END";

/// Merges uses into what is stored, in one order, so that two nodes do not wait for each other.
pub(super) async fn record(db: &mut Db, uses: &[CredentialUse]) -> Answer<()> {
    // A statement may name each row once.
    let mut merged: BTreeMap<_, CredentialUse> = BTreeMap::new();
    for one in uses {
        merged
            .entry((one.credential, one.secret, one.kind))
            .and_modify(|known| known.merge(one.clone()))
            .or_insert_with(|| one.clone());
    }
    let merged: Vec<_> = merged.into_values().collect();
    for part in parts(db, &merged) {
        record_part(db, part).await?;
    }
    Ok(())
}

async fn record_part(db: &mut Db, uses: &[CredentialUse]) -> Answer<()> {
    let query = assembled(format!(
        "INSERT INTO usage_stamp (credential_id, secret_id, kind, account_id, first_at, last_at,
                                  address, user_agent)
         VALUES {}
         {MERGED}",
        values(db, uses.len(), COLUMNS)
    ));
    let query = uses.iter().fold(query, |query, one| {
        query
            .bind(one.credential.to_string())
            .bind(one.secret.map(|id| id.to_string()).unwrap_or_default())
            .bind(one.kind.as_str())
            .bind(one.account.to_string())
            .bind(millis(one.first_at))
            .bind(millis(one.last_at))
            .bind(one.address.map(|address| address.to_string()))
            .bind(one.user_agent.as_deref().map(str::to_owned))
    });
    execute(db, query).await?;
    Ok(())
}

/// What is known of at most [`BATCH`] things, one stamp for each kind of use.
pub(super) async fn list(db: &mut Db, subjects: &[UsageSubject]) -> Answer<Vec<UsageStamp>> {
    let mut found: BTreeMap<_, UsageStamp> = BTreeMap::new();
    for (column, ids) in by_column(subjects) {
        let query = assembled(format!(
            "SELECT credential_id, secret_id, kind, account_id, first_at, last_at, address, user_agent
             FROM usage_stamp WHERE {column} IN ({}) AND {column} <> ''",
            placeholders(1, ids.len())
        ));
        let query = ids.into_iter().fold(query, sqlx::query::Query::bind);
        for row in &all(db, query).await? {
            for stamp in read(row)?
                .stamps()
                .filter(|stamp| subjects.contains(&stamp.subject))
            {
                found
                    .entry((stamp.subject, stamp.kind))
                    .and_modify(|known| known.merge(stamp.clone()))
                    .or_insert(stamp);
            }
        }
    }
    Ok(found.into_values().collect())
}

/// The columns that hold the ids of these things, with the ids.
fn by_column(subjects: &[UsageSubject]) -> BTreeMap<&'static str, Vec<String>> {
    let mut columns: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for subject in subjects {
        let (column, id) = match subject {
            UsageSubject::Account(id) => ("account_id", id.to_string()),
            UsageSubject::Credential(id) => ("credential_id", id.to_string()),
            UsageSubject::Secret(id) => ("secret_id", id.to_string()),
        };
        columns.entry(column).or_default().push(id);
    }
    columns
}

fn read(row: &Row) -> Answer<CredentialUse> {
    let secret = match row.text("secret_id")? {
        "" => None,
        _ => Some(row.parse("secret_id")?),
    };
    Ok(CredentialUse {
        account: row.parse("account_id")?,
        credential: row.parse("credential_id")?,
        secret,
        kind: row.word("kind", UsageKind::parse)?,
        first_at: row.instant("first_at")?,
        last_at: row.instant("last_at")?,
        address: row.optional_address("address")?,
        user_agent: row.optional_text("user_agent")?.map(Arc::from),
    })
}

/// What was known of secrets that are gone becomes known of their credentials, so that a credential
/// that is rotated for years has few rows.
pub(super) async fn fold(db: &mut Db, secrets: &[&str]) -> Answer<()> {
    let among = placeholders(1, secrets.len());
    let folded = format!(
        "INSERT INTO usage_stamp (credential_id, secret_id, kind, account_id, first_at, last_at,
                                  address, user_agent)
         SELECT credential_id, '', kind, account_id, earliest, last_at, address, user_agent
         FROM (SELECT usage_stamp.*,
                      min(first_at) OVER (PARTITION BY credential_id, kind) AS earliest,
                      row_number() OVER (PARTITION BY credential_id, kind
                                         ORDER BY last_at DESC, secret_id) AS place
               FROM usage_stamp WHERE secret_id IN ({among}) AND secret_id <> '') AS latest
         WHERE place = 1
         {MERGED}"
    );
    let removed =
        format!("DELETE FROM usage_stamp WHERE secret_id IN ({among}) AND secret_id <> ''");
    for statement in [folded, removed] {
        let query = secrets.iter().fold(assembled(statement), |query, id| {
            query.bind((*id).to_owned())
        });
        execute(db, query).await?;
    }
    Ok(())
}
