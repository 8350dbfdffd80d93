//! Inventories: the accounts, credentials and API tokens of an organization, by filters and in an order.
//!
//! A list is read by the last item that was seen ([`Position`]): the value that the list is ordered
//! by, and the id, which settles equal values. So inserts neither repeat nor skip an item.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::account::AccountStatus;
use crate::domain::account::ServiceAccount;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialKind;
use crate::domain::credential::CredentialStatus;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::scope::Scope;
use crate::domain::scope::ScopeSet;

use super::Page;
use super::StoreError;

/// What a list is ordered by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SortKey {
    /// The id, which grows with time.
    #[default]
    Id,
    /// The name; that of an account without regard to case.
    Name,
    /// When it was made.
    CreatedAt,
    /// When it was last used, as far as it is stored; what was never used comes before all else.
    LastUsedAt,
    /// When it ends; what never ends comes after all else.
    ExpiresAt,
}

/// In which order a list is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Order {
    /// By what.
    pub key: SortKey,
    /// The greatest first.
    pub descending: bool,
}

/// An item's place in an ordered list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Position {
    /// What the list is ordered by, as it is stored; empty in a list that is ordered by the id.
    pub value: String,
    /// The id of the item.
    pub id: String,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.value, self.id)
    }
}

/// A text that is no position.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a position in a list")]
pub struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        // An id has no bar; a name may.
        let (value, id) = text.rsplit_once('|').ok_or(NoPosition)?;
        Ok(Self {
            value: value.to_owned(),
            id: id.to_owned(),
        })
    }
}

/// An item with its place.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// The item.
    pub item: T,
    /// Where it stands.
    pub position: Position,
}

/// A span of time: after the first instant, and up to and with the second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ending {
    /// Only what ends later.
    pub after: Timestamp,
    /// Only what ends then or earlier.
    pub until: Timestamp,
}

/// What a grant is asked for: all that is said must be in one and the same grant, of an account's own
/// or of a role that it has, by a group or not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holding {
    /// At this API.
    pub api: Option<ApiId>,
    /// This very scope.
    pub scope: Option<Scope>,
    /// This resource, or all of its type.
    pub resource: Option<(ResourceType, ResourceKey)>,
    /// The built-in roles that hold it: their grants are not stored.
    pub roles: Vec<HoldingRole>,
}

/// A built-in role that holds what is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HoldingRole {
    /// The role.
    pub id: RoleId,
    /// All scopes of `ostler` that it holds.
    pub scopes: ScopeSet,
}

/// Which accounts are wanted: those that meet all that is said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccountFilter {
    /// How they stand, at this instant.
    pub status: Option<(AccountStatus, Timestamp)>,
    /// A part of the name, e-mail, description or owner, or the id; without regard to case.
    pub text: Option<String>,
    /// This very owner.
    pub owner: Option<String>,
    /// What they may do.
    pub holding: Option<Holding>,
    /// Neither made nor used after this instant.
    pub unused_since: Option<Timestamp>,
    /// When they end.
    pub ending: Option<Ending>,
}

/// Which credentials are wanted: those that meet all that is said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CredentialFilter {
    /// The instant as of which they end when they do.
    pub now: Timestamp,
    /// Of this account.
    pub account: Option<AccountId>,
    /// How they stand, at this instant.
    pub status: Option<(CredentialStatus, Timestamp)>,
    /// A part of the name or of the client id, or the id; without regard to case.
    pub text: Option<String>,
    /// The owner of their account.
    pub owner: Option<String>,
    /// What is left to them of what their account holds.
    pub holding: Option<Holding>,
    /// Neither made nor used after this instant.
    pub unused_since: Option<Timestamp>,
    /// When they end.
    pub ending: Option<Ending>,
}

/// Reads of whole organizations.
#[async_trait]
pub trait InventoryReads {
    /// The accounts that meet `filter`, in `order`.
    async fn find_accounts(
        &self,
        organization: OrganizationId,
        filter: &AccountFilter,
        order: Order,
        page: Page<Position>,
    ) -> Result<Vec<Placed<ServiceAccount>>, StoreError>;

    /// The credentials of this kind that meet `filter`, in `order`, each with its secrets and its
    /// narrowing.
    async fn find_credentials(
        &self,
        organization: OrganizationId,
        kind: CredentialKind,
        filter: &CredentialFilter,
        order: Order,
        page: Page<Position>,
    ) -> Result<Vec<Placed<Credential>>, StoreError>;

    /// The own grants of these accounts; those that have none are left out.
    async fn list_access(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<HashMap<AccountId, Access>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        for (value, id) in [("", "sa_1"), ("a|b|", "cred_1"), ("-12", "sa_1")] {
            let position = Position {
                value: value.to_owned(),
                id: id.to_owned(),
            };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        assert_eq!("sa_1".parse::<Position>(), Err(NoPosition));
    }
}
