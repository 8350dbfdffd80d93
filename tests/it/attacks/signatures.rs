//! Tokens that none of our keys has signed, or one that must not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ostler::domain::id::OrganizationId;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::signing_key::KeyState;
use ring::hmac;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::log;
use crate::harness::verifier::decode;
use crate::store_contract::things::event_of;
use crate::test_keys::Which;

use super::forger::kid_of;
use super::stage::Stage;

// Security case 35; RFC 7662 §2.2: whatever a token of ours is made to say, our signature is not of it.
#[tokio::test]
async fn other_words_under_the_same_jti_are_inactive() {
    let server = TestServer::start().await;
    let other = server.client("ci-deployer", "deploy:read").await;
    let stage = Stage::on(server).await;
    let (_, signature) = stage.token.rsplit_once('.').unwrap();
    let signature = decode(signature);
    for (claim, value) in [
        ("scope", json!("accounts:write audit:read keys:write")),
        ("scope", json!("introspect")),
        ("sub", json!(other.account)),
        ("client_id", json!(other.id)),
        ("org", json!("org_00000000000000000000000000")),
        ("aud", json!("https://deploy.example.com")),
        ("exp", json!(4_102_444_800_u64)),
        ("account_gen", json!(2)),
        ("authorization_details", json!([])),
        ("admin", json!(true)),
    ] {
        let edited = stage.draft().claim(claim, &value);
        let junk = vec![0x5A; 64];
        for (what, signature) in [("old", &signature), ("junk", &junk), ("no", &Vec::new())] {
            let what = format!("{claim}: {value} under the {what} signature");
            stage
                .refuses(&what, &edited.with_signature(signature))
                .await;
        }
    }
    stage.is_unharmed().await;
}

// Security case 35; RFC 7515 §7.1: the parts of two good tokens are no third, and a token has one
// spelling.
#[tokio::test]
async fn parts_of_good_tokens_and_other_spellings_are_inactive() {
    let stage = Stage::set().await;
    let other = stage.draft().claim("exp", 4_102_444_800_u64).signed();
    let one: Vec<_> = stage.token.split('.').collect();
    let two: Vec<_> = other.split('.').collect();
    let token = &stage.token;
    let (message, signature) = token.rsplit_once('.').unwrap();
    for (what, forged) in [
        ("the other's claims", [one[0], two[1], one[2]].join(".")),
        ("the other's signature", [one[0], one[1], two[2]].join(".")),
        (
            "half a signature",
            format!("{message}.{}", &signature[..43]),
        ),
        ("two signatures", format!("{token}{signature}")),
        ("padded", format!("{token}=")),
        (
            "padded inside",
            format!("{}=.{}.{}", one[0], one[1], one[2]),
        ),
        ("three dots", format!("{token}.")),
        ("a dot before", format!(".{token}")),
        ("quoted", format!("\"{token}\"")),
        ("its scheme twice", format!("Bearer {token}")),
        (
            "as JSON",
            json!({"protected": one[0], "payload": one[1], "signature": one[2]}).to_string(),
        ),
        (
            "another alphabet",
            format!("{message}.{}", STANDARD.encode(decode(signature))),
        ),
    ] {
        stage.refuses(what, &forged).await;
    }
    for blank in [" ", "\n", "\t", "\u{a0}"] {
        for forged in [
            format!("{token}{blank}"),
            format!("{message}.{blank}{signature}"),
        ] {
            assert_eq!(
                stage.introspect(&forged).await.json(),
                json!({"active": false})
            );
        }
    }
    stage.is_unharmed().await;
}

