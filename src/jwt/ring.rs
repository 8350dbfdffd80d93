//! The key ring: every signing key, parsed once, in the state that its record says.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::jwks::Jwks;
use super::key_files;
use super::key_files::KeyFilesError;
use super::key_files::SigningKey;
use super::key_pair::KeyFault;
use super::provider::VerifyingHandle;
use super::rsa_lane::RsaLane;
use super::seen::SeenTokens;
use super::sign::AccessToken;
use super::sign::SignError;
use super::sign::Signer;
use super::sign::UnsignedToken;
use crate::domain::signing_key::Algorithm;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;
use crate::domain::token::Claims;
use crate::domain::token::TokenTyp;
use crate::keys::KeysDir;

/// Keys that do not make a ring.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// A file is missing, open to others or not what it should be.
    #[error(transparent)]
    Files(#[from] KeyFilesError),
    /// Two records of one algorithm are active.
    #[error("more than one signing key is active for {0}")]
    TwoActive(Algorithm),
    /// A key cannot be used.
    #[error("the signing key {kid}: {fault}")]
    Key {
        /// Which.
        kid: String,
        /// Why.
        fault: KeyFault,
    },
}

/// The signing keys of this server.
///
/// Reading it takes no lock; [`reload`](Self::reload) exchanges all of it at once, and what is being signed
/// or verified meanwhile goes on with the keys that it began with.
pub struct KeyRing {
    current: ArcSwap<Keys>,
    rsa: Arc<RsaLane>,
    seen: SeenTokens,
}

impl KeyRing {
    /// The ring of these records, with the private keys in `dir`. Reads files and parses keys: at
    /// start, or off the request workers.
    pub fn load(dir: &KeysDir, records: &[SigningKeyRecord]) -> Result<Self, KeyRingError> {
        Self::new(key_files::load(dir, records)?)
    }

    /// The ring of these keys.
    pub fn new(keys: Vec<SigningKey>) -> Result<Self, KeyRingError> {
        let rsa = Arc::new(RsaLane::new());
        let keys = Keys::new(keys, &rsa)?;
        Ok(Self {
            current: ArcSwap::from_pointee(keys),
            rsa,
            seen: SeenTokens::new(),
        })
    }

    /// Puts the keys of these records in place of the present ones; on an error nothing changes.
    /// Reads files like [`load`](Self::load). Callers take turns, so that the last records win.
    pub fn reload(&self, dir: &KeysDir, records: &[SigningKeyRecord]) -> Result<(), KeyRingError> {
        self.replace(key_files::load(dir, records)?)
    }

    /// Puts these keys in place of the present ones; on an error nothing changes.
    pub fn replace(&self, keys: Vec<SigningKey>) -> Result<(), KeyRingError> {
        let keys = Keys::new(keys, &self.rsa)?;
        self.current.store(Arc::new(keys));
        Ok(())
    }

    /// Writes a token's text, so that its length is known before it is signed.
    pub fn prepare(
        &self,
        typ: TokenTyp,
        algorithm: Algorithm,
        claims: &Claims,
    ) -> Result<UnsignedToken, SignError> {
        let signer = self.current.load().signers[algorithm as usize].clone();
        signer
            .ok_or(SignError::NoActiveKey(algorithm))?
            .prepare(typ, claims)
    }

    /// Writes and signs a token with the active key of `algorithm`.
    pub async fn sign(
        &self,
        typ: TokenTyp,
        algorithm: Algorithm,
        claims: &Claims,
    ) -> Result<AccessToken, SignError> {
        self.prepare(typ, algorithm, claims)?.sign().await
    }

    /// Whether a key of `algorithm` is active.
    pub fn can_sign(&self, algorithm: Algorithm) -> bool {
        self.current.load().signers[algorithm as usize].is_some()
    }

    /// The published keys.
    pub fn jwks(&self) -> Arc<Jwks> {
        Arc::clone(&self.current.load().jwks)
    }

    /// The tokens whose signature was verified before.
    pub(super) fn seen(&self) -> &SeenTokens {
        &self.seen
    }

    /// The keys at this moment.
    pub(super) fn keys(&self) -> arc_swap::Guard<Arc<Keys>> {
        self.current.load()
    }
}

/// All keys at one moment.
pub(super) struct Keys {
    /// The active keys; an [`Algorithm`] is the position of its own.
    signers: [Option<Arc<Signer>>; Algorithm::ALL.len()],
    by_kid: HashMap<String, KnownKey>,
    jwks: Arc<Jwks>,
}

