//! How jsonwebtoken comes to our parsed keys.
//!
//! jsonwebtoken takes keys as bytes and parses them at every call, which for RSA costs nearly as
//! much as the signature. Its crypto backend is exchangeable, though: the "key" that we give it is
//! the 8 bytes of a handle, and this backend looks the handle up in a table of parsed keys.
//!
//! A backend is a pair of plain functions, so the tables belong to the process. Several servers
//! may live in one (tests do), so a handle is never used twice, and each is taken out of its table
//! when its owner goes. A real key of any algorithm is longer than 8 bytes, and is refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Once;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto;
use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::crypto::JwtSigner;
use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::crypto::KeyUtils;
use jsonwebtoken::errors::Error;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::errors::new_error;
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::signature;
use jsonwebtoken::signature::Signer;
use jsonwebtoken::signature::Verifier;
use ring::digest;

use super::key_pair::KeyPair;
use super::key_pair::PublicKey;
use crate::domain::signing_key::Algorithm;

static SIGNING: Table<KeyPair> = Table::new();
static VERIFYING: Table<PublicKey> = Table::new();

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils {
        compute_digest,
        ..KeyUtils::new_unimplemented()
    },
};

/// Makes this the backend of jsonwebtoken, for the whole process.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        PROVIDER
            .install_default()
            .expect("nothing else in this process installs a crypto provider");
    });
}

/// A private key in the table, for as long as this lives.
pub(super) struct SigningHandle {
    handle: u64,
    key: EncodingKey,
    algorithm: Algorithm,
}

impl SigningHandle {
    pub(super) fn new(pair: KeyPair) -> Self {
        install();
        let algorithm = pair.algorithm();
        let handle = SIGNING.insert(pair);
        let bytes = handle.to_le_bytes();
        let key = match algorithm {
            Algorithm::Es256 => EncodingKey::from_ec_der(&bytes),
            Algorithm::Rs256 => EncodingKey::from_rsa_der(&bytes),
            Algorithm::EdDsa => EncodingKey::from_ed_der(&bytes),
        };
        Self {
            handle,
            key,
            algorithm,
        }
    }

    /// The signature over `message`, in base64url.
    pub(super) fn sign(&self, message: &[u8]) -> Result<String, Error> {
        crypto::sign(message, &self.key, jose(self.algorithm))
    }
}

impl Drop for SigningHandle {
    fn drop(&mut self) {
        SIGNING.remove(self.handle);
    }
}

/// A public key in the table, for as long as this lives.
pub(super) struct VerifyingHandle {
    handle: u64,
    key: DecodingKey,
    algorithm: Algorithm,
}

