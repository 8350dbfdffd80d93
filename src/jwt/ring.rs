//! The key ring: every signing key, parsed once, in the state that its record says.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

use super::jwks::Jwks;
use super::key_files;
use super::key_files::KeyFilesError;
use super::key_files::SigningKey;
use super::key_pair::KeyFault;
use super::key_pair::KeyPair;
use super::key_pair::PublicKey;
use super::provider::VerifyingHandle;
use super::rsa_lane::RsaLane;
use super::seen::SeenTokens;
use super::sign::AccessToken;
use super::sign::SignError;
use super::sign::Signer;
use super::sign::UnsignedToken;
use super::words::Words;
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
    words: Words,
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
        let keys = Keys::new(keys, &rsa, &Keys::default())?;
        Ok(Self {
            current: ArcSwap::from_pointee(keys),
            rsa,
            seen: SeenTokens::new(),
            words: Words::default(),
        })
    }

    /// Puts the keys of these records in place of the present ones. Reads files like
    /// [`load`](Self::load); callers take turns, so that the last records win.
    ///
    /// A file that cannot be read is an error, and stands in the way of nothing else: its key stays as
    /// it was known, in the state that its record says, and a key that has been taken back is gone.
    pub fn reload(&self, dir: &KeysDir, records: &[SigningKeyRecord]) -> Result<(), KeyRingError> {
        let (keys, faults) = key_files::load_each(dir, records);
        self.replace(keys)?;
        if faults.is_empty() {
            Ok(())
        } else {
            Err(KeyFilesError(faults).into())
        }
    }

    /// Puts these keys in place of the present ones; on an error nothing changes.
    pub fn replace(&self, keys: Vec<SigningKey>) -> Result<(), KeyRingError> {
        let keys = Keys::new(keys, &self.rsa, &self.current.load())?;
        self.current.store(Arc::new(keys));
        Ok(())
    }

    /// Takes a key back at once, whatever files can be read: from here on it neither signs nor
    /// verifies, and is not published. The caller has the turn to change the keys.
    pub fn revoke(&self, kid: &str) {
        let keys = self.current.load().without(kid);
        self.current.store(Arc::new(keys));
    }

    /// Whether the keys are those of these records, in their states, with all that they need.
    pub fn is_of(&self, records: &[SigningKeyRecord]) -> bool {
        let keys = self.current.load();
        keys.by_kid.len() == records.len()
            && records.iter().all(|record| {
                let known = keys.by_kid.get(&record.kid);
                known.is_some_and(|known| known.is_of(record, &keys))
            })
    }

    /// When keys have last signed here, in unix seconds, by their `kid`: those that have.
    pub fn last_signed(&self) -> Vec<(String, i64)> {
        let keys = self.current.load();
        let signed = keys.by_kid.iter().filter_map(|(kid, key)| {
            let at = key.last_signed.load(Ordering::Relaxed);
            (at != NEVER).then(|| (kid.clone(), at))
        });
        signed.collect()
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

    /// What tokens have in common.
    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    /// The keys at this moment.
    pub(super) fn keys(&self) -> arc_swap::Guard<Arc<Keys>> {
        self.current.load()
    }
}

/// What stands for *never* among the seconds at which a key has signed.
const NEVER: i64 = i64::MIN;

/// All keys at one moment.
#[derive(Default)]
pub(super) struct Keys {
    /// The active keys; an [`Algorithm`] is the position of its own.
    signers: [Option<Arc<Signer>>; Algorithm::ALL.len()],
    /// Anybody may ask for a `kid`, but only this server chooses which are in it.
    by_kid: HashMap<String, KnownKey, RandomState>,
    /// The published ones, in their order.
    published: Vec<PublicKey>,
    jwks: Arc<Jwks>,
}

/// A key that there is a record of.
#[derive(Clone)]
pub(super) struct KnownKey {
    pub(super) state: KeyState,
    /// `None` in the states that need no key, and where it could not be read.
    pub(super) public: Option<Arc<VerifyingHandle>>,
    /// When it last signed here, in unix seconds.
    last_signed: Arc<AtomicI64>,
}

