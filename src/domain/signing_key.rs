//! Signing keys: the states they go through.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::rotation::after;
use super::version::EntityTag;
use super::version::Version;
use super::version::Versioned;

/// The algorithms that sign access tokens.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: the default (RFC 7518 section 3.4).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: must be available (RFC 9068 section 2.1).
    Rs256,
    /// Ed25519: the fastest (RFC 8037).
    EdDsa,
}

impl Algorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 3] = [Self::Es256, Self::Rs256, Self::EdDsa];

    /// The name registered for JOSE headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The life of a signing key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyState {
    /// Published, so that verifiers learn it; does not sign or verify yet.
    Pending,
    /// Signs and verifies; one per algorithm.
    Active,
    /// Signs no more; verifies what it signed.
    Retiring,
    /// All that it signed has expired; out of the JWKS.
    Retired,
    /// Taken back: what it signed is dead.
    Revoked,
}

impl KeyState {
    /// All of them, in the order of a key's life.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Active,
        Self::Retiring,
        Self::Retired,
        Self::Revoked,
    ];

    /// Whether a token that it signed may be active.
    pub fn verifies(self) -> bool {
        matches!(self, Self::Active | Self::Retiring)
    }

    /// Whether the JWKS shows it.
    pub fn is_published(self) -> bool {
        matches!(self, Self::Pending | Self::Active | Self::Retiring)
    }

    /// The word in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }

    /// The state of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What is recorded of a signing key; the private half is a file in `keys/`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SigningKeyRecord {
    /// The RFC 7638 thumbprint of the public key.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Where it stands.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it first stood in the JWKS.
    pub published_at: Timestamp,
    /// When a pending key is to begin to sign by itself; `None` when somebody has to say so, or the
    /// schedule finds it when it needs one.
    pub activates_at: Option<Timestamp>,
    /// When it began to sign.
    pub active_from: Option<Timestamp>,
    /// When it last signed, as far as was noted.
    pub last_signed_at: Option<Timestamp>,
    /// How long a token lives at most that it signs now; `None` before it signs.
    pub max_token_lifetime: Option<Duration>,
    /// When every token is dead that it signed while they could live longer; `None` = they never could.
    pub longer_tokens_end_at: Option<Timestamp>,
    /// When the last token that it signed is dead, and it leaves the JWKS.
    pub leaves_jwks_at: Option<Timestamp>,
    /// Raised by every change of it, and not by what it signs.
    pub version: Version,
}

impl Versioned for SigningKeyRecord {
    fn tag(&self) -> EntityTag {
        EntityTag::of(&self.kid, self.version)
    }
}

/// How long a key stays in the JWKS after the last token that it signed has expired: verifiers that
/// allow for clocks that differ find it there.
pub const STAYS_PUBLISHED: Duration = Duration::from_hours(1);

/// Why a key is not made the active one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ActivationRefusal {
    /// Only a pending key can become active.
    NotPending(KeyState),
    /// Verifiers may not have fetched it before this instant.
    NotPublishedLongEnough {
        /// When they will have.
        until: Timestamp,
    },
}

impl SigningKeyRecord {
    /// A key that is published at `now` and does not sign yet.
    pub fn pending(kid: String, algorithm: Algorithm, now: Timestamp) -> Self {
        Self {
            kid,
            algorithm,
            state: KeyState::Pending,
            created_at: now,
            published_at: now,
            activates_at: None,
            active_from: None,
            last_signed_at: None,
            max_token_lifetime: None,
            longer_tokens_end_at: None,
            leaves_jwks_at: None,
            version: Version::FIRST,
        }
    }

    /// Whether it is over, and left the JWKS for good at `before` or earlier.
    pub fn was_over(&self, before: Timestamp) -> bool {
        !self.state.is_published() && self.leaves_jwks_at.is_some_and(|left| left <= before)
    }

    /// Whether it may become active at `now`, after `publish_before` in the JWKS; `force` does not
    /// wait for that.
    pub fn check_activation(
        &self,
        publish_before: Duration,
        force: bool,
        now: Timestamp,
    ) -> Result<(), ActivationRefusal> {
        let until = after(self.published_at, publish_before);
        if self.state != KeyState::Pending {
            Err(ActivationRefusal::NotPending(self.state))
        } else if now < until && !force {
            Err(ActivationRefusal::NotPublishedLongEnough { until })
        } else {
            Ok(())
        }
    }

    /// The key, active from `now`, for tokens that live for `max_lifetime` at most.
    #[must_use]
    pub fn activated(self, now: Timestamp, max_lifetime: Duration) -> Self {
        Self {
            state: KeyState::Active,
            activates_at: None,
            active_from: Some(now),
            max_token_lifetime: Some(max_lifetime),
            ..self
        }
    }

