//! Which API a token is for.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::DEPLOY;
use crate::harness::server::ISSUER;

use super::ACCOUNTS;
use super::api_with;
use super::assert_refused;
use super::claims;
use super::client_made_of;
use super::description;
use super::grant_at;
use super::plain_api;

const WIKI: &str = "https://wiki.example.com";

/// A client of `wiki` (`read`, `edit`), of `code` (`read`, `push`, an audience that is a URN) and of
/// `ostler`. There is `vault`, too, at which it has nothing.
async fn client(server: &TestServer) -> TestClient {
    plain_api(server, "wiki", "read edit").await;
    api_with(
        server,
        "code",
        "read push",
        json!({"audience": "urn:example:code"}),
    )
    .await;
    plain_api(server, "vault", "read open").await;
    let everything = json!({"organization": "*", "api": "*"});
    let access = json!([
        grant_at("wiki", "read edit", &json!({})),
        grant_at("code", "read push", &json!({})),
        grant_at("ostler", "accounts:read", &everything),
    ]);
    server.client_with("busy-bot", access).await
}

// RFC 8707 §2, §2.2; RFC 9068 §3. protocol 86, protocol 88, protocol 92
#[tokio::test]
async fn the_resource_that_is_named_is_the_audience() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for (audience, all) in [
        (WIKI, "edit read"),
        ("urn:example:code", "push read"),
        (ISSUER, "accounts:read"),
    ] {
        let encoded = audience.replace(':', "%3A").replace('/', "%2F");
        for parameters in [
            format!("resource={audience}"),
            format!("resource={encoded}"),
            // RFC 8693 §2.1: other servers call it audience.
            format!("audience={encoded}"),
            format!("audience={audience}&resource={encoded}"),
            format!("resource=&audience={audience}"),
        ] {
            let reply = client.ask(&parameters).await;
            assert_eq!(claims(&reply)["aud"], audience, "{parameters}");
            assert_eq!(claims(&reply)["scope"], all, "{parameters}");
        }
    }
}

// RFC 8707 §2: an absolute URI without a fragment. protocol 86
#[tokio::test]
async fn what_is_no_absolute_uri_is_no_resource() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for resource in [
        "wiki",
        "ostler",
        "wiki.example.com",
        "//wiki.example.com",
        "/wiki",
        "https%3A%2F%2Fwiki.example.com%23",
        "https%3A%2F%2Fwiki.example.com%23top",
        "https%3A%2F%2Fwiki.example.com%20",
        "https%3A%2F%2Fw%C3%ADki.example.com",
        "*",
        "+",
    ] {
        for name in ["resource", "audience"] {
            let reply = client.ask(&format!("{name}={resource}")).await;
            assert_refused(&reply, 400, "invalid_target", resource);
        }
    }
    assert_snapshot!(client.ask("resource=wiki").await.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_target","error_description":"resource must be an absolute URI without a fragment, of printable ASCII characters"}
    "#);
}

// RFC 8707 §2. protocol 87
// Security case 31.
#[tokio::test]
async fn what_is_not_granted_is_worded_like_what_does_not_exist() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    server
        .create("/organizations", json!({"name": "rival"}))
        .await;
    let secret_plan = json!({"name": "plan", "audience": "https://plan.example.com",
        "scopes": [{"name": "read"}], "resource_types": []});
    server
        .create("/organizations/rival/apis", secret_plan)
        .await;

    let unknown = client.ask("resource=https://nobody.example.com").await;
    assert_refused(&unknown, 400, "invalid_target", "unknown");
    for resource in [
        // Nothing granted there; of another organization.
        "https://vault.example.com",
        "https://plan.example.com",
        // Not exactly that audience.
        "https://wiki.example.com/",
        "https://WIKI.example.com",
        "HTTPS://wiki.example.com",
        "https://wiki.example.com:443",
        "urn:example:CODE",
        "http://127.0.0.1:8080/",
    ] {
        let reply = client.ask(&format!("resource={resource}")).await;
        let expected = unknown
            .wire()
            .replace("https://nobody.example.com", resource);
        assert_eq!(reply.wire(), expected, "{resource}");
    }
    assert_snapshot!(description(&unknown), @"the resource 'https://nobody.example.com' is unknown or not granted; granted: http://127.0.0.1:8080, https://wiki.example.com, urn:example:code");

    // `ostler` is no exception for who has nothing there.
    let plain = server.client("ci-deployer", "deploy:read").await;
    let (issuer, nobody) = (
        plain.ask(&format!("resource={ISSUER}")).await,
        plain.ask("resource=urn:x").await,
    );
    assert_refused(&issuer, 400, "invalid_target", ISSUER);
    assert_eq!(issuer.wire().replace(ISSUER, "urn:x"), nobody.wire());
}

