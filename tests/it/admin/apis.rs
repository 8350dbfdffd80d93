//! `/organizations/{org}/apis`

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::server::ISSUER;

use super::actors::APIS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

#[tokio::test]
async fn an_api_has_an_audience_scopes_and_types() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;

    let made = admin
        .post(
            APIS,
            json!({
                "name": "jira",
                "audience": "https://jira.example.com/",
                "scopes": [
                    {"name": "write:issues", "description": "change issues"},
                    {"name": "read:issues"},
                ],
                "resource_types": ["project", "board"],
                "token": {"lifetime_seconds": 300, "signing_alg": "RS256", "typ": "JWT"},
            }),
        )
        .await;
    assert_snapshot!(shown(&made), @r#"
    201 Created
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "api_...-1"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "id": "api_...",
      "name": "jira",
      "audience": "https://jira.example.com/",
      "scopes": [
        {
          "name": "read:issues",
          "description": null
        },
        {
          "name": "write:issues",
          "description": "change issues"
        }
      ],
      "resource_types": [
        "board",
        "project"
      ],
      "token": {
        "lifetime_seconds": 300,
        "signing_alg": "RS256",
        "typ": "JWT"
      },
      "created_at": "2026-03-01T12:00:00Z"
    }
    "#);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for name in ["jira", &id] {
        let found = admin.get(&format!("{APIS}/{name}")).await;
        assert_eq!((found.status, found.json()), (200, made.json()));
    }
}

#[tokio::test]
async fn an_api_needs_a_name_and_an_audience() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "jira", "audience": "urn:example:jira"});
    let made = admin.post(APIS, body).await;
    assert_snapshot!(shown_body(&made), @r#"
    {
      "id": "api_...",
      "name": "jira",
      "audience": "urn:example:jira",
      "scopes": [],
      "resource_types": [],
      "token": {
        "lifetime_seconds": null,
        "signing_alg": "ES256",
        "typ": "at+jwt"
      },
      "created_at": "2026-03-01T12:00:00Z"
    }
    "#);

    assert_eq!(
        mistakes(&admin.post(APIS, json!({})).await),
        [at("/name", "required"), at("/audience", "required")]
    );
}

// Contract, section 3: audiences are unique on the whole instance; `ostler` and the issuer are taken.
#[tokio::test]
async fn a_name_or_an_audience_that_is_taken_is_refused() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    admin.post("/organizations", json!({"name": "other"})).await;
    let jira = json!({"name": "jira", "audience": "https://jira.example.com"});
    assert_eq!(admin.post(APIS, jira).await.status, 201);

    let audience = "https://free.example.com";
    let slashed = format!("{ISSUER}/");
    let twice = format!("{ISSUER}//");
    let upper = ISSUER.to_ascii_uppercase();
    for (apis, name, audience) in [
        (APIS, "jira", audience),
        (APIS, "other", "https://jira.example.com"),
        (
            "/organizations/other/apis",
            "jira",
            "https://jira.example.com",
        ),
        (APIS, "ostler", audience),
        (APIS, "self", ISSUER),
        (APIS, "self", &slashed),
        (APIS, "self", &twice),
        (APIS, "self", &upper),
    ] {
        let reply = admin
            .post(apis, json!({"name": name, "audience": audience}))
            .await;
        assert_eq!(
            refusal(&reply),
            (409, "name_taken".into()),
            "{name} {audience}"
        );
    }
    // The same name elsewhere is another API.
    let body = json!({"name": "jira", "audience": audience});
    assert_eq!(
        admin.post("/organizations/other/apis", body).await.status,
        201
    );
}

#[tokio::test]
async fn an_api_that_cannot_be_made_is_refused_with_its_mistakes() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;

    let reply = admin
        .post(
            APIS,
            json!({
                "name": "api_1",
                "audience": "jira",
                "scopes": [{"name": "a"}, {"name": "b c"}, {"name": "a"}, {}],
                "resource_types": ["project", "Board", "project"],
                "token": {"lifetime_seconds": 0, "signing_alg": "HS256", "typ": "jwt", "x": 1},
                "created_at": "2026-01-01T00:00:00Z",
            }),
        )
        .await;
    assert_eq!(
        mistakes(&reply),
        [
            at("/name", "invalid"),
            at("/audience", "invalid"),
            at("/scopes/1/name", "invalid"),
            at("/scopes/2", "duplicate"),
            at("/scopes/3/name", "required"),
            at("/resource_types/1", "invalid"),
            at("/resource_types/2", "invalid"),
            at("/token/lifetime_seconds", "invalid"),
            at("/token/signing_alg", "invalid"),
            at("/token/typ", "invalid"),
            at("/token/x", "unknown_field"),
            at("/created_at", "read_only"),
        ]
    );
    // Security case 147: neither is one of our secrets that was put in the wrong place.
    let secret = json!({"name": "ostler_cs_hunter2"});
    let body =
        json!({"name": "jira", "audience": "https://jira.example.com", "scopes": [secret, secret]});
    let reply = admin.post(APIS, body).await;
    assert_eq!(mistakes(&reply), [at("/scopes/1", "duplicate")]);
    assert!(!reply.wire().contains("hunter2"), "{}", reply.wire());

    let token = json!({"lifetime_seconds": 3601});
    let body = json!({"name": "jira", "audience": "https://jira.example.com", "token": token});
    let reply = admin.post(APIS, body).await;
    assert_eq!(mistakes(&reply), [at("/token/lifetime_seconds", "invalid")]);
}

#[tokio::test]
async fn the_api_of_this_server_itself_belongs_to_no_organization() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for name in ["ostler", "api_00000000000000000000000000"] {
        let path = format!("{APIS}/{name}");
        assert_eq!(admin.get(&path).await.status, 404, "{name}");
        let scope = json!({"name": "everything"});
        let reply = admin.post(&format!("{path}/scopes"), scope).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()), "{name}");
    }
    assert_eq!(admin.get(APIS).await.json()["items"], json!([]));
}
