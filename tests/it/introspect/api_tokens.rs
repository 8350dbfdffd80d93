//! API tokens at introspection: an answer about as much of one as concerns the caller.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::attacks::secrets::with_checksum;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::DEPLOY;
use crate::harness::server::ISSUER;
use crate::introspect::INACTIVE;

const WIKI: &str = "https://wiki.example.com";

/// An account with access to two APIs, and an API token of it.
async fn stage() -> (TestServer, TestClient, String) {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let wiki = json!({"name": "wiki", "audience": WIKI, "scopes": [{"name": "edit"}]});
    server.create("/organizations/default/apis", wiki).await;
    let access = json!([
        {"api": "deploy", "scopes": ["deploy:read"], "resources": {"project": ["APOLLO"]}},
        {"api": "wiki", "scopes": ["edit"], "resources": {}},
    ]);
    let ci = server.client_with("ci-deployer", access).await;
    let made = server.api_token(&ci, "tool", json!({})).await;
    let token = made["token"].as_str().unwrap().to_owned();
    (server, ci, token)
}

async fn introspector_of(server: &TestServer, api: &str) -> TestClient {
    let id = server
        .id_of(&format!("/organizations/default/apis/{api}"))
        .await;
    server
        .introspector(&format!("{api}-server"), json!([id]))
        .await
}

async fn ask(asker: &TestClient, token: &str, resource: &str) -> Value {
    let form = format!("token={token}&resource={resource}");
    asker.post("/oauth/introspect", &form).await.json()
}

// RFC 7662 §2.2; contract section 2.
#[tokio::test]
async fn a_resource_server_is_told_what_an_access_token_for_its_api_would_say() {
    let (server, ci, token) = stage().await;
    let asker = introspector_of(&server, "deploy").await;
    let reply = asker.introspect(&token).await;

    let path = format!("{}/api-tokens/tool", ci.account_path());
    let made = server.admin("GET", &path, None).await.json();
    let organization = server.id_of("/organizations/default").await;
    let mut wire = reply.wire();
    for (name, value) in [
        ("client_id", made["client_id"].as_str().unwrap()),
        ("id", made["id"].as_str().unwrap()),
        ("sub", &ci.account),
        ("org", &organization),
    ] {
        wire = wire.replace(value, &format!("<{name}>"));
    }
    assert_snapshot!(wire, @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"active":true,"scope":"deploy:read","client_id":"<client_id>","sub":"<sub>","aud":"https://deploy.example.com","iss":"http://127.0.0.1:8080","exp":1780142400,"iat":1772366400,"jti":"<id>","token_type":"Bearer","authorization_details":[{"type":"project","locations":["https://deploy.example.com"],"identifiers":["APOLLO"]}],"org":"<org>"}
    "#);

    // What an access token says that it is exchanged for.
    let exchanged = server
        .exchange(&token, "resource=https%3A%2F%2Fdeploy.example.com")
        .await;
    let of_jwt = asker.introspect(&exchanged.access_token()).await.json();
    for member in [
        "scope",
        "client_id",
        "sub",
        "aud",
        "iss",
        "token_type",
        "org",
        "authorization_details",
    ] {
        assert_eq!(reply.json()[member], of_jwt[member], "{member}");
    }
}

// Contract section 2: several APIs are a list without scopes, unless one is named.
#[tokio::test]
async fn of_several_apis_only_the_audiences_are_told_unless_one_is_named() {
    let (server, ci, token) = stage().await;
    let everywhere = server.introspector("any-server", json!("*")).await;
    for asker in [&ci, &everywhere] {
        let answer = asker.introspect(&token).await.json();
        assert_eq!(answer["active"], true);
        assert_eq!(answer["aud"], json!([DEPLOY, WIKI]));
        assert_eq!(answer.get("scope"), None);
        for (resource, scope) in [(DEPLOY, "deploy:read"), (WIKI, "edit")] {
            let answer = ask(asker, &token, resource).await;
            assert_eq!(
                (&answer["aud"], &answer["scope"]),
                (&json!(resource), &json!(scope))
            );
        }
        for resource in [ISSUER, "https://nobody.example.com", "nonsense"] {
            let answer = ask(asker, &token, resource).await;
            assert_eq!(answer, json!({"active": false}), "{resource}");
        }
    }
    // RFC 8707 §2: one resource.
    let form = format!("token={token}&resource={DEPLOY}&resource={WIKI}");
    let reply = ci.post("/oauth/introspect", &form).await;
    assert_eq!((reply.status, &*reply.error()), (400, "invalid_target"));
}

