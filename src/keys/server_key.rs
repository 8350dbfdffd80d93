//! The server key: vouches for small things that we hand out and get back, such as cursors.

use std::fmt;

use ring::hmac;

use super::KeysDir;
use super::file::KeyFileError;

/// What a signature is for. Each purpose has a key of its own, derived from the server key, so
/// that a signature made for one is worth nothing for another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// The `cursor` of a list.
    Cursor,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Cursor => b"ostler cursor v1",
        }
    }
}

/// The length of a signature, in bytes.
pub const SIGNATURE_LEN: usize = 32;

/// HMAC-SHA-256 keys, one for each [`Purpose`].
pub struct ServerKey {
    cursor: hmac::Key,
}

impl ServerKey {
    /// Its name in the keys directory.
    pub const FILE: &'static str = "server.key";

    /// Reads the key.
    pub fn load(dir: &KeysDir) -> Result<Self, KeyFileError> {
        Self::of(dir, &dir.read(Self::FILE)?)
    }

    /// Reads the key; makes one when there is none.
    pub fn load_or_create(dir: &KeysDir) -> Result<Self, KeyFileError> {
        Self::of(
            dir,
            &dir.read_or_add(Self::FILE, || Ok(super::random_key()))?,
        )
    }

    fn of(dir: &KeysDir, contents: &[u8]) -> Result<Self, KeyFileError> {
        let path = dir.path_of(Self::FILE);
        let bytes: &[u8; 32] = contents
            .try_into()
            .map_err(|_| KeyFileError::contents(&path, "a server key of exactly 32 bytes"))?;
        Ok(Self::from_bytes(bytes))
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let derived = |purpose: Purpose| {
            let key = hmac::sign(&root, purpose.label());
            hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())
        };
        Self {
            cursor: derived(Purpose::Cursor),
        }
    }

    fn key(&self, purpose: Purpose) -> &hmac::Key {
        match purpose {
            Purpose::Cursor => &self.cursor,
        }
    }

    /// Signs `message` for `purpose`.
    pub fn sign(&self, purpose: Purpose, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        let mut signature = [0; SIGNATURE_LEN];
        signature.copy_from_slice(hmac::sign(self.key(purpose), message).as_ref());
        signature
    }

    /// Whether we made `signature` over `message` for `purpose`; in constant time.
    #[must_use]
    pub fn verify(&self, purpose: Purpose, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(self.key(purpose), message, signature).is_ok()
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_vouches_for_what_it_signed_and_nothing_else() {
        let (key, other) = (
            ServerKey::from_bytes(&[1; 32]),
            ServerKey::from_bytes(&[2; 32]),
        );
        let signature = key.sign(Purpose::Cursor, b"page 2");
        assert!(key.verify(Purpose::Cursor, b"page 2", &signature));
        assert!(!key.verify(Purpose::Cursor, b"page 3", &signature));
        assert!(!key.verify(Purpose::Cursor, b"page 2", &signature[..16]));
        assert!(!key.verify(Purpose::Cursor, b"page 2", b""));
        assert!(!other.verify(Purpose::Cursor, b"page 2", &signature));
    }

    #[test]
    fn a_purpose_has_a_key_of_its_own() {
        let root = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        let signature = ServerKey::from_bytes(&[1; 32]).sign(Purpose::Cursor, b"page 2");
        assert!(hmac::verify(&root, b"page 2", &signature).is_err());
    }

    #[test]
    fn it_is_made_once_and_stays() {
        let root = tempfile::tempdir().unwrap();
        let dir = KeysDir::create(&root.path().join("keys")).unwrap();
        assert!(ServerKey::load(&dir).is_err());
        let signature = ServerKey::load_or_create(&dir)
            .unwrap()
            .sign(Purpose::Cursor, b"x");
        let again = [ServerKey::load(&dir), ServerKey::load_or_create(&dir)];
        for key in again {
            assert!(key.unwrap().verify(Purpose::Cursor, b"x", &signature));
        }
        std::fs::write(dir.path_of(ServerKey::FILE), b"short").unwrap();
        let error = ServerKey::load(&dir).unwrap_err().to_string();
        assert!(
            error.contains("server.key") && error.contains("32 bytes"),
            "{error}"
        );
    }
}
