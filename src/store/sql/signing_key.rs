//! Signing-key records. The private halves are files.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::signing_key::Algorithm;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;
use crate::domain::version::Version;

use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::millis;
use super::query::one;
use super::query::seconds;

fn read(row: &Row) -> Answer<SigningKeyRecord> {
    Ok(SigningKeyRecord {
        kid: row.text("kid")?.to_owned(),
        algorithm: row.word("algorithm", Algorithm::parse)?,
        state: row.word("state", KeyState::parse)?,
        created_at: row.instant("created_at")?,
        published_at: row.instant("published_at")?,
        activates_at: row.optional_instant("activates_at")?,
        active_from: row.optional_instant("active_from")?,
        last_signed_at: row.optional_instant("last_signed_at")?,
        max_token_lifetime: row.optional_seconds("max_token_lifetime_seconds")?,
        longer_tokens_end_at: row.optional_instant("longer_tokens_end_at")?,
        leaves_jwks_at: row.optional_instant("leaves_jwks_at")?,
        version: row.version("row_version")?,
    })
}

pub(super) async fn list(db: &mut Db) -> Answer<Vec<SigningKeyRecord>> {
    let query = sqlx::query(
        "SELECT kid, algorithm, state, created_at, published_at, activates_at, active_from,
                last_signed_at, max_token_lifetime_seconds, longer_tokens_end_at, leaves_jwks_at,
                row_version
         FROM signing_key ORDER BY created_at, kid",
    );
    all(db, query).await?.iter().map(read).collect()
}

pub(super) async fn add(db: &mut Db, key: &SigningKeyRecord) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO signing_key (kid, algorithm, state, created_at, published_at, activates_at,
                                  active_from, last_signed_at, leaves_jwks_at,
                                  max_token_lifetime_seconds, longer_tokens_end_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    );
    let query = query
        .bind(key.kid.as_str())
        .bind(key.algorithm.as_str())
        .bind(key.state.as_str())
        .bind(millis(key.created_at))
        .bind(millis(key.published_at))
        .bind(key.activates_at.map(millis))
        .bind(key.active_from.map(millis))
        .bind(key.last_signed_at.map(millis))
        .bind(key.leaves_jwks_at.map(millis))
        .bind(key.max_token_lifetime.map(seconds))
        .bind(key.longer_tokens_end_at.map(millis));
    execute(db, query).await?;
    Ok(())
}

/// Writes all that changes in a key's life but its last signature, which is written behind.
pub(super) async fn update(db: &mut Db, key: &SigningKeyRecord) -> Answer<Version> {
    let query = sqlx::query(
        "UPDATE signing_key
         SET state = $2, published_at = $3, activates_at = $4, active_from = $5,
             leaves_jwks_at = $6, max_token_lifetime_seconds = $7, longer_tokens_end_at = $8,
             row_version = row_version + 1
         WHERE kid = $1 RETURNING row_version",
    );
    let query = query
        .bind(key.kid.as_str())
        .bind(key.state.as_str())
        .bind(millis(key.published_at))
        .bind(key.activates_at.map(millis))
        .bind(key.active_from.map(millis))
        .bind(key.leaves_jwks_at.map(millis))
        .bind(key.max_token_lifetime.map(seconds))
        .bind(key.longer_tokens_end_at.map(millis));
    let row = one(db, query).await?;
    row.ok_or(Failure::Missing("signing key"))?
        .version("row_version")
}

/// Removes what has left the JWKS for good at `before` or earlier.
pub(super) async fn remove_over(db: &mut Db, before: Timestamp) -> Answer<Vec<String>> {
    let query = sqlx::query(
        "DELETE FROM signing_key
         WHERE state IN ('retired', 'revoked') AND leaves_jwks_at <= $1 RETURNING kid",
    );
    let rows = all(db, query.bind(millis(before))).await?;
    rows.iter()
        .map(|row| row.text("kid").map(str::to_owned))
        .collect()
}

/// Notes that a key has signed at an instant; an older one than is noted says nothing.
pub(super) async fn note_signed(db: &mut Db, kid: &str, at: Timestamp) -> Answer<u64> {
    let query = sqlx::query(
        "UPDATE signing_key SET last_signed_at = $2
         WHERE kid = $1 AND (last_signed_at IS NULL OR last_signed_at < $2)",
    );
    execute(db, query.bind(kid).bind(millis(at))).await
}

/// Notes that tokens may live this long, where it was less. It is no change of the key.
pub(super) async fn note_longer(db: &mut Db, max_lifetime: Duration) -> Answer<u64> {
    let query = sqlx::query(
        "UPDATE signing_key SET max_token_lifetime_seconds = $1
         WHERE state = 'active' AND coalesce(max_token_lifetime_seconds, 0) < $1",
    );
    execute(db, query.bind(seconds(max_lifetime))).await
}

/// Notes that tokens live this long at most from `now` on, where it was more. It is no change either.
pub(super) async fn note_shorter(
    db: &mut Db,
    max_lifetime: Duration,
    now: Timestamp,
) -> Answer<u64> {
    let end = "$2 + max_token_lifetime_seconds * 1000";
    let query = assembled(format!(
        "UPDATE signing_key SET max_token_lifetime_seconds = $1,
             longer_tokens_end_at = CASE WHEN longer_tokens_end_at > {end}
                 THEN longer_tokens_end_at ELSE {end} END
         WHERE state = 'active' AND max_token_lifetime_seconds > $1"
    ));
    let query = query.bind(seconds(max_lifetime)).bind(millis(now));
    execute(db, query).await
}
