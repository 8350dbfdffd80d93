//! The pepper: the key under which secrets are hashed.

use std::fmt;
use std::fs;
use std::path::Path;

use ring::digest;
use ring::hmac;

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
        let mut hash = [0; 32];
        hash.copy_from_slice(tag.as_ref());
        SecretHash::from_bytes(hash)
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::domain::secret::SecretKind;

    fn dir() -> (TempDir, KeysDir) {
        let root = tempfile::tempdir().unwrap();
        let dir = KeysDir::create(&root.path().join("keys")).unwrap();
        (root, dir)
    }

    fn write(path: &Path, contents: &[u8], mode: u32) {
        fs::write(path, contents).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_hash_is_the_hmac_of_the_text_and_the_id_the_start_of_the_digest() {
        let pepper = Pepper::from_bytes(&[0x0b; 32]);
        // `printf '\v%.0s' {1..32} | sha256sum`
        assert_eq!(pepper.id().to_string(), "f0e38b830ebd8a50");
        let secret = Secret::from_random(SecretKind::ClientSecret, &[0; 32]);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[0x0b; 32]);
        let hash = pepper.hash(&secret);
        assert!(hmac::verify(&key, secret.expose().as_bytes(), hash.as_bytes()).is_ok());
    }

    #[test]
    fn another_secret_or_another_pepper_is_another_hash() {
        let secret = |bits| Secret::from_random(SecretKind::ClientSecret, &[bits; 32]);
        let (one, other) = (Pepper::from_bytes(&[1; 32]), Pepper::from_bytes(&[2; 32]));
        assert!(one.hash(&secret(1)).matches(&one.hash(&secret(1))));
        assert!(!one.hash(&secret(1)).matches(&one.hash(&secret(2))));
        assert!(!one.hash(&secret(1)).matches(&other.hash(&secret(1))));
        assert_ne!(one.id(), other.id());
    }

    #[test]
    fn it_is_made_once_and_stays() {
        let (_root, dir) = dir();
        let file = dir.path_of(Pepper::FILE);
        assert!(matches!(
            Pepper::load(&dir, &file),
            Err(KeyFileError::Missing { .. })
        ));
        let made = Pepper::load_or_create(&dir, &file).unwrap();
        assert_eq!(Pepper::load_or_create(&dir, &file).unwrap().id(), made.id());
        assert_eq!(Pepper::load(&dir, &file).unwrap().id(), made.id());
    }

    #[test]
    fn what_is_not_thirty_two_bytes_is_no_pepper() {
        let (_root, dir) = dir();
        let file = dir.path_of(Pepper::FILE);
        for length in [0, 31, 33, 64] {
            write(&file, &vec![7; length], 0o600);
            let error = Pepper::load_or_create(&dir, &file).unwrap_err();
            assert!(error.to_string().contains("32 bytes"), "{error}");
        }
    }

    #[test]
    fn in_the_keys_directory_the_strict_rules_hold_however_it_is_named() {
        let (root, dir) = dir();
        write(&dir.path_of(Pepper::FILE), &[7; 32], 0o640);
        let around = dir.path().join("../keys/pepper");
        let link = root.path().join("link");
        symlink(dir.path(), &link).unwrap();
        for file in [dir.path_of(Pepper::FILE), around, link.join("pepper")] {
            let error = Pepper::load(&dir, &file).unwrap_err();
            assert!(
                matches!(error, KeyFileError::OpenToOthers { .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn elsewhere_a_link_and_a_group_are_borne_but_not_the_world() {
        let (root, dir) = dir();
        let (file, link) = (root.path().join("mounted"), root.path().join("link"));
        write(&file, &[7; 32], 0o640);
        symlink(&file, &link).unwrap();
        assert_eq!(
            Pepper::load(&dir, &link).unwrap().id(),
            Pepper::from_bytes(&[7; 32]).id()
        );
        write(&file, &[7; 32], 0o644);
        let error = Pepper::load(&dir, &link).unwrap_err();
        assert!(
            matches!(error, KeyFileError::OpenToOthers { .. }),
            "{error}"
        );
    }

    #[test]
    fn a_pepper_that_a_setting_names_is_never_made() {
        let (root, dir) = dir();
        let file = root.path().join("mounted");
        let error = Pepper::load_or_create(&dir, &file).unwrap_err();
        assert!(matches!(error, KeyFileError::Missing { .. }), "{error}");
        assert!(!file.exists());
    }
}
