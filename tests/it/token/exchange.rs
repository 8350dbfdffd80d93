//! Token exchange (RFC 8693): an API token becomes an access token. The subject token is the
//! authentication.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::attacks::secrets::with_checksum;
use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::administration::exchange_of;
use crate::harness::server::DEPLOY;

use super::TOKEN;
use super::assert_refused;
use super::claims;
use super::description;
use super::plain_api;
use super::wire;

/// An account with an API token of this lifetime.
async fn stage(days: u32) -> (TestServer, TestClient, String) {
    let server = TestServer::start().await;
    let ci = server
        .client("ci-deployer", "deploy:read deploy:write")
        .await;
    let token = token_of(&server, &ci, "tool", days).await;
    (server, ci, token)
}

async fn token_of(server: &TestServer, client: &TestClient, name: &str, days: u32) -> String {
    let lifetime = json!({"expires_in_seconds": days * 86_400});
    let made = server.api_token(client, name, lifetime).await;
    made["token"].as_str().unwrap().to_owned()
}

async fn post(server: &TestServer, form: &str) -> Reply {
    server.request("POST", TOKEN).form(form).send().await
}

// RFC 8693 §2.2.1: protocol 169.
#[tokio::test]
async fn an_api_token_is_exchanged_without_client_authentication() {
    let (server, ci, token) = stage(90).await;
    let reply = server.exchange(&token, "").await;
    assert_snapshot!(wire(&reply), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"access_token":"<token>","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":900,"scope":"deploy:read deploy:write","authorization_details":[{"type":"project","locations":["https://deploy.example.com"],"identifiers":["APOLLO","GEMINI"]}]}
    "#);

    let claims = claims(&reply);
    let path = format!("{}/api-tokens/tool", ci.account_path());
    let made = server.admin("GET", &path, None).await.json();
    assert_eq!(claims["sub"], ci.account.as_str());
    assert_eq!(claims["client_id"], made["client_id"]);
    assert_eq!(claims["aud"], DEPLOY);
    assert!(ci.sees_active(&reply.access_token()).await);
}

// RFC 8693 §2.1: `resource`, `audience` and `scope` as in any grant; contract section 2.
#[tokio::test]
async fn what_the_access_token_says_is_asked_for_as_in_any_grant() {
    let (server, ci, token) = stage(90).await;
    plain_api(&server, "wiki", "wiki:edit").await;
    let wiki = json!({"api": "wiki", "scopes": ["wiki:edit"], "resources": {}});
    let deploy = json!({"api": "deploy", "scopes": ["deploy:read", "deploy:write"],
        "resources": {"project": ["APOLLO", "GEMINI"]}});
    server.put_access(&ci, &json!([wiki, deploy])).await;

    let refused = server.exchange(&token, "").await;
    assert_refused(&refused, 400, "invalid_target", "several APIs");
    let asked = "resource=https%3A%2F%2Fwiki.example.com";
    assert_eq!(
        claims(&server.exchange(&token, asked).await)["scope"],
        "wiki:edit"
    );
    let asked = "scope=deploy:read&expires_in=60&audience=https%3A%2F%2Fdeploy.example.com\
                 &authorization_details=[{\"type\":\"project\",\"identifiers\":[\"GEMINI\"]}]";
    let reply = server.exchange(&token, asked).await;
    let claims = claims(&reply);
    assert_eq!(claims["scope"], "deploy:read");
    assert_eq!(
        claims["authorization_details"][0]["identifiers"],
        json!(["GEMINI"])
    );
    assert_eq!(
        reply.json()["authorization_details"],
        claims["authorization_details"]
    );
    assert_eq!(reply.json()["expires_in"], 60);

    for (asked, error) in [
        ("scope=deploy:admin", "invalid_scope"),
        (
            "resource=https%3A%2F%2Fnobody.example.com",
            "invalid_target",
        ),
        ("resource=x&resource=x", "invalid_target"),
        ("expires_in=0", "invalid_request"),
    ] {
        let reply = server.exchange(&token, asked).await;
        assert_refused(&reply, 400, error, asked);
    }
}