    /// The key, once another signs in its place: it verifies until the last of its tokens has expired.
    /// They live for `max_lifetime` at most, or for as long as was noted that they may.
    #[must_use]
    pub fn succeeded(self, now: Timestamp, max_lifetime: Duration) -> Self {
        let max_lifetime = self.max_token_lifetime.max(Some(max_lifetime));
        let end = max_lifetime.map(|lifetime| after(now, lifetime));
        let end = end.max(self.longer_tokens_end_at);
        Self {
            state: KeyState::Retiring,
            leaves_jwks_at: end.map(|end| after(end, STAYS_PUBLISHED)),
            ..self
        }
    }

    /// The key, out of the JWKS from `now`: everything that it signed has expired, or it has signed
    /// nothing.
    #[must_use]
    pub fn retired(self, now: Timestamp) -> Self {
        Self {
            state: KeyState::Retired,
            activates_at: None,
            leaves_jwks_at: Some(self.leaves_jwks_at.map_or(now, |end| end.min(now))),
            ..self
        }
    }

    /// The key, taken back at `now` with everything that it signed.
    #[must_use]
    pub fn revoked(self, now: Timestamp) -> Self {
        Self {
            state: KeyState::Revoked,
            ..self.retired(now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(state: KeyState) -> SigningKeyRecord {
        SigningKeyRecord {
            state,
            ..SigningKeyRecord::pending("kid".into(), Algorithm::Es256, at(0))
        }
    }

    #[test]
    fn a_key_signs_once_verifiers_know_it() {
        let (pending, hour) = (key(KeyState::Pending), Duration::from_hours(1));
        assert_eq!(
            pending.check_activation(hour, false, at(3_599)),
            Err(ActivationRefusal::NotPublishedLongEnough { until: at(3_600) })
        );
        assert_eq!(pending.check_activation(hour, true, at(3_599)), Ok(()));
        assert_eq!(pending.check_activation(hour, false, at(3_600)), Ok(()));
    }

    #[test]
    fn only_a_pending_key_becomes_active() {
        for state in [
            KeyState::Active,
            KeyState::Retiring,
            KeyState::Retired,
            KeyState::Revoked,
        ] {
            assert_eq!(
                key(state).check_activation(Duration::ZERO, true, at(0)),
                Err(ActivationRefusal::NotPending(state))
            );
        }
    }

    #[test]
    fn a_key_that_was_succeeded_stays_until_its_tokens_are_dead() {
        let lifetime = Duration::from_hours(1);
        let old = key(KeyState::Active).succeeded(at(100), lifetime);
        assert_eq!(old.state, KeyState::Retiring);
        assert_eq!(old.leaves_jwks_at, Some(at(100 + 3_600 + 3_600)));
        let gone = old.clone().retired(at(8_000));
        assert_eq!(gone.state, KeyState::Retired);
        assert_eq!(gone.leaves_jwks_at, old.leaves_jwks_at);
    }

    #[test]
    fn a_key_stays_for_the_longest_lived_of_its_tokens() {
        let hours = Duration::from_hours;
        let (hour, stays) = (hours(1), 3_600);
        let active = |longest: u64, longer_until: Option<i64>| SigningKeyRecord {
            max_token_lifetime: Some(hours(longest)),
            longer_tokens_end_at: longer_until.map(at),
            ..key(KeyState::Active)
        };
        for (key, end) in [
            (active(1, None), 100 + 3_600),
            // Another node still signs longer ones.
            (active(2, None), 100 + 7_200),
            // There were longer ones, and some may live on.
            (active(1, Some(7_000)), 7_000),
            (active(1, Some(3_000)), 100 + 3_600),
        ] {
            let old = key.succeeded(at(100), hour);
            assert_eq!(old.leaves_jwks_at, Some(at(end + stays)));
        }
    }

    #[test]
    fn a_revoked_key_leaves_at_once_and_does_not_come_to_sign() {
        let old = key(KeyState::Active).succeeded(at(100), Duration::from_hours(1));
        assert_eq!(old.revoked(at(200)).leaves_jwks_at, Some(at(200)));
        let planned = SigningKeyRecord {
            activates_at: Some(at(300)),
            ..key(KeyState::Pending)
        };
        let revoked = planned.revoked(at(200));
        assert_eq!(revoked.state, KeyState::Revoked);
        assert_eq!(revoked.activates_at, None);
        assert_eq!(revoked.leaves_jwks_at, Some(at(200)));
    }
}
