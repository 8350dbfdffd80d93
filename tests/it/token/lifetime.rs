//! How long a token lives: the shortest of all limits, and never beyond what got it.

use std::time::Duration;

use insta::assert_snapshot;
use jiff::Timestamp;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::administer;
use super::api_with;
use super::assert_refused;
use super::claims;
use super::client_made_of;
use super::credential_path;
use super::extend;
use super::grant_at;

/// `expires_in`, which has to agree with the token.
async fn lifetime(client: &TestClient, parameters: &str) -> i64 {
    let reply = client.ask(parameters).await;
    let claims = claims(&reply);
    let seconds = reply.json()["expires_in"].as_i64().expect("a number");
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        seconds
    );
    seconds
}

// RFC 6749 §5.1; OAuth 2.1 §7.1.3: short-lived tokens. protocol 96, protocol 98
#[tokio::test]
async fn a_request_may_only_shorten_a_lifetime() {
    let server = TestServer::start().await;
    for (parameters, seconds) in [
        ("", 900),
        ("expires_in=", 900),
        ("expires_in=1", 1),
        ("expires_in=60", 60),
        ("expires_in=0060", 60),
        ("expires_in=900", 900),
        ("expires_in=901", 900),
        ("expires_in=86400", 900),
        ("expires_in=99999999999999999999999999", 900),
    ] {
        assert_eq!(
            lifetime(&server.admin, parameters).await,
            seconds,
            "{parameters}"
        );
    }
}

