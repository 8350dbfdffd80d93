//! What a restart keeps: everything (contract section 4; protocol 190, 191).

use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;
use crate::harness::Verifier;

async fn jwks(server: &TestServer) -> Reply {
    server.get("/.well-known/jwks.json").await
}

// RFC 9068 §4: protocol 191.
#[tokio::test]
async fn the_same_keys_sign_and_tokens_from_before_are_active() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let before = jwks(&server).await;
    let old = ci.token("").await;

    let server = server.restart().await;
    let after = jwks(&server).await;
    assert_eq!(after.wire(), before.wire());
    let new = ci.token("").await;
    assert!(ci.sees_active(&old).await && ci.sees_active(&new).await);
    let verifier = Verifier::of(&before);
    assert!(verifier.accepts(&old) && verifier.accepts(&new));
}

// Security case 71.
// RFC 7009 §2.1: protocol 191.
#[tokio::test]
async fn a_revocation_survives() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let (revoked, kept) = (ci.token("").await, ci.token("").await);
    assert_eq!(ci.revoke(&revoked).await.status, 200);

    let server = server.restart().await.restart().await;
    assert!(!ci.sees_active(&revoked).await);
    assert!(ci.sees_active(&kept).await);
    // And it is still the same one event.
    assert_eq!(ci.revoke(&revoked).await.status, 200);
    assert_eq!(server.audited("token.revoke").await.len(), 1);
}

// RFC 7662 §4: protocol 144 and 191: generations are durable.
#[tokio::test]
async fn what_ended_tokens_survives() {
    let server = TestServer::start().await;
    let disabled = server.client("ci-disabled", "deploy:read").await;
    let reduced = server.client("ci-reduced", "deploy:read").await;
    let rotated = server.client("ci-rotated", "deploy:read").await;
    let deleted = server.client("ci-deleted", "deploy:read").await;
    let mut tokens = Vec::new();
    for client in [&disabled, &reduced, &rotated, &deleted] {
        tokens.push(client.token("").await);
    }
    let account = disabled.account_path();
    server.act(&format!("{account}/disable"), json!({})).await;
    server.act(&format!("{account}/enable"), json!({})).await;
    server.put_access(&reduced, &json!([])).await;
    let rotate = format!("{}/rotate", rotated.credential_path());
    server.act(&rotate, json!({"revoke_tokens": true})).await;
    server.delete(&deleted.account_path()).await;

    let server = server.restart().await;
    for token in &tokens {
        assert!(!server.admin.sees_active(token).await);
    }
    let new = disabled.token("").await;
    assert!(disabled.sees_active(&new).await);
}

// RFC 9068 §4: protocol 119, 191: a change of keys is durable too.
#[tokio::test]
async fn the_key_that_was_activated_signs_and_the_one_before_verifies() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let old = ci.token("").await;
    let made = server.create("/keys", json!({"alg": "ES256"})).await;
    let path = format!("/keys/{}/activate", made["kid"].as_str().unwrap());
    server.act(&path, json!({"force": true})).await;
    let before = jwks(&server).await;

    let server = server.restart().await;
    assert_eq!(jwks(&server).await.wire(), before.wire());
    let new = ci.token("").await;
    assert_eq!(
        crate::harness::client::jwt_part(&new, 0)["kid"],
        made["kid"]
    );
    assert!(ci.sees_active(&old).await && ci.sees_active(&new).await);
}
