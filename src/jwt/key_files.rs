//! The private halves of the signing keys: `<kid>.pem` in `keys/`.
//!
//! The file is written before the record is committed. So a file without a record is what a crash
//! leaves behind: it is said in a warning and never signs. A record without its file is damage,
//! and stops the start.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::key_pair::KeyFault;
use super::key_pair::KeyPair;
use crate::domain::signing_key::Algorithm;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;
use crate::keys::KeysDir;
use crate::keys::audit_key::AuditKey;
use crate::keys::file::KeyFileError;
use crate::keys::pem;

/// A record with its key.
#[derive(Debug)]
pub struct SigningKey {
    /// What the store says.
    pub record: SigningKeyRecord,
    /// The key; `None` in the states that need none.
    pub pair: Option<KeyPair>,
}

/// Signing keys that cannot be used, all that are wrong at once.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct KeyFilesError(pub Vec<KeyFilesFault>);

/// What is wrong with one of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFilesFault {
    /// The file of a record that needs it is not there.
    #[error(
        "{path} does not exist, but the database knows it as the {state} signing key {kid}; \
         restore keys/ from the backup that belongs to this database",
        path = path.display(), state = state.as_str()
    )]
    Lost {
        /// Where it should be.
        path: PathBuf,
        /// Whose file it is.
        kid: String,
        /// The state of its record.
        state: KeyState,
    },
    /// The file cannot be read, or not by us alone.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Not a key, or a weak one.
    #[error("{}: {fault}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        fault: KeyFault,
    },
    /// Another key than its name says.
    #[error("{} holds the key {found}, which is not the one in its name", path.display())]
    WrongName {
        /// The file.
        path: PathBuf,
        /// The thumbprint of what is in it.
        found: String,
    },
}

/// Makes a key and writes its file; returns its `kid`. It signs nothing until a record of it is
/// active. Making an RSA key takes some 100 ms: not on a request worker.
pub fn generate(dir: &KeysDir, algorithm: Algorithm) -> Result<String, KeyFilesFault> {
    let fault = |fault| KeyFilesFault::Key {
        path: dir.path().into(),
        fault,
    };
    let pair = KeyPair::generate(algorithm).map_err(fault)?;
    let public = pair.public_key().map_err(fault)?;
    let text = pem::encode(&pair.to_pkcs8().map_err(fault)?);
    dir.add(&file_name(public.kid()), text.as_bytes())?;
    Ok(public.kid().to_owned())
}

/// Reads the keys that these records need, and looks at every other private key in `dir`.
pub fn load(dir: &KeysDir, records: &[SigningKeyRecord]) -> Result<Vec<SigningKey>, KeyFilesError> {
    let mut keys = Vec::with_capacity(records.len());
    let mut faults = Vec::new();
    for record in records {
        match find_pair(dir, record) {
            Ok(pair) => keys.push(SigningKey {
                record: record.clone(),
                pair,
            }),
            Err(fault) => faults.push(fault),
        }
    }
    match strays(dir, records) {
        Ok(strays) => {
            for path in strays {
                tracing::warn!(path = %path.display(), "a key file without a record: it never signs");
            }
        }
        Err(error) => faults.push(error.into()),
    }
    if faults.is_empty() {
        Ok(keys)
    } else {
        Err(KeyFilesError(faults))
    }
}

fn find_pair(dir: &KeysDir, record: &SigningKeyRecord) -> Result<Option<KeyPair>, KeyFilesFault> {
    if !record.state.is_published() {
        return Ok(None);
    }
    let name = file_name(&record.kid);
    let path = dir.path_of(&name);
    let text = match dir.read(&name) {
        Err(KeyFileError::Missing { path }) => {
            return Err(KeyFilesFault::Lost {
                path,
                kid: record.kid.clone(),
                state: record.state,
            });
        }
        read => read?,
    };
    let der = decode(&path, &text)?;
    let fault = |fault| KeyFilesFault::Key {
        path: path.clone(),
        fault,
    };
    let pair = KeyPair::from_pkcs8(record.algorithm, &der).map_err(fault)?;
    let found = pair.public_key().map_err(fault)?;
    if found.kid() == record.kid {
        Ok(Some(pair))
    } else {
        Err(KeyFilesFault::WrongName {
            path,
            found: found.kid().to_owned(),
        })
    }
}

fn decode(path: &Path, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    pem::decode(text)
        .ok_or_else(|| KeyFileError::contents(path, "one unencrypted PKCS#8 private key in PEM"))
}

/// The `.pem` files that no record knows. They are read like the others, because a private key
/// that others can read is one even when it does not sign.
fn strays(dir: &KeysDir, records: &[SigningKeyRecord]) -> Result<Vec<PathBuf>, KeyFileError> {
    let mut strays = Vec::new();
    let entries = fs::read_dir(dir.path()).map_err(KeyFileError::io("list", dir.path()))?;
    for entry in entries {
        let entry = entry.map_err(KeyFileError::io("list", dir.path()))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|_| is_pem(&entry.path())) else {
            continue;
        };
        let known = name == AuditKey::FILE || records.iter().any(|r| file_name(&r.kid) == name);
        if !known {
            dir.read(name)?;
            strays.push(entry.path());
        }
    }
    strays.sort();
    Ok(strays)
}

fn is_pem(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("pem"))
}

fn file_name(kid: &str) -> String {
    format!("{kid}.pem")
}
