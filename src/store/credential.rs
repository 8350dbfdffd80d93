//! Credentials and their secrets in the store.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::credential::Credential;
use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::domain::id::SecretId;
use crate::domain::organization::Generation;
use crate::domain::organization::Status;
use crate::domain::secret::StoredSecret;

use super::Lookup;
use super::Page;
use super::StoreError;
use super::WriteError;

/// Reads of credentials.
#[async_trait]
pub trait CredentialReads {
    /// A credential of an account, with its secrets and its narrowing.
    async fn find_credential(
        &self,
        organization: OrganizationId,
        account: AccountId,
        credential: &Lookup<CredentialId>,
    ) -> Result<Option<Credential>, StoreError>;

    /// The credentials of these accounts (all of the organization's when it is `None`).
    async fn list_credentials(
        &self,
        organization: OrganizationId,
        accounts: Option<&[AccountId]>,
        page: Page<CredentialId>,
    ) -> Result<Vec<Credential>, StoreError>;
}

/// Reads and writes of credentials and secrets in a change.
#[async_trait]
pub trait CredentialChanges: Send {
    /// A credential of an account, with its secrets and its narrowing.
    async fn find_credential(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        credential: &Lookup<CredentialId>,
    ) -> Result<Option<Credential>, StoreError>;

    /// All credentials of an account.
    async fn list_credentials(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<Vec<Credential>, StoreError>;

    /// The first credentials of an account and API tokens among them, however they stand, and how many
    /// there are.
    async fn list_credential_refs(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        limit: u16,
    ) -> Result<(Vec<CredentialRef>, u32), StoreError>;

    /// A new credential with its secrets and its narrowing.
    async fn add_credential(&mut self, credential: &Credential) -> Result<(), WriteError>;

    /// Sets a credential's status.
    async fn set_credential_status(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
        status: Status,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Takes back every credential of an account that was not yet, its API tokens among them. Returns
    /// how many.
    async fn revoke_all_credentials(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Raises a credential's counter; every older token of it is dead. Returns the new value.
    async fn raise_credential_generation(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
    ) -> Result<Generation, StoreError>;

    /// Deletes a credential and its secrets.
    async fn remove_credential(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
    ) -> Result<(), StoreError>;

    /// A new secret of a credential.
    async fn add_secret(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
        secret: &StoredSecret,
    ) -> Result<(), StoreError>;

    /// Sets the end of a secret.
    async fn set_secret_end(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
        ends_at: Option<Timestamp>,
    ) -> Result<(), StoreError>;

    /// Marks a secret as revoked.
    async fn revoke_secret(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Deletes a secret that has ended; what was known of its use is then known of its credential.
    async fn remove_secret(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
    ) -> Result<(), StoreError>;
}
