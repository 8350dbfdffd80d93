//! `.../credentials/{credential}/secrets/{secret}`: retiring one secret, with evidence.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::Administrator;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown_body;

const FIRST: &str = "/organizations/default/service-accounts/nightly/credentials/first";

/// A credential in the overlap of a rotation: with its old and its new secret.
struct Rotated {
    admin: Administrator,
    old: TestClient,
    new: TestClient,
}

impl Rotated {
    async fn on(server: &TestServer) -> Self {
        let old = server.client("nightly", "deploy:read").await;
        let admin = Administrator::first(server).await;
        let rotated = admin.act(&format!("{FIRST}/rotate")).await.json();
        let new = old.with_secret(rotated["client_secret"].as_str().unwrap());
        Self { admin, old, new }
    }

    async fn secrets(&self) -> Value {
        self.admin.get(FIRST).await.json()["secrets"].clone()
    }

    /// Where the secret in this place is, from the oldest on.
    async fn path(&self, place: usize) -> String {
        let id = self.secrets().await[place]["id"].clone();
        format!("{FIRST}/secrets/{}", id.as_str().unwrap())
    }
}

async fn works(client: &TestClient) -> bool {
    client.ask("").await.status == 200
}

// Protocol 179; contract section 3, *Rotate*.
#[tokio::test]
async fn a_secret_that_is_in_use_stays_and_the_evidence_is_told() {
    let server = TestServer::start().await;
    let stage = Rotated::on(&server).await;
    let old = stage.path(0).await;
    server.advance(Duration::from_secs(10));
    assert!(works(&stage.old).await);

    // The new one was never used.
    let refused = stage.admin.delete(&old).await;
    assert_snapshot!(shown_body(&refused), @r#"
    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "the secret was last used at 2026-03-01T12:00:10Z from 127.0.0.1, and no other one has come into use. Retire it once its users have moved on, or say `?force=true`",
      "code": "secret_in_use",
      "request_id": "req_...",
      "errors": [],
      "evidence": {
        "last_used_at": "2026-03-01T12:00:10Z",
        "last_used_address": "127.0.0.1",
        "other_first_used_at": null,
        "complete": true
      }
    }
    "#);

    // It was used after the new one came into use.
    server.advance(Duration::from_secs(10));
    assert!(works(&stage.new).await);
    server.advance(Duration::from_secs(10));
    assert!(works(&stage.old).await);
    let refused = stage.admin.delete(&old).await;
    assert_eq!(refusal(&refused), (409, "secret_in_use".into()));
    assert_eq!(
        refused.json()["evidence"],
        json!({
            "last_used_at": "2026-03-01T12:00:30Z",
            "last_used_address": "127.0.0.1",
            "other_first_used_at": "2026-03-01T12:00:20Z",
            "complete": true,
        })
    );
    assert!(works(&stage.old).await);
    assert!(server.audited("secret.delete").await.is_empty());
}

#[tokio::test]
async fn a_secret_goes_once_the_new_one_has_taken_its_place() {
    let server = TestServer::start().await;
    let stage = Rotated::on(&server).await;
    let token = stage.old.token("").await;
    server.advance(Duration::from_secs(10));
    assert!(works(&stage.new).await);

    let old = stage.path(0).await;
    let reply = stage.admin.delete(&old).await;
    assert_eq!(
        (reply.status, reply.body.len()),
        (204, 0),
        "{}",
        reply.wire()
    );

    assert!(!works(&stage.old).await);
    assert!(works(&stage.new).await);
    // Retiring a secret ends no token.
    assert!(stage.new.sees_active(&token).await);
    let secrets = stage.secrets().await;
    assert_eq!(secrets[0]["status"], "revoked");
    assert_eq!(secrets[1]["status"], "active");
    // The evidence stays, and there is room for another one.
    assert_eq!(secrets[0]["last_used_at"], "2026-03-01T12:00:00Z");
    let rotated = stage.admin.act(&format!("{FIRST}/rotate")).await;
    assert_eq!(rotated.status, 200);

    // What has ended stays as it is.
    assert_eq!(stage.admin.delete(&old).await.status, 204);
    assert_eq!(server.audited("secret.delete").await.len(), 1);
}

#[tokio::test]
async fn an_administrator_may_insist() {
    let server = TestServer::start().await;
    let stage = Rotated::on(&server).await;
    assert!(works(&stage.old).await);
    let old = stage.path(0).await;

    for query in ["", "?force=false"] {
        let refused = stage.admin.delete(&format!("{old}{query}")).await;
        assert_eq!(refusal(&refused), (409, "secret_in_use".into()), "{query}");
    }
    let reply = stage.admin.delete(&format!("{old}?force=true")).await;
    assert_eq!(reply.status, 204, "{}", reply.wire());
    assert!(!works(&stage.old).await);
    assert!(works(&stage.new).await);
}

