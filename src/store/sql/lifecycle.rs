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
use crate::store::AccountNames;
use crate::store::LifecycleWrites;
use crate::store::StoreError;
use crate::store::WriteError;

use super::SqlStore;
use super::account;
use super::change::SqlChange;
use super::credential;
use super::organization;

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
}
