//! How many credentials and API tokens accounts have.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::credential::CredentialKind;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::store::CredentialCounts;
use crate::store::CredentialCountsInChange;
use crate::store::StoreError;

use super::SqlStore;
use super::change::SqlChange;
use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::millis;
use super::query::placeholders;

/// Those of the organization `$1` that are of the kind `$2`.
const OF_KIND: &str = "FROM credential WHERE organization_id = $1 AND kind = $2";

/// Those of them that are active at `$3`: an administrator has not stopped them, and one of their
/// secrets is live.
const ACTIVE: &str = "AND status = 'active' AND last_end > $3";

#[async_trait]
impl CredentialCounts for SqlStore {
    async fn count_active_credentials_of(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<BTreeMap<AccountId, u32>, StoreError> {
        let accounts = accounts.to_vec();
        let kind = CredentialKind::ClientSecret;
        self.read(move |db| {
            Box::pin(async move { active(db, organization, kind, &accounts, now).await })
        })
        .await
    }
}

#[async_trait]
impl CredentialCountsInChange for SqlChange {
    async fn count_credentials(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<u32, StoreError> {
        self.0.run(|db| all_of(db, organization, account)).await
    }

    async fn count_api_tokens(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let (kind, accounts) = (CredentialKind::ApiToken, [account]);
        let counted = self
            .0
            .run(|db| active(db, organization, kind, &accounts, now));
        let counts: Result<BTreeMap<_, _>, StoreError> = counted.await;
        Ok(counts?.get(&account).copied().unwrap_or(0))
    }
}

async fn all_of(db: &mut Db, organization: OrganizationId, account: AccountId) -> Answer<u32> {
    let query = assembled(format!(
        "SELECT account_id, count(*) AS credentials {OF_KIND} AND account_id = $3
         GROUP BY account_id"
    ));
    let query = query
        .bind(organization.to_string())
        .bind(CredentialKind::ClientSecret.as_str())
        .bind(account.to_string());
    // Without any there is no row.
    all(db, query).await?.first().map_or(Ok(0), count)
}

async fn active(
    db: &mut Db,
    organization: OrganizationId,
    kind: CredentialKind,
    accounts: &[AccountId],
    now: Timestamp,
) -> Answer<BTreeMap<AccountId, u32>> {
    if accounts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = assembled(format!(
        "SELECT account_id, count(*) AS credentials {OF_KIND} {ACTIVE} AND account_id IN ({})
         GROUP BY account_id",
        placeholders(4, accounts.len())
    ));
    let query = query
        .bind(organization.to_string())
        .bind(kind.as_str())
        .bind(millis(now));
    let query = accounts
        .iter()
        .fold(query, |query, id| query.bind(id.to_string()));
    let counted = |row: &Row| Ok((row.parse("account_id")?, count(row)?));
    all(db, query).await?.iter().map(counted).collect()
}

fn count(row: &Row) -> Answer<u32> {
    row.optional_count("credentials")?
        .ok_or(Failure::Unreadable("credentials"))
}