// Security case 45.
#[tokio::test]
async fn who_may_introspect_none_of_its_apis_sees_nothing() {
    let (server, _, token) = stage().await;
    let stranger = server.client("ci-tester", "deploy:read").await;
    let wiki = introspector_of(&server, "wiki").await;
    assert_eq!(stranger.introspect(&token).await.wire(), INACTIVE);
    assert_eq!(wiki.introspect(&token).await.json()["aud"], WIKI);
    let deploy = ask(&wiki, &token, DEPLOY).await;
    assert_eq!(deploy, json!({"active": false}));
}

// Security case 47: whatever is wrong with it, the answer is the same.
#[tokio::test]
async fn what_is_no_good_api_token_is_inactive() {
    let (server, ci, token) = stage().await;
    let lifetime = json!({"expires_in_seconds": 86_400});
    let short = server.api_token(&ci, "short", lifetime).await;
    let short = short["token"].as_str().unwrap().to_owned();
    let unknown = with_checksum(&format!("ostler_at_{}", "x".repeat(43)));
    for nothing in [&unknown, &token[..58], &format!("{token}x"), &ci.secret] {
        assert_eq!(ci.introspect(nothing).await.wire(), INACTIVE, "{nothing}");
    }
    server.advance(Duration::from_secs(86_400 - 1));
    assert!(ci.sees_active(&short).await);
    server.advance(Duration::from_secs(1));
    assert_eq!(ci.introspect(&short).await.wire(), INACTIVE);
    assert!(ci.sees_active(&token).await);
}

// Security case 59: the very next question finds it inactive, also right after it was active.
#[tokio::test]
async fn a_revoked_api_token_is_inactive_from_the_next_question_on() {
    let (server, ci, _) = stage().await;
    for number in 0..5 {
        let made = server
            .api_token(&ci, &format!("tool-{number}"), json!({}))
            .await;
        let token = made["token"].as_str().unwrap();
        assert!(ci.sees_active(token).await);
        let path = format!("{}/api-tokens/tool-{number}", ci.account_path());
        server.delete(&path).await;
        assert!(!ci.sees_active(token).await, "{number}");
    }
}

// What its account may do is asked anew each time: a reduction needs to end no API token.
#[tokio::test]
async fn an_answer_says_what_the_account_may_do_now() {
    let (server, ci, token) = stage().await;
    let wiki = json!({"api": "wiki", "scopes": ["edit"], "resources": {}});
    server.put_access(&ci, &json!([wiki])).await;
    let answer = ci.introspect(&token).await.json();
    assert_eq!(
        (&answer["aud"], &answer["scope"]),
        (&json!(WIKI), &json!("edit"))
    );
    assert_eq!(answer.get("authorization_details"), None);
    server.put_access(&ci, &json!([])).await;
    let answer = ci.introspect(&token).await.json();
    assert_eq!((&answer["active"], answer.get("aud")), (&json!(true), None));
    assert_eq!(server.admin.introspect(&token).await.wire(), INACTIVE);
}

// The end of the account is the end of its tokens.
#[tokio::test]
async fn a_token_says_the_end_of_its_account_when_that_comes_first() {
    let server = TestServer::start().await;
    let body = json!({"name": "short-lived", "expires_at": "2026-03-01T13:00:00Z",
        "credential": {"name": "first"}});
    let account = server
        .create("/organizations/default/service-accounts", body)
        .await;
    let client = server.client_of(&account);
    let made = server.api_token(&client, "tool", json!({})).await;
    let token = made["token"].as_str().unwrap();
    let end = client.introspect(token).await.json()["exp"].clone();
    assert_eq!(end, server.now().as_second() + 3_600);
}

// RFC 7009 §2.1: an account takes its own API token back.
#[tokio::test]
async fn an_api_token_is_revoked_by_its_own_account_only() {
    let (server, ci, token) = stage().await;
    let stranger = server.client("ci-tester", "deploy:read").await;
    let jwt = server
        .exchange(&token, "resource=https%3A%2F%2Fwiki.example.com")
        .await;
    let jwt = jwt.access_token();

    let foreign = stranger.revoke(&token).await;
    assert_eq!(
        (foreign.status, &*foreign.error()),
        (400, "unauthorized_client")
    );
    assert!(ci.sees_active(&token).await);
    for _ in 0..2 {
        let reply = ci.revoke(&token).await;
        assert_eq!((reply.status, reply.text()), (200, "{}"));
    }
    assert!(!ci.sees_active(&token).await);
    assert!(!ci.sees_active(&jwt).await);
    // It is as if it had never been, to whom it does not belong.
    assert_eq!(stranger.revoke(&token).await.status, 200);
    let events = server.audited("api_token.revoke").await;
    assert_eq!(events.len(), 1);
    assert!(events[0].starts_with("service_account ci-deployer -> api_token tok_"));
    let path = format!("{}/api-tokens/tool", ci.account_path());
    let made = server.admin("GET", &path, None).await.json();
    assert_eq!(made["status"], "revoked");
}
