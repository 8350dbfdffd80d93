//! `.../service-accounts/{account}/effective-access`

use insta::assert_snapshot;
use ostler::domain::access_size::MAX_GRANTS_HELD;
use ostler::domain::access_size::MAX_NARROWING_GRANTS_AT_API;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::APIS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown_body;
use super::openapi::document;
use super::openapi::routes;

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

/// How many scopes and keys it takes for so many grants of which no two are alike.
const SCOPES: usize = 11;
const KEYS: usize = MAX_NARROWING_GRANTS_AT_API;

/// A grant of those scopes whose bits the number has.
fn of_bits(number: usize, projects: &Value) -> Value {
    let scopes = (0..SCOPES).filter(|bit| number & (1 << bit) != 0);
    let scopes: Vec<_> = scopes.map(|bit| format!("s{bit}")).collect();
    json!({"api": "wide", "scopes": scopes, "resources": {"project": projects}})
}

// It has no pages, as every list has: its limit is that of what an account holds.
#[tokio::test]
async fn it_is_told_whole_and_is_no_longer_than_what_an_account_may_hold() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let scopes: Value = (0..SCOPES)
        .map(|bit| json!({"name": format!("s{bit}")}))
        .collect();
    let api = json!({
        "name": "wide", "audience": "https://wide.example.com", "scopes": scopes,
        "resource_types": ["project"],
    });
    assert_eq!(admin.post(APIS, api).await.status, 201);
    for key in 0..KEYS {
        let resource = json!({"type": "project", "key": format!("K{key}")});
        let path = format!("{APIS}/wide/resources");
        assert_eq!(admin.post(&path, resource).await.status, 201);
    }
    let most = usize::try_from(MAX_GRANTS_HELD).unwrap();
    let numbers: Vec<_> = (1..=most).collect();
    let mut roles = Vec::new();
    for (number, some) in numbers.chunks(100).enumerate() {
        let access: Value = some.iter().map(|n| of_bits(*n, &json!("*"))).collect();
        let role = json!({"name": format!("r{number}"), "access": access});
        assert_eq!(admin.post(ROLES, role).await.status, 201);
        roles.push(format!("r{number}"));
    }
    let account = json!({"name": "nightly", "roles": roles});
    assert_eq!(admin.post(ACCOUNTS, account).await.status, 201);
    // The same by another way is nothing more, and is told with it.
    let group = json!({"name": "crew", "roles": roles});
    assert_eq!(admin.post(GROUPS, group).await.status, 201);
    let member = format!("{GROUPS}/crew/members/nightly");
    assert_eq!(admin.put(&member, json!({})).await.status, 200);
    let all = admin.get(EFFECTIVE).await.json()["items"].clone();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), most);
    for grant in all {
        let via = grant["via"].as_array().unwrap();
        assert!(via.len() == 2 && via[1] == "group:crew", "{grant}");
    }
    let one_more = json!({"access": [of_bits(1, &json!([]))]});
    let refused = admin
        .put(&format!("{ACCOUNTS}/nightly/access"), one_more)
        .await;
    assert_eq!(refusal(&refused), (409, "quota_reached".into()));

    // A narrowing leaves something else of each for each of its own grants.
    let everything = (1 << SCOPES) - 1;
    let narrowing = |count| -> Value {
        let keys = (0..count).map(|key| json!([format!("K{}", key % KEYS)]));
        keys.map(|key| of_bits(everything, &key)).collect()
    };
    let credentials = format!("{ACCOUNTS}/nightly/credentials");
    let widest = json!({"name": "widest", "access": narrowing(KEYS)});
    assert_eq!(admin.post(&credentials, widest).await.status, 201);
    let left = admin.get(&format!("{EFFECTIVE}?credential=widest")).await;
    assert_eq!(left.json()["items"].as_array().unwrap().len(), most * KEYS);
    let wider = json!({"name": "wider", "access": narrowing(KEYS + 1)});
    let refused = admin.post(&credentials, wider).await;
    assert_eq!(mistakes(&refused).len(), 1);

    // Whoever reads the document knows it, and asks for no page.
    let routes = routes(&document(&server).await);
    let path = "/organizations/{org}/service-accounts/{account}/effective-access";
    let told = routes.iter().find(|route| route.path == path).unwrap();
    let words = told.operation["description"].as_str().unwrap();
    assert!(
        words.contains("holds 2,000 grants at most, with 1 MiB"),
        "{words}"
    );
    assert!(words.contains("ten of each"), "{words}");
    let paged = admin.get(&format!("{EFFECTIVE}?limit=1")).await;
    assert_eq!(mistakes(&paged).len(), 1);
}
