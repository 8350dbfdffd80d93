//! Usage: when and from where a thing was last used. It is evidence, so it must be true: a reading
//! that may be incomplete says so.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::id::AccountId;
use super::id::CredentialId;
use super::id::SecretId;

/// What was used.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum UsageSubject {
    /// An account.
    Account(AccountId),
    /// A credential.
    Credential(CredentialId),
    /// A secret.
    Secret(SecretId),
}

/// How it was used.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum UsageKind {
    /// It authenticated, at any endpoint.
    Authenticated,
    /// A token was issued to it.
    Issued,
    /// A token of it was seen at introspection.
    Seen,
}

impl UsageKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Authenticated, Self::Issued, Self::Seen];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::Issued => "issued",
            Self::Seen => "seen",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The first and the last use of one kind of one thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsageStamp {
    /// What was used.
    pub subject: UsageSubject,
    /// How.
    pub kind: UsageKind,
    /// When first, as far as this reading knows.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
    /// From where last.
    pub address: Option<IpAddr>,
    /// With what last: a `User-Agent`, bounded and printable.
    pub user_agent: Option<Arc<str>>,
}

impl UsageStamp {
    /// Takes in another reading of the same use: the earlier first, the later last. Merging is
    /// commutative and idempotent, so readings may arrive twice and in any order.
    pub fn merge(&mut self, other: Self) {
        self.first_at = self.first_at.min(other.first_at);
        if other.last_at > self.last_at {
            self.last_at = other.last_at;
            self.address = other.address;
            self.user_agent = other.user_agent;
        }
    }
}

/// What is known of the use of some things, newest of all sources.
#[derive(Clone, Debug, Default)]
pub struct UsageReading {
    /// The stamps that were found.
    pub stamps: Vec<UsageStamp>,
    /// Whether every source answered. Evidence that is not complete counts as *in use*.
    pub complete: bool,
}

impl UsageReading {
    /// The stamp of one use.
    pub fn stamp(&self, subject: UsageSubject, kind: UsageKind) -> Option<&UsageStamp> {
        self.stamps
            .iter()
            .find(|stamp| stamp.subject == subject && stamp.kind == kind)
    }

    /// The latest use of any kind of `subject`.
    pub fn last_used(&self, subject: UsageSubject) -> Option<&UsageStamp> {
        self.stamps
            .iter()
            .filter(|stamp| stamp.subject == subject)
            .max_by_key(|stamp| stamp.last_at)
    }
}