/// A key that there is a record of.
pub(super) struct KnownKey {
    pub(super) state: KeyState,
    /// `None` in the states that need no key.
    pub(super) public: Option<VerifyingHandle>,
}

impl Keys {
    fn new(mut keys: Vec<SigningKey>, rsa: &Arc<RsaLane>) -> Result<Self, KeyRingError> {
        // The default algorithm first, then the oldest: an order that does not change by itself.
        keys.sort_by_cached_key(|SigningKey { record, .. }| {
            (record.algorithm, record.created_at, record.kid.clone())
        });
        let mut building = Self {
            signers: [const { None }; Algorithm::ALL.len()],
            by_kid: HashMap::with_capacity(keys.len()),
            jwks: Arc::default(),
        };
        let mut published = Vec::with_capacity(keys.len());
        for SigningKey { record, pair } in keys {
            let fault = |fault| KeyRingError::Key {
                kid: record.kid.clone(),
                fault,
            };
            let mut known = KnownKey {
                state: record.state,
                public: None,
            };
            if let Some(pair) = pair {
                let public = pair.public_key().map_err(fault)?;
                if record.state.is_published() {
                    published.push(public.clone());
                }
                known.public = Some(VerifyingHandle::new(public));
                if record.state == KeyState::Active {
                    let signer = Signer::new(pair, &record.kid, Arc::clone(rsa)).map_err(fault)?;
                    building.add_signer(record.algorithm, signer)?;
                }
            }
            building.by_kid.insert(record.kid, known);
        }
        building.jwks = Arc::new(Jwks::of(&published));
        Ok(building)
    }

    fn add_signer(&mut self, algorithm: Algorithm, signer: Signer) -> Result<(), KeyRingError> {
        match self.signers[algorithm as usize].replace(Arc::new(signer)) {
            None => Ok(()),
            Some(_) => Err(KeyRingError::TwoActive(algorithm)),
        }
    }

    /// The key of this `kid`, whatever its state.
    pub(super) fn find(&self, kid: &str) -> Option<&KnownKey> {
        self.by_kid.get(kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::fixtures::ISSUER;
    use crate::jwt::fixtures::NOW;
    use crate::jwt::fixtures::at;
    use crate::jwt::fixtures::claims;
    use crate::jwt::fixtures::key;
    use crate::jwt::fixtures::kid;
    use crate::jwt::fixtures::pair;

    #[tokio::test]
    async fn a_rotation_changes_the_signer_and_kills_no_token() {
        let (old, new) = (Algorithm::Es256, true);
        let ring = KeyRing::new(vec![key(pair(old, false), KeyState::Active)]).unwrap();
        let before = ring.sign(TokenTyp::AtJwt, old, &claims()).await.unwrap();

        let rotated = vec![
            key(pair(old, false), KeyState::Retiring),
            key(pair(old, new), KeyState::Active),
        ];
        ring.replace(rotated).unwrap();

        let after = ring.sign(TokenTyp::AtJwt, old, &claims()).await.unwrap();
        for (token, spare) in [(before, false), (after, new)] {
            let verified = ring.verify(token.as_str(), ISSUER, at(NOW)).unwrap();
            assert_eq!(verified.kid(), kid(&pair(old, spare)));
        }
    }

    #[tokio::test]
    async fn what_was_begun_with_a_key_ends_with_it() {
        let ring =
            KeyRing::new(vec![key(pair(Algorithm::Rs256, false), KeyState::Active)]).unwrap();
        let begun = ring.prepare(TokenTyp::AtJwt, Algorithm::Rs256, &claims());
        ring.replace(Vec::new()).unwrap();
        assert!(begun.unwrap().sign().await.is_ok());
        assert!(!ring.can_sign(Algorithm::Rs256));
    }

    #[test]
    fn two_active_keys_of_one_algorithm_make_no_ring() {
        let ring = KeyRing::new(Vec::new()).unwrap();
        let two = || {
            vec![
                key(pair(Algorithm::Es256, false), KeyState::Active),
                key(pair(Algorithm::Es256, true), KeyState::Active),
            ]
        };
        assert!(matches!(
            KeyRing::new(two()),
            Err(KeyRingError::TwoActive(Algorithm::Es256))
        ));
        assert!(ring.replace(two()).is_err());
        assert!(
            !ring.can_sign(Algorithm::Es256),
            "a failed exchange changes nothing"
        );
    }
}