/// What everybody can know of a public key: each way of writing it down.
fn writings(jwks: &str, jwk: &Value) -> Vec<Vec<u8>> {
    let part = |name: &str| decode(jwk[name].as_str().unwrap());
    // SubjectPublicKeyInfo (RFC 5280 §4.1): what stands before the key, and the key.
    let (before, key) = match jwk["kty"].as_str().unwrap() {
        "EC" => {
            let before = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
            (before, [&[4][..], &part("x"), &part("y")].concat())
        }
        "OKP" => ("302a300506032b6570032100", part("x")),
        _ => {
            let mut key = vec![0x30, 0x82, 0x01, 0x0A, 0x02, 0x82, 0x01, 0x01, 0x00];
            key.extend_from_slice(&part("n"));
            key.extend_from_slice(&[0x02, 0x03]);
            key.extend_from_slice(&part("e"));
            ("30820122300d06092a864886f70d01010105000382010f00", key)
        }
    };
    let hex = |at| u8::from_str_radix(&before[at..at + 2], 16).unwrap();
    let mut der: Vec<u8> = (0..before.len()).step_by(2).map(hex).collect();
    der.extend_from_slice(&key);
    let base64 = STANDARD.encode(&der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).collect();
    let lines = String::from_utf8(lines.join(&b'\n')).unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----");
    vec![
        format!("{pem}\n").into_bytes(),
        pem.into_bytes(),
        base64.into_bytes(),
        der,
        key,
        jwk.to_string().into_bytes(),
        format!("{jwk}\n").into_bytes(),
        jwks.as_bytes().to_vec(),
        format!("{jwks}\n").into_bytes(),
        Vec::new(),
    ]
}

// Security case 36; RFC 8725 §2.1, §3.1, §3.2: a public key is no secret to make an HMAC with.
#[tokio::test]
async fn an_hmac_with_a_public_key_is_no_signature() {
    let stage = Stage::set().await;
    let jwks = stage.server.get("/.well-known/jwks.json").await;
    let keys = jwks.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 3);
    for jwk in keys {
        for secret in writings(jwks.text(), &jwk) {
            for (alg, hash) in [
                ("HS256", hmac::HMAC_SHA256),
                ("HS384", hmac::HMAC_SHA384),
                ("HS512", hmac::HMAC_SHA512),
                ("hs256", hmac::HMAC_SHA256),
                (jwk["alg"].as_str().unwrap(), hmac::HMAC_SHA256),
            ] {
                let draft = stage.draft().header("kid", &jwk["kid"]);
                let forged = draft.header("alg", json!(alg)).with_hmac(hash, &secret);
                let what = format!("{alg} with {}", String::from_utf8_lossy(&secret));
                stage.refuses(&what, &forged).await;
            }
        }
    }
    stage.is_unharmed().await;
}

// Security case 36; RFC 8725 §3.2; RFC 7519 §6: nor is no signature one.
#[tokio::test]
async fn no_spelling_of_the_algorithm_makes_up_for_the_signature() {
    let stage = Stage::set().await;
    let (_, signature) = stage.token.rsplit_once('.').unwrap();
    let ours = decode(signature);
    for alg in [
        "none", "None", "NONE", "nOnE", "", " ", "es256", "Es256", "ES256 ", "ES256\0", "ES256K",
        "ES384", "PS256", "RS256", "EdDSA", "HS256", "Ed25519",
    ] {
        let draft = stage.draft().header("alg", json!(alg));
        for signature in [&Vec::new(), &ours, &vec![0; 64]] {
            let what = format!("{alg:?} with {} bytes", signature.len());
            stage.refuses(&what, &draft.with_signature(signature)).await;
        }
        // Even where our key has signed it: the key has one algorithm, whatever a token says.
        stage
            .refuses(&format!("{alg:?}, signed"), &draft.signed())
            .await;
    }
    for alg in ["null", "[\"ES256\"]", "{}", "0", "true", "1e400"] {
        stage
            .refuses(alg, &stage.draft().header("alg", alg).signed())
            .await;
    }
    stage
        .refuses("no alg", &stage.draft().without_header("alg").signed())
        .await;
    stage.refuses("two parts", &stage.draft().message()).await;
    stage.is_unharmed().await;
}

// Security case 37; RFC 7515 §4.1.4: a key signs under its own name and algorithm, and no other key
// under its name.
#[tokio::test]
async fn a_key_under_the_name_of_another_is_no_key() {
    let stage = Stage::set().await;
    for signer in Algorithm::ALL {
        let own = stage.draft().for_key(signer);
        stage
            .accepts("the forger's own", &own.signed_by(signer, Which::First))
            .await;
        for named in Algorithm::ALL {
            let draft = stage.draft().for_key(named);
            let what = format!("{signer} as {named}");
            stage
                .refuses(&what, &draft.signed_by(signer, Which::Spare))
                .await;
            if named != signer {
                stage
                    .refuses(&what, &draft.signed_by(signer, Which::First))
                    .await;
                let own_alg = draft.header("alg", json!(signer.as_str()));
                stage
                    .refuses(&what, &own_alg.signed_by(signer, Which::First))
                    .await;
            }
        }
    }
    stage.is_unharmed().await;
}

