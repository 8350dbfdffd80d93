//! The committed test keys, which are public, in a directory that a server accepts.

use jiff::Timestamp;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::signing_key::KeyState;
use ostler::domain::signing_key::SigningKeyRecord;
use ostler::domain::version::Version;
use ostler::jwt::KeyPair;
use ostler::keys::KeysDir;
use ostler::keys::pem;

/// A test key, and whether it is the first of its algorithm or the spare one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Which {
    First,
    Spare,
}

/// One active key for each algorithm, as `init` makes them; their files are in `dir`.
pub fn install(dir: &KeysDir, now: Timestamp) -> Vec<SigningKeyRecord> {
    Algorithm::ALL
        .into_iter()
        .map(|algorithm| add(dir, algorithm, Which::First, now))
        .collect()
}

/// Writes a test key as the file that its name wants, and gives the record of it, active.
pub fn add(dir: &KeysDir, algorithm: Algorithm, which: Which, now: Timestamp) -> SigningKeyRecord {
    let text = text(algorithm, which);
    let pair = KeyPair::from_pkcs8(algorithm, &pem::decode(text).unwrap()).unwrap();
    let kid = pair.public_key().unwrap().kid().to_owned();
    dir.add(&format!("{kid}.pem"), text).unwrap();
    SigningKeyRecord {
        kid,
        algorithm,
        state: KeyState::Active,
        created_at: now,
        published_at: now,
        activates_at: None,
        active_from: Some(now),
        last_signed_at: None,
        max_token_lifetime: None,
        longer_tokens_end_at: None,
        leaves_jwks_at: None,
        version: Version::FIRST,
    }
}

/// The text of the file.
pub fn text(algorithm: Algorithm, which: Which) -> &'static [u8] {
    match (algorithm, which) {
        (Algorithm::Es256, Which::First) => include_bytes!("fixtures/keys/es256.pem"),
        (Algorithm::Es256, Which::Spare) => include_bytes!("fixtures/keys/es256-spare.pem"),
        (Algorithm::Rs256, Which::First) => include_bytes!("fixtures/keys/rs256.pem"),
        (Algorithm::Rs256, Which::Spare) => include_bytes!("fixtures/keys/rs256-spare.pem"),
        (Algorithm::EdDsa, Which::First) => include_bytes!("fixtures/keys/eddsa.pem"),
        (Algorithm::EdDsa, Which::Spare) => include_bytes!("fixtures/keys/eddsa-spare.pem"),
    }
}
