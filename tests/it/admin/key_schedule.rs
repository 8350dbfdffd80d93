//! The signing keys by themselves: published in time, active to the second, gone when their tokens
//! are; on one node and on several (security cases 156 to 161, P3; protocol.md 119 and 189).

use std::sync::Arc;
use std::time::Duration;

use ostler::app::App;
use ostler::app::keys::schedule;
use ostler::app::open::Ground;
use ostler::app::tokens;
use ostler::clock::Clock;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::Verifier;

use super::actors::Administrator;
use super::audit_events::events;
use super::key_life::active;
use super::key_life::file_of;
use super::key_life::key;
use super::key_life::keys_in;
use super::key_life::kid_of;
use super::key_life::published;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A token of the first administrator, whose credential never expires.
async fn token(server: &TestServer) -> String {
    Administrator::first(server).await.token().to_owned()
}

async fn step(server: &TestServer) {
    schedule::once(&server.app).await.unwrap();
}

#[tokio::test]
async fn a_key_is_succeeded_to_the_second_by_one_that_verifiers_know() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let old = active(&admin, "ES256").await;

    // 90 days less an hour: the successors are published.
    server.advance((90 * DAY).saturating_sub(HOUR + SECOND));
    step(&server).await;
    assert_eq!(published(&server).await.len(), 3);
    server.advance(SECOND);
    step(&server).await;
    let admin = admin.renewed().await;
    assert_eq!(published(&server).await.len(), 6);
    let new = keys_in(&admin, "ES256", "pending").await.remove(0);
    assert_eq!(
        key(&admin, &new).await["activates_at"],
        "2026-05-30T12:00:00Z"
    );

    server.advance(HOUR.saturating_sub(SECOND));
    step(&server).await;
    let last = token(&server).await;
    assert_eq!(kid_of(&last), old);
    server.advance(SECOND);
    step(&server).await;
    let admin = admin.renewed().await;
    assert_eq!(active(&admin, "ES256").await, new);
    assert_eq!(kid_of(&token(&server).await), new);
    // P3: the token that was signed last is verified to its end.
    assert!(server.admin.sees_active(&last).await);
    assert!(Verifier::of(&server.get("/.well-known/jwks.json").await).accepts(&last));

    // An hour is the longest life of a token, and one more is for clocks that differ.
    server.advance((2 * HOUR).saturating_sub(SECOND));
    step(&server).await;
    assert!(published(&server).await.contains(&old));
    server.advance(SECOND);
    step(&server).await;
    assert_eq!(published(&server).await.len(), 3);
    let admin = admin.renewed().await;
    assert_eq!(key(&admin, &old).await["state"], "retired");
    assert_eq!(
        key(&admin, &old).await["leaves_jwks_at"],
        "2026-05-30T14:00:00Z"
    );
    assert!(!file_of(&server, &old).exists());

    // Security case 164: each step is one event, by the server itself.
    for (action, count) in [("create", 3), ("activate", 3), ("retire", 3)] {
        let path = format!("/audit-events?action=signing_key.{action}");
        let found = events(&admin, &path).await;
        assert_eq!(found.len(), count, "{action}");
        for event in found {
            assert_eq!(event["actor"]["type"], "system");
            assert_eq!(event["actor"]["name"], "key-schedule");
        }
    }
    let server = server.restart().await;
    assert!(server.admin.sees_active(&token(&server).await).await);
    drop(server);
}

// P3, security case 158: a lower maximum shortens no token that is out already.
#[tokio::test]
async fn a_key_stays_for_tokens_that_could_live_longer_when_they_were_signed() {
    let server = TestServer::with()
        .set("tokens.max_lifetime_seconds", "14400")
        .set("tokens.lifetime_seconds", "14400")
        .start()
        .await;
    let admin = Administrator::first(&server).await;
    let old = active(&admin, "ES256").await;
    let long = server
        .client("nightly", "deploy:read")
        .await
        .token("")
        .await;
    let stopped = server.stop().await;
    let server = stopped
        .set("tokens.lifetime_seconds", "900")
        .set("tokens.max_lifetime_seconds", "3600")
        .start()
        .await;
    server.advance(SECOND);
    let rotate = json!({"alg": "ES256", "force": true});
    assert_eq!(admin.post("/keys/rotate", rotate).await.status, 200);
    assert_eq!(
        key(&admin, &old).await["leaves_jwks_at"],
        "2026-03-01T17:00:00Z"
    );
    server.advance((4 * HOUR).saturating_sub(2 * SECOND));
    step(&server).await;
    assert!(server.admin.sees_active(&long).await);
    assert!(Verifier::of(&server.get("/.well-known/jwks.json").await).accepts(&long));
    server.advance(HOUR);
    step(&server).await;
    assert!(published(&server).await.contains(&old));
    server.advance(SECOND);
    step(&server).await;
    assert!(!published(&server).await.contains(&old));

    // The key that came after it has signed none of these.
    let admin = Administrator::first(&server).await;
    let next = active(&admin, "ES256").await;
    let rotate = json!({"alg": "ES256", "force": true});
    assert_eq!(admin.post("/keys/rotate", rotate).await.status, 200);
    assert_eq!(
        key(&admin, &next).await["leaves_jwks_at"],
        "2026-03-01T19:00:00Z"
    );
}

