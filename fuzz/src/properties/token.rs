//! A token that comes back.
//!
//! An input that begins with `{` is a header and, on the lines after the first, claims: it is signed
//! with our key, so that what is behind the signature is looked at too. Any other input is a token as
//! it is.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::signing_key::KeyState;
use ostler::domain::signing_key::SigningKeyRecord;
use ostler::domain::version::Version;
use ostler::jwt::InvalidToken;
use ostler::jwt::KeyPair;
use ostler::jwt::KeyRing;
use ostler::jwt::MAX_TOKEN_LEN;
use ostler::jwt::SigningKey;
use ostler::jwt::VerifiedToken;
use ostler::keys::pem;
use ring::signature::ED25519;
use ring::signature::Ed25519KeyPair;
use ring::signature::KeyPair as _;
use ring::signature::UnparsedPublicKey;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde_json::Value;

const ISSUER: &str = "https://auth.example.com";
const NOW: i64 = 1_772_366_400;

/// The test keys that everybody knows.
const EDDSA: &str = include_str!("../../../tests/it/fixtures/keys/eddsa.pem");
const EDDSA_SPARE: &str = include_str!("../../../tests/it/fixtures/keys/eddsa-spare.pem");

/// A ring with one key that signs and one that was taken back, and the first of them once more.
struct Keys {
    ring: KeyRing,
    kid: String,
    /// The same key, in another library's hands.
    pair: Ed25519KeyPair,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let keys = vec![
        signing_key(EDDSA, KeyState::Active),
        signing_key(EDDSA_SPARE, KeyState::Revoked),
    ];
    let der = pem::decode(EDDSA.as_bytes()).expect("PEM");
    Keys {
        kid: keys[0].record.kid.clone(),
        ring: KeyRing::new(keys).expect("a ring"),
        pair: Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).expect("a key"),
    }
});

fn signing_key(text: &str, state: KeyState) -> SigningKey {
    let algorithm = Algorithm::EdDsa;
    let der = pem::decode(text.as_bytes()).expect("PEM");
    let pair = KeyPair::from_pkcs8(algorithm, &der).expect("a key");
    let kid = pair.public_key().expect("a public half").kid().to_owned();
    let begin = Timestamp::UNIX_EPOCH;
    SigningKey {
        record: SigningKeyRecord {
            kid,
            algorithm,
            state,
            created_at: begin,
            published_at: begin,
            activates_at: None,
            active_from: Some(begin),
            last_signed_at: None,
            max_token_lifetime: None,
            longer_tokens_end_at: None,
            leaves_jwks_at: None,
            version: Version::FIRST,
        },
        pair: (state == KeyState::Active).then_some(pair),
    }
}

/// What verifies was signed by our key, says what we read, and counts now.
pub fn check(input: &[u8]) -> bool {
    let token = if input.starts_with(b"{") {
        sign(input)
    } else if let Ok(text) = std::str::from_utf8(input) {
        text.to_owned()
    } else {
        return false;
    };
    let outcome = verify(&token);
    if let Ok(verified) = &outcome {
        check_verified(&token, verified);
    }
    // The second time the signature is remembered.
    let claims = |verified: VerifiedToken| verified.claims().clone();
    let outcome = outcome.map(claims);
    assert_eq!(outcome, verify(&token).map(claims));
    outcome.is_ok()
}

fn verify(token: &str) -> Result<VerifiedToken, InvalidToken> {
    let now = Timestamp::from_second(NOW).expect("an instant");
    KEYS.ring.verify(token, ISSUER, now)
}

