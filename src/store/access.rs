//! Grants in the store: what accounts, roles and credentials hold.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::domain::organization::Status;

use super::StoreError;

/// Whose access is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holder {
    /// An account's own grants.
    Account(AccountId),
    /// What a role grants.
    Role(RoleId),
    /// What a credential is narrowed to.
    Credential(CredentialId),
}

/// An account with its grants at one API, its own and those of its roles and its groups' roles.
#[derive(Clone, Debug)]
pub struct ApiHolder {
    /// The account.
    pub account: AccountId,
    /// The organization that owns it, and its status.
    pub organization: (OrganizationId, Status),
    /// The account's status.
    pub status: Status,
    /// The account's end; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// Its stored grants at the API, and no others: those of the roles that are built in are none, and
    /// never reach beyond one organization.
    pub access: Access,
}

impl ApiHolder {
    /// Whether the account itself is active at `now`, whatever its organization is.
    pub fn is_active_at(&self, now: Timestamp) -> bool {
        self.status == Status::Active && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Reads of grants.
#[async_trait]
pub trait AccessReads {
    /// The grants of an account, a role or a credential; `None` for a credential that is not narrowed.
    async fn find_access(
        &self,
        organization: OrganizationId,
        holder: Holder,
    ) -> Result<Option<Access>, StoreError>;
}

/// Reads and writes of grants in a change.
#[async_trait]
pub trait AccessChanges: Send {
    /// The grants of an account, a role or a credential; `None` for a credential that is not narrowed.
    async fn find_access(
        &mut self,
        organization: OrganizationId,
        holder: Holder,
    ) -> Result<Option<Access>, StoreError>;

    /// Every account (on the instance) that has any stored grant at this API, by whichever way: to see
    /// who would be left without.
    async fn list_holders(&mut self, api: ApiId) -> Result<Vec<ApiHolder>, StoreError>;

    /// Sets the grants of an account or a role, or what a credential is narrowed to (`None` = not
    /// narrowed; the access of the others is never `None`).
    async fn replace_access(
        &mut self,
        organization: OrganizationId,
        holder: Holder,
        access: Option<&Access>,
    ) -> Result<(), StoreError>;
}
