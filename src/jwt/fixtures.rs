//! What the tests of this module share: public test keys, and a usual token.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::KeyPair;
use super::KeyRing;
use super::SigningKey;
use crate::domain::id::AccountId;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::organization::Generation;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceType;
use crate::domain::scope::ScopeSet;
use crate::domain::signing_key::Algorithm;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;
use crate::domain::token::AuthorizationDetail;
use crate::domain::token::Claims;
use crate::domain::token::Epoch;
use crate::domain::token::Generations;
use crate::domain::token::TokenId;
use crate::domain::version::Version;
use crate::keys::pem;

pub(super) const ISSUER: &str = "https://auth.example.com";
pub(super) const NOW: i64 = 1_800_000_000;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The committed test key of `algorithm`; `spare` is another one.
pub(super) fn pair(algorithm: Algorithm, spare: bool) -> KeyPair {
    let text: &[u8] = match (algorithm, spare) {
        (Algorithm::Es256, false) => include_bytes!("../../tests/it/fixtures/keys/es256.pem"),
        (Algorithm::Es256, true) => include_bytes!("../../tests/it/fixtures/keys/es256-spare.pem"),
        (Algorithm::Rs256, false) => include_bytes!("../../tests/it/fixtures/keys/rs256.pem"),
        (Algorithm::Rs256, true) => include_bytes!("../../tests/it/fixtures/keys/rs256-spare.pem"),
        (Algorithm::EdDsa, false) => include_bytes!("../../tests/it/fixtures/keys/eddsa.pem"),
        (Algorithm::EdDsa, true) => include_bytes!("../../tests/it/fixtures/keys/eddsa-spare.pem"),
    };
    KeyPair::from_pkcs8(algorithm, &pem::decode(text).unwrap()).unwrap()
}

pub(super) fn record(pair: &KeyPair, state: KeyState) -> SigningKeyRecord {
    SigningKeyRecord {
        kid: pair.public_key().unwrap().kid().to_owned(),
        algorithm: pair.algorithm(),
        state,
        created_at: at(NOW),
        published_at: at(NOW),
        activates_at: None,
        active_from: None,
        last_signed_at: None,
        max_token_lifetime: None,
        longer_tokens_end_at: None,
        leaves_jwks_at: None,
        version: Version::FIRST,
    }
}

pub(super) fn key(pair: KeyPair, state: KeyState) -> SigningKey {
    SigningKey {
        record: record(&pair, state),
        pair: Some(pair),
    }
}

/// One active key for each algorithm.
pub(super) fn ring() -> KeyRing {
    let keys = Algorithm::ALL.map(|algorithm| key(pair(algorithm, false), KeyState::Active));
    KeyRing::new(keys.into()).unwrap()
}

/// What a usual token says: issued now, for 15 minutes.
pub(super) fn claims() -> Claims {
    let detail = |resource_type, identifiers| AuthorizationDetail {
        resource_type: ResourceType::parse(resource_type).unwrap(),
        identifiers,
    };
    Claims {
        issuer: ISSUER.into(),
        account: AccountId::generate(1, 1),
        client_id: ClientId::generate(1, 2),
        audience: Arc::from("https://api.example.com/v1"),
        issued_at: NOW,
        expires_at: NOW + 900,
        id: TokenId::from_bytes([7; 16]),
        scopes: ScopeSet::parse("write read").unwrap(),
        details: vec![
            detail("project", Identifiers::listed(["SECRET", "DEMO"]).unwrap()),
            detail("space", Identifiers::All),
        ],
        organization: OrganizationId::generate(1, 3),
        generations: Generations {
            epoch: Epoch::from_random([1; 8]),
            organization: Generation(1),
            account: Generation(2),
            credential: Generation(3),
        },
    }
}

/// A JWS of any header and claims, with the signature that `sign` makes of it.
pub(super) fn jws(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let signed = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let signature = encode(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A JWS that `pair` really signed.
pub(super) fn signed_by(pair: &KeyPair, header: &str, claims: &str) -> String {
    jws(header, claims, |signed| pair.sign(signed).unwrap())
}

/// The `kid` of a key.
pub(super) fn kid(pair: &KeyPair) -> String {
    pair.public_key().unwrap().kid().to_owned()
}

/// The header that `pair` signs with.
pub(super) fn header(pair: &KeyPair) -> String {
    let (alg, kid) = (pair.algorithm(), kid(pair));
    format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}"#)
}

/// The JSON of [`claims`].
pub(super) fn claims_json() -> String {
    String::from_utf8(super::write::claims(&claims()).unwrap()).unwrap()
}
