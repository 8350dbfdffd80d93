//! Credentials: the ways in which an account proves itself. Each has a `client_id` of its own and
//! may only narrow what its account may do.

use std::fmt;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;

use super::access::Access;
use super::id::AccountId;
use super::id::ApiTokenId;
use super::id::ClientId;
use super::id::CredentialId;
use super::id::OrganizationId;
use super::name::Label;
use super::organization::Generation;
use super::organization::Status;
use super::secret::StoredSecret;
use super::version::EntityTag;
use super::version::Version;
use super::version::Versioned;

/// How a credential proves itself. More kinds come with their features.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CredentialKind {
    /// A generated secret, by Basic or in the body (RFC 6749 section 2.3.1).
    ClientSecret,
    /// A long-lived bearer value: see [`super::api_token`].
    ApiToken,
}

impl CredentialKind {
    /// The word in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
            Self::ApiToken => "api_token",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::ClientSecret, Self::ApiToken]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// A credential by the id that people know it by: an API token has one of its own kind.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CredentialRef {
    /// One with client secrets.
    ClientSecret(CredentialId),
    /// An API token.
    ApiToken(ApiTokenId),
}

impl CredentialRef {
    /// The credential `id`, which is of this kind.
    pub fn of(id: CredentialId, kind: CredentialKind) -> Self {
        match kind {
            CredentialKind::ClientSecret => Self::ClientSecret(id),
            CredentialKind::ApiToken => Self::ApiToken(ApiTokenId::of_credential(id)),
        }
    }

    /// The id of the credential that it is, of whichever kind.
    pub fn id(self) -> CredentialId {
        match self {
            Self::ClientSecret(id) => id,
            Self::ApiToken(id) => id.credential(),
        }
    }

    /// What people call it, in audit events and findings.
    pub fn noun(self) -> &'static str {
        match self {
            Self::ClientSecret(_) => "credential",
            Self::ApiToken(_) => "api_token",
        }
    }
}

impl fmt::Display for CredentialRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientSecret(id) => id.fmt(f),
            Self::ApiToken(id) => id.fmt(f),
        }
    }
}

/// One way for an account to prove itself.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// The organization of its account.
    pub organization: OrganizationId,
    /// The account that it proves.
    pub account: AccountId,
    /// Its public name at the OAuth endpoints.
    pub client_id: ClientId,
    /// How it proves itself.
    pub kind: CredentialKind,
    /// Its name, unique in the account.
    pub name: Label,
    /// Whether it may authenticate.
    pub status: Status,
    /// Raised to kill the tokens that it got.
    pub generation: Generation,
    /// The networks that it may come from; empty = any.
    pub allowed_networks: Vec<IpNet>,
    /// What it is narrowed to; `None` = all of its account's access.
    pub narrowing: Option<Access>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Raised by every change of it, its secrets and its narrowing.
    pub version: Version,
    /// Its secrets from the oldest to the newest; ended ones stay for a while, to be found. An API
    /// token has one: itself.
    pub secrets: Vec<StoredSecret>,
}

impl Versioned for Credential {
    fn tag(&self) -> EntityTag {
        EntityTag::of(self.id, self.version)
    }
}

/// How a credential stands, as an administrator sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CredentialStatus {
    /// In use.
    Active,
    /// Stopped by an administrator.
    Disabled,
    /// No secret of it is good any more.
    Expired,
    /// Taken back for good.
    Revoked,
}

impl CredentialStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Disabled, Self::Expired, Self::Revoked];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Credential {
    /// How it stands at `now`.
    pub fn status_at(&self, now: Timestamp) -> CredentialStatus {
        match self.status {
            Status::Revoked => CredentialStatus::Revoked,
            Status::Disabled => CredentialStatus::Disabled,
            Status::Active if self.live_secrets(now).next().is_none() => CredentialStatus::Expired,
            Status::Active => CredentialStatus::Active,
        }
    }

    /// The secrets that may still authenticate.
    pub fn live_secrets(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &StoredSecret> {
        self.secrets
            .iter()
            .filter(move |secret| secret.is_live(now))
    }

    /// Its end as it stands at `now`; `None` = never. That is the end of its newest secret that was not
    /// taken back; once that one has ended by itself, of the one that works, or worked, the longest.
    /// Where all were taken back, it is the end of the newest.
    pub fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        let good = || {
            let secrets = self.secrets.iter();
            secrets.filter(|secret| secret.revoked_at.is_none())
        };
        let Some(newest) = good().next_back() else {
            return self.secrets.last()?.ends_at;
        };
        if newest.is_live(now) {
            return newest.ends_at;
        }
        let longest = good().max_by_key(|secret| secret.ends_at.unwrap_or(Timestamp::MAX));
        longest?.ends_at
    }

    /// Until when one of its secrets works that works at `now`; the last instant that there is = for
    /// good. Without any it is `now`.
    pub fn works_until(&self, now: Timestamp) -> Timestamp {
        let ends = self.live_secrets(now);
        let ends = ends.map(|secret| secret.ends_at.unwrap_or(Timestamp::MAX));
        ends.max().unwrap_or(now)
    }
}

/// The most credentials of an account, however they stand. Each may be looked at when the account is
/// changed.
pub const MAX_CREDENTIALS: u32 = 1_000;

/// The most networks that a credential may be limited to.
pub const MAX_NETWORKS: usize = 100;

/// How long a secret lives unless its maker says otherwise.
pub const DEFAULT_SECRET_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// The longest that a secret with an end may live.
pub const MAX_SECRET_LIFETIME: Duration = Duration::from_hours(10 * 366 * 24);

/// How long the old secret lives after a rotation unless the caller says otherwise.
pub const DEFAULT_OVERLAP: Duration = Duration::from_hours(24);

/// The longest overlap of a rotation.
pub const MAX_OVERLAP: Duration = Duration::from_hours(30 * 24);