// The same without a restart.
#[tokio::test]
async fn a_key_stays_for_its_tokens_when_a_running_server_is_told_of_a_lower_maximum() {
    let mut server = TestServer::with()
        .set("tokens.max_lifetime_seconds", "14400")
        .set("tokens.lifetime_seconds", "14400")
        .start()
        .await;
    let admin = Administrator::first(&server).await;
    let old = active(&admin, "ES256").await;
    let client = server.client("nightly", "deploy:read").await;
    server.advance(HOUR);
    let long = client.token("").await;
    let lower = [
        ("tokens.lifetime_seconds", "900"),
        ("tokens.max_lifetime_seconds", "3600"),
    ];
    server.renew(&lower).await;
    assert_eq!(client.ask("").await.json()["expires_in"], 900);

    server.advance(SECOND);
    let rotate = json!({"alg": "ES256", "force": true});
    assert_eq!(admin.post("/keys/rotate", rotate).await.status, 200);
    assert_ne!(kid_of(&client.token("").await), old);
    // Four hours for the token, and one for clocks that differ.
    assert_eq!(
        key(&admin, &old).await["leaves_jwks_at"],
        "2026-03-01T18:00:00Z"
    );
    server.advance((4 * HOUR).saturating_sub(2 * SECOND));
    step(&server).await;
    assert!(client.sees_active(&long).await);
    server.advance(SECOND);
    assert!(!client.sees_active(&long).await);
    server.advance(HOUR.saturating_sub(SECOND));
    step(&server).await;
    assert!(published(&server).await.contains(&old));
    server.advance(SECOND);
    step(&server).await;
    assert!(!published(&server).await.contains(&old));
}

// A maximum that is lowered, raised and lowered again hides nothing of what was signed in between.
#[tokio::test]
async fn each_maximum_that_was_in_force_counts_for_what_was_signed_under_it() {
    let mut server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let old = active(&admin, "ES256").await;
    let renew = async |server: &mut TestServer, seconds: &str| {
        let settings = [
            ("tokens.lifetime_seconds", seconds),
            ("tokens.max_lifetime_seconds", seconds),
        ];
        server.renew(&settings).await;
        server.advance(SECOND);
    };
    renew(&mut server, "7200").await;
    renew(&mut server, "600").await;
    renew(&mut server, "60").await;
    let rotate = json!({"alg": "ES256", "force": true});
    assert_eq!(admin.post("/keys/rotate", rotate).await.status, 200);
    // Two hours from the second at which it was lowered, and one for clocks that differ.
    assert_eq!(
        key(&admin, &old).await["leaves_jwks_at"],
        "2026-03-01T15:00:01Z"
    );
}

#[tokio::test]
async fn a_rotation_that_was_asked_for_completes_by_itself() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let asked = admin
        .post("/keys/rotate", json!({"alg": "ES256"}))
        .await
        .json();
    let new = asked["items"][0]["kid"].as_str().unwrap();
    server.advance(HOUR.saturating_sub(SECOND));
    step(&server).await;
    assert_ne!(kid_of(&token(&server).await), new);
    server.advance(SECOND);
    step(&server).await;
    assert_eq!(kid_of(&token(&server).await), new);
    // The others are not touched, and a key that somebody made waits for them, or for its turn.
    let admin = admin.renewed().await;
    assert!(keys_in(&admin, "EdDSA", "retiring").await.is_empty());
    admin.post("/keys", json!({"alg": "ES256"})).await;
    server.advance(2 * HOUR);
    step(&server).await;
    assert_eq!(kid_of(&token(&server).await), new);
}

