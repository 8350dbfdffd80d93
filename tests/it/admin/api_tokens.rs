//! `.../service-accounts/{account}/api-tokens`, and the inventory of the organization.
//!
//! What an API token opens is told at introspection and at the token endpoint.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::Administrator;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

const TOKENS: &str = "/organizations/default/service-accounts/nightly/api-tokens";
const INVENTORY: &str = "/organizations/default/api-tokens";
const DAY_SECS: u64 = 24 * 60 * 60;

async fn stage() -> (TestServer, Administrator) {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read deploy:write").await;
    let admin = Administrator::first(&server).await;
    (server, admin)
}

async fn make(admin: &Administrator, body: Value) -> Value {
    let reply = admin.post(TOKENS, body).await;
    assert_eq!(reply.status, 201, "{}", reply.wire());
    reply.json()
}

/// The members of these names, of each item of a list.
fn items(list: &Value, member: &str) -> Vec<Value> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item[member].clone()).collect()
}

// Security cases 144 and 146; contract section 3.
#[tokio::test]
async fn an_api_token_is_shown_once() {
    let (_server, admin) = stage().await;
    let access = json!([deploy(&["deploy:read"], &json!(["APOLLO"]))]);
    let body = json!({"name": "build tool", "expires_in_seconds": DAY_SECS, "access": access});

    let made = admin.post(TOKENS, body).await;
    assert_snapshot!(shown(&made), @r#"
    201 Created
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "tok_...-1"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "id": "tok_...",
      "account": "sa_...",
      "name": "build tool",
      "client_id": "sac_...",
      "hint": "...",
      "status": "active",
      "access": [
        {
          "api": "deploy",
          "scopes": [
            "deploy:read"
          ],
          "resources": {
            "project": [
              "APOLLO"
            ]
          }
        }
      ],
      "created_at": "2026-03-01T12:00:00Z",
      "expires_at": "2026-03-02T12:00:00Z",
      "last_used_at": null,
      "token": "ostler_at_..."
    }
    "#);
    let made = made.json();
    let token = made["token"].as_str().unwrap();
    assert!(
        token.starts_with("ostler_at_") && token.len() == 59,
        "{token}"
    );
    assert_eq!(made["hint"], token[49..53]);

    let path = format!("{TOKENS}/{}", made["id"].as_str().unwrap());
    let found = admin.get(&path).await;
    assert_snapshot!(shown_body(&found), @r#"
    {
      "id": "tok_...",
      "account": "sa_...",
      "name": "build tool",
      "client_id": "sac_...",
      "hint": "...",
      "status": "active",
      "access": [
        {
          "api": "deploy",
          "scopes": [
            "deploy:read"
          ],
          "resources": {
            "project": [
              "APOLLO"
            ]
          }
        }
      ],
      "created_at": "2026-03-01T12:00:00Z",
      "expires_at": "2026-03-02T12:00:00Z",
      "last_used_at": null
    }
    "#);
    let by_name = admin.get(&format!("{TOKENS}/build%20tool")).await;
    assert_eq!(by_name.json(), found.json());
    for path in [TOKENS, INVENTORY] {
        let list = admin.get(path).await;
        assert_eq!(list.json()["items"], json!([found.json()]), "{path}");
        assert!(!list.text().contains(token));
    }
}

#[tokio::test]
async fn a_token_lives_for_ninety_days_unless_its_maker_says_otherwise() {
    let (_server, admin) = stage().await;
    for (name, seconds, end) in [
        ("usual", None, "2026-05-30T12:00:00Z"),
        ("shortest", Some(DAY_SECS), "2026-03-02T12:00:00Z"),
        ("longest", Some(365 * DAY_SECS), "2027-03-01T12:00:00Z"),
    ] {
        let mut body = json!({"name": name});
        if let Some(seconds) = seconds {
            body["expires_in_seconds"] = json!(seconds);
        }
        assert_eq!(make(&admin, body).await["expires_at"], end, "{name}");
    }
}

// Contract section 3: 1 to 365 days; unknown fields and names are refused by name.
#[tokio::test]
async fn what_cannot_be_asked_for() {
    let (_server, admin) = stage().await;
    let lifetime = "/expires_in_seconds";
    for (body, wrong) in [
        (json!({}), at("/name", "required")),
        (json!({"name": "tok_1"}), at("/name", "invalid")),
        (
            json!({"name": "x", "expires_in_seconds": DAY_SECS - 1}),
            at(lifetime, "invalid"),
        ),
        (
            json!({"name": "x", "expires_in_seconds": 365 * DAY_SECS + 1}),
            at(lifetime, "invalid"),
        ),
        (
            json!({"name": "x", "expires_in_seconds": null}),
            at(lifetime, "wrong_type"),
        ),
        (
            json!({"name": "x", "allowed_networks": []}),
            at("/allowed_networks", "unknown_field"),
        ),
        (
            json!({"name": "x", "token": "y"}),
            at("/token", "read_only"),
        ),
        (json!({"name": "x", "id": "tok_1"}), at("/id", "read_only")),
        (
            json!({"name": "x", "access": [deploy(&["deploy:admin"], &json!("*"))]}),
            at("/access/0/scopes/0", "unknown_scope"),
        ),
    ] {
        let reply = admin.post(TOKENS, body.clone()).await;
        assert_eq!(mistakes(&reply), [wrong], "{body}");
    }
    let unknown = TOKENS.replace("nightly", "unknown");
    let reply = admin.post(&unknown, json!({})).await;
    assert_eq!(refusal(&reply), (404, "not_found".into()));
    assert_eq!(admin.get(TOKENS).await.json()["items"], json!([]));
}

#[tokio::test]
async fn names_are_unique_and_free_again_once_the_token_is_revoked() {
    let (server, admin) = stage().await;
    let first = make(&admin, json!({"name": "tool"})).await;
    // Ids are in the order of their milliseconds.
    server.advance(Duration::from_millis(1));
    // A credential of the same name is another thing.
    let credentials = TOKENS.replace("api-tokens", "credentials");
    let credential = admin.post(&credentials, json!({"name": "tool"})).await;
    assert_eq!(credential.status, 201);
    let taken = admin.post(TOKENS, json!({"name": "tool"})).await;
    assert_eq!(refusal(&taken), (409, "name_taken".into()));

    let path = format!("{TOKENS}/tool");
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(admin.get(&path).await.json()["status"], "revoked");
    let second = make(&admin, json!({"name": "tool"})).await;
    assert_eq!(admin.get(&path).await.json()["id"], second["id"]);
    let list = admin.get(TOKENS).await.json();
    assert_eq!(
        items(&list, "id"),
        [first["id"].clone(), second["id"].clone()]
    );
}

#[tokio::test]
async fn a_revoked_token_stays_listed_and_revoking_it_again_changes_nothing() {
    let (server, admin) = stage().await;
    make(&admin, json!({"name": "tool"})).await;
    let path = format!("{TOKENS}/tool");
    for _ in 0..2 {
        let reply = admin.delete(&path).await;
        assert_eq!((reply.status, reply.body.len()), (204, 0));
    }
    assert_eq!(
        items(&admin.get(TOKENS).await.json(), "status"),
        ["revoked"]
    );
    assert_eq!(server.audited("api_token.revoke").await.len(), 1);
}

#[tokio::test]
async fn lists_tell_how_many_are_active() {
    let (server, admin) = stage().await;
    server.client("another", "deploy:read").await;
    let anothers = TOKENS.replace("nightly", "another");
    for (name, days) in [("short", 1), ("revoked", 30), ("long", 30)] {
        let lifetime = days * DAY_SECS;
        make(
            &admin,
            json!({"name": name, "expires_in_seconds": lifetime}),
        )
        .await;
        server.advance(Duration::from_millis(1));
    }
    let reply = admin.post(&anothers, json!({"name": "one"})).await;
    assert_eq!(reply.status, 201);
    assert_eq!(admin.delete(&format!("{TOKENS}/revoked")).await.status, 204);
    server.advance(Duration::from_millis(DAY_SECS * 1_000 - 4));
    let admin = admin.renewed().await;
    assert_eq!(admin.get(TOKENS).await.json()["active_count"], 2);
    server.advance(Duration::from_millis(1));
    let admin = admin.renewed().await;

    let list = admin.get(TOKENS).await.json();
    assert_eq!(items(&list, "status"), ["expired", "revoked", "active"]);
    assert_eq!(list["active_count"], 1);
    // All pages are counted, of the account and of the organization.
    let page = admin.get(&format!("{TOKENS}?limit=1")).await.json();
    assert_eq!(
        (page["active_count"].clone(), items(&page, "name")),
        (json!(1), vec![json!("short")])
    );
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = admin
        .get(&format!("{TOKENS}?limit=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(items(&next, "name"), ["revoked", "long"]);
    assert_eq!(next["next_cursor"], json!(null));
    let inventory = admin.get(INVENTORY).await.json();
    assert_eq!(
        (items(&inventory, "name").len(), &inventory["active_count"]),
        (4, &json!(2))
    );
    // A cursor of one list is none of another.
    let reply = admin.get(&format!("{INVENTORY}?cursor={cursor}")).await;
    assert_eq!(refusal(&reply), (400, "validation_failed".into()));

    let accounts = "/organizations/default/service-accounts";
    let nightly = admin.get(&format!("{accounts}/nightly")).await.json();
    assert_eq!(nightly["active_api_tokens"], 1);
    assert_eq!(nightly["active_credentials"], 1);
    let all = admin.get(accounts).await.json();
    let counts = items(&all, "active_api_tokens");
    let sum: u64 = counts.iter().filter_map(Value::as_u64).sum();
    assert_eq!((counts.len(), sum), (3, 2));
}

#[tokio::test]
async fn api_tokens_are_no_credentials_in_the_lists_of_those() {
    let (_server, admin) = stage().await;
    let made = make(&admin, json!({"name": "tool"})).await;
    let credentials = TOKENS.replace("api-tokens", "credentials");
    let list = admin.get(&credentials).await.json();
    assert_eq!(items(&list, "name"), ["first"]);
    let id = made["id"].as_str().unwrap().replace("tok_", "cred_");
    for name in [id.as_str(), "tool"] {
        let reply = admin.get(&format!("{credentials}/{name}")).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()), "{name}");
        let rotated = admin.act(&format!("{credentials}/{name}/rotate")).await;
        assert_eq!(refusal(&rotated), (404, "not_found".into()), "{name}");
    }
}

// Security cases 80 and 81: nobody hands on more of `ostler` than they hold.
#[tokio::test]
async fn a_token_that_reaches_further_than_its_maker_is_refused() {
    let server = TestServer::start().await;
    let reach = ostler(&["accounts:write", "keys:write"], &json!("*"));
    server.client_with("nightly", json!([reach])).await;
    let own = server.id_of("/organizations/default").await;
    let access = json!([ostler(
        &["credentials:write", "accounts:write"],
        &json!([own])
    )]);
    let delegate = Administrator::with(&server, "delegate", access).await;

    let reply = delegate.post(TOKENS, json!({"name": "tool"})).await;
    assert_eq!(refusal(&reply), (403, "forbidden".into()));
    // Narrowed to what the maker holds, it may be made.
    let narrowed = json!([ostler(&["accounts:write"], &json!([own]))]);
    let body = json!({"name": "tool", "access": narrowed});
    let reply = delegate.post(TOKENS, body).await;
    assert_eq!(reply.status, 201, "{}", reply.wire());
}

// Security case 79.
#[tokio::test]
async fn each_call_takes_its_scope() {
    let (server, admin) = stage().await;
    make(&admin, json!({"name": "tool"})).await;
    let tool = format!("{TOKENS}/tool");
    let calls = [
        ("GET", TOKENS, true),
        ("GET", INVENTORY, true),
        ("GET", &tool, true),
        ("POST", TOKENS, false),
        ("DELETE", &tool, false),
    ];
    let organizations = json!("*");
    for (name, scope, reads) in [
        ("reader", "accounts:read", true),
        ("writer", "accounts:write", true),
        ("credentials", "credentials:write", false),
    ] {
        let access = json!([ostler(&[scope], &organizations)]);
        let caller = Administrator::with(&server, &format!("{name}-bot"), access).await;
        for (method, path, is_read) in calls {
            let reply = caller.call(method, path, None).await;
            let allowed = if is_read {
                reads
            } else {
                scope == "credentials:write"
            };
            assert_eq!(
                reply.status != 403,
                allowed,
                "{method} {path} by {name}: {}",
                reply.wire()
            );
        }
    }
}

// Security case 84.
#[tokio::test]
async fn another_organizations_token_is_unknown() {
    let (server, admin) = stage().await;
    let made = make(&admin, json!({"name": "tool"})).await;
    server
        .create("/organizations", json!({"name": "other"}))
        .await;
    let account = json!({"name": "nightly"});
    let accounts = "/organizations/other/service-accounts";
    server.create(accounts, account).await;
    let id = made["id"].as_str().unwrap();
    let unknown = format!("{accounts}/nightly/api-tokens/tok_01kj0xg5a5b0w4s4xq1m9v7n2c");
    let unknown = admin.get(&unknown).await;
    let path = format!("{accounts}/nightly/api-tokens/{id}");
    for method in ["GET", "DELETE"] {
        let reply = admin.call(method, &path, None).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()), "{method}");
        assert_eq!(reply.json()["detail"], unknown.json()["detail"]);
    }
    assert_eq!(
        admin.get(&format!("{TOKENS}/{id}")).await.json()["status"],
        "active"
    );
    let inventory = admin.get("/organizations/other/api-tokens").await.json();
    assert_eq!(
        inventory,
        json!({"items": [], "next_cursor": null, "active_count": 0})
    );
}

// Security case 63.
#[tokio::test]
async fn a_deleted_account_takes_its_tokens_with_it() {
    let (_server, admin) = stage().await;
    make(&admin, json!({"name": "tool"})).await;
    let nightly = TOKENS.strip_suffix("/api-tokens").unwrap();
    assert_eq!(admin.delete(nightly).await.status, 204);
    assert_eq!(admin.get(INVENTORY).await.json()["items"], json!([]));
}
