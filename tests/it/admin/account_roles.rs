//! `.../service-accounts/{account}/roles`

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::server::ISSUER;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::shown;
use super::actors::shown_body;

const ROLES: &str = "/organizations/default/service-accounts/nightly/roles";

#[tokio::test]
async fn roles_are_replaced_and_shown_once_each() {
    let server = TestServer::start().await;
    server.client_with("nightly", json!([])).await;
    let admin = Administrator::first(&server).await;

    let reply = admin
        .put(ROLES, json!({"roles": ["auditor", "operator", "auditor"]}))
        .await;
    assert_snapshot!(shown(&reply), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "sa_...-2"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "roles": [
        "operator",
        "auditor"
      ],
      "tokens_revoked": false
    }
    "#);
    assert_eq!(
        admin.get(ROLES).await.json(),
        json!({"roles": ["operator", "auditor"]})
    );
    let account = admin.get(&format!("{ACCOUNTS}/nightly")).await.json();
    assert_eq!(account["roles"], json!(["operator", "auditor"]));
}

// Contract, section 3: they mean the account's own organization, with every API in it.
#[tokio::test]
async fn a_role_opens_the_accounts_own_organization() {
    let server = TestServer::start().await;
    let client = server.client_with("nightly", json!([])).await;
    let admin = Administrator::first(&server).await;
    admin.post("/organizations", json!({"name": "other"})).await;
    let organization = admin.get("/organizations/default").await.json();
    for (role, scopes) in [("owner", 13), ("operator", 11), ("auditor", 6)] {
        admin.put(ROLES, json!({"roles": [role]})).await;
        let token = client.ask(&format!("resource={ISSUER}")).await.json();
        let held = token["scope"].as_str().unwrap().split(' ').count();
        assert_eq!(held, scopes, "{role}");
        let details = token["authorization_details"].as_array().unwrap();
        let of = |kind: &str| details.iter().find(|d| d["type"] == kind).unwrap();
        assert_eq!(
            of("organization")["identifiers"],
            json!([organization["id"]]),
            "{role}"
        );
        assert_eq!(of("api")["identifiers"], "*", "{role}");

        let holder = Administrator::of(&client).await;
        assert_eq!(
            holder.get("/organizations/default").await.status,
            200,
            "{role}"
        );
        assert_eq!(
            holder.get("/organizations/other").await.status,
            404,
            "{role}"
        );
    }
}

#[tokio::test]
async fn taking_a_role_away_kills_the_tokens_and_giving_one_does_not() {
    let server = TestServer::start().await;
    let client = server.client_with("nightly", json!([])).await;
    let admin = Administrator::first(&server).await;
    for (roles, kills) in [
        (json!(["auditor"]), false),
        (json!(["auditor", "owner"]), false),
        // Everything of an auditor is also the owner's.
        (json!(["owner"]), false),
        (json!(["operator"]), true),
        (json!(["operator"]), false),
        (json!([]), true),
    ] {
        let token = match client.ask(&format!("resource={ISSUER}")).await {
            reply if reply.status == 200 => Some(reply.access_token()),
            _ => None,
        };
        let reply = admin.put(ROLES, json!({"roles": roles})).await;
        assert_eq!(reply.json()["tokens_revoked"], kills, "{roles}");
        if let Some(token) = token {
            assert_eq!(server.admin.sees_active(&token).await, !kills, "{roles}");
        }
    }
}

#[tokio::test]
async fn an_unknown_role_is_refused_by_name() {
    let server = TestServer::start().await;
    server.client_with("nightly", json!([])).await;
    let admin = Administrator::first(&server).await;

    let reply = admin
        .put(ROLES, json!({"roles": ["owner", "Auditor"]}))
        .await;
    assert_snapshot!(shown_body(&reply), @r#"
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "detail": "/roles/1: there is no role `Auditor`",
      "code": "validation_failed",
      "request_id": "req_...",
      "errors": [
        {
          "pointer": "/roles/1",
          "code": "unknown_role",
          "detail": "there is no role `Auditor`",
          "hint": "did you mean `auditor`?"
        }
      ]
    }
    "#);
    assert_eq!(
        mistakes(&admin.put(ROLES, json!({})).await),
        [at("/roles", "required")]
    );
    assert_eq!(admin.get(ROLES).await.json(), json!({"roles": []}));
}