#[tokio::test]
async fn a_server_that_was_away_publishes_before_it_signs() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let old = active(&admin, "ES256").await;
    server.advance(400 * DAY);
    step(&server).await;
    assert_eq!(kid_of(&token(&server).await), old);
    server.advance(HOUR.saturating_sub(SECOND));
    step(&server).await;
    assert_eq!(kid_of(&token(&server).await), old);
    server.advance(SECOND);
    step(&server).await;
    assert_ne!(kid_of(&token(&server).await), old);
}

/// The first token of a key whose time has come. (The server's own look at the schedule may be in the
/// midst of the step: for a moment the key before it signs still.)
async fn first_token_of(server: &TestServer, kid: &str) -> String {
    let mut fresh = String::new();
    for _ in 0..50 {
        step(server).await;
        fresh = token(server).await;
        if kid_of(&fresh) == kid {
            return fresh;
        }
    }
    panic!("{kid} is due, and {} signs", kid_of(&fresh));
}

/// Plans a rotation, and returns the new key.
async fn rotate(server: &TestServer) -> String {
    let rotated = server.act("/keys/rotate", json!({"alg": "ES256"})).await;
    rotated["items"][0]["kid"].as_str().unwrap().to_owned()
}

/// How long a verifier may keep the JWKS.
const MAX_AGE: u64 = 300;

/// Somebody who keeps the JWKS for as long as it says.
struct Caching {
    /// What it has.
    keys: Verifier,
    /// When it has got it, in seconds since the beginning.
    since: u64,
}

impl Caching {
    async fn begin(server: &TestServer, since: u64) -> Self {
        let jwks = server.get("/.well-known/jwks.json").await;
        assert_eq!(jwks.header("cache-control"), Some("public, max-age=300"));
        Self {
            keys: Verifier::of(&jwks),
            since,
        }
    }

    /// Asks for the JWKS when what it has is too old, and not a second before.
    async fn check(&mut self, server: &TestServer, now: u64, token: &str) {
        if now - self.since >= MAX_AGE {
            *self = Self::begin(server, now).await;
        }
        let age = now - self.since;
        assert!(
            self.keys.accepts(token),
            "with a JWKS of {age} s, at {now} s"
        );
    }
}

// Security cases 156 and 157: three verifiers keep the JWKS for as long as it says, each from another
// moment on, and none of them is ever shown a token of a key that it does not have: neither just
// before it asks again, nor in the second in which a key takes over.
#[tokio::test]
async fn a_hundred_rotations_are_noticed_by_no_verifier() {
    const PUBLISHED_BEFORE: u64 = 360;
    let server = TestServer::with()
        .set("keys.publish_before_seconds", "360")
        .start()
        .await;
    let mut verifiers = Vec::new();
    let mut now = 0;
    for _ in 0..3 {
        verifiers.push(Caching::begin(&server, now).await);
        server.advance(Duration::from_secs(100));
        now += 100;
    }
    let mut kids = std::collections::BTreeSet::new();
    for turn in 0..100 {
        // A rotation is published now and takes over in 360 s; then tokens are looked at that are
        // fresh, with what was cached when nobody had asked yet.
        let new = rotate(&server).await;
        for after in [99, 100, 100, 60, 1] {
            server.advance(Duration::from_secs(after));
            now += after;
            let fresh = if after == 1 {
                first_token_of(&server, &new).await
            } else {
                step(&server).await;
                token(&server).await
            };
            kids.insert(kid_of(&fresh));
            assert!(server.admin.sees_active(&fresh).await, "turn {turn}");
            for verifier in &mut verifiers {
                verifier.check(&server, now, &fresh).await;
            }
        }
    }
    assert_eq!(kids.len(), 101, "each rotation has had its key");
    // What has left, has left: a key stays for two hours after it.
    let stays = usize::try_from(7_200 / PUBLISHED_BEFORE).unwrap() + 2;
    assert!(published(&server).await.len() <= 2 + 1 + stays);
}

// Security case 157: what was cached 99, 199 and 299 s ago, in the very second in which the next key
// takes over, before anybody asks anew.
#[tokio::test]
async fn a_cache_of_any_age_verifies_the_first_token_of_a_new_key() {
    let server = TestServer::with()
        .set("keys.publish_before_seconds", "360")
        .start()
        .await;
    let old = kid_of(&token(&server).await);
    let new = rotate(&server).await;
    // 61, 161 and 261 s after the publication: no cache is older than it may be.
    let mut caches = Vec::new();
    for after in [61, 100, 100] {
        server.advance(Duration::from_secs(after));
        caches.push(Verifier::of(&server.get("/.well-known/jwks.json").await));
    }
    server.advance(Duration::from_secs(98));
    step(&server).await;
    assert_eq!(kid_of(&token(&server).await), old, "a second before");
    server.advance(SECOND);
    let fresh = first_token_of(&server, &new).await;
    for (cache, age) in caches.iter().zip([299, 199, 99]) {
        assert!(cache.accepts(&fresh), "a JWKS of {age} s");
    }
}

