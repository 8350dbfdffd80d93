//! `/organizations/{org}/apis/{api}/scopes`

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::Administrator;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown;

const SCOPES: &str = "/organizations/default/apis/deploy/scopes";

#[tokio::test]
async fn a_scope_is_added_shown_and_granted() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let token = client.token("").await;

    let body = json!({"name": "deploy:roll-back", "description": "undo"});
    let made = admin.post(SCOPES, body).await;
    assert_snapshot!(shown(&made), @r#"
    201 Created
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "api_...:deploy:roll-back-5"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "name": "deploy:roll-back",
      "description": "undo"
    }
    "#);
    let found = admin.get(&format!("{SCOPES}/deploy:roll-back")).await;
    assert_eq!((found.status, found.json()), (200, made.json()));
    assert!(client.sees_active(&token).await);

    let grant = deploy(&["deploy:read", "deploy:roll-back"], &json!("*"));
    let access = "/organizations/default/service-accounts/nightly/access";
    assert_eq!(
        admin.put(access, json!({"access": [grant]})).await.status,
        200
    );
    client.token("deploy:roll-back").await;
}

// Contract, section 3: scopes travel percent-encoded as one segment.
#[tokio::test]
async fn a_scope_is_one_segment_of_the_path() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let scope = "https://example.com/auth/all?x#y%z";
    let body = json!({"name": scope});
    assert_eq!(admin.post(SCOPES, body).await.status, 201);

    let encoded = "https%3A%2F%2Fexample.com%2Fauth%2Fall%3Fx%23y%25z";
    let found = admin.get(&format!("{SCOPES}/{encoded}")).await;
    assert_eq!(found.json(), json!({"name": scope, "description": null}));
    for unknown in ["deploy%3Aread%00", "%20", "deploy:raed", "%FF"] {
        let reply = admin.get(&format!("{SCOPES}/{unknown}")).await;
        assert_eq!(reply.status, 404, "{unknown}: {}", reply.wire());
    }
}

#[tokio::test]
async fn a_scope_that_cannot_be_added_is_refused() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;

    let taken = admin.post(SCOPES, json!({"name": "deploy:read"})).await;
    assert_eq!(refusal(&taken), (409, "name_taken".into()));
    // RFC 6749 §3.3.
    for name in ["", "a b", "a\"b", "a\\b", "ä", "a\tb"] {
        let reply = admin.post(SCOPES, json!({"name": name})).await;
        assert_eq!(mistakes(&reply), [at("/name", "invalid")], "{name:?}");
    }
    let reply = admin
        .post(&SCOPES.replace("deploy", "depoly"), json!({"name": "x"}))
        .await;
    assert_eq!(refusal(&reply), (404, "not_found".into()));
}
