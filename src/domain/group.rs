//! Groups: sets of accounts that share roles.

use super::id::AccountId;
use super::id::GroupId;
use super::id::OrganizationId;
use super::name::AccountName;
use super::name::Name;
use super::role::NamedRole;
use super::version::EntityTag;
use super::version::Version;
use super::version::Versioned;

/// The most groups that an account is in: with each come all of its roles, whenever the account
/// authenticates.
pub const MAX_GROUPS_OF_ACCOUNT: usize = 100;

/// A set of accounts that share roles.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The organization of its members.
    pub organization: OrganizationId,
    /// Its name, unique in the organization.
    pub name: Name,
    /// What it is for.
    pub description: Option<String>,
    /// What its members have by it, in the order of the ids.
    pub roles: Vec<NamedRole>,
    /// How many accounts are in it.
    pub member_count: u32,
    /// Raised by every change of it and of who is in it.
    pub version: Version,
}

impl Versioned for Group {
    fn tag(&self) -> EntityTag {
        EntityTag::of(self.id, self.version)
    }
}

/// An account in a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: AccountName,
    /// Its e-mail.
    pub email: String,
}
