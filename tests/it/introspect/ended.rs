//! What ends a token before its time, and what does not (contract section 2, *When is a token
//! active?*; RFC 7662 section 4; protocol 144).

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

/// A server, a client of it with a token, and somebody else who may introspect it.
struct Stage {
    server: TestServer,
    ci: TestClient,
    token: String,
}

impl Stage {
    async fn set() -> Self {
        let server = TestServer::start().await;
        let ci = server
            .client("ci-deployer", "deploy:read deploy:write")
            .await;
        let token = ci.token("").await;
        let stage = Self { server, ci, token };
        assert!(stage.is_active().await);
        stage
    }

    /// As the first administrator sees it, who may see every token.
    async fn is_active(&self) -> bool {
        self.server.admin.sees_active(&self.token).await
    }

    async fn act(&self, path: &str) -> Value {
        self.server.act(path, json!({})).await
    }
}

fn grant(scopes: &Value, projects: &Value) -> Value {
    json!({"api": "deploy", "scopes": scopes, "resources": {"project": projects}})
}

// RFC 7009 §2.1: protocol 151. The signature of a token seen before is not verified again; whether it
// was taken back is looked up all the same.
#[tokio::test]
async fn a_token_seen_many_times_is_inactive_on_the_very_next_request() {
    let stage = Stage::set().await;
    let other = stage.ci.token("").await;
    for _ in 0..10 {
        assert!(stage.is_active().await && stage.ci.sees_active(&other).await);
    }
    assert_eq!(stage.ci.revoke(&stage.token).await.status, 200);
    assert!(!stage.is_active().await);
    assert!(stage.ci.sees_active(&other).await);

    // Nor is its end forgotten.
    stage.server.advance(Duration::from_secs(899));
    assert!(stage.ci.sees_active(&other).await);
    stage.server.advance(Duration::from_secs(1));
    assert!(!stage.ci.sees_active(&other).await);
}

// RFC 7662 §4: protocol 144.
#[tokio::test]
async fn disabling_an_account_ends_its_tokens_for_good() {
    let stage = Stage::set().await;
    let account = stage.ci.account_path();
    stage.act(&format!("{account}/disable")).await;
    assert!(!stage.is_active().await);
    assert_eq!(stage.ci.ask("").await.error(), "invalid_client");

    // Disabling what is disabled changes nothing; enabling revives nothing.
    stage.act(&format!("{account}/disable")).await;
    stage.act(&format!("{account}/enable")).await;
    assert!(!stage.is_active().await);
    let new = stage.ci.token("").await;
    assert!(stage.ci.sees_active(&new).await);

    stage.act(&format!("{account}/enable")).await;
    assert!(stage.ci.sees_active(&new).await);
}

// RFC 7662 §4: protocol 144.
#[tokio::test]
async fn deleting_an_account_ends_its_tokens() {
    let stage = Stage::set().await;
    stage.server.delete(&stage.ci.account_path()).await;
    assert!(!stage.is_active().await);

    // A namesake is somebody else.
    let again = stage.server.client("ci-deployer", "deploy:read").await;
    assert_ne!(again.account, stage.ci.account);
    assert!(!stage.is_active().await);
}

// RFC 7662 §4: protocol 144.
#[tokio::test]
async fn revoking_or_deleting_a_credential_ends_its_tokens_and_no_others() {
    let stage = Stage::set().await;
    let other = stage.server.second_credential(&stage.ci).await;
    let others = other.token("").await;
    stage
        .act(&format!("{}/revoke", stage.ci.credential_path()))
        .await;
    assert!(!stage.is_active().await);
    assert!(other.sees_active(&others).await);

    stage.server.delete(&other.credential_path()).await;
    assert!(!stage.server.admin.sees_active(&others).await);
}

