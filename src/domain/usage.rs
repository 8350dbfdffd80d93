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

/// The first and the last use of one kind of one credential, by one secret, as uses are noted and
/// stored. What is known of the account, the credential and the secret is made of these.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CredentialUse {
    /// The account that the credential is of.
    pub account: AccountId,
    /// The credential.
    pub credential: CredentialId,
    /// The secret, where one was presented.
    pub secret: Option<SecretId>,
    /// How it was used.
    pub kind: UsageKind,
    /// When first.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
    /// From where last.
    pub address: Option<IpAddr>,
    /// With what last: a `User-Agent`, bounded and printable.
    pub user_agent: Option<Arc<str>>,
}

impl CredentialUse {
    /// What this says of the account, the credential and the secret. Who got a token has
    /// authenticated, too.
    pub fn stamps(&self) -> impl Iterator<Item = UsageStamp> {
        let subjects = [
            Some(UsageSubject::Account(self.account)),
            Some(UsageSubject::Credential(self.credential)),
            self.secret.map(UsageSubject::Secret),
        ];
        let implied = (self.kind == UsageKind::Issued).then_some(UsageKind::Authenticated);
        let kinds = [Some(self.kind), implied];
        let stamp = move |(subject, kind)| UsageStamp {
            subject,
            kind,
            first_at: self.first_at,
            last_at: self.last_at,
            address: self.address,
            user_agent: self.user_agent.clone(),
        };
        let of_kind = move |kind| subjects.into_iter().flatten().map(move |one| (one, kind));
        kinds.into_iter().flatten().flat_map(of_kind).map(stamp)
    }

    /// Whether `other` says nothing that this does not say: the same credential authenticated, by the
    /// same secret, when it got tokens.
    pub fn implies(&self, other: &Self) -> bool {
        (self.kind, other.kind) == (UsageKind::Issued, UsageKind::Authenticated)
            && (self.credential, self.secret) == (other.credential, other.secret)
            && self.first_at <= other.first_at
            && self.last_at >= other.last_at
    }

    /// Takes in another reading of the same use, as [`UsageStamp::merge`] does.
    pub fn merge(&mut self, other: Self) {
        let first_at = self.first_at.min(other.first_at);
        if other.last_at > self.last_at {
            *self = other;
        }
        self.first_at = first_at;
    }
}

/// When a credential, and the account that it is of, was used in any way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LastUse {
    /// The account.
    pub account: AccountId,
    /// The credential.
    pub credential: CredentialId,
    /// The earliest use that is meant.
    pub first_at: Timestamp,
    /// The latest.
    pub last_at: Timestamp,
}

impl LastUse {
    /// The use of the account and the credential that `one` is.
    pub fn of(one: &CredentialUse) -> Self {
        Self {
            account: one.account,
            credential: one.credential,
            first_at: one.first_at,
            last_at: one.last_at,
        }
    }

    /// Takes in other uses of the same credential.
    pub fn merge(&mut self, other: Self) {
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
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
