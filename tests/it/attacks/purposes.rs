//! One key, one purpose: what vouches for the audit trail, for cursors and for stored secrets vouches
//! for no token.

use std::fs;

use ostler::domain::signing_key::Algorithm;
use ostler::keys::pem;
use ring::hmac::HMAC_SHA256;
use ring::hmac::HMAC_SHA512;
use ring::signature::Ed25519KeyPair;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;

use super::forger::kid_of;
use super::stage::Stage;

/// A file of the keys directory.
fn file(server: &TestServer, name: &str) -> Vec<u8> {
    fs::read(server.app.config.keys.dir.join(name)).unwrap()
}

// Security case 160.
#[tokio::test]
async fn the_key_of_the_audit_trail_signs_no_token() {
    let stage = Stage::set().await;
    let verify = "/organizations/default/audit-events/verify";
    let head = stage.server.act(verify, json!({})).await["head"].clone();
    let head = head.as_str().unwrap();
    let kid = jwt_part(head, 0)["kid"].clone();
    let der = pem::decode(&file(&stage.server, "audit.pem")).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
    let jwks = stage.server.get("/.well-known/jwks.json").await;
    assert!(
        !jwks.text().contains(kid.as_str().unwrap()),
        "it is not published"
    );

    // What it has really signed, and what it can be made to sign by whoever has it.
    stage.refuses("the head of a trail", head).await;
    let eddsa = stage.draft().header("alg", r#""EdDSA""#);
    for kid in [
        kid,
        Value::from(kid_of(Algorithm::EdDsa)),
        Value::from("audit"),
        Value::from("audit.pem"),
    ] {
        let draft = eddsa.clone().header("kid", &kid);
        let token = draft.with_signature(pair.sign(draft.message().as_bytes()));
        stage.refuses(&format!("under the kid {kid}"), &token).await;
    }
    let draft = eddsa.without_header("kid");
    let token = draft.with_signature(pair.sign(draft.message().as_bytes()));
    stage.refuses("under no kid", &token).await;
}

// Security case 160.
#[tokio::test]
async fn no_secret_of_the_server_is_the_key_of_a_token() {
    let stage = Stage::set().await;
    for name in ["server.key", "pepper", "audit.pem"] {
        let secret = file(&stage.server, name);
        for (alg, algorithm) in [("HS256", HMAC_SHA256), ("HS512", HMAC_SHA512)] {
            let draft = stage.draft().header("alg", format!("\"{alg}\""));
            let other = draft.clone().header("kid", format!("\"{name}\""));
            for draft in [draft, other] {
                let token = draft.with_hmac(algorithm, &secret);
                stage.refuses(&format!("{alg} by {name}"), &token).await;
            }
        }
    }
    stage.is_unharmed().await;
}
