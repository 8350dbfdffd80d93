//! Edits and deletions of APIs, their scopes and their resources.

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::harness::server::DEPLOY;

use super::actors::ACCOUNTS;
use super::actors::APIS;
use super::actors::Administrator;
use super::actors::ROLES;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown_body;

const API: &str = "/organizations/default/apis/deploy";

fn api(rest: &str) -> String {
    format!("{API}{rest}")
}

// RFC 7396, in the object `token` as well.
#[tokio::test]
async fn the_token_settings_count_from_the_next_token() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let before = client.token("").await;

    let body = json!({"token": {"lifetime_seconds": 60, "typ": "JWT"}});
    let edited = admin.patch(API, body).await;
    let token = &edited.json()["token"];
    assert_eq!(
        *token,
        json!({"lifetime_seconds": 60, "signing_alg": "ES256", "typ": "JWT"})
    );
    let next = client.token("").await;
    assert_eq!(jwt_part(&next, 0)["typ"], "JWT");
    let claims = jwt_part(&next, 1);
    let number = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!(number("exp") - number("iat"), 60);
    assert!(client.sees_active(&before).await, "nothing was reduced");

    for (edit, lifetime, alg, typ) in [
        (json!({"signing_alg": "EdDSA"}), json!(60), "EdDSA", "JWT"),
        (
            json!({"lifetime_seconds": null}),
            Value::Null,
            "EdDSA",
            "JWT",
        ),
        (json!({}), Value::Null, "EdDSA", "JWT"),
        (Value::Null, Value::Null, "ES256", "at+jwt"),
    ] {
        let edited = admin.patch(API, json!({"token": edit})).await;
        assert_eq!(
            edited.json()["token"],
            json!({"lifetime_seconds": lifetime, "signing_alg": alg, "typ": typ}),
            "{edit}"
        );
        assert_eq!(admin.get(API).await.json(), edited.json());
    }
}

#[tokio::test]
async fn what_is_fixed_in_an_api_is_refused() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    for (body, mistake) in [
        (
            json!({"token": {"lifetime_seconds": 999_999}}),
            at("/token/lifetime_seconds", "invalid"),
        ),
        (
            json!({"token": {"signing_alg": "none"}}),
            at("/token/signing_alg", "invalid"),
        ),
        (
            json!({"resource_types": null}),
            at("/resource_types", "wrong_type"),
        ),
        (
            json!({"resource_types": ["Project"]}),
            at("/resource_types/0", "invalid"),
        ),
        (
            json!({"audience": "https://other.example.com"}),
            at("/audience", "unknown_field"),
        ),
        (json!({"id": "api_1"}), at("/id", "read_only")),
    ] {
        let reply = admin.patch(API, body.clone()).await;
        assert_eq!(mistakes(&reply), [mistake], "{body}");
    }
    for reply in [
        admin
            .patch("/organizations/default/apis/ostler", json!({}))
            .await,
        admin.delete("/organizations/default/apis/ostler").await,
    ] {
        assert_eq!(refusal(&reply), (404, "not_found".into()));
    }
}

// Contract, section 3: a type added later counts as `[]` in older grants; one in use stays.
#[tokio::test]
async fn a_resource_type_comes_as_none_and_goes_when_nothing_is_reached() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let types = |types: Value| json!({"resource_types": types});

    let edited = admin.patch(API, types(json!(["project", "board"]))).await;
    assert_eq!(edited.json()["resource_types"], json!(["board", "project"]));
    let access = format!("{ACCOUNTS}/nightly/access");
    let shown = admin.get(&access).await.json();
    assert_eq!(
        shown["access"][0]["resources"],
        json!({"board": [], "project": ["APOLLO", "GEMINI"]})
    );
    let details = client.ask("").await.json()["authorization_details"].clone();
    let board = details
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["type"] == "board");
    assert_eq!(board.unwrap()["identifiers"], json!([]));

    // Nobody reaches a board, so that type may go.
    let edited = admin.patch(API, types(json!(["project"]))).await;
    assert_eq!(edited.status, 200);
    let refused = admin.patch(API, types(json!([]))).await;
    assert_eq!(refusal(&refused), (409, "in_use".into()));
    let holders = refused.json()["holders"].clone();
    let holders = holders.as_array().unwrap().iter();
    let mut names: Vec<_> = holders.map(|one| one["name"].as_str().unwrap()).collect();
    names[1..].sort_unstable();
    assert_eq!(names, ["nightly", "APOLLO", "GEMINI", "MERCURY"]);
    assert_eq!(
        admin.get(API).await.json()["resource_types"],
        json!(["project"])
    );
    admin.put(&access, json!({"access": []})).await;
    for key in ["APOLLO", "GEMINI", "MERCURY"] {
        let path = api(&format!("/resources/project:{key}"));
        assert_eq!(admin.delete(&path).await.status, 204);
    }
    let edited = admin.patch(API, types(json!([]))).await;
    assert_eq!(edited.json()["resource_types"], json!([]));
}