// A rotation that nobody carried out: the new secret goes, and the old one stays until its overlap
// ends.
#[tokio::test]
async fn the_new_secret_may_go_instead() {
    let server = TestServer::start().await;
    let stage = Rotated::on(&server).await;
    assert!(works(&stage.old).await);

    let new = stage.path(1).await;
    assert_eq!(stage.admin.delete(&new).await.status, 204);
    assert!(!works(&stage.new).await);
    assert!(works(&stage.old).await);
    let secrets = stage.secrets().await;
    assert_eq!(secrets[0]["status"], "active");
    assert_eq!(secrets[0]["ends_at"], "2026-03-02T12:00:00Z");
    assert_eq!(secrets[1]["status"], "revoked");
}

#[tokio::test]
async fn the_only_secret_counts_as_in_use_and_without_it_the_credential_is_expired() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let secrets = admin.get(FIRST).await.json()["secrets"].clone();
    let only = format!("{FIRST}/secrets/{}", secrets[0]["id"].as_str().unwrap());

    let refused = admin.delete(&only).await;
    assert_eq!(refusal(&refused), (409, "secret_in_use".into()));
    let evidence = &refused.json()["evidence"];
    assert_eq!(evidence["last_used_at"], json!(null));
    assert_eq!(evidence["other_first_used_at"], json!(null));

    let reply = admin.delete(&format!("{only}?force=true")).await;
    assert_eq!(reply.status, 204);
    assert!(!works(&client).await);
    assert_eq!(admin.get(FIRST).await.json()["status"], "expired");
    // A rotation gives it a new one, with the lifetime of the one before.
    let rotated = admin.act(&format!("{FIRST}/rotate")).await.json();
    assert_eq!(rotated["status"], "active");
    assert_eq!(rotated["expires_at"], "2026-05-30T12:00:00Z");
    let new = client.with_secret(rotated["client_secret"].as_str().unwrap());
    assert!(works(&new).await);
}

#[tokio::test]
async fn of_a_revoked_credential_nothing_is_in_use() {
    let server = TestServer::start().await;
    let stage = Rotated::on(&server).await;
    assert!(works(&stage.old).await);
    let old = stage.path(0).await;
    stage.admin.act(&format!("{FIRST}/revoke")).await;
    assert_eq!(stage.admin.delete(&old).await.status, 204);
}

// Security case 84; the order of the checks: unknown id 404, mistakes 400, conflict 409.
#[tokio::test]
async fn what_is_not_there_and_what_cannot_be_asked_for() {
    let server = TestServer::start().await;
    let stage = Rotated::on(&server).await;
    let other = server.client("other-bot", "deploy:read").await;
    let others = stage.admin.get(&other.credential_path()).await.json();
    let foreign = others["secrets"][0]["id"].as_str().unwrap();
    for secret in [foreign, "sec_01kj0xg5a5b0w4s4xq1m9v7n2c", "first", "%00"] {
        let path = format!("{FIRST}/secrets/{secret}?force=maybe");
        let reply = stage.admin.delete(&path).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()), "{secret}");
    }
    let old = stage.path(0).await;
    for query in ["force=maybe", "force=true&force=true", "forced=true"] {
        let reply = stage.admin.delete(&format!("{old}?{query}")).await;
        assert_eq!(mistakes(&reply).len(), 1, "{query}");
    }
    assert!(works(&stage.old).await && works(&stage.new).await && works(&other).await);
}

// Security, section 2: usage evidence that could not be read completely counts as in use.
#[tokio::test]
async fn incomplete_evidence_counts_as_in_use() {
    // Where nobody listens.
    let server = TestServer::with()
        .redis("redis://127.0.0.1:9/")
        .start()
        .await;
    let stage = Rotated::on(&server).await;
    assert!(works(&stage.old).await);
    server.advance(Duration::from_secs(10));
    assert!(works(&stage.new).await);

    let old = stage.path(0).await;
    let refused = stage.admin.delete(&old).await;
    assert_eq!(refusal(&refused), (409, "secret_in_use".into()));
    assert_eq!(refused.json()["evidence"]["complete"], json!(false));
    let reply = stage.admin.delete(&format!("{old}?force=true")).await;
    assert_eq!(reply.status, 204);
}
