//! `/organizations/{org}/apis/{api}/resources`

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

const RESOURCES: &str = "/organizations/default/apis/deploy/resources";

#[tokio::test]
async fn a_resource_is_found_by_its_id_and_by_its_type_and_key() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;

    let body = json!({"type": "project", "key": "a/b:c", "name": "The project"});
    let made = admin.post(RESOURCES, body).await;
    assert_snapshot!(shown(&made), @r#"
    201 Created
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "res_...-1"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "id": "res_...",
      "type": "project",
      "key": "a/b:c",
      "name": "The project"
    }
    "#);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for name in [&id, "project:a%2Fb:c", "project%3Aa%2Fb%3Ac"] {
        let found = admin.get(&format!("{RESOURCES}/{name}")).await;
        assert_eq!((found.status, found.json()), (200, made.json()), "{name}");
    }
    for unknown in ["a%2Fb:c", "board:a", "project:x", "project:%00", "res_1"] {
        let reply = admin.get(&format!("{RESOURCES}/{unknown}")).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()), "{unknown}");
    }
}

#[tokio::test]
async fn a_resource_that_cannot_be_made_known_is_refused() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;

    let taken = admin
        .post(RESOURCES, json!({"type": "project", "key": "APOLLO"}))
        .await;
    assert_eq!(refusal(&taken), (409, "name_taken".into()));
    let unknown = admin
        .post(RESOURCES, json!({"type": "projct", "key": "X"}))
        .await;
    assert_snapshot!(shown_body(&unknown), @r#"
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "detail": "/type: there is no resource type `projct` at API `deploy`",
      "code": "validation_failed",
      "request_id": "req_...",
      "errors": [
        {
          "pointer": "/type",
          "code": "unknown_resource_type",
          "detail": "there is no resource type `projct` at API `deploy`",
          "hint": "did you mean `project`?"
        }
      ]
    }
    "#);
    for key in ["", "*", "a b", "ä", "a\nb"] {
        let reply = admin
            .post(RESOURCES, json!({"type": "project", "key": key}))
            .await;
        assert_eq!(mistakes(&reply), [at("/key", "invalid")], "{key:?}");
    }
}

#[tokio::test]
async fn a_resource_belongs_to_its_own_api() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let other = json!({"name": "other", "audience": "urn:x:other", "resource_types": ["project"]});
    admin.post("/organizations/default/apis", other).await;
    let resource = admin
        .get(&format!("{RESOURCES}/project:APOLLO"))
        .await
        .json();

    let elsewhere = RESOURCES.replace("deploy", "other");
    for name in ["project:APOLLO", resource["id"].as_str().unwrap()] {
        let reply = admin.get(&format!("{elsewhere}/{name}")).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()), "{name}");
    }
    assert_eq!(admin.get(&elsewhere).await.json()["items"], json!([]));
}
