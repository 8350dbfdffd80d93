//! How many credentials and API tokens accounts have.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;

use super::StoreError;

/// For those who look.
#[async_trait]
pub trait CredentialCounts {
    /// How many credentials of each of these accounts are active at `now`; one without any is not
    /// there.
    async fn count_active_credentials_of(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<BTreeMap<AccountId, u32>, StoreError>;
}

/// For those who are about to make one more.
#[async_trait]
pub trait CredentialCountsInChange {
    /// How many credentials an account has, however they stand.
    async fn count_credentials(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<u32, StoreError>;

    /// How many API tokens of an account are active at `now`.
    async fn count_api_tokens(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError>;
}
