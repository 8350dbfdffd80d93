//! Roles in the store: those of an organization, and what accounts hold by them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::holdings::Holdings;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::domain::organization::Generation;
use crate::domain::role::NamedRole;
use crate::domain::role::Role;

use super::Lookup;
use super::Page;
use super::StoreError;
use super::WriteError;

/// Something that holds a thing, or uses it, where a person is told so.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NamedHolder {
    /// What kind of thing, such as `service_account`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
}

/// Reads of roles.
#[async_trait]
pub trait RoleReads {
    /// A role, one that is built in included.
    async fn find_role(
        &self,
        organization: OrganizationId,
        role: &Lookup<RoleId>,
    ) -> Result<Option<Role>, StoreError>;

    /// Roles: those that are built in, then those of the organization; those with this text in their
    /// name or their description, or as their id.
    async fn list_roles(
        &self,
        organization: OrganizationId,
        text: Option<&str>,
        page: Page<RoleId>,
    ) -> Result<Vec<Role>, StoreError>;

    /// The roles that these accounts have themselves, each account's in the order of the ids.
    async fn list_roles_of(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, Vec<NamedRole>>, StoreError>;

    /// All that an account holds, in one snapshot; `None` when there is no such account.
    async fn find_holdings(
        &self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<Option<Holdings>, StoreError>;

    /// All that these accounts hold; those that do not exist are left out.
    async fn list_holdings(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, Holdings>, StoreError>;
}

/// Reads and writes of roles in a change.
#[async_trait]
pub trait RoleChanges: Send {
    /// A role, one that is built in included.
    async fn find_role(
        &mut self,
        organization: OrganizationId,
        role: &Lookup<RoleId>,
    ) -> Result<Option<Role>, StoreError>;

    /// All that these accounts hold; those that do not exist are left out.
    async fn list_holdings(
        &mut self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, Holdings>, StoreError>;

    /// The accounts that have the role, themselves or by a group, in the order of their ids: the
    /// first `limit`.
    async fn list_accounts_with_role(
        &mut self,
        organization: OrganizationId,
        role: RoleId,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError>;

    /// The roles that an account which is active at `now` has, itself or by a group, each once.
    async fn list_roles_in_force(
        &mut self,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Vec<RoleId>, StoreError>;

    /// The accounts and the groups that were given the role: the first `limit`.
    async fn list_holders_of_role(
        &mut self,
        organization: OrganizationId,
        role: RoleId,
        limit: u32,
    ) -> Result<Vec<NamedHolder>, StoreError>;

    /// A new role with its access. `Taken` for its name.
    async fn add_role(&mut self, role: &Role) -> Result<(), WriteError>;

    /// Writes the description and the access of a role anew.
    async fn update_role(&mut self, role: &Role) -> Result<(), StoreError>;

    /// Deletes a role, and takes it from every account and group.
    async fn remove_role(
        &mut self,
        organization: OrganizationId,
        role: RoleId,
    ) -> Result<(), StoreError>;

    /// Sets the roles of an account.
    async fn replace_roles(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        roles: &[RoleId],
    ) -> Result<(), StoreError>;

    /// Raises the counters of these accounts; every older token of theirs is dead. Returns the new
    /// values.
    async fn raise_account_generations(
        &mut self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Generation)>, StoreError>;

    /// Raises the counter of the organization; every older token of its accounts is dead. Returns the
    /// new value.
    async fn raise_organization_generation(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Generation, StoreError>;
}