impl KnownKey {
    fn is_of(&self, record: &SigningKeyRecord, keys: &Keys) -> bool {
        let has_key = self.public.is_some() || !record.state.is_published();
        let signs = || {
            let signer = keys.signers[record.algorithm as usize].as_ref();
            signer.is_some_and(|signer| signer.kid() == record.kid)
        };
        self.state == record.state && has_key && (record.state != KeyState::Active || signs())
    }
}

impl Keys {
    /// These keys. What `before` knows of a key goes on: when it has signed, and the key itself where
    /// it could not be read again.
    fn new(
        mut keys: Vec<SigningKey>,
        rsa: &Arc<RsaLane>,
        before: &Self,
    ) -> Result<Self, KeyRingError> {
        // The default algorithm first, then the oldest: an order that does not change by itself.
        keys.sort_by_cached_key(|SigningKey { record, .. }| {
            (record.algorithm, record.created_at, record.kid.clone())
        });
        let mut building = Self {
            by_kid: HashMap::with_capacity_and_hasher(keys.len(), RandomState::default()),
            ..Self::default()
        };
        for SigningKey { record, pair } in keys {
            let known = match pair {
                Some(pair) => building.take_in(&record, pair, rsa, before),
                None => building.keep(&record, before),
            };
            building.by_kid.insert(record.kid, known?);
        }
        building.jwks = Arc::new(Jwks::of(&building.published));
        Ok(building)
    }

    /// Takes in a key that was read.
    fn take_in(
        &mut self,
        record: &SigningKeyRecord,
        pair: KeyPair,
        rsa: &Arc<RsaLane>,
        before: &Self,
    ) -> Result<KnownKey, KeyRingError> {
        let fault = |fault| KeyRingError::Key {
            kid: record.kid.clone(),
            fault,
        };
        let public = pair.public_key().map_err(fault)?;
        if record.state.is_published() {
            self.published.push(public.clone());
        }
        let last_signed = before.last_signed(&record.kid);
        if record.state == KeyState::Active {
            let noted = Arc::clone(&last_signed);
            let signer = Signer::new(pair, &record.kid, Arc::clone(rsa), noted).map_err(fault)?;
            self.add_signer(record.algorithm, Arc::new(signer))?;
        }
        Ok(KnownKey {
            state: record.state,
            public: Some(Arc::new(VerifyingHandle::new(public))),
            last_signed,
        })
    }

    /// Keeps a key that was not read, as far as it is known.
    fn keep(&mut self, record: &SigningKeyRecord, before: &Self) -> Result<KnownKey, KeyRingError> {
        let is_published = record.state.is_published();
        let published = before.published.iter().find(|key| key.kid() == record.kid);
        self.published
            .extend(published.filter(|_| is_published).cloned());
        if record.state == KeyState::Active
            && let Some(signer) = &before.signers[record.algorithm as usize]
            && signer.kid() == record.kid
        {
            self.add_signer(record.algorithm, Arc::clone(signer))?;
        }
        let known = before.by_kid.get(&record.kid);
        let public = known.and_then(|known| known.public.clone());
        Ok(KnownKey {
            state: record.state,
            public: public.filter(|_| is_published),
            last_signed: before.last_signed(&record.kid),
        })
    }

    /// The same keys, of which this one is revoked.
    fn without(&self, kid: &str) -> Self {
        let mut by_kid = self.by_kid.clone();
        if let Some(known) = by_kid.get_mut(kid) {
            known.state = KeyState::Revoked;
            known.public = None;
        }
        let published: Vec<_> = self
            .published
            .iter()
            .filter(|key| key.kid() != kid)
            .cloned()
            .collect();
        let signs_on =
            |signer: &Option<Arc<Signer>>| signer.clone().filter(|signer| signer.kid() != kid);
        Self {
            signers: self.signers.each_ref().map(signs_on),
            by_kid,
            jwks: Arc::new(Jwks::of(&published)),
            published,
        }
    }

