//! What is no token of ours, as introspection says it: one answer for all of it. (Forged tokens are in
//! `attacks`, since they are tried at every endpoint.)

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use ring::rand::SystemRandom;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;
use crate::introspect::INACTIVE;

/// The answer about whatever this is.
async fn ask(asker: &TestClient, token: &str) -> Reply {
    let encoded = utf8_percent_encode(token, NON_ALPHANUMERIC);
    let form = format!("token={encoded}");
    asker.post("/oauth/introspect", &form).await
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

// Security case 47; RFC 7662 §2.2: why a token is not active is told to nobody, not even by a byte.
#[tokio::test]
async fn whatever_a_token_is_not_it_is_inactive_in_the_same_bytes() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let expired = ci.ask("expires_in=1").await.access_token();
    server.advance(Duration::from_secs(1));
    let fired = server.client("ci-fired", "deploy:read").await;
    let [revoked, dead] = [ci.token("").await, fired.token("").await];
    assert_eq!(ci.revoke(&revoked).await.status, 200);
    let path = format!("{}/disable", fired.account_path());
    server.act(&path, json!({})).await;
    let asking = format!("resource={ISSUER}");
    let foreign = server.admin.ask(&asking).await.access_token();
    let elsewhere = TestServer::with().issuer("http://127.0.0.1:8081");
    let elsewhere = elsewhere.start().await.admin.token("").await;

    let mut told: Vec<String> = Vec::new();
    for token in [
        "garbage", "a.b.c", &ci.secret, &expired, &revoked, &dead,
        // Active, but not for this caller to know of.
        &foreign, &elsewhere,
    ] {
        told.push(ask(&ci, token).await.bytes_but_its_own());
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(ask(&ci, "garbage").await.wire(), INACTIVE);
    assert!(server.admin.sees_active(&foreign).await);
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
        assert_eq!(
            ask(&server.admin, &token).await.wire(),
            INACTIVE,
            "{token:?}"
        );
    }
}
