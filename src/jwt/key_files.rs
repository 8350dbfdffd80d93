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

/// The keys in `dir` that an `init` which was cut short has made: good keys under their right names.
/// Other files are passed over; [`load`] says what they are.
pub fn list_unrecorded(dir: &KeysDir) -> Result<Vec<(String, Algorithm)>, KeyFilesFault> {
    let mut found = Vec::new();
    for path in strays(dir, &[])? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let Ok(der) = decode(&path, &dir.read(name)?) else {
            continue;
        };
        let key = Algorithm::ALL
            .into_iter()
            .find_map(|algorithm| KeyPair::from_pkcs8(algorithm, &der).ok());
        if let Some(public) = key.and_then(|pair| pair.public_key().ok())
            && file_name(public.kid()) == name
        {
            found.push((public.kid().to_owned(), public.algorithm()));
        }
    }
    Ok(found)
}

/// Reads the keys that these records need, and looks at every other private key in `dir`.
pub fn load(dir: &KeysDir, records: &[SigningKeyRecord]) -> Result<Vec<SigningKey>, KeyFilesError> {
    let (keys, faults) = load_each(dir, records);
    if faults.is_empty() {
        Ok(keys)
    } else {
        Err(KeyFilesError(faults))
    }
}

/// Reads those of the keys that can be read, and says what is wrong with the others, which are
/// without their key.
pub fn load_each(
    dir: &KeysDir,
    records: &[SigningKeyRecord],
) -> (Vec<SigningKey>, Vec<KeyFilesFault>) {
    let mut faults = Vec::new();
    let mut read = |record: &SigningKeyRecord| SigningKey {
        record: record.clone(),
        pair: find_pair(dir, record).unwrap_or_else(|fault| {
            faults.push(fault);
            None
        }),
    };
    let keys = records.iter().map(&mut read).collect();
    match strays(dir, records) {
        Ok(strays) => {
            for path in strays {
                tracing::warn!(path = %path.display(), "a key file without a record: it never signs");
            }
        }
        Err(error) => faults.push(error.into()),
    }
    (keys, faults)
}

/// Removes the files of the keys that are over, and returns their `kid`s: a private key that signs
/// and verifies nothing is only something to lose.
pub fn remove_over(
    dir: &KeysDir,
    records: &[SigningKeyRecord],
) -> Result<Vec<String>, KeyFileError> {
    let mut removed = Vec::new();
    for record in records.iter().filter(|key| !key.state.is_published()) {
        if dir.remove(&file_name(&record.kid))? {
            removed.push(record.kid.clone());
        }
    }
    Ok(removed)
}

