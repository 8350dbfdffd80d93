//! `/keys`: signing keys are made, published, and made active.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;

use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown_body;

async fn published(server: &TestServer) -> Vec<String> {
    let jwks = server.get("/.well-known/jwks.json").await.json();
    let keys = jwks["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

fn kid(key: &Value) -> &str {
    key["kid"].as_str().unwrap()
}

/// The key of `alg` that signs.
async fn active(admin: &Administrator, alg: &str) -> Value {
    let keys = admin.get("/keys").await.json()["items"].clone();
    let mut keys = keys.as_array().unwrap().iter();
    let found = keys.find(|key| key["alg"] == alg && key["state"] == "active");
    found.unwrap().clone()
}

#[tokio::test]
async fn one_key_of_each_algorithm_is_active_from_the_start() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;

    let reply = admin.get("/keys").await;
    let keys = reply.json()["items"].as_array().unwrap().clone();
    let mut algs: Vec<_> = keys
        .iter()
        .map(|key| key["alg"].as_str().unwrap())
        .collect();
    algs.sort_unstable();
    assert_eq!(algs, ["ES256", "EdDSA", "RS256"]);
    let mut kids: Vec<_> = keys.iter().map(|key| kid(key).to_owned()).collect();
    let mut shown = published(&server).await;
    kids.sort();
    shown.sort();
    assert_eq!(kids, shown);
    // Never a private half.
    for secret in ["PRIVATE", "\"d\"", "\"p\"", "\"q\""] {
        assert!(!reply.text().contains(secret), "{secret}");
    }
}

// Security case 157: no token carries a `kid` that was not published for long enough.
#[tokio::test]
async fn a_key_is_published_before_it_signs_and_verifies_after_it_has() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let old = active(&admin, "ES256").await;
    let before = client.token("").await;
    assert_eq!(jwt_part(&before, 0)["kid"], old["kid"]);

    let new = admin.post("/keys", json!({"alg": "ES256"})).await;
    assert_eq!(new.status, 201, "{}", new.wire());
    let masked = shown_body(&new).replace(kid(&new.json()), "...");
    assert_snapshot!(masked, @r#"
    {
      "kid": "...",
      "alg": "ES256",
      "state": "pending",
      "created_at": "2026-03-01T12:00:00Z",
      "published_at": "2026-03-01T12:00:00Z",
      "activates_at": null,
      "active_from": null,
      "last_signed_at": null,
      "leaves_jwks_at": null
    }
    "#);
    let new = new.json();
    assert!(published(&server).await.contains(&kid(&new).to_owned()));
    assert_eq!(jwt_part(&client.token("").await, 0)["kid"], old["kid"]);

    let path = format!("/keys/{}/activate", kid(&new));
    server.advance(Duration::from_secs(3599));
    let admin = admin.renewed().await;
    let early = admin.act(&path).await;
    assert_snapshot!(shown_body(&early), @r#"
    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "verifiers may not know the key before 2026-03-01T13:00:00Z: wait until then, or say `{\"force\": true}`",
      "code": "not_published_long_enough",
      "request_id": "req_...",
      "errors": []
    }
    "#);

    server.advance(Duration::from_secs(1));
    let last = client.token("").await;
    let activated = admin.act(&path).await;
    assert_eq!(
        (activated.status, &activated.json()["state"]),
        (200, &json!("active"))
    );
    assert_eq!(activated.json()["active_from"], "2026-03-01T13:00:00Z");
    let after = client.token("").await;
    assert_eq!(jwt_part(&after, 0)["kid"], new["kid"]);
    assert!(client.sees_active(&last).await && client.sees_active(&after).await);

    let keys = admin.get("/keys").await.json()["items"].clone();
    let retiring = keys
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == old["kid"]);
    let retiring = retiring.unwrap();
    assert_eq!(retiring["state"], "retiring");
    assert_eq!(retiring["last_signed_at"], "2026-03-01T13:00:00Z");
    // The longest lifetime of a token, and an hour.
    assert_eq!(retiring["leaves_jwks_at"], "2026-03-01T15:00:00Z");
    assert!(published(&server).await.contains(&kid(&old).to_owned()));
}

#[tokio::test]
async fn an_activation_may_be_forced_and_is_done_once() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let old = active(&admin, "EdDSA").await;
    let new = admin.post("/keys", json!({"alg": "EdDSA"})).await.json();
    let path = format!("/keys/{}/activate", kid(&new));

    let forced = admin.post(&path, json!({"force": true})).await;
    assert_eq!(
        (forced.status, &forced.json()["state"]),
        (200, &json!("active"))
    );
    let again = admin.act(&path).await;
    assert_eq!((again.status, again.json()), (200, forced.json()));
    let back = admin
        .post(
            &format!("/keys/{}/activate", kid(&old)),
            json!({"force": true}),
        )
        .await;
    assert_eq!(refusal(&back), (409, "wrong_state".into()));
    assert_eq!(active(&admin, "EdDSA").await["kid"], new["kid"]);
}

// protocol.md 191.
#[tokio::test]
async fn keys_are_in_their_states_again_after_a_restart() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let pending = admin.post("/keys", json!({"alg": "RS256"})).await.json();
    let new = admin.post("/keys", json!({"alg": "ES256"})).await.json();
    admin
        .post(
            &format!("/keys/{}/activate", kid(&new)),
            json!({"force": true}),
        )
        .await;
    let client = server.client("nightly", "deploy:read").await;
    let token = client.token("").await;
    let (keys, jwks) = (admin.get("/keys").await.json(), published(&server).await);

    let server = server.restart().await;
    assert_eq!(admin.get("/keys").await.json(), keys);
    assert_eq!(published(&server).await, jwks);
    assert!(jwks.contains(&kid(&pending).to_owned()));
    assert!(client.sees_active(&token).await);
    assert_eq!(jwt_part(&client.token("").await, 0)["kid"], new["kid"]);
}

#[tokio::test]
async fn a_key_that_cannot_be_made_or_found_is_refused() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for (body, wrong) in [
        (json!({}), at("/alg", "required")),
        (json!({"alg": "HS256"}), at("/alg", "invalid")),
        (json!({"alg": "none"}), at("/alg", "invalid")),
        (
            json!({"alg": "ES256", "kid": "mine"}),
            at("/kid", "read_only"),
        ),
    ] {
        assert_eq!(
            mistakes(&admin.post("/keys", body.clone()).await),
            [wrong],
            "{body}"
        );
    }
    for kid in ["unknown", "..%2F..%2Fetc%2Fpasswd", "%00", "'%20OR%201=1--"] {
        let reply = admin.act(&format!("/keys/{kid}/activate")).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()), "{kid}");
    }
    assert_eq!(published(&server).await.len(), 3);
}
