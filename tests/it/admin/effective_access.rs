//! `.../service-accounts/{account}/effective-access`

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown_body;

const EFFECTIVE: &str = "/organizations/default/service-accounts/nightly/effective-access";

/// An account with grants of its own, by a role, and by a group with two roles.
async fn stage(server: &TestServer) -> Administrator {
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(server).await;
    let read = deploy(&["deploy:read"], &json!(["APOLLO", "GEMINI"]));
    let write = deploy(&["deploy:write"], &json!("*"));
    for (name, access) in [("reader", json!([read])), ("writer", json!([write, read]))] {
        let role = json!({"name": name, "access": access});
        assert_eq!(admin.post(ROLES, role).await.status, 201);
    }
    let roles = json!({"roles": ["writer"]});
    admin.put(&format!("{ACCOUNTS}/nightly/roles"), roles).await;
    let group = json!({"name": "crew", "roles": ["reader", "writer"]});
    admin.post(GROUPS, group).await;
    let member = format!("{GROUPS}/crew/members/nightly");
    assert_eq!(admin.call("PUT", &member, None).await.status, 200);
    admin
}

// Contract, section 3: never flattened, and each grant says by what it is held.
#[tokio::test]
async fn each_grant_says_where_it_is_from() {
    let server = TestServer::start().await;
    let admin = stage(&server).await;
    assert_snapshot!(shown_body(&admin.get(EFFECTIVE).await), @r#"
    {
      "items": [
        {
          "api": "deploy",
          "scopes": [
            "deploy:read"
          ],
          "resources": {
            "project": [
              "APOLLO",
              "GEMINI"
            ]
          },
          "via": [
            "account",
            "role:writer",
            "group:crew"
          ]
        },
        {
          "api": "deploy",
          "scopes": [
            "deploy:write"
          ],
          "resources": {
            "project": "*"
          },
          "via": [
            "role:writer",
            "group:crew"
          ]
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn a_credential_leaves_a_part_of_it() {
    let server = TestServer::start().await;
    let admin = stage(&server).await;
    let narrowing = json!([deploy(&["deploy:write", "deploy:read"], &json!(["APOLLO"]))]);
    let body = json!({"name": "narrow", "access": narrowing});
    let credentials = format!("{ACCOUNTS}/nightly/credentials");
    let made = admin.post(&credentials, body).await.json();
    let id = made["id"].as_str().unwrap();
    for named in ["narrow", id] {
        let shown = admin.get(&format!("{EFFECTIVE}?credential={named}")).await;
        let items = shown.json()["items"].clone();
        assert_eq!(
            items,
            json!([
                {
                    "api": "deploy",
                    "scopes": ["deploy:read"],
                    "resources": {"project": ["APOLLO"]},
                    "via": ["account", "role:writer", "group:crew"],
                },
                {
                    "api": "deploy",
                    "scopes": ["deploy:write"],
                    "resources": {"project": ["APOLLO"]},
                    "via": ["role:writer", "group:crew"],
                },
            ]),
            "{named}"
        );
    }
    let whole = admin.get(EFFECTIVE).await.json();
    let first = admin.get(&format!("{EFFECTIVE}?credential=first")).await;
    assert_eq!(first.json(), whole, "not narrowed");

    admin
        .post(&credentials, json!({"name": "nothing", "access": []}))
        .await;
    let nothing = admin.get(&format!("{EFFECTIVE}?credential=nothing")).await;
    assert_eq!(nothing.json(), json!({"items": []}));
    let unknown = admin
        .get(&format!("{EFFECTIVE}?credential=none-such"))
        .await;
    assert_eq!(refusal(&unknown), (404, "not_found".into()));
    let odd = admin.get(&format!("{EFFECTIVE}?credentials=first")).await;
    assert_eq!(mistakes(&odd).len(), 1);
}

// An API token is a credential of its own, with a narrowing.
#[tokio::test]
async fn an_api_token_leaves_a_part_of_it_too() {
    let server = TestServer::start().await;
    let admin = stage(&server).await;
    let tokens = format!("{ACCOUNTS}/nightly/api-tokens");
    let narrowing = json!([deploy(&["deploy:read"], &json!(["APOLLO"]))]);
    let body = json!({"name": "tool", "access": narrowing});
    let made = admin.post(&tokens, body).await.json();
    let id = made["id"].as_str().unwrap();
    for named in ["tool", id] {
        let shown = admin.get(&format!("{EFFECTIVE}?credential={named}")).await;
        assert_eq!(
            shown.json()["items"],
            json!([{
                "api": "deploy",
                "scopes": ["deploy:read"],
                "resources": {"project": ["APOLLO"]},
                "via": ["account", "role:writer", "group:crew"],
            }]),
            "{named}"
        );
    }
    admin.post(&tokens, json!({"name": "plain"})).await;
    let plain = admin.get(&format!("{EFFECTIVE}?credential=plain")).await;
    assert_eq!(plain.json(), admin.get(EFFECTIVE).await.json());

    // A credential comes before an API token of the same name; an id tells them apart.
    let credentials = format!("{ACCOUNTS}/nightly/credentials");
    admin
        .post(&credentials, json!({"name": "tool", "access": []}))
        .await;
    let named = admin.get(&format!("{EFFECTIVE}?credential=tool")).await;
    assert_eq!(named.json(), json!({"items": []}));
    let by_id = admin.get(&format!("{EFFECTIVE}?credential={id}")).await;
    assert_eq!(by_id.json()["items"].as_array().unwrap().len(), 1);
    // Another account's is as unknown as none.
    server.client("another", "deploy:read").await;
    for unknown in [id, "tool", "none-such"] {
        let path = EFFECTIVE.replace("nightly", "another");
        let reply = admin.get(&format!("{path}?credential={unknown}")).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()));
        assert_eq!(reply.json()["detail"], "there is no such credential");
    }
}

#[tokio::test]
async fn a_built_in_role_is_shown_with_what_it_grants() {
    let server = TestServer::start().await;
    server.client_with("nightly", json!([])).await;
    let admin = Administrator::first(&server).await;
    assert_eq!(admin.get(EFFECTIVE).await.json(), json!({"items": []}));
    let roles = json!({"roles": ["auditor"]});
    admin.put(&format!("{ACCOUNTS}/nightly/roles"), roles).await;
    let shown = admin.get(EFFECTIVE).await.json();
    let auditor = admin.get(&format!("{ROLES}/auditor")).await.json();
    let mut expected = auditor["access"].clone();
    expected[0]["via"] = json!(["role:auditor"]);
    assert_eq!(shown["items"], expected);
}
