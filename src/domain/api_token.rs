//! API tokens: long-lived opaque bearer values of an account, for tools that can hold nothing else.
//!
//! An API token is a credential whose one secret is the token itself. So it has a `client_id` and a
//! generation of its own, may only narrow what its account may do, and everything that ends a
//! credential or an account ends it: there is no second set of rules, and no second place that
//! decides whether it is alive. What its account may do is asked anew at each use, so a reduction of
//! access needs to end no API token, and disabling an account stops its API tokens until it is
//! enabled again, as it does with secrets.
//!
//! It is known by an id of its own kind, with the bits of the credential's.

use std::time::Duration;

use jiff::Timestamp;

use super::credential::Credential;
use super::credential::CredentialKind;
use super::credential::CredentialStatus;
use super::id::ApiTokenId;
use super::id::CredentialId;
use super::secret::StoredSecret;
use super::version::EntityTag;
use super::version::Versioned;

/// The shortest life of an API token.
pub const MIN_LIFETIME: Duration = Duration::from_hours(24);

/// The longest life of an API token.
pub const MAX_LIFETIME: Duration = Duration::from_hours(365 * 24);

/// How long an API token lives unless its maker says otherwise.
pub const DEFAULT_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// The most API tokens of an account that are active at once.
pub const MAX_API_TOKENS: u32 = 1_000;

/// How many API tokens of an account stay to be found after they have ended, with what they were narrowed
/// to; the making of another one forgets older ones. So a script that makes one for every job does not
/// leave them all until their time is over.
pub const MAX_ENDED_API_TOKENS: u32 = 1_000;

impl ApiTokenId {
    /// The credential that the API token is.
    pub const fn credential(self) -> CredentialId {
        CredentialId::from_bits(self.bits())
    }

    /// The API token that a credential is.
    pub const fn of_credential(credential: CredentialId) -> Self {
        Self::from_bits(credential.bits())
    }
}

/// A long-lived bearer value of an account.
///
/// Invariant: a credential of the kind [`CredentialKind::ApiToken`] with exactly one secret.
#[derive(Clone, Debug)]
pub struct ApiToken {
    credential: Credential,
    secret: StoredSecret,
}

impl Versioned for ApiToken {
    fn tag(&self) -> EntityTag {
        EntityTag::of(self.id(), self.credential.version)
    }
}

impl ApiToken {
    /// The API token that `credential` is; `None` when it is of another kind.
    pub fn of(mut credential: Credential) -> Option<Self> {
        if credential.kind != CredentialKind::ApiToken || credential.secrets.len() != 1 {
            return None;
        }
        let secret = credential.secrets.pop()?;
        credential.secrets.push(secret.clone());
        Some(Self { credential, secret })
    }

    /// Its id.
    pub fn id(&self) -> ApiTokenId {
        ApiTokenId::of_credential(self.credential.id)
    }

    /// The credential that it is.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Its value, as it is stored.
    pub fn secret(&self) -> &StoredSecret {
        &self.secret
    }

    /// The first instant at which it is no longer good; each has one.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.secret.ends_at
    }

    /// How it stands at `now`.
    pub fn status_at(&self, now: Timestamp) -> CredentialStatus {
        self.credential.status_at(now)
    }
}