#[tokio::test]
async fn an_api_in_use_is_deleted_only_by_force_and_its_audience_stays_reserved() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let grant = deploy(&["deploy:write"], &json!("*"));
    admin
        .post(ROLES, json!({"name": "writer", "access": [grant]}))
        .await;
    let token = client.token("").await;

    let refused = admin.delete(API).await;
    assert_snapshot!(shown_body(&refused), @r#"
    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "the API is in use by service account `nightly`, role `writer`: take it from them first, or all at once with `?force=true`",
      "code": "in_use",
      "request_id": "req_...",
      "errors": [],
      "holders": [
        {
          "type": "service_account",
          "id": "sa_...",
          "name": "nightly"
        },
        {
          "type": "role",
          "id": "role_...",
          "name": "writer"
        }
      ]
    }
    "#);
    assert!(client.sees_active(&token).await);

    assert_eq!(admin.delete(&api("?force=true")).await.status, 204);
    assert!(!server.admin.sees_active(&token).await);
    assert_eq!(admin.get(API).await.status, 404);
    assert_eq!(client.ask("").await.error(), "invalid_target");
    let access = admin.get(&format!("{ACCOUNTS}/nightly/access")).await;
    assert_eq!(access.json(), json!({"access": []}));
    let role = admin.get(&format!("{ROLES}/writer")).await.json();
    assert_eq!(role["access"], json!([]));

    // The name is free, the audience is not.
    let body = json!({"name": "deploy", "audience": DEPLOY});
    assert_eq!(
        refusal(&admin.post(APIS, body).await),
        (409, "name_taken".into())
    );
    let body = json!({"name": "deploy", "audience": "https://another.example.com"});
    let made = admin.post(APIS, body).await;
    assert_eq!(made.status, 201);
    let unused = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(admin.delete(&format!("{APIS}/{unused}")).await.status, 204);
}

#[tokio::test]
async fn a_scope_in_use_is_deleted_only_by_force() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read deploy:write").await;
    let admin = Administrator::first(&server).await;
    let token = client.token("deploy:read").await;
    let scope = |name: &str| api(&format!("/scopes/{name}"));

    let refused = admin.delete(&scope("deploy:write")).await;
    assert_eq!(refusal(&refused), (409, "in_use".into()));
    assert_eq!(refused.json()["holders"][0]["name"], "nightly");
    assert!(client.sees_active(&token).await);
    assert_eq!(
        admin.delete(&scope("deploy:write?force=true")).await.status,
        204
    );
    assert!(!server.admin.sees_active(&token).await);
    assert_eq!(client.ask("").await.json()["scope"], "deploy:read");
    assert_eq!(
        client.ask("scope=deploy:write").await.error(),
        "invalid_scope"
    );
    let gone = admin.delete(&scope("deploy:write")).await;
    assert_eq!(refusal(&gone), (404, "not_found".into()));

    admin.post(&api("/scopes"), json!({"name": "unused"})).await;
    let token = client.token("").await;
    assert_eq!(admin.delete(&scope("unused")).await.status, 204);
    assert!(client.sees_active(&token).await);
}

#[tokio::test]
async fn a_resource_has_another_name_or_none() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let path = api("/resources/project:APOLLO");
    for name in [json!("Moon"), json!("Moon"), Value::Null] {
        let edited = admin.patch(&path, json!({"name": name})).await;
        assert_eq!((edited.status, &edited.json()["name"]), (200, &name));
        assert_eq!(admin.get(&path).await.json(), edited.json());
    }
    let same = admin.patch(&path, json!({})).await;
    assert_eq!(
        (same.status, same.json()),
        (200, admin.get(&path).await.json())
    );
    let fixed = admin.patch(&path, json!({"key": "SOYUZ"})).await;
    assert_eq!(mistakes(&fixed), [at("/key", "unknown_field")]);
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(refusal(&admin.get(&path).await), (404, "not_found".into()));
}