// RFC 7662 §4, contract section 3: retiring a secret ends no token unless it is said.
#[tokio::test]
async fn a_rotation_ends_tokens_only_when_it_says_so() {
    let stage = Stage::set().await;
    let rotate = format!("{}/rotate", stage.ci.credential_path());
    let overlap = json!({"overlap_seconds": 60});
    let rotated = stage.server.act(&rotate, overlap).await;
    assert!(stage.is_active().await);
    stage.server.advance(Duration::from_secs(61));
    assert_eq!(stage.ci.ask("").await.error(), "invalid_client");
    assert!(stage.is_active().await);

    // Not even when the old secret dies at once.
    stage
        .server
        .act(&rotate, json!({"overlap_seconds": 0}))
        .await;
    assert!(stage.is_active().await);
    let third = rotated["client_secret"].as_str().unwrap();
    assert_eq!(
        stage.ci.with_secret(third).ask("").await.error(),
        "invalid_client"
    );

    let revoking = json!({"overlap_seconds": 60, "revoke_tokens": true});
    let last = stage.server.act(&rotate, revoking).await;
    assert!(!stage.is_active().await);
    let renewed = stage
        .ci
        .with_secret(last["client_secret"].as_str().unwrap());
    let token = renewed.token("").await;
    assert!(renewed.sees_active(&token).await);
}

// RFC 7662 §4, contract section 2: every reduction raises a generation.
#[tokio::test]
async fn a_reduction_of_access_ends_tokens() {
    let (both, one) = (
        json!(["deploy:read", "deploy:write"]),
        json!(["deploy:read"]),
    );
    let (two, first) = (json!(["APOLLO", "GEMINI"]), json!(["APOLLO"]));
    for (what, reduced) in [
        ("a scope", json!([grant(&one, &two)])),
        ("a resource", json!([grant(&both, &first)])),
        (
            "swapped",
            json!([grant(&both, &json!(["APOLLO", "MERCURY"]))]),
        ),
        (
            // Each remains, and no longer together.
            "a pair",
            json!([grant(&one, &two), grant(&json!(["deploy:write"]), &first)]),
        ),
        ("all", json!([])),
    ] {
        let stage = Stage::set().await;
        let answer = stage.server.put_access(&stage.ci, &reduced).await;
        assert_eq!(answer["tokens_revoked"], json!(true), "{what}");
        assert!(!stage.is_active().await, "{what}");
    }
}

// Contract section 2: additions raise nothing, nor does what changes nothing.
#[tokio::test]
async fn an_addition_to_access_ends_no_token() {
    let stage = Stage::set().await;
    let (both, one) = (
        json!(["deploy:read", "deploy:write"]),
        json!(["deploy:read"]),
    );
    let (two, first) = (json!(["APOLLO", "GEMINI"]), json!(["APOLLO"]));
    for (what, wider) in [
        ("the same", json!([grant(&both, &two)])),
        (
            "the same, in parts",
            json!([grant(&both, &first), grant(&both, &json!(["GEMINI"]))]),
        ),
        (
            "one more scope elsewhere",
            json!([grant(&both, &two), grant(&one, &json!(["MERCURY"]))]),
        ),
        ("every project", json!([grant(&both, &json!("*"))])),
    ] {
        let answer = stage.server.put_access(&stage.ci, &wider).await;
        assert_eq!(answer["tokens_revoked"], json!(false), "{what}");
        assert!(stage.is_active().await, "{what}");
    }
}

// Contract section 3: a dry run says what would be, and does nothing.
#[tokio::test]
async fn a_dry_run_of_a_reduction_ends_no_token() {
    let stage = Stage::set().await;
    let path = format!("{}/access?dry_run=true", stage.ci.account_path());
    let nothing = json!({"access": []});
    let reply = stage.server.admin("PUT", &path, Some(&nothing)).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    assert_eq!(reply.json()["tokens_revoked"], json!(true));
    assert!(stage.is_active().await);
}

// RFC 9068 §4: the token that was changed is the one that a client holds after the change.
#[tokio::test]
async fn what_a_new_token_says_after_a_reduction_is_the_reduced_access() {
    let stage = Stage::set().await;
    let reduced = json!([grant(&json!(["deploy:read"]), &json!(["APOLLO"]))]);
    stage.server.put_access(&stage.ci, &reduced).await;
    let token = stage.ci.token("").await;
    let answer = stage.ci.introspect(&token).await.json();
    assert_eq!(answer["scope"], "deploy:read");
    let details = &answer["authorization_details"][0];
    assert_eq!(details["identifiers"], json!(["APOLLO"]));
}