#[tokio::test]
async fn a_narrowed_token_is_exchanged_for_no_more_than_it_opens() {
    let (server, ci, _) = stage(90).await;
    let access = json!([{"api": "deploy", "scopes": ["deploy:read"],
        "resources": {"project": ["GEMINI", "MERCURY"]}}]);
    let made = server
        .api_token(&ci, "narrow", json!({"access": access}))
        .await;
    let token = made["token"].as_str().unwrap();

    let claims = claims(&server.exchange(token, "").await);
    assert_eq!(claims["scope"], "deploy:read");
    assert_eq!(
        claims["authorization_details"][0]["identifiers"],
        json!(["GEMINI"])
    );
    let reply = server.exchange(token, "scope=deploy:write").await;
    assert_refused(&reply, 400, "invalid_scope", "not narrowed to it");
}

// RFC 8693 §2.1, §2.2.1, §3.
#[tokio::test]
async fn the_answer_calls_what_is_issued_as_it_was_asked_for() {
    let (server, _, token) = stage(90).await;
    for (requested, issued) in [
        ("", "access_token"),
        (
            "requested_token_type=urn:ietf:params:oauth:token-type:access_token",
            "access_token",
        ),
        (
            "requested_token_type=urn:ietf:params:oauth:token-type:jwt",
            "jwt",
        ),
    ] {
        let reply = server.exchange(&token, requested).await;
        let issued = format!("urn:ietf:params:oauth:token-type:{issued}");
        assert_eq!(
            reply.json()["issued_token_type"],
            issued.as_str(),
            "{requested}"
        );
    }
    // No other grant has the member.
    assert_eq!(
        server.admin.ask("").await.json().get("issued_token_type"),
        None
    );
}