#[tokio::test]
async fn a_lifetime_is_a_whole_number_of_at_least_one_second() {
    let server = TestServer::start().await;
    for wanted in [
        "0", "00", "-1", "%2B1", "1.5", "1e3", "0x10", "x", "+1", "1+", "%D9%A1",
    ] {
        let reply = server.admin.ask(&format!("expires_in={wanted}")).await;
        assert_refused(&reply, 400, "invalid_request", wanted);
    }
    assert_snapshot!(server.admin.ask("expires_in=0").await.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_request","error_description":"expires_in is a whole number of seconds, at least 1"}
    "#);
}

// protocol 98: what the server, the API and the account allow.
#[tokio::test]
async fn the_shortest_limit_counts() {
    let settings = TestServer::with().set("tokens.lifetime_seconds", "1200");
    let server = settings
        .set("tokens.max_lifetime_seconds", "3000")
        .start()
        .await;
    api_with(
        &server,
        "slow",
        "read",
        json!({"token": {"lifetime_seconds": 2400}}),
    )
    .await;
    api_with(
        &server,
        "fast",
        "read",
        json!({"token": {"lifetime_seconds": 120}}),
    )
    .await;
    let at = |api| json!({"access": [grant_at(api, "read", &json!({}))]});
    let slow = client_made_of(&server, "slow-bot", at("slow"), json!({})).await;
    let fast = client_made_of(&server, "fast-bot", at("fast"), json!({})).await;
    let usual = client_made_of(&server, "usual-bot", json!({}), json!({})).await;
    let limit = json!({"max_token_lifetime_seconds": 600});
    let hasty = client_made_of(&server, "hasty-bot", limit, json!({})).await;

    for (client, asked, seconds) in [
        (&usual, "", 1200),
        (&slow, "", 2400),
        (&slow, "expires_in=1800", 1800),
        (&slow, "expires_in=9999", 2400),
        (&fast, "", 120),
        (&fast, "expires_in=600", 120),
        (&hasty, "", 600),
        (&hasty, "expires_in=9999", 600),
        (&hasty, "expires_in=30", 30),
    ] {
        assert_eq!(
            lifetime(client, asked).await,
            seconds,
            "{} {asked}",
            client.id
        );
    }
}

/// What its organization allows is a limit of every account in it.
#[tokio::test]
async fn the_policy_of_an_organization_is_a_limit() {
    let server = TestServer::start().await;
    let policy = json!({"max_token_lifetime_seconds": 300});
    let organization = json!({"name": "strict", "policy": policy});
    server.create("/organizations", organization).await;
    let api = json!({"name": "wiki", "audience": "https://wiki.example.com",
        "scopes": [{"name": "read"}], "resource_types": [], "token": {"lifetime_seconds": 600}});
    server.create("/organizations/strict/apis", api).await;
    for (name, account, seconds) in [
        ("usual-bot", json!({}), 300),
        ("hasty-bot", json!({"max_token_lifetime_seconds": 60}), 60),
        ("lazy-bot", json!({"max_token_lifetime_seconds": 3000}), 300),
    ] {
        let access = json!([grant_at("wiki", "read", &json!({}))]);
        let mut body = json!({"name": name, "access": access, "credential": {"name": "first"}});
        extend(&mut body, account);
        let path = "/organizations/strict/service-accounts";
        let client = server.client_of(&server.create(path, body).await);
        assert_eq!(lifetime(&client, "").await, seconds, "{name}");
    }
}

// Security case 75.
// RFC 6749 §5.1: never beyond the end of the secret that was used. protocol 49
#[tokio::test]
async fn no_token_outlives_the_secret_that_got_it() {
    let server = TestServer::start().await;
    let credential = json!({"expires_in_seconds": 3600});
    let client = client_made_of(&server, "ci-deployer", json!({}), credential).await;
    for (advance, seconds) in [(2700, 900), (1, 899), (898, 1)] {
        server.advance(Duration::from_secs(advance));
        assert_eq!(lifetime(&client, "").await, seconds);
        assert_eq!(lifetime(&client, "expires_in=9999").await, seconds);
    }
    server.advance(Duration::from_secs(1));
    assert_refused(&client.ask("").await, 401, "invalid_client", "at its end");
}

/// In a rotation the old secret gets tokens until the end of the overlap, the new one as usual.
#[tokio::test]
async fn no_token_of_an_old_secret_outlives_the_overlap() {
    let server = TestServer::start().await;
    let old = client_made_of(&server, "ci-deployer", json!({}), json!({})).await;
    let path = format!("{}/rotate", credential_path(&old));
    let overlap = json!({"overlap_seconds": 300});
    let rotated = administer(&server, "POST", &path, Some(overlap)).await;
    let new = old.with_secret(rotated["client_secret"].as_str().expect("a secret"));
    assert_eq!(lifetime(&old, "").await, 300);
    assert_eq!(lifetime(&new, "").await, 900);
    server.advance(Duration::from_secs(299));
    assert_eq!(lifetime(&old, "").await, 1);
}

// Security case 75.
#[tokio::test]
async fn no_token_outlives_its_account() {
    let server = TestServer::start().await;
    let account = json!({"expires_at": "2026-03-01T12:30:00Z"});
    let client = client_made_of(&server, "ci-deployer", account, json!({})).await;
    assert_eq!(lifetime(&client, "").await, 900);
    server.advance(Duration::from_mins(20));
    assert_eq!(lifetime(&client, "").await, 600);
    let claims = claims(&client.ask("").await);
    let end = Timestamp::from_second(claims["exp"].as_i64().unwrap()).unwrap();
    assert_eq!(end.to_string(), "2026-03-01T12:30:00Z");
    server.advance(Duration::from_mins(10));
    assert_refused(&client.ask("").await, 401, "invalid_client", "at its end");
}

/// Before a whole second is left, the end has come.
#[tokio::test]
async fn a_fraction_of_a_second_is_no_lifetime() {
    let server = TestServer::start().await;
    let credential = json!({"expires_in_seconds": 10});
    let client = client_made_of(&server, "ci-deployer", json!({}), credential).await;
    server.advance(Duration::from_millis(9_500));
    // `iat` is the second that has begun: the token ends when the secret does.
    let reply = client.ask("").await;
    let end = Timestamp::from_second(claims(&reply)["exp"].as_i64().unwrap()).unwrap();
    assert_eq!(end.to_string(), "2026-03-01T12:00:10Z");
    server.advance(Duration::from_millis(500));
    assert_refused(&client.ask("").await, 401, "invalid_client", "at its end");
}
