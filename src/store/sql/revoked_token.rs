//! Single tokens that were revoked.

use jiff::Timestamp;

use crate::domain::token::TokenId;
use crate::store::RevokedToken;

use super::failure::Answer;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::execute;
use super::query::millis;

/// The most rows that one statement reads or deletes: there may be a million.
pub(super) const BATCH: u16 = 5_000;

fn read(row: &Row) -> Answer<RevokedToken> {
    Ok(RevokedToken {
        id: row.parse("jti")?,
        organization: row.parse("organization_id")?,
        expires_at: row.instant("expires_at")?,
    })
}

/// `false` when it was revoked already.
pub(super) async fn add(db: &mut Db, token: &RevokedToken, at: Timestamp) -> Answer<bool> {
    let query = sqlx::query(
        "INSERT INTO revoked_token (jti, organization_id, expires_at, revoked_at)
         VALUES ($1, $2, $3, $4) ON CONFLICT (jti) DO NOTHING",
    );
    let query = query
        .bind(token.id.to_string())
        .bind(token.organization.to_string())
        .bind(millis(token.expires_at))
        .bind(millis(at));
    Ok(execute(db, query).await? == 1)
}

/// The next batch of those that end after `now`, in the order of their ids.
pub(super) async fn list(
    db: &mut Db,
    now: Timestamp,
    after: Option<TokenId>,
) -> Answer<Vec<RevokedToken>> {
    let query = sqlx::query(
        "SELECT jti, organization_id, expires_at FROM revoked_token
         WHERE expires_at > $1 AND jti > $2 ORDER BY jti LIMIT $3",
    );
    let query = query
        .bind(millis(now))
        .bind(after.map_or_else(String::new, |id| id.to_string()))
        .bind(i64::from(BATCH));
    all(db, query).await?.iter().map(read).collect()
}

/// Forgets a batch of those that end before `before`; returns how many.
pub(super) async fn remove(db: &mut Db, before: Timestamp) -> Answer<u64> {
    let query = sqlx::query(
        "DELETE FROM revoked_token WHERE jti IN
             (SELECT jti FROM revoked_token WHERE expires_at < $1 LIMIT $2)",
    );
    execute(db, query.bind(millis(before)).bind(i64::from(BATCH))).await
}
