//! Reports of leaked secrets.

use std::net::IpAddr;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::credential::CredentialKind;
use crate::domain::credential::CredentialRef;
use crate::domain::id::OrganizationId;
use crate::domain::id::SecretId;
use crate::domain::leak::Leak;
use crate::domain::secret::SecretHash;
use crate::store::LeakReads;
use crate::store::LeakWrites;
use crate::store::Page;
use crate::store::SecretOwner;
use crate::store::StoreError;

use super::SqlStore;
use super::change::SqlChange;
use super::failure::Answer;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::execute;
use super::query::execute_one;
use super::query::millis;
use super::query::one;
use super::secret;
use super::statement::Conditions;

#[async_trait]
impl LeakReads for SqlStore {
    async fn find_secret_owner(
        &self,
        hash: &SecretHash,
    ) -> Result<Option<SecretOwner>, StoreError> {
        let hash = *hash;
        self.read(move |db| Box::pin(async move { find_owner(db, &hash).await }))
            .await
    }

    async fn list_leaks(
        &self,
        organization: OrganizationId,
        text: Option<&str>,
        now: Timestamp,
        page: Page<SecretId>,
    ) -> Result<Vec<Leak>, StoreError> {
        let text = text.map(str::to_owned);
        self.read(move |db| {
            Box::pin(async move { list(db, organization, text.as_deref(), now, page).await })
        })
        .await
    }
}

#[async_trait]
impl LeakWrites for SqlChange {
    async fn find_leak(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
        now: Timestamp,
    ) -> Result<Option<Leak>, StoreError> {
        self.0.run(|db| find(db, organization, secret, now)).await
    }

    async fn remove_leak(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
    ) -> Result<(), StoreError> {
        self.0.run(|db| remove(db, organization, secret)).await
    }

    async fn add_leak(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
        at: Timestamp,
        address: Option<IpAddr>,
    ) -> Result<bool, StoreError> {
        self.0
            .run(|db| add(db, organization, secret, at, address))
            .await
    }
}

async fn find_owner(db: &mut Db, hash: &SecretHash) -> Answer<Option<SecretOwner>> {
    let query = sqlx::query(
        "SELECT credential.organization_id, credential.account_id,
                credential.id AS credential_id, credential.kind, secret.id AS secret_id
         FROM secret JOIN credential ON credential.id = secret.credential_id
         WHERE secret.hmac = $1",
    );
    let row = one(db, query.bind(secret::text_of(hash))).await?;
    row.as_ref().map(read_owner).transpose()
}

fn read_owner(row: &Row) -> Answer<SecretOwner> {
    Ok(SecretOwner {
        organization: row.parse("organization_id")?,
        account: row.parse("account_id")?,
        credential: CredentialRef::of(
            row.parse("credential_id")?,
            row.word("kind", CredentialKind::parse)?,
        ),
        secret: row.parse("secret_id")?,
    })
}

/// Reports with what they are about.
const SELECT: &str = "SELECT leak.secret_id, credential.id AS credential_id, credential.kind,
        credential.account_id, leak.reported_at, leak.address
    FROM leak JOIN secret ON secret.id = leak.secret_id
    JOIN credential ON credential.id = secret.credential_id
    JOIN service_account ON service_account.id = credential.account_id";

/// Only those in the organization of secrets that are alive at `now`.
fn waiting(organization: OrganizationId, now: Timestamp) -> Conditions {
    let mut conditions = Conditions::default();
    let organization = conditions.text(organization.to_string());
    conditions.add(format!("credential.organization_id = {organization}"));
    conditions.add("credential.status <> 'revoked' AND secret.revoked_at IS NULL".to_owned());
    let now = conditions.number(millis(now));
    conditions.add(format!(
        "(secret.ends_at IS NULL OR secret.ends_at > {now})"
    ));
    conditions
}

async fn list(
    db: &mut Db,
    organization: OrganizationId,
    text: Option<&str>,
    now: Timestamp,
    page: Page<SecretId>,
) -> Answer<Vec<Leak>> {
    let mut conditions = waiting(organization, now);
    conditions.add_after("leak.secret_id", page.after);
    if let Some(text) = text {
        let columns = [
            "service_account.folded_name",
            "service_account.id",
            "credential.folded_name",
            "credential.id",
        ];
        conditions.add_search(text, &columns, "leak.secret_id");
    }
    let limit = conditions.number(page.limit.into());
    let rest = format!("ORDER BY leak.secret_id LIMIT {limit}");
    let rows = all(db, conditions.statement(SELECT, &rest)).await?;
    rows.iter().map(read).collect()
}

async fn find(
    db: &mut Db,
    organization: OrganizationId,
    secret: SecretId,
    now: Timestamp,
) -> Answer<Option<Leak>> {
    let mut conditions = waiting(organization, now);
    let secret = conditions.text(secret.to_string());
    conditions.add(format!("leak.secret_id = {secret}"));
    let query = conditions.statement(SELECT, "");
    one(db, query).await?.as_ref().map(read).transpose()
}

async fn remove(db: &mut Db, organization: OrganizationId, secret: SecretId) -> Answer<()> {
    let query = sqlx::query(
        "DELETE FROM leak WHERE secret_id = $2 AND EXISTS
             (SELECT 1 FROM secret JOIN credential ON credential.id = secret.credential_id
              WHERE secret.id = $2 AND credential.organization_id = $1)",
    );
    let query = query
        .bind(organization.to_string())
        .bind(secret.to_string());
    execute_one(db, query, "leak report").await
}

fn read(row: &Row) -> Answer<Leak> {
    Ok(Leak {
        secret: row.parse("secret_id")?,
        credential: CredentialRef::of(
            row.parse("credential_id")?,
            row.word("kind", CredentialKind::parse)?,
        ),
        account: row.parse("account_id")?,
        reported_at: row.instant("reported_at")?,
        address: row.optional_address("address")?,
    })
}

async fn add(
    db: &mut Db,
    organization: OrganizationId,
    secret: SecretId,
    at: Timestamp,
    address: Option<IpAddr>,
) -> Answer<bool> {
    let query = sqlx::query(
        "INSERT INTO leak (secret_id, reported_at, address)
         SELECT secret.id, $3, $4
         FROM secret JOIN credential ON credential.id = secret.credential_id
         WHERE credential.organization_id = $1 AND secret.id = $2
         ON CONFLICT (secret_id) DO NOTHING",
    );
    let query = query
        .bind(organization.to_string())
        .bind(secret.to_string())
        .bind(millis(at))
        .bind(address.map(|address| address.to_string()));
    Ok(execute(db, query).await? == 1)
}