fn sign(input: &[u8]) -> String {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let mut part = || {
        let text = parts.next().unwrap_or_default();
        let text = String::from_utf8_lossy(text).replace("$KID", &KEYS.kid);
        BASE64_URL_SAFE_NO_PAD.encode(text)
    };
    let message = format!("{}.{}", part(), part());
    let signature = KEYS.pair.sign(message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn check_verified(token: &str, verified: &VerifiedToken) {
    assert!(token.len() <= MAX_TOKEN_LEN);
    let (message, signature) = token.rsplit_once('.').expect("a signature");
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    UnparsedPublicKey::new(&ED25519, KEYS.pair.public_key())
        .verify(message.as_bytes(), &signature)
        .expect("our signature");

    let (header, claims) = message.split_once('.').expect("two parts");
    let (header, said): (SaidHeader, Said) = (json(header), json(claims));
    assert_eq!(header.alg, "EdDSA");
    assert_eq!(header.kid, KEYS.kid.as_str());
    assert_eq!(header.typ, verified.typ().as_str());
    assert!(header.crit.is_none() && header.b64.is_none());
    check_claims(&said, verified);

    let typ = verified.typ();
    let prepared = KEYS.ring.prepare(typ, Algorithm::EdDsa, verified.claims());
    let prepared = prepared.expect("it can be written again");
    let length = prepared.len();
    let ours = finish(prepared);
    assert_eq!(ours.len(), length);
    if length <= MAX_TOKEN_LEN {
        let again = verify(&ours).expect("what we write verifies");
        assert_eq!(again.claims(), verified.claims());
    }
}

fn check_claims(said: &Said, verified: &VerifiedToken) {
    let claims = verified.claims();
    for (text, read) in [
        (&said.iss, ISSUER.to_owned()),
        (&said.sub, claims.account.to_string()),
        (&said.client_id, claims.client_id.to_string()),
        (&said.aud, claims.audience.to_string()),
        (&said.jti, claims.id.to_string()),
        (&said.org, claims.organization.to_string()),
        (&said.epoch, claims.generations.epoch.as_str().to_owned()),
    ] {
        assert_eq!(*text, read);
    }
    assert_eq!(said.exp, claims.expires_at);
    assert_eq!(said.iat, claims.issued_at);
    assert!(NOW < claims.expires_at && claims.issued_at <= NOW + 60);
    let has_come = |nbf: &Value| nbf.as_i64().is_some_and(|nbf| nbf <= NOW);
    assert!(said.nbf.as_ref().is_none_or(has_come));
    let scopes = said
        .scope
        .as_ref()
        .map_or("", |scope| scope.as_str().expect("a text"));
    assert!(
        scopes
            .split(' ')
            .all(|scope| scope.is_empty() || claims.scopes.has(scope))
    );
    let details = said.authorization_details.as_ref();
    let count = details.map_or(0, |details| details.as_array().expect("a list").len());
    assert_eq!(claims.details.len(), count);
}

/// What a header says, as any JSON: members that nobody knows are passed over (RFC 7515 section 4),
/// whatever is in them.
#[derive(Deserialize)]
struct SaidHeader {
    alg: Value,
    kid: Value,
    typ: Value,
    #[serde(default, deserialize_with = "there")]
    crit: Option<Value>,
    #[serde(default, deserialize_with = "there")]
    b64: Option<Value>,
}

/// The same of claims.
#[derive(Deserialize)]
struct Said {
    iss: Value,
    sub: Value,
    client_id: Value,
    aud: Value,
    jti: Value,
    org: Value,
    epoch: Value,
    exp: Value,
    iat: Value,
    #[serde(default, deserialize_with = "there")]
    nbf: Option<Value>,
    #[serde(default, deserialize_with = "there")]
    scope: Option<Value>,
    #[serde(default, deserialize_with = "there")]
    authorization_details: Option<Value>,
}

/// What is there, also when it is `null`.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn json<T: DeserializeOwned>(part: &str) -> T {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    assert!(bytes.trim_ascii_start().starts_with(b"{"), "an object");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Signs at once: an Ed25519 signature does not wait for anything.
fn finish(token: ostler::jwt::UnsignedToken) -> String {
    let mut signing = std::pin::pin!(token.sign());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match signing.as_mut().poll(&mut context) {
        std::task::Poll::Ready(signed) => signed.expect("signed").into_string(),
        std::task::Poll::Pending => panic!("it waits for something"),
    }
}