// RFC 8693 §2.2.2: protocol 169.
#[tokio::test]
async fn what_is_no_good_api_token_is_an_invalid_request_in_the_same_words() {
    let (server, ci, token) = stage(1).await;
    let jwt = ci.token("").await;
    let revoked = token_of(&server, &ci, "revoked", 1).await;
    let path = format!("{}/api-tokens/revoked", ci.account_path());
    server.delete(&path).await;
    let of_the_deleted = {
        let doomed = server.client("doomed-bot", "deploy:read").await;
        let token = token_of(&server, &doomed, "tool", 1).await;
        server.delete(&doomed.account_path()).await;
        token
    };
    let unknown = with_checksum(&format!("ostler_at_{}", "x".repeat(43)));
    server.advance(Duration::from_secs(86_400 - 1));
    assert_eq!(server.exchange(&token, "").await.status, 200);
    server.advance(Duration::from_secs(1));

    let first = server.exchange(&unknown, "").await;
    assert_snapshot!(first.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_request","error_description":"the subject_token is not an API token that is good now"}
    "#);
    for (bad, case) in [
        (token.as_str(), "expired"),
        (&revoked, "revoked"),
        (&of_the_deleted, "of a deleted account"),
        (&jwt, "a JWT"),
        (&ci.secret, "a client secret"),
        (&token[..58], "cut"),
        (&format!("{token}x"), "longer"),
        (
            &token.replace("ostler_at_", "ostler_ot_"),
            "of another kind",
        ),
        ("x", "nothing of ours"),
    ] {
        let reply = server.exchange(bad, "").await;
        assert_eq!(reply.wire(), first.wire(), "{case}");
    }
}

// RFC 8693 §2.1.
#[tokio::test]
async fn a_request_that_is_none_is_refused() {
    let (server, _, token) = stage(90).await;
    let good = exchange_of(&token, "");
    let kind = "subject_token_type=urn:ietf:params:oauth:token-type:access_token";
    for (form, case) in [
        (good.replace("subject_token=", "other="), "no subject token"),
        (good.replace(kind, ""), "no type"),
        (
            good.replace("type:access_token", "type:jwt"),
            "another type",
        ),
        (
            good.replace("type:access_token", "type:saml2"),
            "an unknown type",
        ),
        (format!("{good}&actor_token={token}"), "an actor"),
        (
            format!("{good}&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token"),
            "a refresh token",
        ),
        (
            format!("{good}&subject_token={token}"),
            "two subject tokens",
        ),
    ] {
        let reply = post(&server, &form).await;
        assert_refused(&reply, 400, "invalid_request", case);
        assert!(!reply.text().contains("ostler_at_"), "{case}");
    }
    // A secret in the query string is in every log on its way (security case 22).
    let target = format!("{TOKEN}?subject_token={token}");
    let reply = server.request("POST", &target).form(&good).send().await;
    assert_refused(&reply, 400, "invalid_request", "in the query");
    // The grant's name has one spelling.
    let reply = post(&server, &good.replace("token-exchange", "TOKEN-EXCHANGE")).await;
    assert_refused(
        &reply,
        401,
        "invalid_client",
        "another grant, and no client",
    );
}

/// The grant in a form with a client's authentication besides.
async fn as_client(client: &TestClient, token: &str) -> Reply {
    client.post(TOKEN, &exchange_of(token, "")).await
}

// Who authenticates besides has to succeed, and to be of the token's own account. The access token is
// the API token's all the same.
#[tokio::test]
async fn a_client_that_authenticates_besides_has_to_be_of_the_same_account() {
    let (server, ci, token) = stage(90).await;
    let stranger = server.client("ci-tester", "deploy:read").await;

    let reply = as_client(&ci, &token).await;
    assert_ne!(claims(&reply)["client_id"], ci.id.as_str());
    let reply = as_client(&ci.with_secret("wrong"), &token).await;
    assert_refused(&reply, 401, "invalid_client", "a wrong secret");
    let reply = as_client(&stranger, &token).await;
    assert_refused(&reply, 400, "unauthorized_client", "another account");
    let reply = as_client(&ci, "x").await;
    assert_refused(
        &reply,
        400,
        "invalid_request",
        "a bad token of a good client",
    );
    let (id, secret) = (&ci.id, &ci.secret);
    let form = exchange_of(&token, &format!("client_id={id}&client_secret={secret}"));
    assert_eq!(post(&server, &form).await.status, 200);
    let request = ci.request("POST", TOKEN).bearer(&token);
    let reply = request.form(&exchange_of(&token, "")).send().await;
    assert_refused(&reply, 401, "invalid_client", "a bearer is no client");
}

// Security case 13.
#[tokio::test]
async fn a_client_id_alone_has_to_be_the_tokens_own() {
    let (server, ci, token) = stage(90).await;
    let path = format!("{}/api-tokens/tool", ci.account_path());
    let made = server.admin("GET", &path, None).await.json();
    let own = made["client_id"].as_str().unwrap();
    assert_eq!(
        server
            .exchange(&token, &format!("client_id={own}"))
            .await
            .status,
        200
    );
    for other in [ci.id.as_str(), "x"] {
        let reply = server.exchange(&token, &format!("client_id={other}")).await;
        assert_refused(&reply, 401, "invalid_client", other);
    }
}

// An API token is no client secret, and its client id opens nothing by itself.
#[tokio::test]
async fn an_api_token_does_not_authenticate_a_client() {
    let (server, ci, token) = stage(90).await;
    let path = format!("{}/api-tokens/tool", ci.account_path());
    let made = server.admin("GET", &path, None).await.json();
    let own = ci.with_id(made["client_id"].as_str().unwrap());
    for secret in [token.as_str(), &ci.secret] {
        let client = own.with_secret(secret);
        assert_refused(&client.ask("").await, 401, "invalid_client", secret);
        assert_refused(&client.introspect("x").await, 401, "invalid_client", secret);
    }
    // Nor is it a bearer token of the admin API, or of introspection.
    let reply = server.request("GET", "/admin/v1/organizations");
    assert_eq!(reply.bearer(&token).send().await.status, 401);
    let request = server.request("POST", "/oauth/introspect").bearer(&token);
    assert_eq!(
        request.form("token=x").send().await.error(),
        "invalid_token"
    );
}

// Security case 75, for API tokens.
#[tokio::test]
async fn an_access_token_never_outlives_its_api_token() {
    let (server, ci, token) = stage(1).await;
    server.advance(Duration::from_secs(86_400 - 10));
    let reply = server.exchange(&token, "").await;
    assert_eq!(reply.json()["expires_in"], 10);
    // The end is near, and its user is told.
    assert_eq!(
        reply.header("ostler-secret-expires-at"),
        Some("2026-03-02T12:00:00Z")
    );
    let jwt = reply.access_token();
    server.advance(Duration::from_secs(9));
    assert!(ci.sees_active(&jwt).await);
    server.advance(Duration::from_secs(1));
    assert!(!ci.sees_active(&jwt).await);
}

// Security case 77: what was exchanged dies with what it was exchanged for.
#[tokio::test]
async fn a_revoked_api_token_takes_its_access_tokens_with_it() {
    let (server, ci, token) = stage(90).await;
    let other = token_of(&server, &ci, "other", 90).await;
    let (dies, stays) = (
        server.exchange(&token, "").await.access_token(),
        server.exchange(&other, "").await.access_token(),
    );
    let by_secret = ci.token("").await;
    let path = format!("{}/api-tokens/tool", ci.account_path());
    server.delete(&path).await;

    assert!(!ci.sees_active(&dies).await);
    assert!(!ci.sees_active(&token).await);
    assert!(ci.sees_active(&stays).await);
    assert!(ci.sees_active(&by_secret).await);
    assert_eq!(server.exchange(&token, "").await.error(), "invalid_request");
}

// Security cases 60, 62, 65 and 77.
#[tokio::test]
async fn a_disabled_account_stops_its_api_tokens_and_enabling_it_revives_no_access_token() {
    let (server, ci, token) = stage(90).await;
    let before = server.exchange(&token, "").await.access_token();
    server
        .act(&format!("{}/disable", ci.account_path()), json!({}))
        .await;
    assert_eq!(server.exchange(&token, "").await.error(), "invalid_request");
    assert!(!server.admin.sees_active(&token).await);
    assert!(!server.admin.sees_active(&before).await);

    server
        .act(&format!("{}/enable", ci.account_path()), json!({}))
        .await;
    assert!(!server.admin.sees_active(&before).await);
    let after = server.exchange(&token, "").await.access_token();
    assert!(server.admin.sees_active(&after).await);
}

// Protocol 52; security case 17: guesses are slowed, a right token never is.
#[tokio::test]
async fn guesses_at_api_tokens_are_slowed_and_a_right_one_never_is() {
    let in_memory = TestServer::with().redis("");
    let limited = in_memory.set("limits.failed_auth_per_minute", "3");
    let server = limited.start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = token_of(&server, &ci, "tool", 90).await;
    let mut statuses = Vec::new();
    for number in 0..5 {
        let guess = with_checksum(&format!("ostler_at_{number:043}"));
        let guess = if number % 2 == 0 {
            guess
        } else {
            "x".to_owned()
        };
        statuses.push(server.exchange(&guess, "").await.status);
    }
    assert_eq!(statuses, [400, 400, 400, 429, 429]);
    let reply = server.exchange("x", "").await;
    assert_eq!(reply.header("retry-after"), Some("60"));
    assert_eq!(server.exchange(&token, "").await.status, 200);
    // Nobody else waits for it.
    assert_eq!(ci.with_secret("wrong").ask("").await.status, 401);
}

// Contract section 3: listed with last used.
#[tokio::test]
async fn an_exchange_is_a_use_of_the_token() {
    let (server, ci, token) = stage(90).await;
    let path = format!("{}/api-tokens/tool", ci.account_path());
    let seen = async || -> Value {
        let made = server.admin("GET", &path, None).await.json();
        made["last_used_at"].clone()
    };
    assert_eq!(seen().await, json!(null));
    server.advance(Duration::from_secs(10));
    server.exchange(&token, "").await;
    assert_eq!(seen().await, "2026-03-01T12:00:10Z");
    server.advance(Duration::from_secs(10));
    ci.introspect(&token).await;
    assert_eq!(seen().await, "2026-03-01T12:00:20Z");
}

// Metadata agrees (security case 32).
#[tokio::test]
async fn a_grant_that_is_not_offered_names_those_that_are() {
    let server = TestServer::start().await;
    let reply = server.admin.post(TOKEN, "grant_type=password").await;
    assert_refused(&reply, 400, "unsupported_grant_type", "password");
    assert_eq!(
        description(&reply),
        "the grant_type is not supported: this server offers client_credentials and token-exchange"
    );
    let metadata = server.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(
        metadata.json()["grant_types_supported"],
        json!([
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange"
        ])
    );
}
