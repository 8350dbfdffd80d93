//! The secrets of credentials: their HMACs, never themselves.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::domain::id::SecretId;
use crate::domain::secret::SecretHash;
use crate::domain::secret::StoredSecret;

use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::execute_one;
use super::query::millis;
use super::query::one;
use super::query::placeholders;
use super::usage;

fn read(row: &Row) -> Answer<StoredSecret> {
    Ok(StoredSecret {
        id: row.parse("id")?,
        hash: row.word("hmac", read_hash)?,
        pepper: row.parse("pepper")?,
        hint: row.text("hint")?.to_owned(),
        created_at: row.instant("created_at")?,
        ends_at: row.optional_instant("ends_at")?,
        revoked_at: row.optional_instant("revoked_at")?,
    })
}

pub(super) fn read_hash(text: &str) -> Option<SecretHash> {
    let mut bytes = [0_u8; 32];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(32) => Some(SecretHash::from_bytes(bytes)),
        _ => None,
    }
}

/// A hash as the column has it.
pub(super) fn text_of(hash: &SecretHash) -> String {
    URL_SAFE_NO_PAD.encode(hash.as_bytes())
}

/// The secrets of these credentials, each with the id of its credential, from the oldest to the
/// newest.
pub(super) async fn of_credentials(
    db: &mut Db,
    credentials: &[String],
) -> Answer<Vec<(String, StoredSecret)>> {
    if credentials.is_empty() {
        return Ok(Vec::new());
    }
    let query = assembled(format!(
        "SELECT id, credential_id, hmac, pepper, hint, created_at, ends_at, revoked_at
         FROM secret WHERE credential_id IN ({}) ORDER BY credential_id, position",
        placeholders(1, credentials.len())
    ));
    let query = credentials
        .iter()
        .fold(query, |query, id| query.bind(id.as_str()));
    let with_owner = |row: &Row| Ok((row.text("credential_id")?.to_owned(), read(row)?));
    all(db, query).await?.iter().map(with_owner).collect()
}

/// Works out the ends of these credentials and of their overlaps, once their secrets have changed.
pub(super) async fn settle_ends(db: &mut Db, credentials: &[&str]) -> Answer<()> {
    const NEWEST: &str = "(SELECT coalesce(secret.ends_at, 9223372036854775807) FROM secret
         WHERE secret.credential_id = credential.id
         ORDER BY CASE WHEN secret.revoked_at IS NULL THEN 0 ELSE 1 END, secret.position DESC
         LIMIT 1)";
    const LAST: &str = "(SELECT max(coalesce(secret.ends_at, 9223372036854775807)) FROM secret
         WHERE secret.credential_id = credential.id AND secret.revoked_at IS NULL)";
    const OVERLAP: &str = "(SELECT max(secret.ends_at) FROM secret
         WHERE secret.credential_id = credential.id AND secret.revoked_at IS NULL
           AND secret.position < (SELECT max(newest.position) FROM secret AS newest
               WHERE newest.credential_id = credential.id AND newest.revoked_at IS NULL))";
    if credentials.is_empty() {
        return Ok(());
    }
    let query = assembled(format!(
        "UPDATE credential
         SET newest_end = coalesce({NEWEST}, newest_end),
             last_end = coalesce({LAST}, 0),
             overlap_end = {OVERLAP}
         WHERE id IN ({})",
        placeholders(1, credentials.len())
    ));
    let query = credentials
        .iter()
        .fold(query, |query, id| query.bind((*id).to_owned()));
    execute(db, query).await?;
    Ok(())
}

/// The newest secret of a credential.
pub(super) async fn insert(
    db: &mut Db,
    credential: CredentialId,
    secret: &StoredSecret,
) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO secret
             (id, credential_id, hmac, pepper, hint, created_at, ends_at, revoked_at, position)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
                 (SELECT coalesce(max(position), 0) + 1 FROM secret WHERE credential_id = $2))",
    );
    let query = query
        .bind(secret.id.to_string())
        .bind(credential.to_string())
        .bind(text_of(&secret.hash))
        .bind(secret.pepper.to_string())
        .bind(secret.hint.as_str())
        .bind(millis(secret.created_at))
        .bind(secret.ends_at.map(millis))
        .bind(secret.revoked_at.map(millis));
    execute(db, query).await?;
    Ok(())
}

pub(super) async fn add(
    db: &mut Db,
    organization: OrganizationId,
    credential: CredentialId,
    secret: &StoredSecret,
) -> Answer<()> {
    insert(db, credential, secret).await?;
    let owner = touch_owner(db, organization, secret.id).await?;
    settle_ends(db, &[&owner]).await
}

pub(super) async fn set_end(
    db: &mut Db,
    organization: OrganizationId,
    secret: SecretId,
    ends_at: Option<Timestamp>,
) -> Answer<()> {
    let owner = touch_owner(db, organization, secret).await?;
    let query = sqlx::query("UPDATE secret SET ends_at = $2 WHERE id = $1");
    let query = query.bind(secret.to_string()).bind(ends_at.map(millis));
    execute_one(db, query, "secret").await?;
    settle_ends(db, &[&owner]).await
}

pub(super) async fn revoke(
    db: &mut Db,
    organization: OrganizationId,
    secret: SecretId,
    at: Timestamp,
) -> Answer<()> {
    let owner = touch_owner(db, organization, secret).await?;
    let query = sqlx::query("UPDATE secret SET revoked_at = $2 WHERE id = $1");
    let query = query.bind(secret.to_string()).bind(millis(at));
    execute_one(db, query, "secret").await?;
    settle_ends(db, &[&owner]).await
}

pub(super) async fn remove(
    db: &mut Db,
    organization: OrganizationId,
    secret: SecretId,
) -> Answer<()> {
    let owner = touch_owner(db, organization, secret).await?;
    let id = secret.to_string();
    let query = sqlx::query("DELETE FROM secret WHERE id = $1");
    execute_one(db, query.bind(id.as_str()), "secret").await?;
    settle_ends(db, &[&owner]).await?;
    usage::fold(db, &[&id]).await
}

/// Notes the change at the secret's credential, and makes sure that the organization has it. Returns
/// the credential's id.
async fn touch_owner(
    db: &mut Db,
    organization: OrganizationId,
    secret: SecretId,
) -> Answer<String> {
    let query = sqlx::query(
        "UPDATE credential SET row_version = row_version + 1
         WHERE organization_id = $1
           AND id = (SELECT credential_id FROM secret WHERE secret.id = $2)
         RETURNING id",
    );
    let query = query
        .bind(organization.to_string())
        .bind(secret.to_string());
    let row = one(db, query).await?.ok_or(Failure::Missing("secret"))?;
    row.text("id").map(str::to_owned)
}
