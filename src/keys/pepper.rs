//! The pepper: the key under which secrets are hashed.

use std::fmt;
use std::fs;
use std::path::Path;

use ring::digest;
use ring::hmac;
use zeroize::Zeroizing;

use super::KeysDir;
use super::file;
use super::file::KeyFileError;
use crate::domain::secret::PepperId;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretHash;

/// The server's pepper. Without it, a copy of the database is of no use for guessing secrets.
pub struct Pepper {
    key: hmac::Key,
    id: PepperId,
}

impl Pepper {
    /// Its name in the keys directory, unless a setting says otherwise.
    pub const FILE: &'static str = "pepper";

    /// Reads the pepper from `file`: with the rules of `dir` when it lies there, else with those
    /// for files that a setting names ([`file::read_named`]).
    pub fn load(dir: &KeysDir, file: &Path) -> Result<Self, KeyFileError> {
        let contents = if lies_in(dir, file) {
            file::read_private(file)
        } else {
            file::read_named(file)
        }?;
        Self::of(file, &contents)
    }

    /// Reads the pepper from `file`; makes one when `file` lies in `dir` and does not exist.
    pub fn load_or_create(dir: &KeysDir, file: &Path) -> Result<Self, KeyFileError> {
        match (
            lies_in(dir, file),
            file.file_name().and_then(|n| n.to_str()),
        ) {
            (true, Some(name)) => {
                Self::of(file, &dir.read_or_add(name, || Ok(super::random_key()))?)
            }
            _ => Self::load(dir, file),
        }
    }

    fn of(path: &Path, contents: &[u8]) -> Result<Self, KeyFileError> {
        let bytes: &[u8; 32] = contents
            .try_into()
            .map_err(|_| KeyFileError::contents(path, "a pepper of exactly 32 bytes"))?;
        Ok(Self::from_bytes(bytes))
    }

    /// The pepper of these bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let fingerprint = digest::digest(&digest::SHA256, bytes);
        let mut id = [0; 8];
        id.copy_from_slice(&fingerprint.as_ref()[..8]);
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, bytes),
            id: PepperId(id),
        }
    }

    /// What is stored with everything that it hashed, and in the database as its fingerprint.
    pub fn id(&self) -> PepperId {
        self.id
    }

    /// The HMAC-SHA-256 of a secret's text.
    pub fn hash(&self, secret: &Secret) -> SecretHash {
        let tag = hmac::sign(&self.key, secret.expose().as_bytes());
        let mut hash = Zeroizing::new([0; 32]);
        hash.copy_from_slice(tag.as_ref());
        SecretHash::from_bytes(*hash)
    }
}

/// Whether `file` is directly in `dir`, whatever the spelling of the two.
fn lies_in(dir: &KeysDir, file: &Path) -> bool {
    let same = |parent: &Path| match (fs::canonicalize(parent), fs::canonicalize(dir.path())) {
        (Ok(parent), Ok(dir)) => parent == dir,
        _ => false,
    };
    match file.parent() {
        Some(parent) if parent.as_os_str().is_empty() => same(Path::new(".")),
        Some(parent) => same(parent),
        None => false,
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({})", self.id)
    }
}
