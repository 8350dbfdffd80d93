//! Reports of leaked secrets.

use std::net::IpAddr;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::id::SecretId;
use crate::domain::leak::Leak;
use crate::domain::secret::SecretHash;

use super::Page;
use super::StoreError;

/// Whose a secret is, or was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SecretOwner {
    /// The organization.
    pub organization: OrganizationId,
    /// The account.
    pub account: AccountId,
    /// The credential.
    pub credential: CredentialRef,
    /// The secret.
    pub secret: SecretId,
}

/// What is read of leaks.
#[async_trait]
pub trait LeakReads {
    /// Whose the secret with this hash is, or was.
    async fn find_secret_owner(&self, hash: &SecretHash)
    -> Result<Option<SecretOwner>, StoreError>;

    /// The secrets of an organization that were reported as leaked and may still be used at `now`; those
    /// with this text in the name or the id of their account or their credential, or as their id.
    async fn list_leaks(
        &self,
        organization: OrganizationId,
        text: Option<&str>,
        now: Timestamp,
        page: Page<SecretId>,
    ) -> Result<Vec<Leak>, StoreError>;
}

/// What is written of leaks.
#[async_trait]
pub trait LeakWrites {
    /// The report of this secret of the organization, if there is one and the secret may still be used
    /// at `now`.
    async fn find_leak(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
        now: Timestamp,
    ) -> Result<Option<Leak>, StoreError>;

    /// Forgets the report of a secret: somebody has decided that nothing follows from it.
    async fn remove_leak(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
    ) -> Result<(), StoreError>;

    /// Keeps a report for a person to decide about; `false` when there is one of this secret already.
    async fn add_leak(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
        at: Timestamp,
        address: Option<IpAddr>,
    ) -> Result<bool, StoreError>;
}
