//! Tokens that are not ours, or not as we made them: one answer for all of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler::domain::signing_key::Algorithm;
use ostler::keys::pem;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::KeyPair as _;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::introspect::INACTIVE;
use crate::test_keys;
use crate::test_keys::Which;

/// The wire answer about whatever this is.
async fn asked(asker: &TestClient, token: &str) -> String {
    let encoded = utf8_percent_encode(token, NON_ALPHANUMERIC);
    let form = format!("token={encoded}");
    asker.post("/oauth/introspect", &form).await.wire()
}

fn key(which: Which) -> EcdsaKeyPair {
    let der = pem::decode(test_keys::text(Algorithm::Es256, which)).unwrap();
    let rng = SystemRandom::new();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &rng).unwrap()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn sign(header: &Value, claims: &Value, by: Which) -> String {
    let message = message(header, claims);
    let signature = key(by).sign(&SystemRandom::new(), message.as_bytes());
    format!("{message}.{}", encode(signature.unwrap()))
}

/// The object with some members changed; those that become `null` are taken away.
fn with(object: &Value, changes: &Value) -> Value {
    let mut object = object.clone();
    let members = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    object
}

// RFC 7662 §2.2, §2.3; RFC 8725 §3.1, §3.2: protocol 138.
#[tokio::test]
async fn what_we_did_not_sign_is_inactive() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;
    let (header, claims) = (jwt_part(&token, 0), jwt_part(&token, 1));
    let (message_of_ours, signature) = token.rsplit_once('.').unwrap();

    let more = with(&claims, &json!({"scope": "deploy:read deploy:write"}));
    let unsigned = with(&header, &json!({"alg": "none"}));
    let symmetric = with(&header, &json!({"alg": "HS256"}));
    let by_public_key = {
        let message = message(&symmetric, &more);
        let key = hmac::Key::new(hmac::HMAC_SHA256, key(Which::First).public_key().as_ref());
        format!("{message}.{}", encode(hmac::sign(&key, message.as_bytes())))
    };
    let brings_its_key = with(&header, &json!({"kid": null, "jwk": {"kty": "EC"}}));
    for (what, forged) in [
        (
            "other claims",
            format!("{}.{signature}", message(&header, &more)),
        ),
        ("no signature", format!("{message_of_ours}.")),
        ("two parts", message_of_ours.to_owned()),
        (
            "half a signature",
            format!("{message_of_ours}.{}", &signature[..43]),
        ),
        ("alg none", format!("{}.", message(&unsigned, &claims))),
        (
            "alg none, signed",
            format!("{}.{signature}", message(&unsigned, &claims)),
        ),
        ("HS256 by the public key", by_public_key),
        (
            "a foreign key under our kid",
            sign(&header, &claims, Which::Spare),
        ),
        (
            "a foreign key under a kid of its own",
            sign(
                &with(&header, &json!({"kid": "theirs"})),
                &claims,
                Which::Spare,
            ),
        ),
        (
            "a foreign key in the header",
            sign(&brings_its_key, &claims, Which::Spare),
        ),
        ("padded", format!("{token}=")),
        ("blank around", format!(" {token} ")),
        ("three dots", format!("{token}.")),
    ] {
        assert_eq!(asked(&ci, &forged).await, INACTIVE, "{what}");
    }
    assert!(ci.sees_active(&token).await);
}

// RFC 7519 §7.2, RFC 9068 §4, contract section 2: our signature alone is not enough.
#[tokio::test]
async fn what_our_key_signed_with_other_words_is_inactive() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let other = server.client("ci-tester", "deploy:read").await;
    let token = ci.token("").await;
    let (header, claims) = (jwt_part(&token, 0), jwt_part(&token, 1));
    let now = server.now().as_second();
    // The forger's tools work: the same words are as good as ours.
    assert!(ci.sees_active(&sign(&header, &claims, Which::First)).await);

    for changes in [
        json!({"iss": "http://127.0.0.1:8080/"}),
        json!({"iss": "https://elsewhere.example.com"}),
        json!({"iss": null}),
        json!({"aud": "https://deploy.example.com/"}),
        json!({"aud": "https://unheard-of.example.com"}),
        json!({"aud": null}),
        json!({"exp": now}),
        json!({"exp": (now + 60).to_string()}),
        json!({"exp": null}),
        json!({"iat": now + 61}),
        json!({"iat": null}),
        json!({"jti": null}),
        json!({"jti": "x"}),
        json!({"sub": other.account}),
        json!({"client_id": other.id}),
        json!({"client_id": null}),
        json!({"org": "org_00000000000000000000000000"}),
        json!({"epoch": "00000000"}),
        json!({"epoch": null}),
        json!({"org_gen": claims["org_gen"].as_i64().unwrap() + 1}),
        json!({"account_gen": claims["account_gen"].as_i64().unwrap() + 1}),
        json!({"account_gen": null}),
        json!({"credential_gen": claims["credential_gen"].as_i64().unwrap() + 1}),
    ] {
        let forged = sign(&header, &with(&claims, &changes), Which::First);
        assert_eq!(asked(&ci, &forged).await, INACTIVE, "{changes}");
    }
    for changes in [
        json!({"typ": null}),
        json!({"typ": "logout+jwt"}),
        json!({"typ": "client-authentication+jwt"}),
        // RFC 7515 §4.1.11.
        json!({"crit": ["exp"]}),
        json!({"alg": "RS256"}),
        json!({"kid": null}),
    ] {
        let forged = sign(&with(&header, &changes), &claims, Which::First);
        assert_eq!(asked(&ci, &forged).await, INACTIVE, "{changes}");
    }
}

// RFC 7662 §4: protocol 147: scanning learns nothing.
#[tokio::test]
async fn random_strings_are_all_inactive_in_the_same_words() {
    let server = TestServer::start().await;
    let rng = SystemRandom::new();
    let random = || {
        let bytes: [u8; 48] = ring::rand::generate(&rng).unwrap().expose();
        encode(bytes)
    };
    let fixed = ["asdf", ".", "..", "a.b.c", "eyJ.eyJ.x", "\u{1F511}", "%"];
    let mut scanned: Vec<_> = fixed.map(str::to_owned).to_vec();
    scanned.extend((0..200).map(|_| random()));
    scanned.extend((0..200).map(|_| format!("{}.{}.{}", random(), random(), random())));
    scanned.extend((0..20).map(|_| format!("ostler_at_{}", random())));
    for token in scanned {
        assert_eq!(asked(&server.admin, &token).await, INACTIVE, "{token:?}");
    }
}