impl VerifyingHandle {
    pub(super) fn new(public: PublicKey) -> Self {
        install();
        let algorithm = public.algorithm();
        let handle = VERIFYING.insert(public);
        let bytes = handle.to_le_bytes();
        let key = match algorithm {
            Algorithm::Es256 => DecodingKey::from_ec_der(&bytes),
            Algorithm::Rs256 => DecodingKey::from_rsa_der(&bytes),
            Algorithm::EdDsa => DecodingKey::from_ed_der(&bytes),
        };
        Self {
            handle,
            key,
            algorithm,
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature`, in base64url, is one over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        crypto::verify(signature, message, &self.key, jose(self.algorithm)) == Ok(true)
    }
}

impl Drop for VerifyingHandle {
    fn drop(&mut self) {
        VERIFYING.remove(self.handle);
    }
}

/// The algorithm, as jsonwebtoken calls it.
fn jose(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}

/// Parsed keys by handle; read without a lock, replaced when a key comes or goes.
struct Table<T>(LazyLock<ArcSwap<HashMap<u64, Arc<T>>>>);

impl<T> Table<T> {
    const fn new() -> Self {
        Self(LazyLock::new(ArcSwap::default))
    }

    fn insert(&self, key: T) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        let key = Arc::new(key);
        self.0.rcu(|keys| {
            let mut keys = HashMap::clone(keys);
            keys.insert(handle, Arc::clone(&key));
            keys
        });
        handle
    }

    fn remove(&self, handle: u64) {
        self.0.rcu(|keys| {
            let mut keys = HashMap::clone(keys);
            keys.remove(&handle);
            keys
        });
    }

    fn find(&self, handle: &[u8]) -> Result<Arc<T>, Error> {
        let handle = handle.try_into().map(u64::from_le_bytes).ok();
        handle
            .and_then(|handle| self.0.load().get(&handle).map(Arc::clone))
            .ok_or_else(|| new_error(ErrorKind::InvalidKeyFormat))
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "jsonwebtoken's signature"
)]
fn signer(
    algorithm: &jsonwebtoken::Algorithm,
    key: &EncodingKey,
) -> Result<Box<dyn JwtSigner>, Error> {
    let pair = SIGNING.find(key.as_bytes())?;
    if jose(pair.algorithm()) != *algorithm {
        return Err(new_error(ErrorKind::InvalidAlgorithm));
    }
    Ok(Box::new(ParsedSigner(pair)))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "jsonwebtoken's signature"
)]
fn verifier(
    algorithm: &jsonwebtoken::Algorithm,
    key: &DecodingKey,
) -> Result<Box<dyn JwtVerifier>, Error> {
    let public = VERIFYING.find(key.try_get_as_bytes()?)?;
    if jose(public.algorithm()) != *algorithm {
        return Err(new_error(ErrorKind::InvalidAlgorithm));
    }
    Ok(Box::new(ParsedVerifier(public)))
}

#[expect(clippy::needless_pass_by_value, reason = "jsonwebtoken's signature")]
fn compute_digest(data: &[u8], hash: ThumbprintHash) -> Result<Vec<u8>, Error> {
    match hash {
        ThumbprintHash::SHA256 => Ok(digest::digest(&digest::SHA256, data).as_ref().to_vec()),
        _ => Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    }
}

struct ParsedSigner(Arc<KeyPair>);

impl Signer<Vec<u8>> for ParsedSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        self.0.sign(message).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for ParsedSigner {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        jose(self.0.algorithm())
    }
}

struct ParsedVerifier(Arc<PublicKey>);

impl Verifier<Vec<u8>> for ParsedVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        if self.0.verifies(message, signature) {
            Ok(())
        } else {
            Err(signature::Error::new())
        }
    }
}

impl JwtVerifier for ParsedVerifier {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        jose(self.0.algorithm())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::fixtures::pair;

    #[test]
    fn a_handle_signs_and_verifies_for_its_owner() {
        for algorithm in Algorithm::ALL {
            let pair = pair(algorithm, false);
            let verifying = VerifyingHandle::new(pair.public_key().unwrap());
            let signature = SigningHandle::new(pair).sign(b"message").unwrap();
            assert!(verifying.verifies(b"message", &signature));
            assert!(!verifying.verifies(b"massage", &signature));
            assert!(!verifying.verifies(b"message", "not base64url!"));
        }
    }

    #[test]
    fn a_key_leaves_the_table_with_its_owner() {
        let signing = SigningHandle::new(pair(Algorithm::EdDsa, false));
        let verifying = VerifyingHandle::new(pair(Algorithm::EdDsa, false).public_key().unwrap());
        let handles = (signing.handle, verifying.handle);
        assert!(SIGNING.find(&handles.0.to_le_bytes()).is_ok());
        assert!(VERIFYING.find(&handles.1.to_le_bytes()).is_ok());
        drop((signing, verifying));
        assert!(SIGNING.find(&handles.0.to_le_bytes()).is_err());
        assert!(VERIFYING.find(&handles.1.to_le_bytes()).is_err());
    }

    #[test]
    fn handles_are_never_used_twice() {
        let key = || SigningHandle::new(pair(Algorithm::EdDsa, false));
        let first = key().handle;
        assert_ne!(first, key().handle);
    }

    #[test]
    fn real_keys_handles_of_others_and_other_algorithms_are_refused() {
        let owner = SigningHandle::new(pair(Algorithm::Es256, false));
        let der = pair(Algorithm::Es256, false).to_pkcs8().unwrap();
        let of_other_algorithm = EncodingKey::from_rsa_der(&owner.handle.to_le_bytes());
        let verifying = DecodingKey::from_ec_der(&owner.handle.to_le_bytes());
        let unknown = EncodingKey::from_ec_der(&u64::MAX.to_le_bytes());
        for (key, algorithm) in [
            (EncodingKey::from_ec_der(&der), Algorithm::Es256),
            (unknown, Algorithm::Es256),
            (of_other_algorithm, Algorithm::Rs256),
            (EncodingKey::from_secret(b"secret"), Algorithm::EdDsa),
        ] {
            assert!(crypto::sign(b"message", &key, jose(algorithm)).is_err());
        }
        let hmac = crypto::sign(b"message", &owner.key, jsonwebtoken::Algorithm::HS256);
        assert!(hmac.is_err());
        let signature = owner.sign(b"message").unwrap();
        let verified = crypto::verify(&signature, b"message", &verifying, jose(Algorithm::Es256));
        assert!(
            verified.is_err(),
            "a private key's handle is not one of a public key"
        );
    }
}
