//! The `keys/` directory: everything that must not be read by others, in one place.
//!
//! It holds the signing keys (`<kid>.pem`, see [`crate::jwt`]), the [pepper], the [server key] and
//! the [audit key]. The directory is 0700 and its files are 0600; what others could read, or could
//! have exchanged, stops the start with a sentence that says the remedy. A backup needs the
//! database and this directory, kept apart.
//!
//! Everything here does blocking I/O: at start, or off the request workers.
//!
//! [pepper]: pepper::Pepper
//! [server key]: server_key::ServerKey
//! [audit key]: audit_key::AuditKey

pub mod audit_key;
pub mod file;
pub mod pem;
pub mod pepper;
pub mod server_key;

use std::fs;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use zeroize::Zeroizing;

use file::KeyFileError;

/// A directory for private files that has been found to be ours alone.
#[derive(Clone, Debug)]
pub struct KeysDir {
    path: PathBuf,
}

impl KeysDir {
    /// Makes the directory, with its parents, if it does not exist yet.
    pub fn create(path: &Path) -> Result<Self, KeyFileError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(KeyFileError::io("make", path))?;
        Self::open(path)
    }

    /// The existing directory at `path`.
    ///
    /// A fresh clone brings `keys/` with a README and the mode that git gives, so a directory that
    /// others can merely look into is made 0700. One that they can write in is refused: they may
    /// have exchanged what is in it.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let found = fs::metadata(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => KeyFileError::Missing { path: path.into() },
            _ => KeyFileError::io("look at", path)(error),
        })?;
        if !found.is_dir() {
            return Err(KeyFileError::contents(path, "a directory"));
        }
        file::check_owner(path, found.uid())?;
        let mode = found.mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(KeyFileError::WritableDirectory {
                path: path.into(),
                mode,
            });
        }
        if mode & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                .map_err(KeyFileError::io("make private", path))?;
            tracing::warn!(
                path = %path.display(),
                "others could look into the directory of the keys: it is 0700 now"
            );
        }
        Ok(Self { path: path.into() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the file `name` in it.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads the file `name`; refuses one that others could read or have written, and links.
    pub fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        file::read_private(&self.path_of(name))
    }

    /// Adds the file `name`, which must not exist. When this returns, the file is whole and on
    /// the disk; after a crash it is whole or absent.
    pub fn add(&self, name: &str, contents: &[u8]) -> Result<(), KeyFileError> {
        file::add_private(&self.path, name, contents)
    }

    /// Removes the file `name`; `false` when there is none. When this returns, it is gone from the
    /// disk.
    pub fn remove(&self, name: &str) -> Result<bool, KeyFileError> {
        file::remove(&self.path, name)
    }

    /// Removes the file `name`, which is there, and waits for no disk.
    pub fn discard(&self, name: &str) -> Result<(), KeyFileError> {
        let path = self.path_of(name);
        fs::remove_file(&path).map_err(KeyFileError::io("remove", &path))
    }

    /// Reads the file `name`; makes it of `contents` when there is none.
    fn read_or_add(
        &self,
        name: &str,
        contents: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, KeyFileError>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        match self.read(name) {
            Err(KeyFileError::Missing { .. }) => {
                self.add(name, &contents()?)?;
                self.read(name)
            }
            read => read,
        }
    }
}

/// Thirty-two random bytes, for a file of them.
fn random_key() -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0; 32]);
    crate::random::fill(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_it_makes_is_private() {
        let root = tempfile::tempdir().unwrap();
        let dir = KeysDir::create(&root.path().join("data/keys")).unwrap();
        dir.add("pepper", b"x").unwrap();
        assert_eq!(mode(dir.path()), 0o700);
        assert_eq!(mode(&dir.path_of("pepper")), 0o600);
        assert_eq!(dir.read("pepper").unwrap().as_slice(), b"x");
    }

    #[test]
    fn an_existing_file_is_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let dir = KeysDir::create(&root.path().join("keys")).unwrap();
        dir.add("pepper", b"old").unwrap();
        let error = dir.add("pepper", b"new").unwrap_err();
        assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
        assert_eq!(dir.read("pepper").unwrap().as_slice(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_removed_once() {
        let root = tempfile::tempdir().unwrap();
        let dir = KeysDir::create(&root.path().join("keys")).unwrap();
        dir.add("old.pem", b"x").unwrap();
        assert!(dir.remove("old.pem").unwrap());
        assert!(!dir.remove("old.pem").unwrap());
        assert!(dir.read("old.pem").is_err());
    }

    #[test]
    fn a_directory_that_others_can_look_into_is_closed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("keys");
        fs::create_dir(&path).unwrap();
        chmod(&path, 0o755);
        KeysDir::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_directory_that_others_can_write_in_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("keys");
        fs::create_dir(&path).unwrap();
        for open in [0o770, 0o702, 0o777] {
            chmod(&path, open);
            let error = KeysDir::open(&path).unwrap_err().to_string();
            assert!(
                error.contains(&format!("chmod 700 {}", path.display())),
                "{error}"
            );
        }
    }

    #[test]
    fn a_missing_directory_is_named() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("keys");
        let error = KeysDir::open(&path).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
}
