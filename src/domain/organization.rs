//! Organizations: the tenants. Nothing crosses from one to another.

use std::time::Duration;

use jiff::Timestamp;

use super::id::OrganizationId;
use super::name::Name;
use super::version::EntityTag;
use super::version::Version;
use super::version::Versioned;

/// Whether a thing may be used. A disabled thing yields no token and no active token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Status {
    /// In use.
    Active,
    /// Stopped by an administrator; may be enabled again.
    Disabled,
    /// Taken back for good (credentials only).
    Revoked,
}

impl Status {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Revoked => "revoked",
        }
    }

    /// The status of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled, Self::Revoked]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// A counter that is raised to kill every token that carries an older value.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Generation(pub i64);

impl Generation {
    /// Where every counter begins.
    pub const FIRST: Self = Self(1);

    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What follows when somebody reports a secret as leaked.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum LeakReport {
    /// It is revoked at once, with its tokens.
    #[default]
    Revoke,
    /// A finding waits for a person.
    Finding,
}

impl LeakReport {
    /// The word in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Finding => "finding",
        }
    }

    /// The policy of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Revoke, Self::Finding]
            .into_iter()
            .find(|policy| policy.as_str() == name)
    }
}

/// What an organization allows its accounts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// What follows when somebody reports a secret as leaked.
    pub leak_report: LeakReport,
    /// Whether a secret may be made that never ends.
    pub allow_never_expires: bool,
    /// The longest lifetime of tokens; `None` = what the server allows.
    pub max_token_lifetime: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            leak_report: LeakReport::Revoke,
            allow_never_expires: true,
            max_token_lifetime: None,
        }
    }
}

/// A tenant.
#[derive(Clone, Debug)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name, unique on the instance.
    pub name: Name,
    /// Whether its accounts may get and use tokens.
    pub status: Status,
    /// Raised when it is disabled, and when too many accounts would have to be raised one by one.
    pub generation: Generation,
    /// The most service accounts that it may have; `None` = no limit.
    pub max_service_accounts: Option<u32>,
    /// What it allows its accounts.
    pub policy: Policy,
    /// When it was made.
    pub created_at: Timestamp,
    /// Raised by every change of it.
    pub version: Version,
}

impl Versioned for Organization {
    fn tag(&self) -> EntityTag {
        EntityTag::of(self.id, self.version)
    }
}

/// The organization that `init` makes.
pub const DEFAULT_ORGANIZATION: &str = "default";
