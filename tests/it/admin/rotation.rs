//! `.../credentials/{credential}/rotate`
//!
//! Retiring a secret is told from killing tokens, and the overlap ends by itself, to the second.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

const FIRST: &str = "/organizations/default/service-accounts/nightly/credentials/first";
const ROTATE: &str = "/organizations/default/service-accounts/nightly/credentials/first/rotate";

/// The client with the secret that a rotation answered.
fn renewed(client: &TestClient, rotated: &Value) -> TestClient {
    client.with_secret(rotated["client_secret"].as_str().unwrap())
}

async fn works(client: &TestClient) -> bool {
    let reply = client.ask("").await;
    assert!([200, 401].contains(&reply.status), "{}", reply.wire());
    reply.status == 200
}

// Security case 19; protocol.md 179.
#[tokio::test]
async fn both_secrets_work_until_the_overlap_ends() {
    let server = TestServer::start().await;
    let old = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    server.advance(Duration::from_hours(1));

    let reply = admin
        .renewed()
        .await
        .post(ROTATE, json!({"overlap_seconds": 60}))
        .await;
    assert_snapshot!(shown(&reply), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "cred_...-3"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "id": "cred_...",
      "name": "first",
      "kind": "client_secret",
      "client_id": "sac_...",
      "status": "active",
      "allowed_networks": [],
      "access": null,
      "created_at": "2026-03-01T12:00:00Z",
      "expires_at": "2026-05-30T13:00:00Z",
      "last_used_at": null,
      "secrets": [
        {
          "id": "sec_...",
          "hint": "...",
          "status": "overlap",
          "created_at": "2026-03-01T12:00:00Z",
          "ends_at": "2026-03-01T13:01:00Z",
          "first_used_at": null,
          "last_used_at": null,
          "last_used_address": null,
          "last_used_user_agent": null
        },
        {
          "id": "sec_...",
          "hint": "...",
          "status": "active",
          "created_at": "2026-03-01T13:00:00Z",
          "ends_at": "2026-05-30T13:00:00Z",
          "first_used_at": null,
          "last_used_at": null,
          "last_used_address": null,
          "last_used_user_agent": null
        }
      ],
      "client_secret": "ostler_cs_..."
    }
    "#);
    let new = renewed(&old, &reply.json());

    assert!(works(&old).await && works(&new).await);
    server.advance(Duration::from_secs(59));
    assert!(works(&old).await && works(&new).await);
    server.advance(Duration::from_secs(1));
    assert!(!works(&old).await && works(&new).await);
    let found = admin.renewed().await.get(FIRST).await.json();
    assert_eq!(found["secrets"][0]["status"], "expired");
    assert_eq!(found["secrets"][1]["status"], "active");
}

#[tokio::test]
async fn the_overlap_is_a_day_and_the_new_secret_lives_as_long_as_the_old_one_did() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;

    let rotated = admin.act(ROTATE).await.json();
    assert_eq!(rotated["secrets"][0]["ends_at"], "2026-03-02T12:00:00Z");
    assert_eq!(rotated["expires_at"], "2026-05-30T12:00:00Z");

    server.advance(Duration::from_hours(24));
    let admin = admin.renewed().await;
    let rotated = admin.post(
        ROTATE,
        json!({"expires_in_seconds": 60, "overlap_seconds": 0}),
    );
    assert_eq!(rotated.await.json()["expires_at"], "2026-03-02T12:01:00Z");
    let rotated = admin.post(ROTATE, json!({"overlap_seconds": 0})).await;
    assert_eq!(rotated.json()["expires_at"], "2026-03-02T12:01:00Z");
    let rotated = admin
        .post(ROTATE, json!({"expires_in_seconds": null}))
        .await;
    assert_eq!(rotated.json()["expires_at"], json!(null));
}

#[tokio::test]
async fn an_old_secret_never_lives_longer_than_it_would_have() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let short = json!({"overlap_seconds": 0, "expires_in_seconds": 60});
    admin.post(ROTATE, short).await;

    let rotated = admin
        .post(ROTATE, json!({"overlap_seconds": 2_592_000}))
        .await
        .json();
    assert_eq!(rotated["secrets"][1]["ends_at"], "2026-03-01T12:01:00Z");
}

