//! The answer with a token, whole.

use insta::assert_snapshot;

use crate::harness::TestServer;

use super::claims;
use super::wire;

// RFC 6749 §5.1; RFC 9396 §7. protocol 8, protocol 9, protocol 10, protocol 81, protocol 95
#[tokio::test]
async fn a_token_response_on_the_wire() {
    let server = TestServer::start().await;
    let ci = server
        .client("ci-deployer", "deploy:read deploy:write")
        .await;
    assert_snapshot!(wire(&ci.ask("").await), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"access_token":"<token>","token_type":"Bearer","expires_in":900,"scope":"deploy:read deploy:write","authorization_details":[{"type":"project","locations":["https://deploy.example.com"],"identifiers":["APOLLO","GEMINI"]}]}
    "#);
    assert_snapshot!(wire(&ci.ask("scope=deploy%3Aread&expires_in=60").await), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"access_token":"<token>","token_type":"Bearer","expires_in":60,"scope":"deploy:read","authorization_details":[{"type":"project","locations":["https://deploy.example.com"],"identifiers":["APOLLO","GEMINI"]}]}
    "#);
    assert_snapshot!(wire(&server.admin.ask("scope=keys%3Aread").await), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"access_token":"<token>","token_type":"Bearer","expires_in":900,"scope":"keys:read","authorization_details":[{"type":"api","locations":["http://127.0.0.1:8080"],"identifiers":"*"},{"type":"organization","locations":["http://127.0.0.1:8080"],"identifiers":"*"}]}
    "#);
}

// RFC 6749 §5.1, §A.12, §4.4.3. protocol 8, protocol 95, protocol 96, protocol 97
#[tokio::test]
async fn the_members_are_of_the_types_that_clients_expect() {
    let server = TestServer::start().await;
    let reply = server.admin.ask("").await;
    // No byte order mark, and nothing but the object.
    assert!(reply.text().starts_with('{') && reply.text().ends_with('}'));
    let body = reply.json();
    let token = body["access_token"].as_str().expect("a text");
    assert!(token.bytes().all(|byte| byte.is_ascii_graphic()), "VSCHAR");
    assert_eq!(body["token_type"], "Bearer");
    let claims = claims(&reply);
    let (exp, iat) = (
        claims["exp"].as_i64().unwrap(),
        claims["iat"].as_i64().unwrap(),
    );
    assert_eq!(body["expires_in"].as_i64(), Some(exp - iat));
    assert!((1..=i64::from(i32::MAX)).contains(&(exp - iat)));
    assert_eq!(body["scope"], claims["scope"]);
    for absent in ["refresh_token", "id_token", "error", "issued_token_type"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
}
