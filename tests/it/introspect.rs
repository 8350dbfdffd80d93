//! The introspection endpoint (RFC 7662), as resource servers and clients see it.

mod api_tokens;
mod callers;
mod ended;
mod forged;
mod sight;

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;

/// The whole answer about a token that is not active, or not the caller's to know of.
pub const INACTIVE: &str = "\
200 OK
cache-control: no-store
content-security-policy: default-src 'none'; frame-ancestors 'none'
content-type: application/json
pragma: no-cache
referrer-policy: no-referrer
x-content-type-options: nosniff

{\"active\":false}";

// RFC 7662 §2.2, RFC 9068 §2.2, RFC 9396 §9.2: protocol 135, 141, 142, 143.
#[tokio::test]
async fn an_active_token_is_told_with_its_own_values_and_nothing_internal() {
    let server = TestServer::start().await;
    let ci = server
        .client("ci-deployer", "deploy:read deploy:write")
        .await;
    let token = ci.token("deploy:read").await;
    let reply = ci.introspect(&token).await;

    let claims = jwt_part(&token, 1);
    let answer = reply.json();
    for member in [
        "scope",
        "client_id",
        "sub",
        "aud",
        "iss",
        "exp",
        "iat",
        "jti",
        "org",
        "authorization_details",
    ] {
        assert_eq!(answer[member], claims[member], "{member}");
    }
    assert!(answer["exp"].is_i64() && answer["iat"].is_i64());

    let mut wire = reply.wire();
    for member in ["client_id", "sub", "jti", "org"] {
        let value = claims[member].as_str().unwrap();
        wire = wire.replace(value, &format!("<{member}>"));
    }
    assert_snapshot!(wire, @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"active":true,"scope":"deploy:read","client_id":"<client_id>","sub":"<sub>","aud":"https://deploy.example.com","iss":"http://127.0.0.1:8080","exp":1772367300,"iat":1772366400,"jti":"<jti>","token_type":"Bearer","authorization_details":[{"type":"project","locations":["https://deploy.example.com"],"identifiers":["APOLLO","GEMINI"]}],"org":"<org>"}
    "#);
}

// RFC 7662 §2.1: protocol 140: a hint is a hint.
#[tokio::test]
async fn a_token_is_found_whatever_the_hint_says() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;
    for hint in ["access_token", "refresh_token", "id_token", "nonsense", ""] {
        let form = format!("token={token}&token_type_hint={hint}");
        let answer = ci.post("/oauth/introspect", &form).await.json();
        assert_eq!(answer["active"], json!(true), "{hint}");
    }
}

// RFC 7662 §2.1, RFC 6749 §3.2: what is asked about comes once, in the body.
#[tokio::test]
async fn a_request_without_exactly_one_token_in_its_body_is_refused() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;

    let missing = ci.post("/oauth/introspect", "token=").await;
    assert_snapshot!(missing.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_request","error_description":"token is missing"}
    "#);
    for (path, form) in [
        ("/oauth/introspect", String::new()),
        ("/oauth/introspect", format!("token={token}&token={token}")),
        ("/oauth/introspect", format!("token={token}&a=1&a=2")),
        (&format!("/oauth/introspect?token={token}"), String::new()),
        (
            "/oauth/introspect",
            format!("token={}", "x".repeat(8 * 1024 + 1)),
        ),
    ] {
        let reply = ci.post(path, &form).await;
        assert_eq!(reply.status, 400, "{}", reply.wire());
        assert_eq!(reply.error(), "invalid_request");
    }
}

// RFC 7662 §4: protocol 145: tokens do not belong in URLs.
#[tokio::test]
async fn only_post_is_answered() {
    let server = TestServer::start().await;
    let token = server.admin.token("").await;
    let target = format!("/oauth/introspect?token={token}");
    let get = server.get(&target).await;
    assert_snapshot!(get.wire(), @r#"
    405 Method Not Allowed
    allow: POST
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_request","error_description":"this path does not answer that method; Allow names those it does"}
    "#);
    for method in ["PUT", "DELETE", "PATCH", "HEAD"] {
        let reply = server.request(method, &target).send().await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    }
}

// RFC 7662 §4, RFC 7519 §4.1.4: protocol 190: no leeway at the end.
// Security case 55.
#[tokio::test]
async fn a_token_is_active_until_the_second_in_which_it_expires() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.ask("expires_in=60").await.access_token();

    server.advance(Duration::from_secs(59));
    assert!(ci.sees_active(&token).await);
    server.advance(Duration::from_secs(1));
    assert!(!ci.sees_active(&token).await);
}

// RFC 7519 §4.1.6: protocol 190: a node whose clock is behind still knows the tokens of the others.
// Security case 55.
#[tokio::test]
async fn a_token_from_at_most_a_minute_ahead_is_active() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let issued = server.now();
    let token = ci.token("").await;

    server.clock.set(issued - Duration::from_mins(1));
    assert!(ci.sees_active(&token).await);
    server.clock.set(issued - Duration::from_secs(61));
    assert!(!ci.sees_active(&token).await);
    server.clock.set(issued);
    assert!(ci.sees_active(&token).await);
}
