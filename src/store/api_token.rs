//! API tokens, as the store keeps them: credentials whose one secret is the token.
//!
//! They are added, revoked and killed as the credentials that they are
//! ([`CredentialChanges::add_credential`](super::CredentialChanges::add_credential) and its
//! like), and listed as these are
//! ([`InventoryReads::find_credentials`](super::InventoryReads::find_credentials)).

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::api_token::ApiToken;
use crate::domain::client::Client;
use crate::domain::id::AccountId;
use crate::domain::id::ApiTokenId;
use crate::domain::id::OrganizationId;
use crate::domain::secret::SecretHash;

use super::Lookup;
use super::StoreError;

/// What is read of API tokens.
#[async_trait]
pub trait ApiTokenReads {
    /// The client that has the secret with this hash, or had it: with all that issuance must know, in
    /// one snapshot. A deleted account has none.
    async fn find_client_of_secret(&self, hash: &SecretHash) -> Result<Option<Client>, StoreError>;

    /// An API token of an account. By its name, one that is not revoked comes first.
    async fn find_api_token(
        &self,
        organization: OrganizationId,
        account: AccountId,
        token: &Lookup<ApiTokenId>,
    ) -> Result<Option<ApiToken>, StoreError>;

    /// How many API tokens of the organization, or of this account, are active at `now`.
    async fn count_active_api_tokens(
        &self,
        organization: OrganizationId,
        account: Option<AccountId>,
        now: Timestamp,
    ) -> Result<u32, StoreError>;

    /// How many API tokens of each of these accounts are active at `now`; one without any is not
    /// there.
    async fn count_active_api_tokens_of(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<BTreeMap<AccountId, u32>, StoreError>;
}

/// What is read of API tokens under the lock of a change.
#[async_trait]
pub trait ApiTokenRows {
    /// An API token of an account. By its name, one that is not revoked comes first.
    async fn find_api_token(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        token: &Lookup<ApiTokenId>,
    ) -> Result<Option<ApiToken>, StoreError>;

    /// How many API tokens of this account are active at `now`.
    async fn count_active_api_tokens(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError>;
}