#[tokio::test]
async fn without_an_overlap_the_old_secret_dies_at_once_and_its_tokens_live_on() {
    let server = TestServer::start().await;
    let old = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let token = old.token("").await;

    let rotated = admin
        .post(ROTATE, json!({"overlap_seconds": 0}))
        .await
        .json();

    let new = renewed(&old, &rotated);
    assert!(!works(&old).await && works(&new).await);
    assert!(new.sees_active(&token).await);
}

// Security case 64.
#[tokio::test]
async fn a_rotation_kills_the_tokens_of_the_credential_when_it_says_so() {
    let server = TestServer::start().await;
    let old = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let credentials = FIRST.strip_suffix("/first").unwrap();
    let made = admin
        .post(credentials, json!({"name": "other"}))
        .await
        .json();
    let other = renewed(&old.with_id(made["client_id"].as_str().unwrap()), &made);
    let (dies, stays) = (old.token("").await, other.token("").await);

    let rotated = admin.post(ROTATE, json!({"revoke_tokens": true})).await;
    assert_eq!(rotated.status, 200);

    assert!(!other.sees_active(&dies).await);
    assert!(other.sees_active(&stays).await);
    // The old secret itself lives for its overlap, and what it gets now is good.
    let fresh = old.token("").await;
    assert!(other.sees_active(&fresh).await);
}

// Security case 19.
#[tokio::test]
async fn a_third_live_secret_is_refused_unless_the_overlap_is_ended() {
    let server = TestServer::start().await;
    let first = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let second = renewed(&first, &admin.act(ROTATE).await.json());

    let refused = admin.act(ROTATE).await;
    assert_snapshot!(shown_body(&refused), @r#"
    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "two secrets work already, and the older one does so until 2026-03-02T12:00:00Z: wait, or end that overlap now with `end_overlap`",
      "code": "overlap_in_progress",
      "request_id": "req_...",
      "errors": []
    }
    "#);
    assert!(works(&first).await && works(&second).await);

    let ending = json!({"end_overlap": true, "overlap_seconds": 60});
    let third = renewed(&first, &admin.post(ROTATE, ending).await.json());
    assert!(!works(&first).await);
    assert!(works(&second).await && works(&third).await);
    server.advance(Duration::from_mins(1));
    assert!(!works(&second).await && works(&third).await);
}

#[tokio::test]
async fn secrets_show_the_evidence_of_their_use() {
    let server = TestServer::start().await;
    let old = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let rotated = admin.act(ROTATE).await.json();
    assert_eq!(rotated["secrets"][0]["first_used_at"], json!(null));
    server.advance(Duration::from_secs(10));
    old.token("").await;
    server.advance(Duration::from_secs(10));
    old.token("").await;

    let secrets = admin.get(FIRST).await.json()["secrets"].clone();
    assert_eq!(secrets[0]["first_used_at"], "2026-03-01T12:00:10Z");
    assert_eq!(secrets[0]["last_used_at"], "2026-03-01T12:00:20Z");
    assert_eq!(secrets[0]["last_used_address"], "127.0.0.1");
    assert_eq!(secrets[1]["last_used_at"], json!(null));

    renewed(&old, &rotated).token("").await;
    let secrets = admin.get(FIRST).await.json()["secrets"].clone();
    assert_eq!(secrets[1]["first_used_at"], "2026-03-01T12:00:20Z");
    // A later rotation still shows it.
    let ended = admin
        .post(ROTATE, json!({"end_overlap": true}))
        .await
        .json();
    assert_eq!(ended["secrets"][0]["last_used_at"], "2026-03-01T12:00:20Z");
    assert_eq!(ended["secrets"][0]["status"], "expired");
    assert_eq!(ended["secrets"][2]["last_used_at"], json!(null));
}

