//! Who may ask at all: a client, or the bearer of a token for this very server with `introspect`.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::server::ISSUER;
use crate::harness::wire::Request;

fn ask(server: &TestServer) -> Request {
    server.request("POST", "/oauth/introspect")
}

/// What it answers to a bearer of `bearer` who asks about `token`.
async fn ask_as_bearer(server: &TestServer, bearer: &str, token: &str) -> crate::harness::Reply {
    let form = format!("token={token}");
    ask(server).bearer(bearer).form(&form).send().await
}

// RFC 7662 §2.1, §2.3: protocol 136.
// Security case 46.
#[tokio::test]
async fn who_does_not_authenticate_learns_nothing() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;
    let form = format!("token={token}");

    let nothing = ask(&server).form(&form).send().await;
    assert_snapshot!(nothing.wire(), @r#"
    401 Unauthorized
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    www-authenticate: Basic realm="ostler"
    x-content-type-options: nosniff

    {"error":"invalid_client","error_description":"client authentication failed"}
    "#);
    for stranger in [
        ci.with_secret("wrong"),
        ci.with_secret(&server.admin.secret),
        ci.with_id("sac_00000000000000000000000000"),
    ] {
        let reply = stranger.introspect(&token).await;
        assert_eq!(reply.wire(), nothing.wire());
    }
}

// RFC 6749 §2.3.1: the body serves as well as the header.
#[tokio::test]
async fn a_client_may_authenticate_in_the_body() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;
    let form = format!(
        "token={token}&client_id={}&client_secret={}",
        ci.id, ci.secret
    );
    let reply = ask(&server).form(&form).send().await;
    assert_eq!(reply.json()["active"], json!(true));
}

// RFC 7662 §2.1, RFC 6750 §3.1: protocol 136.
// Security case 46.
#[tokio::test]
async fn a_bearer_needs_an_active_token_for_this_server() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;
    let asking = format!("resource={ISSUER}&expires_in=60");
    let bearer = server.admin.ask(&asking).await.access_token();
    let answer = ask_as_bearer(&server, &bearer, &token).await;
    assert_eq!(answer.json()["active"], json!(true));

    let garbage = ask_as_bearer(&server, "garbage", &token).await;
    assert_snapshot!(garbage.wire(), @r#"
    401 Unauthorized
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    www-authenticate: Bearer realm="ostler", error="invalid_token"
    x-content-type-options: nosniff

    {"error":"invalid_token","error_description":"the access token is not active"}
    "#);
    // For another audience: RFC 9068 §4.
    let foreign = ask_as_bearer(&server, &token, &token).await;
    assert_eq!(foreign.wire(), garbage.wire());

    server.advance(Duration::from_mins(1));
    let expired = ask_as_bearer(&server, &bearer, &token).await;
    assert_eq!(expired.wire(), garbage.wire());
    let bearer = server.admin.ask(&asking).await.access_token();
    assert_eq!(server.admin.revoke(&bearer).await.status, 200);
    let revoked = ask_as_bearer(&server, &bearer, &token).await;
    assert_eq!(revoked.wire(), garbage.wire());
}

// RFC 6750 §3.1: whoever presents nothing is told only how to present a token.
#[tokio::test]
async fn a_bearer_without_a_token_gets_the_bare_challenge() {
    let server = TestServer::start().await;
    let asked = ask(&server)
        .header("Authorization", "Bearer")
        .form("token=x");
    let reply = asked.send().await;
    let challenge = reply.header("www-authenticate");
    assert_eq!(
        (reply.status, challenge),
        (401, Some("Bearer realm=\"ostler\""))
    );
}

// RFC 6750 §3.1: the challenge names the scope that is wanted.
// Security case 46.
#[tokio::test]
async fn a_bearer_without_introspect_is_refused_even_about_its_own_token() {
    let server = TestServer::start().await;
    let asking = format!("resource={ISSUER}&scope=accounts:read");
    let bearer = server.admin.ask(&asking).await.access_token();
    let reply = ask_as_bearer(&server, &bearer, &bearer).await;
    assert_snapshot!(reply.wire(), @r#"
    403 Forbidden
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    www-authenticate: Bearer realm="ostler", error="insufficient_scope", scope="introspect"
    x-content-type-options: nosniff

    {"error":"insufficient_scope","error_description":"the access token lacks the scope introspect"}
    "#);
}

// RFC 6749 §2.3: one way of authenticating per request.
// Security case 21.
#[tokio::test]
async fn two_ways_of_authenticating_are_refused() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let asking = format!("resource={ISSUER}");
    let bearer = admin.ask(&asking).await.access_token();
    let in_body = format!(
        "token={bearer}&client_id={}&client_secret={}",
        admin.id, admin.secret
    );
    let basic_and_body = admin.post("/oauth/introspect", &in_body).await;
    let bearer_and_body = ask(&server).bearer(&bearer).form(&in_body).send().await;
    let two_headers = ask(&server)
        .bearer(&bearer)
        .basic(&admin.id, &admin.secret)
        .form(&format!("token={bearer}"))
        .send()
        .await;
    for reply in [basic_and_body, bearer_and_body, two_headers] {
        assert_eq!(reply.status, 400, "{}", reply.wire());
        assert_eq!(reply.error(), "invalid_request");
    }
}
