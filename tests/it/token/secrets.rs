//! The life of a secret: its end, its rotation, and the header that announces both.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::administer;
use super::assert_refused;
use super::claims;
use super::client_made_of;
use super::credential_path;

const DAY: Duration = Duration::from_hours(24);
const ANNOUNCED: &str = "ostler-secret-expires-at";

async fn client(server: &TestServer, credential: Value) -> TestClient {
    client_made_of(server, "ci-deployer", json!({}), credential).await
}

/// Rotates, and gives the same client with the new secret.
async fn rotate(server: &TestServer, client: &TestClient, how: Value) -> TestClient {
    let path = format!("{}/rotate", credential_path(client));
    let credential = administer(server, "POST", &path, Some(how)).await;
    client.with_secret(credential["client_secret"].as_str().expect("a secret"))
}

/// What the header says of the secret that was used.
async fn announced(client: &TestClient) -> Option<String> {
    let reply = client.ask("").await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    reply.header(ANNOUNCED).map(str::to_owned)
}

// RFC 7591 §3.2.1: client_secret_expires_at. protocol 49
// Security case 16.
#[tokio::test]
async fn a_secret_is_good_until_its_last_second() {
    let server = TestServer::start().await;
    let client = client(&server, json!({"expires_in_seconds": 3600})).await;
    let nobody = client.with_secret("wrong").ask("").await;

    server.advance(Duration::from_secs(3599));
    assert_eq!(client.ask("").await.status, 200);
    server.advance(Duration::from_secs(1));
    assert_eq!(client.ask("").await.wire(), nobody.wire());
}

/// The end is announced for the last 14 days, to the second, and not before.
#[tokio::test]
async fn the_end_of_a_secret_is_announced_for_14_days() {
    let server = TestServer::start().await;
    let client = client(&server, json!({"expires_in_seconds": 20 * 24 * 60 * 60})).await;
    assert_eq!(announced(&client).await, None);
    server.advance(Duration::from_secs(6 * 86_400 - 1));
    assert_eq!(announced(&client).await, None);
    server.advance(Duration::from_secs(1));
    let end = Some("2026-03-21T12:00:00Z");
    assert_eq!(announced(&client).await.as_deref(), end);
    server.advance(Duration::from_secs(14 * 86_400 - 1));
    assert_eq!(announced(&client).await.as_deref(), end);
}

/// A usual secret of 90 days, or one without an end, is not announced; nor is any in a refusal.
#[tokio::test]
async fn nothing_is_announced_that_is_far_away() {
    let server = TestServer::start().await;
    let usual = client_made_of(&server, "usual-bot", json!({}), json!({})).await;
    let never = json!({"expires_in_seconds": null});
    let endless = client_made_of(&server, "endless-bot", json!({}), never).await;
    assert_eq!(announced(&usual).await, None);
    server.advance(89 * DAY);
    assert_eq!(
        announced(&usual).await.as_deref(),
        Some("2026-05-30T12:00:00Z")
    );
    assert_eq!(announced(&endless).await, None);
    let refused = usual.ask("scope=nothing").await;
    assert_refused(&refused, 400, "invalid_scope", "an unknown scope");
    assert_eq!(refused.header(ANNOUNCED), None);
    server.advance(10_000 * DAY);
    assert_eq!(announced(&endless).await, None);
}

// RFC 6749 §10.10 and OAuth 2.1 §3.2.1: rotation. protocol 51
// Security case 19.
#[tokio::test]
async fn in_a_rotation_both_secrets_work_until_the_overlap_ends() {
    let server = TestServer::start().await;
    let old = client(&server, json!({})).await;
    let new = rotate(&server, &old, json!({"overlap_seconds": 600})).await;
    assert_ne!(old.secret, new.secret);
    assert_eq!(
        announced(&old).await.as_deref(),
        Some("2026-03-01T12:10:00Z")
    );
    assert_eq!(announced(&new).await, None);

    server.advance(Duration::from_secs(599));
    assert_eq!(
        announced(&old).await.as_deref(),
        Some("2026-03-01T12:10:00Z")
    );
    server.advance(Duration::from_secs(1));
    assert_refused(
        &old.ask("").await,
        401,
        "invalid_client",
        "after the overlap",
    );
    assert_eq!(announced(&new).await, None);
}

/// In an overlap the end is announced from the first second, however far away it is.
#[tokio::test]
async fn a_long_overlap_is_announced_at_once() {
    let server = TestServer::start().await;
    let old = client(&server, json!({})).await;
    let new = rotate(&server, &old, json!({"overlap_seconds": 30 * 24 * 60 * 60})).await;
    assert_eq!(
        announced(&old).await.as_deref(),
        Some("2026-03-31T12:00:00Z")
    );
    assert_eq!(announced(&new).await, None);
}

/// The overlap is a day when nobody says otherwise, and none when they say 0.
#[tokio::test]
async fn an_overlap_lasts_a_day_or_as_long_as_it_was_said() {
    let server = TestServer::start().await;
    let first = client(&server, json!({})).await;
    let second = rotate(&server, &first, json!({})).await;
    assert_eq!(
        announced(&first).await.as_deref(),
        Some("2026-03-02T12:00:00Z")
    );

    server.advance(DAY);
    assert_refused(&first.ask("").await, 401, "invalid_client", "a day later");
    let third = rotate(&server, &second, json!({"overlap_seconds": 0})).await;
    assert_refused(
        &second.ask("").await,
        401,
        "invalid_client",
        "without an overlap",
    );
    assert_eq!(third.ask("").await.status, 200);
}

// protocol 51: an early end of the overlap.
// Security case 19.
#[tokio::test]
async fn an_overlap_that_is_ended_early_ends_at_once() {
    let server = TestServer::start().await;
    let first = client(&server, json!({})).await;
    let second = rotate(&server, &first, json!({})).await;
    let third = rotate(&server, &second, json!({"end_overlap": true})).await;
    assert_refused(&first.ask("").await, 401, "invalid_client", "the oldest");
    // The one before is now in an overlap of its own.
    assert_eq!(
        announced(&second).await.as_deref(),
        Some("2026-03-02T12:00:00Z")
    );
    assert_eq!(announced(&third).await, None);
}

// RFC 9068 §2.2: `sub` is the application. protocol 105
#[tokio::test]
async fn who_a_client_is_does_not_change_with_its_secret() {
    let server = TestServer::start().await;
    let old = client(&server, json!({})).await;
    let before = claims(&old.ask("").await);
    let new = rotate(&server, &old, json!({})).await;
    for after in [claims(&old.ask("").await), claims(&new.ask("").await)] {
        for claim in [
            "sub",
            "client_id",
            "org",
            "aud",
            "iss",
            "epoch",
            "account_gen",
        ] {
            assert_eq!(after[claim], before[claim], "{claim}");
        }
    }
}
