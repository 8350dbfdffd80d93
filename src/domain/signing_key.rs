//! Signing keys: the states they go through.

use std::fmt;

use jiff::Timestamp;

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
    const ALL: [Self; 5] = [
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
    /// When it began to sign.
    pub active_from: Option<Timestamp>,
    /// When it stopped signing.
    pub last_signed_at: Option<Timestamp>,
    /// When the last token that it signed is dead, and it leaves the JWKS.
    pub leaves_jwks_at: Option<Timestamp>,
}