    fn last_signed(&self, kid: &str) -> Arc<AtomicI64> {
        let known = self.by_kid.get(kid);
        known.map_or_else(
            || Arc::new(AtomicI64::new(NEVER)),
            |known| Arc::clone(&known.last_signed),
        )
    }

    fn add_signer(
        &mut self,
        algorithm: Algorithm,
        signer: Arc<Signer>,
    ) -> Result<(), KeyRingError> {
        match self.signers[algorithm as usize].replace(signer) {
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
    use crate::jwt::InvalidToken;
    use crate::jwt::fixtures::ISSUER;
    use crate::jwt::fixtures::NOW;
    use crate::jwt::fixtures::at;
    use crate::jwt::fixtures::claims;
    use crate::jwt::fixtures::key;
    use crate::jwt::fixtures::kid;
    use crate::jwt::fixtures::pair;
    use crate::jwt::fixtures::ring as fixtures_ring;

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

    // Security case 161.
    #[tokio::test]
    async fn a_key_that_is_taken_back_neither_signs_nor_verifies_nor_is_published() {
        let ring = fixtures_ring();
        let token = ring
            .sign(TokenTyp::AtJwt, Algorithm::Es256, &claims())
            .await;
        let token = token.unwrap();
        let kid = kid(&pair(Algorithm::Es256, false));
        assert!(ring.verify(token.as_str(), ISSUER, at(NOW)).is_ok());
        ring.revoke(&kid);
        assert_eq!(
            ring.verify(token.as_str(), ISSUER, at(NOW)).unwrap_err(),
            InvalidToken::KeyState(KeyState::Revoked)
        );
        assert!(!ring.can_sign(Algorithm::Es256) && ring.can_sign(Algorithm::EdDsa));
        assert!(!String::from_utf8_lossy(&ring.jwks().body).contains(&kid));
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_read_again_goes_on_in_its_new_state() {
        let ring = fixtures_ring();
        let token = ring
            .sign(TokenTyp::AtJwt, Algorithm::Es256, &claims())
            .await;
        let token = token.unwrap();
        let lost = |state| SigningKey {
            record: key(pair(Algorithm::Es256, false), state).record,
            pair: None,
        };
        let outcome = |state| {
            ring.replace(vec![lost(state)]).unwrap();
            let verified = ring.verify(token.as_str(), ISSUER, at(NOW)).map(|_| ());
            (verified, ring.can_sign(Algorithm::Es256))
        };
        assert_eq!(outcome(KeyState::Active), (Ok(()), true));
        assert_eq!(outcome(KeyState::Retiring), (Ok(()), false));
        let revoked = InvalidToken::KeyState(KeyState::Revoked);
        assert_eq!(outcome(KeyState::Revoked), (Err(revoked), false));
        // What is gone is not known any more, and that is said: it is no verdict on the token.
        assert_eq!(
            outcome(KeyState::Active),
            (Err(InvalidToken::KeyNotAtHand), false)
        );
        assert!(!ring.is_of(&[lost(KeyState::Active).record]));
    }

    #[tokio::test]
    async fn when_a_key_has_signed_is_known_also_after_it_was_succeeded() {
        let ring = fixtures_ring();
        assert_eq!(ring.last_signed(), []);
        let (old, kid) = (Algorithm::Es256, kid(&pair(Algorithm::Es256, false)));
        ring.sign(TokenTyp::AtJwt, old, &claims()).await.unwrap();
        let rotated = vec![
            key(pair(old, false), KeyState::Retiring),
            key(pair(old, true), KeyState::Active),
        ];
        assert!(
            !ring.is_of(
                &rotated
                    .iter()
                    .map(|key| key.record.clone())
                    .collect::<Vec<_>>()
            )
        );
        ring.replace(rotated).unwrap();
        assert_eq!(ring.last_signed(), [(kid, NOW)]);
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