// --- Several nodes

/// Another node on the same database and the same keys. The embedded store has none.
async fn second_node(server: &TestServer) -> Option<App> {
    if server.is_embedded() {
        return None;
    }
    let clock = Arc::clone(&server.clock) as Arc<dyn Clock>;
    let ground = Ground::open(server.app.config.clone(), clock)
        .await
        .unwrap();
    Some(ground.build().await.unwrap())
}

async fn is_active(node: &App, token: &str) -> bool {
    tokens::check(node, token).await.unwrap().is_ok()
}

// The bound for another node is zero, in both directions.
#[tokio::test]
async fn what_one_node_does_to_a_key_holds_on_the_other_at_once() {
    let server = TestServer::start().await;
    let Some(other) = second_node(&server).await else {
        return;
    };
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let old = client.token("").await;
    assert!(is_active(&other, &old).await);

    // The other node has heard nothing of this key when it meets its first token.
    let made = admin.post("/keys", json!({"alg": "ES256"})).await.json();
    let path = format!("/keys/{}/activate", made["kid"].as_str().unwrap());
    admin.post(&path, json!({"force": true})).await;
    let new = client.token("").await;
    assert!(is_active(&other, &new).await);
    assert!(is_active(&other, &old).await);

    let revoke = format!("/keys/{}/revoke", kid_of(&old));
    assert_eq!(admin.act(&revoke).await.status, 200);
    assert!(!is_active(&other, &old).await);
    assert!(is_active(&other, &new).await);
    schedule::once(&other).await.unwrap();
    assert!(!String::from_utf8_lossy(&other.key_ring.jwks().body).contains(&kid_of(&old)));
}

#[tokio::test]
async fn each_step_is_taken_by_one_node_only() {
    let server = TestServer::start().await;
    let Some(other) = second_node(&server).await else {
        return;
    };
    let admin = Administrator::first(&server).await;
    for by in [(90 * DAY).saturating_sub(HOUR), HOUR, 2 * HOUR] {
        server.advance(by);
        let steps = (0..4).flat_map(|_| [server.app.clone(), other.clone()]);
        let steps = steps.map(|node| tokio::spawn(async move { schedule::once(&node).await }));
        for step in steps.collect::<Vec<_>>() {
            step.await.unwrap().unwrap();
        }
    }
    let admin = admin.renewed().await;
    for action in ["create", "activate", "retire"] {
        let path = format!("/audit-events?action=signing_key.{action}");
        assert_eq!(events(&admin, &path).await.len(), 3, "{action}");
    }
    assert_eq!(other.key_ring.jwks().etag, server.app.key_ring.jwks().etag);
    let files = std::fs::read_dir(&server.app.config.keys.dir).unwrap();
    let pem = files.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        std::path::Path::new(&name)
            .extension()
            .is_some_and(|kind| kind == "pem")
    });
    assert_eq!(pem.count(), 3 + 1, "the active ones, and `audit.pem`");
}

// A node that lacks a file says so, and does not call a good token inactive.
#[tokio::test]
async fn a_node_without_the_file_of_a_key_knows_that_it_cannot_know() {
    let server = TestServer::start().await;
    let Some(other) = second_node(&server).await else {
        return;
    };
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let before = client.token("").await;
    let made = admin.post("/keys", json!({"alg": "ES256"})).await.json();
    let kid = made["kid"].as_str().unwrap();
    admin
        .post(&format!("/keys/{kid}/activate"), json!({"force": true}))
        .await;
    let token = client.token("").await;
    assert_eq!(kid_of(&token), kid);
    let (file, aside) = (file_of(&server, kid), file_of(&server, "aside"));
    std::fs::rename(&file, aside.with_extension("away")).unwrap();

    assert!(tokens::check(&other, &token).await.is_err());
    assert!(is_active(&other, &before).await, "the others go on");
    // And this node, which has read it before, goes on too.
    assert!(is_active(&server.app, &token).await);
    std::fs::rename(aside.with_extension("away"), &file).unwrap();
    assert!(is_active(&other, &token).await);
}
