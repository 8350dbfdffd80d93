//! Edits of organizations, accounts and credentials: the traits, which only put the statements
//! together.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::account::ServiceAccount;
use crate::domain::credential::Credential;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::name::AccountName;
use crate::domain::organization::Organization;
use crate::store::AccessOf;
use crate::store::AccountNames;
use crate::store::LifecycleWrites;
use crate::store::StoreError;
use crate::store::WriteError;

use super::SqlStore;
use super::account;
use super::change::SqlChange;
use super::credential;
use super::failure::Answer;
use super::organization;
use super::query::Db;
use super::query::execute_one;
use super::query::millis;

#[async_trait]
impl AccountNames for SqlStore {
    async fn list_account_names(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, AccountName)>, StoreError> {
        let accounts = accounts.to_vec();
        self.read(move |db| {
            Box::pin(async move { account::list_names(db, organization, &accounts).await })
        })
        .await
    }
}

#[async_trait]
impl LifecycleWrites for SqlChange {
    async fn update_organization(&mut self, organization: &Organization) -> Result<(), StoreError> {
        self.0
            .run(|db| organization::update(db, organization))
            .await
    }

    async fn update_account(&mut self, account: &ServiceAccount) -> Result<(), WriteError> {
        self.0.run(|db| account::update(db, account)).await
    }

    async fn update_credential(
        &mut self,
        credential: &Credential,
        at: Timestamp,
    ) -> Result<(), WriteError> {
        self.0
            .run(|db| credential::update(db, credential, at))
            .await
    }

    async fn note_access_change(
        &mut self,
        organization: OrganizationId,
        of: AccessOf,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.0.run(|db| note_change(db, organization, of, at)).await
    }
}

async fn note_change(
    db: &mut Db,
    organization: OrganizationId,
    of: AccessOf,
    at: Timestamp,
) -> Answer<()> {
    let (statement, id, what) = match of {
        AccessOf::Account(id) => (
            "UPDATE service_account SET access_changed_at = $3
             WHERE organization_id = $1 AND id = $2",
            id.to_string(),
            "service account",
        ),
        AccessOf::Role(id) => (
            "UPDATE role SET access_changed_at = $3 WHERE organization_id = $1 AND id = $2",
            id.to_string(),
            "role",
        ),
        AccessOf::Group(id) => (
            "UPDATE account_group SET access_changed_at = $3
             WHERE organization_id = $1 AND id = $2",
            id.to_string(),
            "group",
        ),
    };
    let query = sqlx::query(statement)
        .bind(organization.to_string())
        .bind(id)
        .bind(millis(at));
    execute_one(db, query, what).await
}