#[tokio::test]
async fn an_expired_credential_is_renewed_by_a_rotation() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let short = json!({"overlap_seconds": 0, "expires_in_seconds": 60});
    admin.post(ROTATE, short).await;
    server.advance(Duration::from_mins(1));
    assert_eq!(admin.get(FIRST).await.json()["status"], "expired");

    let rotated = admin.act(ROTATE).await.json();
    assert_eq!(rotated["status"], "active");
    assert_eq!(rotated["expires_at"], "2026-03-01T12:02:00Z");
    assert!(works(&renewed(&client, &rotated)).await);
}

#[tokio::test]
async fn what_a_rotation_cannot_be_asked_for() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    for (body, wrong) in [
        (
            json!({"overlap_seconds": -1}),
            at("/overlap_seconds", "invalid"),
        ),
        (
            json!({"overlap_seconds": 2_592_001}),
            at("/overlap_seconds", "invalid"),
        ),
        (
            json!({"overlap_seconds": 0.5}),
            at("/overlap_seconds", "invalid"),
        ),
        (
            json!({"expires_in_seconds": 0}),
            at("/expires_in_seconds", "invalid"),
        ),
        (
            json!({"expires_in_seconds": "1d"}),
            at("/expires_in_seconds", "wrong_type"),
        ),
        (
            json!({"revoke_tokens": 1}),
            at("/revoke_tokens", "wrong_type"),
        ),
        (
            json!({"end_overlap": "yes"}),
            at("/end_overlap", "wrong_type"),
        ),
        (json!({"overlap": 1}), at("/overlap", "unknown_field")),
        (
            json!({"client_secret": "mine"}),
            at("/client_secret", "read_only"),
        ),
    ] {
        let reply = admin.post(ROTATE, body.clone()).await;
        assert_eq!(mistakes(&reply), [wrong], "{body}");
    }
    let unknown = ROTATE.replace("first", "second");
    let reply = admin.post(&unknown, json!({"overlap_seconds": -1})).await;
    assert_eq!(refusal(&reply), (404, "not_found".into()));
    let secrets = admin.get(FIRST).await.json()["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 1);
}

// protocol.md 180: concurrent rotations are serialised.
#[tokio::test]
async fn of_many_rotations_at_once_one_wins() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;

    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let admin = admin.clone();
            tokio::spawn(async move { admin.act(ROTATE).await })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        let reply = task.await.unwrap();
        match reply.status {
            200 => won.push(reply.json()),
            _ => assert_eq!(refusal(&reply), (409, "overlap_in_progress".into())),
        }
    }
    assert_eq!(won.len(), 1);
    assert!(works(&client).await && works(&renewed(&client, &won[0])).await);
}

// A script that rotates all day leaves a credential that can be read.
#[tokio::test]
async fn of_the_secrets_that_ended_the_last_ones_are_kept() {
    let server = TestServer::start().await;
    let old = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let unknown = old.with_secret(&server.admin.secret).ask("").await;
    let mut newest = old.clone();
    for _ in 0..25 {
        let reply = admin.post(ROTATE, json!({"overlap_seconds": 0})).await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        newest = renewed(&old, &reply.json());
    }

    let shown = admin.get(FIRST).await.json();
    let secrets = shown["secrets"].as_array().unwrap();
    assert_eq!(secrets.len(), 21);
    let live: Vec<_> = secrets
        .iter()
        .map(|secret| secret["status"] == "active")
        .collect();
    assert!(live[20] && !live[..20].contains(&true), "{shown}");
    // Whether it is still known makes no difference to whoever presents it.
    let forgotten = old.ask("").await;
    assert_eq!((forgotten.status, forgotten.text()), (401, unknown.text()));
    assert!(works(&newest).await);
    let forgotten = "SELECT changes FROM audit_event WHERE changes LIKE '%forgotten_secrets%'";
    assert_eq!(server.rows(forgotten).await.len(), 5);
    // The evidence of what is left can still be asked for.
    let retired = format!("{FIRST}/secrets/{}", secrets[0]["id"].as_str().unwrap());
    assert_eq!(admin.delete(&retired).await.status, 204);
}
