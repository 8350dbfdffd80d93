//! `/organizations`

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

#[tokio::test]
async fn an_organization_needs_nothing_but_a_name() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;

    let made = admin.post("/organizations", json!({"name": "acme"})).await;
    assert_snapshot!(shown(&made), @r#"
201 Created
cache-control: no-store
content-security-policy: default-src 'none'; frame-ancestors 'none'
content-type: application/json
etag: "org_...-1"
referrer-policy: no-referrer
x-content-type-options: nosniff

{
  "id": "org_...",
  "name": "acme",
  "status": "active",
  "max_service_accounts": null,
  "policy": {
    "leak_report": "revoke",
    "allow_never_expires": true,
    "max_token_lifetime_seconds": null
  },
  "service_account_count": 0,
  "created_at": "2026-03-01T12:00:00Z"
}
"#);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for name in ["acme", &id] {
        let found = admin.get(&format!("/organizations/{name}")).await;
        assert_eq!((found.status, found.json()), (200, made.json()));
    }
}

#[tokio::test]
async fn an_organization_has_a_quota_and_a_policy() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({
        "name": "acme",
        "max_service_accounts": 5,
        "policy": {
            "leak_report": "finding",
            "allow_never_expires": false,
            "max_token_lifetime_seconds": 600,
        },
    });
    let made = admin.post("/organizations", body.clone()).await.json();
    for member in ["name", "max_service_accounts", "policy"] {
        assert_eq!(made[member], body[member], "{member}");
    }
    assert_eq!(admin.get("/organizations/acme").await.json(), made);
}

#[tokio::test]
async fn a_full_organization_gets_no_further_account() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "acme", "max_service_accounts": 1});
    admin.post("/organizations", body).await;
    let accounts = "/organizations/acme/service-accounts";
    assert_eq!(
        admin
            .post(accounts, json!({"name": "the-first"}))
            .await
            .status,
        201
    );

    let refused = admin.post(accounts, json!({"name": "the-second"})).await;
    assert_snapshot!(shown_body(&refused), @r#"
{
  "type": "about:blank",
  "title": "Conflict",
  "status": 409,
  "detail": "the organization may have 1 service accounts (`max_service_accounts`)",
  "code": "quota_reached",
  "request_id": "req_...",
  "errors": []
}
"#);
    let organization = admin.get("/organizations/acme").await.json();
    assert_eq!(organization["service_account_count"], 1);

    // A deleted account does not count.
    admin.delete(&format!("{accounts}/the-first")).await;
    assert_eq!(
        admin
            .post(accounts, json!({"name": "the-second"}))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn an_organization_that_cannot_be_made_is_refused_with_its_mistakes() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;

    let taken = admin
        .post("/organizations", json!({"name": "default"}))
        .await;
    assert_eq!(refusal(&taken), (409, "name_taken".into()));
    let reply = admin
        .post(
            "/organizations",
            json!({
                "name": "Acme",
                "max_service_accounts": -1,
                "policy": {"leak_report": "ignore", "allow_never": true},
                "status": "disabled",
                "org_id": "org_1",
            }),
        )
        .await;
    assert_eq!(
        mistakes(&reply),
        [
            at("/name", "invalid"),
            at("/max_service_accounts", "invalid"),
            at("/policy/leak_report", "invalid"),
            at("/policy/allow_never", "unknown_field"),
            at("/status", "read_only"),
            at("/org_id", "unknown_field"),
        ]
    );
    let policy = json!({"max_token_lifetime_seconds": 3601});
    let reply = admin
        .post("/organizations", json!({"name": "acme", "policy": policy}))
        .await;
    assert_eq!(
        mistakes(&reply),
        [at("/policy/max_token_lifetime_seconds", "invalid")]
    );
}

#[tokio::test]
async fn the_list_shows_what_the_token_reaches() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for name in ["acme", "zeta"] {
        server.advance(Duration::from_millis(1));
        admin.post("/organizations", json!({"name": name})).await;
    }
    let grant = ostler(
        &["organizations:read", "accounts:read"],
        &json!(["acme", "default"]),
    );
    let some = Administrator::with(&server, "some-of-it", json!([grant])).await;

    let names = |reply: crate::harness::Reply| -> Vec<String> {
        let items = reply.json()["items"].as_array().unwrap().clone();
        let names = items
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(
        names(admin.get("/organizations").await),
        ["default", "acme", "zeta"]
    );
    assert_eq!(names(some.get("/organizations").await), ["default", "acme"]);
    assert_eq!(some.get("/organizations/zeta").await.status, 404);
    assert_eq!(some.get("/organizations/acme").await.status, 200);
}
