//! The audit key: signs the heads of the audit chains, and nothing else.
//!
//! It is not a signing key of tokens, so it is not in the JWKS: one key, one purpose.

use std::fmt;

use aws_lc_rs::signature::ED25519;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use aws_lc_rs::signature::UnparsedPublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use zeroize::Zeroizing;

use super::KeysDir;
use super::file::KeyFileError;
use super::pem;

/// An Ed25519 key pair.
pub struct AuditKey {
    pair: Ed25519KeyPair,
    kid: String,
}

impl AuditKey {
    /// Its name in the keys directory.
    pub const FILE: &'static str = "audit.pem";

    /// Reads the key.
    pub fn load(dir: &KeysDir) -> Result<Self, KeyFileError> {
        Self::of(dir, &dir.read(Self::FILE)?)
    }

    /// Reads the key; makes one when there is none.
    pub fn load_or_create(dir: &KeysDir) -> Result<Self, KeyFileError> {
        Self::of(dir, &dir.read_or_add(Self::FILE, || Self::generate(dir))?)
    }

    fn generate(dir: &KeysDir) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        let der = Ed25519KeyPair::generate()
            .and_then(|pair| pair.to_pkcs8v1())
            .map_err(|_| {
                KeyFileError::io("make a key for", &dir.path_of(Self::FILE))(std::io::Error::other(
                    "the cryptographic library refused",
                ))
            })?;
        Ok(Zeroizing::new(
            pem::encode(der.as_ref()).as_bytes().to_vec(),
        ))
    }

    fn of(dir: &KeysDir, contents: &[u8]) -> Result<Self, KeyFileError> {
        pem::decode(contents)
            .and_then(|der| Ed25519KeyPair::from_pkcs8(&der).ok())
            .map(Self::from_pair)
            .ok_or_else(|| {
                let expected = "an Ed25519 private key, as one unencrypted PKCS#8 block in PEM";
                KeyFileError::contents(&dir.path_of(Self::FILE), expected)
            })
    }

    fn from_pair(pair: Ed25519KeyPair) -> Self {
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        // RFC 7638 section 3: the required members of the key, in their order, without blanks.
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let thumbprint = digest::digest(&digest::SHA256, jwk.as_bytes());
        Self {
            kid: URL_SAFE_NO_PAD.encode(thumbprint),
            pair,
        }
    }

    /// The RFC 7638 thumbprint of the public half.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The Ed25519 signature over `message`, 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// Whether this key made `signature` over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let public = UnparsedPublicKey::new(&ED25519, self.public_key());
        public.verify(message, signature).is_ok()
    }

    /// The public half, 32 bytes.
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_signs_after_a_restart() {
        let root = tempfile::tempdir().unwrap();
        let dir = KeysDir::create(&root.path().join("keys")).unwrap();
        assert!(AuditKey::load(&dir).is_err());
        let made = AuditKey::load_or_create(&dir).unwrap();
        let again = AuditKey::load_or_create(&dir).unwrap();
        assert!(made.verify(b"head", &again.sign(b"head")));
        assert!(!made.verify(b"head", &again.sign(b"tail")));
        assert_eq!((made.kid(), made.kid().len()), (again.kid(), 43));
    }

    #[test]
    fn another_kind_of_key_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let dir = KeysDir::create(&root.path().join("keys")).unwrap();
        let other = include_bytes!("../../tests/it/fixtures/keys/es256.pem");
        dir.add(AuditKey::FILE, other).unwrap();
        let error = AuditKey::load_or_create(&dir).unwrap_err().to_string();
        assert!(
            error.contains("audit.pem") && error.contains("Ed25519"),
            "{error}"
        );
    }
}