/// Removes the file of a key that was made for nothing: there is no record of it. It does not wait until
/// that is on the disk: what a power loss brings back never signs.
pub fn discard(dir: &KeysDir, kid: &str) -> Result<(), KeyFileError> {
    dir.discard(&file_name(kid))
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

/// The `.pem` files that no record knows. These are read too, and so are those of keys that sign no
/// more: a private key that others can read is one even when it does not sign.
fn strays(dir: &KeysDir, records: &[SigningKeyRecord]) -> Result<Vec<PathBuf>, KeyFileError> {
    let mut strays = Vec::new();
    let entries = fs::read_dir(dir.path()).map_err(KeyFileError::io("list", dir.path()))?;
    for entry in entries {
        let entry = entry.map_err(KeyFileError::io("list", dir.path()))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|_| is_pem(&entry.path())) else {
            continue;
        };
        let record = records.iter().find(|record| file_name(&record.kid) == name);
        if name == AuditKey::FILE || record.is_some_and(|record| record.state.is_published()) {
            continue;
        }
        dir.read(name)?;
        if record.is_none() {
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::fs::symlink;
    use std::slice::from_ref;

    use tempfile::TempDir;

    use super::*;
    use crate::domain::token::TokenTyp;
    use crate::jwt::KeyRing;
    use crate::jwt::fixtures::ISSUER;
    use crate::jwt::fixtures::NOW;
    use crate::jwt::fixtures::at;
    use crate::jwt::fixtures::claims;
    use crate::jwt::fixtures::pair;
    use crate::jwt::fixtures::record;

    fn empty() -> (TempDir, KeysDir) {
        let root = tempfile::tempdir().unwrap();
        let dir = KeysDir::create(&root.path().join("keys")).unwrap();
        (root, dir)
    }

    /// A directory with the test key of `algorithm`, and the record of it.
    fn with_key(algorithm: Algorithm, state: KeyState) -> (TempDir, KeysDir, SigningKeyRecord) {
        let (root, dir) = empty();
        let record = put(&dir, algorithm, state);
        (root, dir, record)
    }

    fn put(dir: &KeysDir, algorithm: Algorithm, state: KeyState) -> SigningKeyRecord {
        let pair = pair(algorithm, false);
        let record = record(&pair, state);
        let text = pem::encode(&pair.to_pkcs8().unwrap());
        dir.add(&file_name(&record.kid), text.as_bytes()).unwrap();
        record
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(dir: &KeysDir, records: &[SigningKeyRecord]) -> String {
        load(dir, records).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_made_key_is_private_and_signs_after_a_restart() {
        let (_root, dir) = empty();
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let kid = generate(&dir, algorithm).unwrap();
            let path = dir.path_of(&file_name(&kid));
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);

            let mut record = record(&pair(algorithm, false), KeyState::Active);
            record.kid = kid;
            let rings = [0, 1].map(|_| KeyRing::load(&dir, from_ref(&record)).unwrap());
            let token = rings[0].sign(TokenTyp::AtJwt, algorithm, &claims()).await;
            let token = token.unwrap();
            assert!(rings[1].verify(token.as_str(), ISSUER, at(NOW)).is_ok());
        }
    }

    #[test]
    fn a_file_without_a_record_never_signs() {
        let (_root, dir, _) = with_key(Algorithm::EdDsa, KeyState::Active);
        let known = put(&dir, Algorithm::Es256, KeyState::Active);
        dir.add("notes.pem", b"not a key at all").unwrap();
        dir.add("README.md", b"").unwrap();
        AuditKey::load_or_create(&dir).unwrap();
        let records = [known];

        let unrecorded = strays(&dir, &records).unwrap();
        assert_eq!(unrecorded.len(), 2, "{unrecorded:?}");
        let ring = KeyRing::load(&dir, &records).unwrap();
        assert!(ring.can_sign(Algorithm::Es256) && !ring.can_sign(Algorithm::EdDsa));
    }

    #[test]
    fn a_record_that_needs_its_file_is_refused_without_it() {
        let (_root, dir) = empty();
        for state in [
            KeyState::Pending,
            KeyState::Active,
            KeyState::Retiring,
            KeyState::Retired,
            KeyState::Revoked,
        ] {
            let record = record(&pair(Algorithm::EdDsa, false), state);
            let loaded = load(&dir, from_ref(&record));
            match loaded {
                Ok(keys) => assert!(!state.is_published() && keys[0].pair.is_none()),
                Err(error) => {
                    assert!(state.is_published());
                    let sentence = error.to_string();
                    assert!(sentence.contains(&record.kid) && sentence.contains(state.as_str()));
                }
            }
        }
    }

    // Security case 155.
    #[test]
    fn a_file_that_others_can_open_stops_the_start_with_the_remedy() {
        let (_root, dir, record) = with_key(Algorithm::EdDsa, KeyState::Active);
        let path = dir.path_of(&file_name(&record.kid));
        for mode in [0o640, 0o604, 0o644, 0o660, 0o602, 0o610] {
            chmod(&path, mode);
            let mut retired = record.clone();
            retired.state = KeyState::Retired;
            for records in [from_ref(&record), from_ref(&retired), &[]] {
                let sentence = refusal(&dir, records);
                assert!(
                    sentence.contains(&format!("chmod 600 {}", path.display())),
                    "{sentence}"
                );
            }
        }
        for mode in [0o600, 0o400] {
            chmod(&path, mode);
            assert!(load(&dir, from_ref(&record)).is_ok());
        }
    }

    // Security case 155.
    #[test]
    fn a_link_is_refused_even_to_a_good_key() {
        let (_root, dir, record) = with_key(Algorithm::EdDsa, KeyState::Active);
        let path = dir.path_of(&file_name(&record.kid));
        let elsewhere = dir.path().parent().unwrap().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        let sentence = refusal(&dir, &[record]);
        assert!(sentence.contains("symbolic link") && sentence.contains(path.to_str().unwrap()));
    }

    #[test]
    fn a_directory_or_a_pipe_in_place_of_a_key_is_refused_without_waiting() {
        let (_root, dir, record) = with_key(Algorithm::EdDsa, KeyState::Active);
        let path = dir.path_of(&file_name(&record.kid));
        fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(refusal(&dir, from_ref(&record)).contains("regular file"));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(refusal(&dir, &[record]).contains("regular file"));
    }

    #[test]
    fn a_key_under_another_name_is_refused() {
        let (_root, dir, record) = with_key(Algorithm::EdDsa, KeyState::Active);
        let spare = pair(Algorithm::EdDsa, true).to_pkcs8().unwrap();
        let path = dir.path_of(&file_name(&record.kid));
        fs::write(&path, pem::encode(&spare).as_bytes()).unwrap();
        let sentence = refusal(&dir, &[record]);
        assert!(sentence.contains("not the one in its name"), "{sentence}");
    }

    // Security case 162.
    #[test]
    fn what_is_no_key_or_a_weak_one_is_refused() {
        let weak = include_bytes!("../../tests/it/fixtures/keys/rs256-weak.pem");
        let other = include_bytes!("../../tests/it/fixtures/keys/es256.pem");
        let (_root, dir, record) = with_key(Algorithm::Rs256, KeyState::Active);
        let path = dir.path_of(&file_name(&record.kid));
        let large = "x".repeat(16_385);
        for contents in [&weak[..], other, b"", b"garbage", large.as_bytes()] {
            fs::write(&path, contents).unwrap();
            let sentence = refusal(&dir, from_ref(&record));
            assert!(sentence.contains(path.to_str().unwrap()), "{sentence}");
            assert!(!sentence.contains("MIIC"), "nothing of the file is shown");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let (_root, dir, open) = with_key(Algorithm::EdDsa, KeyState::Active);
        chmod(&dir.path_of(&file_name(&open.kid)), 0o644);
        let lost = record(&pair(Algorithm::Es256, false), KeyState::Active);
        let sentences = refusal(&dir, &[open.clone(), lost.clone()]);
        assert!(sentences.contains(&open.kid) && sentences.contains(&lost.kid));
    }
}
