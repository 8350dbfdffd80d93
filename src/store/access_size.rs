//! How much accounts hold in all, where a change concerns many of them.

use async_trait::async_trait;

use crate::domain::access_size::AccessSize;
use crate::domain::id::GroupId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;

use super::NamedHolder;
use super::StoreError;

/// What accounts are concerned by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConcernedBy {
    /// They have the role, themselves or by a group.
    Role(RoleId),
    /// They are in the group.
    Group(GroupId),
}

/// Weighing what accounts hold, inside a change.
#[async_trait]
pub trait AccessSizes: Send {
    /// The first account that is concerned and holds more than `most` in all, as the change has left it
    /// so far, and how much that is.
    async fn find_account_with_more(
        &mut self,
        organization: OrganizationId,
        by: ConcernedBy,
        most: AccessSize,
    ) -> Result<Option<(NamedHolder, AccessSize)>, StoreError>;
}