// RFC 8707 §2: a server may not want more than one. protocol 89
#[tokio::test]
async fn a_token_is_for_one_resource() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for parameters in [
        format!("resource={WIKI}&resource=urn:example:code"),
        format!("resource={WIKI}&resource={WIKI}"),
        format!("resource={WIKI}&scope=read&resource="),
    ] {
        let reply = client.ask(&parameters).await;
        assert_refused(&reply, 400, "invalid_target", &parameters);
    }
    assert_snapshot!(client.ask("resource=urn:a&resource=urn:b").await.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_target","error_description":"resource is repeated: a token is for one API"}
    "#);
}

// RFC 8693 §2.1, RFC 8707 §2. protocol 92
#[tokio::test]
async fn a_resource_and_another_audience_contradict() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    let reply = client
        .ask(&format!("resource={WIKI}&audience=urn:example:code"))
        .await;
    assert_refused(&reply, 400, "invalid_request", "both");
    let reply = client
        .ask(&format!("audience={WIKI}&audience={WIKI}"))
        .await;
    assert_refused(&reply, 400, "invalid_request", "audience twice");
}

// RFC 9068 §3: a default resource indicator. protocol 90
#[tokio::test]
async fn without_a_resource_the_only_api_is_meant() {
    let server = TestServer::start().await;
    let plain = server.client("ci-deployer", "deploy:read").await;
    let reply = plain.ask("").await;
    assert_eq!(claims(&reply)["aud"], DEPLOY);

    // `ostler` counts only when it is the only one.
    assert_eq!(claims(&server.admin.ask("").await)["aud"], ISSUER);
    let everything = json!({"organization": "*", "api": "*"});
    let access = json!([
        grant_at("deploy", "deploy:read", &json!({"project": "*"})),
        grant_at("ostler", "accounts:read", &everything),
    ]);
    let both = server.client_with("both-ways", access).await;
    assert_eq!(claims(&both.ask("").await)["aud"], DEPLOY);
    let reply = both.ask("scope=accounts%3Aread").await;
    assert_refused(&reply, 400, "invalid_scope", "a scope of ostler");
    let reply = both
        .ask(&format!("scope=accounts%3Aread&resource={ISSUER}"))
        .await;
    assert_eq!(claims(&reply)["aud"], ISSUER);
}

// RFC 9068 §3. protocol 90, protocol 91
#[tokio::test]
async fn without_a_resource_the_scopes_tell_which_of_several_is_meant() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for (scope, audience) in [
        ("edit", WIKI),
        ("edit+read", WIKI),
        ("push", "urn:example:code"),
        ("read+push", "urn:example:code"),
    ] {
        let reply = client.ask(&format!("scope={scope}")).await;
        assert_eq!(claims(&reply)["aud"], audience, "{scope}");
    }
    let split = client.ask("scope=edit+push").await;
    assert_refused(&split, 400, "invalid_scope", "no single API");
    assert!(
        description(&split).contains("edit push"),
        "{}",
        split.wire()
    );

    let nowhere = client.ask("scope=read+open").await;
    assert_refused(&nowhere, 400, "invalid_scope", "granted nowhere");
    assert!(
        description(&nowhere).contains("'open'"),
        "{}",
        nowhere.wire()
    );

    // Several candidates: the answer names what is granted.
    for parameters in ["", "scope=read", "scope="] {
        let reply = client.ask(parameters).await;
        assert_refused(&reply, 400, "invalid_target", parameters);
        let text = description(&reply);
        assert!(
            text.contains(WIKI) && text.contains("urn:example:code"),
            "{text}"
        );
        assert!(!text.contains("vault") && !text.contains(ISSUER), "{text}");
    }
    assert_snapshot!(client.ask("").await.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_target","error_description":"several APIs are granted: say which is meant with resource; granted: https://wiki.example.com, urn:example:code"}
    "#);
}

