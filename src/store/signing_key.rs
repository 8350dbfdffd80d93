//! Signing keys in the store. The private halves are files.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::signing_key::SigningKeyRecord;
use crate::domain::version::Version;

use super::StoreError;
use super::WriteError;

/// The records of signing keys.
#[async_trait]
pub trait SigningKeyReads {
    /// Every signing key that is recorded, the oldest first.
    async fn list_signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError>;

    /// Notes that these keys have signed at these instants (the later counts): written behind, no
    /// audit.
    async fn record_signatures(&self, signed: &[(String, Timestamp)]) -> Result<(), StoreError>;

    /// Notes that active keys sign tokens that live this long, where it was less; no audit.
    async fn record_longer_tokens(&self, max_lifetime: Duration) -> Result<(), StoreError>;

    /// Notes that from `now` on active keys sign tokens that live this long at most, where it was more,
    /// and by when the longer ones are dead; no audit.
    async fn record_shorter_tokens(
        &self,
        max_lifetime: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

/// The same inside a change.
#[async_trait]
pub trait SigningKeyChanges: Send {
    /// Every signing key that is recorded, the oldest first.
    async fn list_signing_keys(&mut self) -> Result<Vec<SigningKeyRecord>, StoreError>;

    /// A new signing key.
    async fn add_signing_key(&mut self, key: &SigningKeyRecord) -> Result<(), WriteError>;

    /// Writes the state and the instants of a signing key anew, but for its last signature. Returns
    /// its new version.
    async fn update_signing_key(&mut self, key: &SigningKeyRecord) -> Result<Version, StoreError>;

    /// Forgets the keys that have left the JWKS for good at `before` or earlier. Returns their `kid`s.
    async fn remove_signing_keys(&mut self, before: Timestamp) -> Result<Vec<String>, StoreError>;
}