// Security case 41: a forger does not learn from a token that would have expired, nor does the log
// tell the two apart.
#[tokio::test]
async fn a_forged_token_that_has_also_expired_is_a_forged_one() {
    let stage = Stage::set().await;
    let now = stage.server.now().as_second();
    let forged = stage.draft().with_signature([1; 64]);
    let mut told = Vec::new();
    for draft in [
        stage.draft(),
        stage.draft().claim("exp", now - 1),
        stage.draft().claim("exp", now - 1).claim("iat", now - 900),
        stage
            .draft()
            .claim("iss", json!("https://elsewhere.example.com")),
        stage.draft().without_claim("exp"),
    ] {
        let forged = draft.with_signature([1; 64]);
        stage.refuses("forged", &forged).await;
        told.push(logged(&stage, &forged).await);
    }
    assert!(!told[0].is_empty());
    assert!(told.iter().all(|lines| *lines == told[0]), "{told:?}");
    // The log does tell a forged token from one that is only over.
    let expired = stage.draft().claim("exp", now).signed();
    assert_ne!(logged(&stage, &expired).await, told[0]);
    stage.refuses("forged", &forged).await;
    stage.is_unharmed().await;
}

/// What is logged about an introspection: level, text and reason of each line.
async fn logged(stage: &Stage, token: &str) -> Vec<[Value; 3]> {
    let reply = stage.introspect(token).await;
    let lines = log::lines_of(&reply).into_iter();
    lines
        .filter(|line| line["message"] != "answered")
        .map(|line| ["level", "message", "reason"].map(|member| line[member].clone()))
        .collect()
}

// Security case 49; contract section 2: what a key signed counts while the key is active or retiring.
// (A client has no key of its own in this server.)
#[tokio::test]
async fn what_a_key_signed_counts_by_the_state_of_the_key() {
    let stage = Stage::set().await;
    let made = stage.server.create("/keys", json!({"alg": "ES256"})).await;
    let kid = made["kid"].as_str().unwrap();
    let file = stage.server.app.config.keys.dir.join(format!("{kid}.pem"));
    let by_pending = {
        let draft = stage.draft().header("kid", json!(kid));
        draft.signed_by_file(&std::fs::read(file).unwrap())
    };
    let jwks = stage.server.get("/.well-known/jwks.json").await;
    assert!(jwks.text().contains(kid), "it is published");
    let stage = Stage::on(stage.server).await;
    stage
        .refuses("published and not yet active", &by_pending)
        .await;
    stage.is_unharmed().await;

    let path = format!("/keys/{kid}/activate");
    stage.server.act(&path, json!({"force": true})).await;
    stage.accepts("active", &by_pending).await;
    stage.accepts("retiring", &stage.token).await;

    let by_old = stage.token;
    let stage = Stage::on(stage.server).await;
    for state in [KeyState::Retired, KeyState::Revoked] {
        set_state(&stage.server, &kid_of(Algorithm::Es256), state).await;
        stage.refuses(state.as_str(), &by_old).await;
    }
    stage.accepts("active still", &by_pending).await;
}

/// Records another state of a key, behind the application's back, and lets it see.
async fn set_state(server: &TestServer, kid: &str, state: KeyState) {
    let app = &server.app;
    let mut change = app.store.begin(None).await.unwrap();
    let keys = change.list_signing_keys().await.unwrap();
    let mut key = keys.into_iter().find(|key| key.kid == kid).unwrap();
    key.state = state;
    change.update_signing_key(&key).await.unwrap();
    let event = event_of(OrganizationId::from_bits(0));
    change.commit(&event).await.unwrap();
    let records = app.store.list_signing_keys().await.unwrap();
    app.key_ring.reload(&app.keys_dir, &records).unwrap();
}
