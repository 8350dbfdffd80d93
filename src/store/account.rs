//! Organizations and their accounts in the store.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::account::ServiceAccount;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::organization::Generation;
use crate::domain::organization::Organization;
use crate::domain::organization::Status;

use super::Lookup;
use super::Page;
use super::StoreError;
use super::WriteError;

/// Which organizations are wanted: those that meet all that is said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OrganizationFilter {
    /// How they stand.
    pub status: Option<Status>,
    /// A part of the name, or the id.
    pub text: Option<String>,
}

/// Reads of organizations and accounts.
#[async_trait]
pub trait AccountReads {
    /// An organization.
    async fn find_organization(
        &self,
        organization: &Lookup<OrganizationId>,
    ) -> Result<Option<Organization>, StoreError>;

    /// Organizations, only those in `among` when it is given.
    async fn list_organizations(
        &self,
        among: Option<&[OrganizationId]>,
        filter: &OrganizationFilter,
        page: Page<OrganizationId>,
    ) -> Result<Vec<Organization>, StoreError>;

    /// How many accounts an organization has.
    async fn count_accounts(&self, organization: OrganizationId) -> Result<u32, StoreError>;

    /// An account.
    async fn find_account(
        &self,
        organization: OrganizationId,
        account: &Lookup<AccountId>,
    ) -> Result<Option<ServiceAccount>, StoreError>;

    /// Accounts.
    async fn list_accounts(
        &self,
        organization: OrganizationId,
        page: Page<AccountId>,
    ) -> Result<Vec<ServiceAccount>, StoreError>;
}

/// Reads and writes of organizations and accounts in a change.
#[async_trait]
pub trait AccountChanges: Send {
    /// An organization.
    async fn find_organization(
        &mut self,
        organization: &Lookup<OrganizationId>,
    ) -> Result<Option<Organization>, StoreError>;

    /// How many accounts an organization has.
    async fn count_accounts(&mut self, organization: OrganizationId) -> Result<u32, StoreError>;

    /// An account.
    async fn find_account(
        &mut self,
        organization: OrganizationId,
        account: &Lookup<AccountId>,
    ) -> Result<Option<ServiceAccount>, StoreError>;

    /// A new organization.
    async fn add_organization(&mut self, organization: &Organization) -> Result<(), WriteError>;

    /// A new account, without access.
    async fn add_account(&mut self, account: &ServiceAccount) -> Result<(), WriteError>;

    /// Sets an account's status.
    async fn set_account_status(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        status: Status,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Raises an account's counter; every older token of it is dead. Returns the new value.
    async fn raise_account_generation(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<Generation, StoreError>;

    /// Deletes an account: purges its credentials, secrets, access, roles and memberships, and leaves a
    /// tombstone that audit and usage can still name.
    async fn remove_account(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError>;
}
