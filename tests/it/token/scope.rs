//! Scopes: exactly what was asked for, everything when nothing was, and never less in silence.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;

use super::assert_refused;
use super::claims;
use super::client_made_of;
use super::description;
use super::grant_at;
use super::plain_api;

/// A client with three scopes at one API, which has a fourth.
async fn client(server: &TestServer) -> TestClient {
    plain_api(server, "wiki", "read write:all edit admin").await;
    let access = json!([grant_at("wiki", "edit write:all read", &json!({}))]);
    server.client_with("wiki-bot", access).await
}

// RFC 6749 §3.3, §5.1. protocol 80, protocol 81, protocol 106
#[tokio::test]
async fn a_token_has_exactly_the_scopes_that_were_asked_for() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for (asked, given) in [
        ("read", "read"),
        ("write%3Aall", "write:all"),
        ("read+edit", "edit read"),
        ("edit%20read", "edit read"),
        ("write%3Aall+edit+read", "edit read write:all"),
        // The same twice counts once.
        ("read+read", "read"),
        ("read+edit+read", "edit read"),
    ] {
        let reply = client.ask(&format!("scope={asked}")).await;
        assert_eq!(claims(&reply)["scope"], given, "{asked}");
        assert_eq!(reply.json()["scope"], given, "{asked}");
    }
}

// RFC 6749 §3.3: a documented default. protocol 83, protocol 24
// Security case 30.
#[tokio::test]
async fn without_a_scope_a_token_has_all_that_is_granted() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for parameters in ["", "scope=", "scope"] {
        let reply = client.ask(parameters).await;
        assert_eq!(
            claims(&reply)["scope"],
            "edit read write:all",
            "{parameters}"
        );
        assert_eq!(reply.json()["scope"], "edit read write:all", "{parameters}");
    }
}

// RFC 6749 §3.3, §5.2. protocol 82
// Security case 29.
#[tokio::test]
async fn a_scope_that_is_not_granted_is_refused_by_name() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for (asked, named) in [
        ("admin", "'admin'"),
        ("nothing", "'nothing'"),
        ("read+admin", "'admin'"),
        ("read+edit+nothing", "'nothing'"),
        ("READ", "'READ'"),
        ("write", "'write'"),
        ("write%3A*", "'write:*'"),
        ("*", "'*'"),
        ("accounts%3Aread", "'accounts:read'"),
    ] {
        let reply = client.ask(&format!("scope={asked}")).await;
        assert_refused(&reply, 400, "invalid_scope", asked);
        let text = description(&reply);
        assert!(
            text.contains(named) && !text.contains("'read'"),
            "{asked}: {text}"
        );
    }
    // That the API has `admin` is not told apart.
    let (exists, not) = (
        client.ask("scope=admin").await,
        client.ask("scope=nimda").await,
    );
    assert_eq!(exists.wire().replace("admin", "nimda"), not.wire());
    assert_snapshot!(exists.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_scope","error_description":"the scope 'admin' is not granted at https://wiki.example.com"}
    "#);
}

// Security case 31: what another organization has is worded like what nobody has.
#[tokio::test]
async fn a_scope_of_another_organization_is_one_that_does_not_exist() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    let unknown = client.ask("scope=plan%3Apeek").await;
    assert_refused(&unknown, 400, "invalid_scope", "before");

    server
        .create("/organizations", json!({"name": "rival"}))
        .await;
    let api = json!({"name": "plan", "audience": "https://plan.example.com",
        "scopes": [{"name": "plan:peek"}], "resource_types": []});
    server.create("/organizations/rival/apis", api).await;
    for scope in ["plan%3Apeek", "plan%3Apeek+read", "read+plan%3Apeek"] {
        let reply = client.ask(&format!("scope={scope}")).await;
        assert_eq!(reply.bytes_but_its_own(), unknown.bytes_but_its_own());
    }
    let named = client
        .ask("scope=plan%3Apeek&resource=https://plan.example.com")
        .await;
    let nowhere = client
        .ask("scope=plan%3Apeek&resource=https://nobody.example.com")
        .await;
    assert_refused(&named, 400, "invalid_target", "its audience");
    assert_eq!(named.wire().replace("plan.e", "nobody.e"), nowhere.wire());
}

// RFC 6749 §3.3, §A.4: 1*( %x21 / %x23-5B / %x5D-7E ), single spaces between. protocol 84
// Security case 30; that an empty one is omitted is the contract, section 2, *Parsing*.
#[tokio::test]
async fn a_scope_outside_the_grammar_is_refused() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for asked in [
        "%22read%22",
        "re%22ad",
        "re%5Cad",
        "read++edit",
        "+read",
        "read+",
        "+",
        "read%09edit",
        "read%0Aedit",
        "read%0D%0Aedit",
        "read%7F",
        "r%C3%A9ad",
        "read%C2%A0edit",
        "%EF%BD%92ead",
        "read%E2%80%8B",
    ] {
        let reply = client.ask(&format!("scope={asked}")).await;
        assert_refused(&reply, 400, "invalid_scope", asked);
    }
}

/// A scope of `ostler` that another implies may be asked for, and is not added.
#[tokio::test]
async fn an_implied_scope_is_given_when_it_is_asked_for() {
    let server = TestServer::start().await;
    let everything = json!({"organization": "*", "api": "*"});
    let access = json!([grant_at("ostler", "accounts:write", &everything)]);
    let client = server.client_with("registrar", access).await;
    for (asked, given) in [
        ("", "accounts:write"),
        ("scope=accounts%3Aread", "accounts:read"),
        ("scope=accounts%3Awrite", "accounts:write"),
        (
            "scope=accounts%3Awrite+accounts%3Aread",
            "accounts:read accounts:write",
        ),
    ] {
        assert_eq!(claims(&client.ask(asked).await)["scope"], given, "{asked}");
    }
    for asked in ["scope=apis%3Aread", "scope=accounts%3Aread+keys%3Aread"] {
        assert_refused(&client.ask(asked).await, 400, "invalid_scope", asked);
    }
}

/// Several grants at one API are one access.
#[tokio::test]
async fn scopes_come_from_every_grant_at_the_api() {
    let server = TestServer::start().await;
    plain_api(&server, "wiki", "read edit admin").await;
    let access = ["read", "edit"].map(|scope| grant_at("wiki", scope, &json!({})));
    let client = server.client_with("wiki-bot", json!(access)).await;
    for parameters in ["", "scope=read+edit"] {
        let reply = client.ask(parameters).await;
        assert_eq!(claims(&reply)["scope"], "edit read", "{parameters}");
    }
}

/// A role means the account's own organization, with every API in it.
#[tokio::test]
async fn what_a_role_gives_is_granted_like_all_else() {
    let server = TestServer::start().await;
    let role = json!({"roles": ["auditor"], "access": []});
    let auditor = client_made_of(&server, "bookkeeper", role, json!({})).await;
    let claims = claims(&auditor.ask("").await);
    assert_eq!(claims["aud"], ISSUER);
    assert_snapshot!(claims["scope"].as_str().unwrap(), @"accounts:read apis:read audit:read keys:read organizations:read system:read");
    assert_eq!(
        claims["authorization_details"],
        json!([
            {"type": "api", "locations": [ISSUER], "identifiers": "*"},
            {"type": "organization", "locations": [ISSUER], "identifiers": [claims["org"]]},
        ])
    );
    for scope in ["accounts%3Awrite", "introspect"] {
        let reply = auditor.ask(&format!("scope={scope}")).await;
        assert_refused(&reply, 400, "invalid_scope", scope);
    }
}