#[tokio::test]
async fn who_has_no_access_gets_no_token() {
    let server = TestServer::start().await;
    plain_api(&server, "wiki", "read edit").await;
    let client = server.client_with("idle-bot", json!([])).await;
    for parameters in [
        "",
        "scope=read",
        "resource=https://wiki.example.com",
        "resource=urn:x",
    ] {
        let reply = client.ask(parameters).await;
        assert_refused(&reply, 400, "invalid_target", parameters);
    }
    assert_snapshot!(client.ask("").await.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_target","error_description":"no API is granted to this client"}
    "#);
}

/// Access is what a credential's narrowing leaves.
#[tokio::test]
async fn what_a_credential_is_narrowed_to_is_all_there_is() {
    let server = TestServer::start().await;
    let whole = client(&server).await;
    let narrowed_to = async |name: &str, access| {
        let path = format!("{ACCOUNTS}/{}/credentials", whole.account);
        let credential = server
            .create(&path, json!({"name": name, "access": access}))
            .await;
        let text = |member: &str| credential[member].as_str().expect("a text").to_owned();
        whole
            .with_id(&text("client_id"))
            .with_secret(&text("client_secret"))
    };

    // One API is left, so it need not be named.
    let reader = narrowed_to("reader", json!([grant_at("wiki", "read", &json!({}))])).await;
    let got = claims(&reader.ask("").await);
    assert_eq!((&got["aud"], &got["scope"]), (&json!(WIKI), &json!("read")));
    assert_refused(
        &reader.ask("scope=edit").await,
        400,
        "invalid_scope",
        "edit",
    );
    let elsewhere = reader.ask("resource=urn:example:code").await;
    assert_refused(&elsewhere, 400, "invalid_target", "code");
    let unknown = reader.ask("resource=urn:example:nobody").await;
    assert_eq!(elsewhere.wire().replace("code", "nobody"), unknown.wire());

    let nothing = narrowed_to("nothing", json!([])).await;
    assert_refused(
        &nothing.ask("").await,
        400,
        "invalid_target",
        "narrowed to nothing",
    );

    let everything = narrowed_to("everything", json!(null)).await;
    let reply = everything.ask("resource=urn:example:code").await;
    assert_eq!(claims(&reply)["scope"], "push read");
}

/// Contract section 3: `x:write` implies `x:read`, so one that may write can be narrowed to reading.
#[tokio::test]
async fn a_credential_is_narrowed_to_what_its_account_holds_by_implication() {
    let server = TestServer::start().await;
    let everything = json!({"organization": "*", "api": "*"});
    let at_ostler = |scope: &str| json!([grant_at("ostler", scope, &everything)]);
    for (name, narrowed_to) in [
        ("reading-writer", "accounts:read"),
        ("plain-writer", "accounts:write"),
    ] {
        let access = json!({"access": at_ostler("accounts:write")});
        let credential = json!({"access": at_ostler(narrowed_to)});
        let client = client_made_of(&server, name, access, credential).await;
        assert_eq!(claims(&client.ask("").await)["scope"], narrowed_to);
    }
    let access = json!({"access": at_ostler("accounts:read")});
    let credential = json!({"access": at_ostler("accounts:write")});
    let client = client_made_of(&server, "no-writer", access, credential).await;
    assert_refused(&client.ask("").await, 400, "invalid_target", "not held");
}
