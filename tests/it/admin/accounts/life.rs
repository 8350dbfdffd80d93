//! Accounts that are disabled, deleted, over, and used.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;

use super::super::actors::ACCOUNTS;
use super::super::actors::Administrator;
use super::super::actors::deploy;
use super::super::actors::ostler;
use super::super::actors::refusal;
use super::super::actors::shown;

// Security case 60; protocol.md 183 (RFC 9700 section 4.14.2 calls for it).
#[tokio::test]
async fn a_disabled_account_has_no_token_and_gets_none() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let token = client.token("").await;
    assert!(server.admin.sees_active(&token).await);

    let reply = admin.act(&format!("{ACCOUNTS}/nightly/disable")).await;
    assert_eq!(
        (reply.status, reply.json()["status"].as_str()),
        (200, Some("disabled"))
    );

    let refused = client.ask("").await;
    assert_eq!(
        (refused.status, refused.error()),
        (401, "invalid_client".into())
    );
    // As is everything else that it could authenticate for.
    assert_eq!(client.introspect(&token).await.status, 401);
    assert!(!server.admin.sees_active(&token).await);
}

// Security case 65.
#[tokio::test]
async fn enabling_an_account_revives_no_token() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let old = client.token("").await;
    admin.act(&format!("{ACCOUNTS}/nightly/disable")).await;

    let reply = admin.act(&format!("{ACCOUNTS}/nightly/enable")).await;

    assert_eq!(
        (reply.status, reply.json()["status"].as_str()),
        (200, Some("active"))
    );
    assert!(!client.sees_active(&old).await);
    let new = client.token("").await;
    assert!(client.sees_active(&new).await);
}

#[tokio::test]
async fn disabling_what_is_disabled_changes_nothing() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let path = format!("{ACCOUNTS}/nightly");

    let first = admin.act(&format!("{path}/disable")).await.json();
    server.advance(Duration::from_mins(1));
    let second = admin.act(&format!("{path}/disable")).await;
    assert_eq!((second.status, second.json()), (200, first));

    // Nor does enabling what is enabled kill a token.
    admin.act(&format!("{path}/enable")).await;
    let token = client.token("").await;
    assert_eq!(admin.act(&format!("{path}/enable")).await.status, 200);
    assert!(client.sees_active(&token).await);
}

// Security case 63.
#[tokio::test]
async fn a_deleted_account_is_gone_and_its_name_later_is_another_identity() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let path = format!("{ACCOUNTS}/nightly");
    let before = admin.get(&path).await.json();
    let token = client.token("").await;
    assert!(server.admin.sees_active(&token).await);

    let reply = admin.delete(&path).await;
    assert_eq!((reply.status, reply.text()), (204, ""));
    assert!(!server.admin.sees_active(&token).await);
    assert_eq!(client.ask("").await.status, 401);
    assert_eq!(admin.get(&path).await.status, 404);
    assert_eq!(admin.delete(&path).await.status, 404);
    assert_eq!(
        admin
            .get(&format!("{ACCOUNTS}/{}", client.account))
            .await
            .status,
        404
    );

    let again = server.client("nightly", "deploy:read").await;
    let after = admin.get(&path).await.json();
    assert_ne!(before["id"], after["id"]);
    assert_ne!(before["email"], after["email"]);
    // Nor does another organization inherit anything with the name.
    admin.post("/organizations", json!({"name": "other"})).await;
    let elsewhere = "/organizations/other/service-accounts";
    let heir = admin.post(elsewhere, json!({"name": "nightly"})).await;
    assert_eq!(heir.status, 201);
    assert_ne!(heir.json()["id"], before["id"]);
    assert_eq!(heir.json()["access"], json!([]));

    assert!(again.sees_active(&again.token("").await).await);
    assert!(!server.admin.sees_active(&token).await);
    assert_eq!(client.ask("").await.status, 401);
    // The trail goes on naming the one that is gone.
    let id = before["id"].as_str().unwrap();
    let deleted = format!("service_account administrator -> service_account {id} success");
    assert_eq!(server.audited("service_account.delete").await, [deleted]);
}

#[tokio::test]
async fn an_account_whose_end_has_passed_is_expired() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let body = json!({
        "name": "contractor",
        "expires_at": "2026-03-01T12:01:00Z",
        "access": [deploy(&["deploy:read"], &json!("*"))],
        "credential": {"name": "laptop"},
    });
    let made = admin.post(ACCOUNTS, body).await.json();
    let client = server.client_of(&made);
    let path = format!("{ACCOUNTS}/contractor");

    server.advance(Duration::from_secs(59));
    assert_eq!(admin.get(&path).await.json()["status"], "active");
    assert_eq!(client.ask("").await.status, 200);
    server.advance(Duration::from_secs(1));
    assert_eq!(admin.get(&path).await.json()["status"], "expired");
    assert_eq!(client.ask("").await.status, 401);
}

#[tokio::test]
async fn an_account_tells_when_it_was_last_used() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let path = format!("{ACCOUNTS}/nightly");
    assert_eq!(admin.get(&path).await.json()["last_used_at"], json!(null));

    server.advance(Duration::from_secs(30));
    client.token("").await;
    let found = admin.get(&path).await.json();
    assert_eq!(found["last_used_at"], "2026-03-01T12:00:30Z");
    assert_eq!(found["active_credentials"], 1);
}

#[tokio::test]
async fn nobody_takes_away_the_last_administrator() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let path = format!("{ACCOUNTS}/administrator");

    let reply = admin.act(&format!("{path}/disable")).await;
    assert_snapshot!(shown(&reply), @r#"
    409 Conflict
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "nobody else holds all of `ostler` on every organization: grant it to another account first",
      "code": "last_administrator",
      "request_id": "req_...",
      "errors": []
    }
    "#);
    assert_eq!(
        refusal(&admin.delete(&path).await),
        (409, "last_administrator".into())
    );
    assert_eq!(admin.get(&path).await.json()["status"], "active");

    // Nor by its access, which anybody with `access:write` may otherwise reduce.
    let grant = ostler(&["access:write"], &json!(["default"]));
    let manager = Administrator::with(&server, "access-manager", json!([grant])).await;
    let reduced = json!({"access": []});
    let reply = manager.put(&format!("{path}/access"), reduced).await;
    assert_eq!(refusal(&reply), (409, "last_administrator".into()));

    // Once another account holds all of `ostler` on every organization, one of them may go.
    let everything = admin.get(&format!("{path}/access")).await.json()["access"].clone();
    let second = Administrator::with(&server, "second-admin", everything).await;
    assert_eq!(second.act(&format!("{path}/disable")).await.status, 200);
    let last = second
        .act(&format!("{ACCOUNTS}/second-admin/disable"))
        .await;
    assert_eq!(refusal(&last), (409, "last_administrator".into()));
}
