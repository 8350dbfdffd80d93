//! API tokens: credentials of their own kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::api_token::ApiToken;
use crate::domain::client::Client;
use crate::domain::credential::Credential;
use crate::domain::id::AccountId;
use crate::domain::id::ApiTokenId;
use crate::domain::id::OrganizationId;
use crate::domain::secret::SecretHash;
use crate::store::ApiTokenReads;
use crate::store::ApiTokenRows;
use crate::store::Lookup;
use crate::store::StoreError;

use super::SqlStore;
use super::change::SqlChange;
use super::client;
use super::credential;
use super::ends::BY_INDEX;
use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::millis;
use super::query::one;
use super::query::placeholders;

macro_rules! select {
    ($rest:literal) => {
        credential::select!("api_token", $rest)
    };
}

/// Which API tokens are active: `$1` is the organization, `$2` the instant.
const ACTIVE: &str = "FROM credential
    WHERE credential.organization_id = $1 AND credential.kind = 'api_token'
      AND credential.status = 'active' AND credential.last_end > $2";

#[async_trait]
impl ApiTokenReads for SqlStore {
    async fn find_client_of_secret(&self, hash: &SecretHash) -> Result<Option<Client>, StoreError> {
        let (hash, interned) = (*hash, Arc::clone(&self.interned));
        self.read(move |db| {
            Box::pin(async move { client::find_by_secret(db, &hash, &interned).await })
        })
        .await
    }

    async fn find_api_token(
        &self,
        organization: OrganizationId,
        account: AccountId,
        token: &Lookup<ApiTokenId>,
    ) -> Result<Option<ApiToken>, StoreError> {
        let token = token.clone();
        self.read_snapshot(move |db| {
            Box::pin(async move { find(db, organization, account, &token).await })
        })
        .await
    }

    async fn count_active_api_tokens(
        &self,
        organization: OrganizationId,
        account: Option<AccountId>,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        self.read(move |db| Box::pin(count_active(db, organization, account, now)))
            .await
    }

    async fn count_active_api_tokens_of(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<BTreeMap<AccountId, u32>, StoreError> {
        let accounts = accounts.to_vec();
        self.read(move |db| {
            Box::pin(async move { count_active_of(db, organization, &accounts, now).await })
        })
        .await
    }
}

#[async_trait]
impl ApiTokenRows for SqlChange {
    async fn find_api_token(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        token: &Lookup<ApiTokenId>,
    ) -> Result<Option<ApiToken>, StoreError> {
        self.0
            .run(|db| find(db, organization, account, token))
            .await
    }

    async fn count_active_api_tokens(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        self.0
            .run(|db| count_active(db, organization, Some(account), now))
            .await
    }
}

async fn find(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
    token: &Lookup<ApiTokenId>,
) -> Answer<Option<ApiToken>> {
    let (query, key) = match token {
        Lookup::Id(id) => (
            select!("AND account_id = $2 AND id = $3"),
            id.credential().to_string(),
        ),
        Lookup::Name(name) => (
            select!(
                "AND account_id = $2 AND name = $3
                 ORDER BY CASE WHEN status = 'revoked' THEN 1 ELSE 0 END, id DESC LIMIT 1"
            ),
            name.clone(),
        ),
    };
    let query = sqlx::query(query)
        .bind(organization.to_string())
        .bind(account.to_string())
        .bind(key);
    let rows = all(db, query).await?;
    let found = credential::complete(db, &rows).await?.pop();
    found.map(read).transpose()
}

async fn count_active(
    db: &mut Db,
    organization: OrganizationId,
    account: Option<AccountId>,
    now: Timestamp,
) -> Answer<u32> {
    let which = account.map_or(BY_INDEX, |_| "credential.account_id = $3");
    let query = assembled(format!("SELECT count(*) AS tokens {ACTIVE} AND {which}"));
    let query = query.bind(organization.to_string()).bind(millis(now));
    let query = account
        .iter()
        .fold(query, |query, id| query.bind(id.to_string()));
    let row = one(db, query).await?;
    row.as_ref()
        .map_or(Err(Failure::Unreadable("tokens")), read_count)
}

async fn count_active_of(
    db: &mut Db,
    organization: OrganizationId,
    accounts: &[AccountId],
    now: Timestamp,
) -> Answer<BTreeMap<AccountId, u32>> {
    if accounts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = assembled(format!(
        "SELECT credential.account_id, count(*) AS tokens {ACTIVE}
             AND credential.account_id IN ({})
         GROUP BY credential.account_id",
        placeholders(3, accounts.len())
    ));
    let query = query.bind(organization.to_string()).bind(millis(now));
    let query = accounts
        .iter()
        .fold(query, |query, id| query.bind(id.to_string()));
    let counted = |row: &Row| Ok((row.parse("account_id")?, read_count(row)?));
    all(db, query).await?.iter().map(counted).collect()
}

fn read(credential: Credential) -> Answer<ApiToken> {
    ApiToken::of(credential).ok_or(Failure::Unreadable("API token"))
}

fn read_count(row: &Row) -> Answer<u32> {
    row.optional_count("tokens")?
        .ok_or(Failure::Unreadable("tokens"))
}
