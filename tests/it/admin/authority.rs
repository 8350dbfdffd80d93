//! Who may call what: the routes, and how a refusal is told. `matrix` has every route by every caller,
//! and `crossing` every id of another organization.
//!
//! The order is the contract's: 401, an organization that is not visible is 404, 403, an unknown id
//! is 404. Every request is checked in full.

mod routes;

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown;
use super::matrix::former_administrators;

pub use routes::ROUTES;
pub use routes::SCOPES;
pub use routes::path;

/// The first administrator with a token of these scopes only.
pub async fn scoped(server: &TestServer, admin: &Administrator, scopes: &[&str]) -> Administrator {
    let scopes = scopes.join("+");
    let reply = server
        .admin
        .ask(&format!("resource={ISSUER}&scope={scopes}"))
        .await;
    admin.with_token(&reply.access_token())
}

fn challenge(reply: &Reply) -> &str {
    reply.header("www-authenticate").unwrap_or_default()
}

// protocol.md 176 (RFC 6750 §3.1): nothing presented is a bare challenge, and so is another scheme.
#[tokio::test]
async fn whoever_presents_no_token_is_asked_for_one() {
    let server = TestServer::start().await;
    let target = format!("/admin/v1{ACCOUNTS}");
    let basic = server
        .request("GET", &target)
        .basic(&server.admin.id, &server.admin.secret);
    assert_snapshot!(shown(&basic.send().await), @r#"
    401 Unauthorized
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    www-authenticate: Bearer realm="ostler"
    x-content-type-options: nosniff

    {
      "type": "about:blank",
      "title": "Unauthorized",
      "status": 401,
      "detail": "present an access token of this server, issued for `resource` = the issuer",
      "code": "unauthorized",
      "request_id": "req_...",
      "errors": []
    }
    "#);
}

// Security case 66; protocol.md 176 and 186: what opens no route of the administration opens no OAuth
// endpoint either, where revocation takes no bearer at all. (The management listener asks nobody who
// they are.)
#[tokio::test]
async fn a_token_that_is_not_good_here_is_refused_at_the_oauth_endpoints_too() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let live = client.token("").await;
    let mut tokens = former_administrators(&server).await;
    tokens.push(("for another audience", live.clone()));
    tokens.push(("nonsense", "a.b.c".to_owned()));
    tokens.push(("a client secret", server.admin.secret.clone()));
    let fresh = admin.renewed().await;
    let live = client.token("").await;
    for (why, token) in tokens {
        for (path, error) in [
            ("/oauth/introspect", "invalid_token"),
            ("/oauth/revoke", "invalid_client"),
        ] {
            let request = server.request("POST", path).bearer(&token);
            let reply = request.form(&format!("token={live}")).send().await;
            let refused = (reply.status, reply.error());
            assert_eq!(refused, (401, error.to_owned()), "{why}: {path}");
        }
    }
    assert!(client.sees_active(&live).await);
    let admin = fresh;
    server.advance(Duration::from_mins(15));
    let expired = admin.get(ACCOUNTS).await;
    assert_snapshot!(shown(&expired), @r#"
    401 Unauthorized
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    www-authenticate: Bearer realm="ostler", error="invalid_token"
    x-content-type-options: nosniff

    {
      "type": "about:blank",
      "title": "Unauthorized",
      "status": 401,
      "detail": "the access token is not valid here: it is malformed, expired, revoked, or for another audience than the issuer",
      "code": "unauthorized",
      "request_id": "req_...",
      "errors": []
    }
    "#);
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let target = format!("/admin/v1{ACCOUNTS}");
    let request = server.request("GET", &target).bearer(admin.token());
    let reply = request.bearer(admin.token()).send().await;
    assert_eq!(refusal(&reply), (400, "validation_failed".into()));
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let reader = scoped(&server, &admin, &["accounts:read"]).await;
    let reply = reader.post(ACCOUNTS, json!({"name": "nightly"})).await;
    assert_snapshot!(shown(&reply), @r#"
    403 Forbidden
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    www-authenticate: Bearer realm="ostler", error="insufficient_scope", scope="accounts:write"
    x-content-type-options: nosniff

    {
      "type": "about:blank",
      "title": "Forbidden",
      "status": 403,
      "detail": "the token does not hold `accounts:write` here",
      "code": "forbidden",
      "request_id": "req_...",
      "errors": []
    }
    "#);
}

#[tokio::test]
async fn what_concerns_the_whole_instance_takes_every_organization() {
    let server = TestServer::start().await;
    let owner = ostler(&SCOPES, &json!(["default"]));
    let owner = Administrator::with(&server, "default-owner", json!([owner])).await;
    for (method, path, body) in [
        ("GET", "/keys", None),
        ("POST", "/keys", Some(json!({"alg": "ES256"}))),
        ("POST", "/keys/unknown/activate", None),
        ("POST", "/organizations", Some(json!({"name": "mine"}))),
    ] {
        let reply = owner.call(method, path, body.as_ref()).await;
        assert_eq!(
            refusal(&reply),
            (403, "forbidden".into()),
            "{method} {path}"
        );
        let expected = r#"Bearer realm="ostler", error="insufficient_scope""#;
        assert_eq!(challenge(&reply), expected);
    }
}

// Security case 90.
#[tokio::test]
async fn no_spelling_of_a_path_leads_past_the_check() {
    let server = TestServer::start().await;
    for target in [
        "/admin/../admin/v1/keys",
        "/%61dmin/v1/keys",
        "//admin/v1/keys",
        "/Admin/v1/keys",
        "/admin/v1/keys/",
        "/admin/v1/keys;x",
        "/admin/v1/%2e%2e/v1/keys",
        "/admin/v1",
        "/admin/v1/",
        "/admin/v2/keys",
    ] {
        let reply = server.get(target).await;
        assert!(
            [401, 404].contains(&reply.status),
            "{target}: {}",
            reply.wire()
        );
    }
    for target in [
        "/admin/../oauth/token",
        "/oauth/../admin/v1/keys",
        "/oauth/%2e%2e/admin/v1/keys",
        "/.well-known/../admin/v1/openapi.json",
    ] {
        let reply = server.get(target).await;
        assert_eq!(reply.status, 404, "{target}: {}", reply.wire());
    }
}

// Security case 90: a request is what its request line says. Whoever may only read keys makes none by
// saying that the method is another one, and lists none under the name of another path.
#[tokio::test]
async fn no_header_and_no_parameter_makes_another_request_of_one() {
    let server = TestServer::start().await;
    let reader = ostler(&["keys:read"], &json!("*"));
    let reader = Administrator::with(&server, "key-reader", json!([reader])).await;
    let known = reader.get("/keys").await;
    assert_eq!(known.status, 200, "{}", known.wire());
    let body = json!({"alg": "ES256"});
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
    ] {
        for given in [None, Some(&body)] {
            let reply = reader
                .call_with((name, "POST"), "GET", "/keys", given)
                .await;
            assert_eq!(reply.json(), known.json(), "{name}: {}", reply.wire());
        }
        // Nor the other way: what it may do is not asked of the method that it names.
        let reply = reader
            .call_with((name, "GET"), "POST", "/keys", Some(&body))
            .await;
        assert_eq!(refusal(&reply), (403, "forbidden".into()), "{name}");
    }
    for query in ["?_method=POST", "?_method=POST&alg=ES256"] {
        let reply = reader.get(&format!("/keys{query}")).await;
        assert_eq!(refusal(&reply), (400, "validation_failed".into()));
    }
    for name in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri"] {
        let elsewhere = "/admin/v1/organizations";
        let reply = reader
            .call_with((name, elsewhere), "GET", "/keys", None)
            .await;
        assert_eq!(reply.json(), known.json(), "{name}: {}", reply.wire());
        let keys = (name, "/admin/v1/keys");
        let reply = reader.call_with(keys, "GET", "/findings", None).await;
        assert_ne!(reply.json(), known.json(), "{name}");
        let request = server.request("GET", "/admin/v1/keys");
        let reply = request.header(name, "/livez").send().await;
        assert_eq!(refusal(&reply), (401, "unauthorized".into()), "{name}");
    }
    assert_eq!(reader.get("/keys").await.json(), known.json());
    let made = server.audited("signing_key.create").await;
    assert_eq!(made, Vec::<String>::new());
}

#[tokio::test]
async fn an_unknown_path_and_another_method_are_told_as_problems() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    assert_snapshot!(shown(&admin.get("/nothing").await), @r#"
    404 Not Found
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "type": "about:blank",
      "title": "Not Found",
      "status": 404,
      "detail": "there is nothing at this path",
      "code": "not_found",
      "request_id": "req_...",
      "errors": []
    }
    "#);
    assert_snapshot!(shown(&admin.call("PATCH", "/organizations", None).await), @r#"
    405 Method Not Allowed
    allow: GET,HEAD,POST
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "type": "about:blank",
      "title": "Method Not Allowed",
      "status": 405,
      "detail": "this path does not answer that method; Allow names those it does",
      "code": "validation_failed",
      "request_id": "req_...",
      "errors": []
    }
    "#);
    for (method, path) in [
        ("PUT", "/keys"),
        ("DELETE", "/organizations/default"),
        ("HEAD2", "/keys"),
    ] {
        let reply = admin.call(method, path, None).await;
        assert_eq!(reply.status, 405, "{method} {path}");
    }
}
