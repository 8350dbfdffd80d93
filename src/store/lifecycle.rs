//! Edits of organizations, accounts and credentials.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::account::ServiceAccount;
use crate::domain::credential::Credential;
use crate::domain::id::AccountId;
use crate::domain::id::GroupId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::domain::name::AccountName;
use crate::domain::organization::Organization;

use super::StoreError;
use super::WriteError;

/// What lists of other things need to know of accounts.
#[async_trait]
pub trait AccountNames {
    /// The names of these accounts of the organization, in no order; also of those that were deleted.
    async fn list_account_names(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, AccountName)>, StoreError>;
}

/// Whose access has changed: that of all who have it.
#[derive(Clone, Copy, Debug)]
pub enum AccessOf {
    /// An account's own grants, its roles or its groups.
    Account(AccountId),
    /// What a role grants.
    Role(RoleId),
    /// The roles of a group.
    Group(GroupId),
}

/// Writes of what may be edited. The thing is looked up first, under the lock of its organization.
#[async_trait]
pub trait LifecycleWrites {
    /// Writes the status, the quota and the policy of an organization anew.
    async fn update_organization(&mut self, organization: &Organization) -> Result<(), StoreError>;

    /// Writes the name, the description, the owner, the labels, the end and the longest lifetime of
    /// tokens of an account anew. `Taken` for its name.
    async fn update_account(&mut self, account: &ServiceAccount) -> Result<(), WriteError>;

    /// Writes the name and the networks of a credential anew. `Taken` for its name.
    async fn update_credential(
        &mut self,
        credential: &Credential,
        at: Timestamp,
    ) -> Result<(), WriteError>;

    /// Notes when access was changed: since then, at the earliest, is it as it is.
    async fn note_access_change(
        &mut self,
        organization: OrganizationId,
        of: AccessOf,
        at: Timestamp,
    ) -> Result<(), StoreError>;
}
