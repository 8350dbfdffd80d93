//! Groups in the store.

use async_trait::async_trait;

use crate::domain::group::Group;
use crate::domain::group::Member;
use crate::domain::id::AccountId;
use crate::domain::id::GroupId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;

use super::Lookup;
use super::Page;
use super::StoreError;
use super::WriteError;

/// Reads of groups.
#[async_trait]
pub trait GroupReads {
    /// A group.
    async fn find_group(
        &self,
        organization: OrganizationId,
        group: &Lookup<GroupId>,
    ) -> Result<Option<Group>, StoreError>;

    /// Groups; those with this text in their name or their description, or as their id.
    async fn list_groups(
        &self,
        organization: OrganizationId,
        text: Option<&str>,
        page: Page<GroupId>,
    ) -> Result<Vec<Group>, StoreError>;

    /// The accounts in a group; those with this text in their name or their e-mail, or as their id.
    async fn list_members(
        &self,
        organization: OrganizationId,
        group: GroupId,
        text: Option<&str>,
        page: Page<AccountId>,
    ) -> Result<Vec<Member>, StoreError>;
}

/// Reads and writes of groups in a change.
#[async_trait]
pub trait GroupChanges: Send {
    /// A group.
    async fn find_group(
        &mut self,
        organization: OrganizationId,
        group: &Lookup<GroupId>,
    ) -> Result<Option<Group>, StoreError>;

    /// The ids of the accounts in a group, in their order: the first `limit`.
    async fn list_member_ids(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError>;

    /// A new group with its roles. `Taken` for its name.
    async fn add_group(&mut self, group: &Group) -> Result<(), WriteError>;

    /// Writes the description and the roles of a group anew.
    async fn update_group(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
        description: Option<&str>,
        roles: &[RoleId],
    ) -> Result<(), StoreError>;

    /// Deletes a group; its members stay.
    async fn remove_group(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
    ) -> Result<(), StoreError>;

    /// Puts an account of the organization into a group; `false` when it was in it already.
    async fn add_member(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
        account: AccountId,
    ) -> Result<bool, StoreError>;

    /// Takes an account out of a group; `false` when it was not in it.
    async fn remove_member(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
        account: AccountId,
    ) -> Result<bool, StoreError>;
}
