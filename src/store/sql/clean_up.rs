//! Forgetting secrets that ended long ago.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::credential::CredentialKind;
use crate::domain::id::AccountId;
use crate::domain::id::ApiTokenId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::store::CleanUpReads;
use crate::store::CleanUpWrites;
use crate::store::CleanedUp;
use crate::store::StoreError;

use super::SqlStore;
use super::change::SqlChange;
use super::failure::Answer;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::millis;
use super::query::placeholders;
use super::secret;
use super::usage;

/// The most secrets that one transaction forgets: other changes of the organization wait for it.
const BATCH: i64 = 1_000;

/// The most API tokens that the making of another one forgets: that is no call to wait for.
const FORGOTTEN_AT_ONCE: i64 = 100;

/// Secrets that ended at `$1` or earlier, by themselves or with their credential.
const ENDED: &str = "FROM secret JOIN credential ON credential.id = secret.credential_id
    WHERE (secret.ends_at <= $1 OR secret.revoked_at <= $1 OR credential.revoked_at <= $1)";

#[async_trait]
impl CleanUpReads for SqlStore {
    async fn list_organizations_to_clean_up(
        &self,
        before: Timestamp,
    ) -> Result<Vec<OrganizationId>, StoreError> {
        self.read(move |db| Box::pin(list_organizations(db, before)))
            .await
    }
}

#[async_trait]
impl CleanUpWrites for SqlChange {
    async fn clean_up_secrets(
        &mut self,
        organization: OrganizationId,
        before: Timestamp,
    ) -> Result<CleanedUp, StoreError> {
        self.0.run(|db| clean_up(db, organization, before)).await
    }

    async fn forget_ended_api_tokens(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        kept: u32,
        now: Timestamp,
    ) -> Result<Vec<ApiTokenId>, StoreError> {
        self.0
            .run(|db| forget_api_tokens(db, organization, account, kept, now))
            .await
    }
}

async fn list_organizations(db: &mut Db, before: Timestamp) -> Answer<Vec<OrganizationId>> {
    let query = assembled(format!(
        "SELECT DISTINCT credential.organization_id {ENDED}"
    ));
    let rows = all(db, query.bind(millis(before))).await?;
    rows.iter()
        .map(|row| row.parse("organization_id"))
        .collect()
}

async fn clean_up(
    db: &mut Db,
    organization: OrganizationId,
    before: Timestamp,
) -> Answer<CleanedUp> {
    let query = assembled(format!(
        "DELETE FROM secret WHERE id IN
             (SELECT secret.id {ENDED} AND credential.organization_id = $2 LIMIT $3)
         RETURNING id, credential_id"
    ));
    let query = query
        .bind(millis(before))
        .bind(organization.to_string())
        .bind(BATCH);
    let removed = all(db, query).await?;
    settle(db, organization, &removed).await
}

/// The oldest of those that have ended: a secret that was revoked, or whose credential was, has ended
/// then.
async fn forget_api_tokens(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
    kept: u32,
    now: Timestamp,
) -> Answer<Vec<ApiTokenId>> {
    let query = assembled(format!(
        "DELETE FROM secret WHERE id IN
             (SELECT secret.id {ENDED} AND credential.organization_id = $2
                  AND credential.account_id = $3 AND credential.kind = 'api_token'
              ORDER BY coalesce(credential.revoked_at, secret.revoked_at, secret.ends_at) DESC,
                       secret.id DESC
              LIMIT $4 OFFSET $5)
         RETURNING id, credential_id"
    ));
    let query = query
        .bind(millis(now))
        .bind(organization.to_string())
        .bind(account.to_string())
        .bind(FORGOTTEN_AT_ONCE)
        .bind(i64::from(kept));
    let removed = all(db, query).await?;
    Ok(settle(db, organization, &removed).await?.api_tokens)
}

/// Removes what belongs to secrets that are gone.
async fn settle(db: &mut Db, organization: OrganizationId, removed: &[Row]) -> Answer<CleanedUp> {
    let mut cleaned_up = CleanedUp {
        secrets: removed.len() as u64,
        ..CleanedUp::default()
    };
    let secrets: Vec<&str> = removed
        .iter()
        .map(|row| row.text("id"))
        .collect::<Answer<_>>()?;
    if !secrets.is_empty() {
        usage::fold(db, &secrets).await?;
    }
    let owners: BTreeSet<&str> = removed
        .iter()
        .map(|row| row.text("credential_id"))
        .collect::<Answer<_>>()?;
    remove_bare(db, organization, &owners, &mut cleaned_up).await?;
    let owners: Vec<&str> = owners.into_iter().collect();
    secret::settle_ends(db, &owners).await?;
    Ok(cleaned_up)
}

/// Removes those of these credentials that have no secret any more.
async fn remove_bare(
    db: &mut Db,
    organization: OrganizationId,
    credentials: &BTreeSet<&str>,
    cleaned_up: &mut CleanedUp,
) -> Answer<()> {
    if credentials.is_empty() {
        return Ok(());
    }
    let query = assembled(format!(
        "DELETE FROM credential WHERE organization_id = $1 AND id IN ({})
             AND NOT EXISTS (SELECT 1 FROM secret WHERE secret.credential_id = credential.id)
         RETURNING id, kind",
        placeholders(2, credentials.len())
    ));
    let query = query.bind(organization.to_string());
    let query = credentials
        .iter()
        .fold(query, |query, id| query.bind((*id).to_owned()));
    for row in all(db, query).await? {
        take_in(&row, cleaned_up)?;
    }
    Ok(())
}

fn take_in(row: &Row, cleaned_up: &mut CleanedUp) -> Answer<()> {
    let id: CredentialId = row.parse("id")?;
    match row.word("kind", CredentialKind::parse)? {
        CredentialKind::ClientSecret => cleaned_up.credentials.push(id),
        CredentialKind::ApiToken => {
            cleaned_up.api_tokens.push(ApiTokenId::of_credential(id));
        }
    }
    Ok(())
}
