//! `/keys/{kid}/retire`, `/revoke` and `/keys/rotate`: how signing keys come to their end.
//!
//! Security cases 49, 155 to 162, and P3; protocol.md 120.

use std::time::Duration;

use ostler::app::clean_up;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::Verifier;
use crate::harness::client::jwt_part;

use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;

/// A key, as it is told.
pub async fn key(admin: &Administrator, kid: &str) -> Value {
    let reply = admin.get(&format!("/keys/{kid}")).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    reply.json()
}

/// The keys of `alg` in a state, the oldest first.
pub async fn keys_in(admin: &Administrator, alg: &str, state: &str) -> Vec<String> {
    let keys = admin.get("/keys?limit=200").await.json()["items"].clone();
    let keys = keys.as_array().unwrap().iter();
    keys.filter(|key| key["alg"] == alg && key["state"] == state)
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

/// The key that signs `alg`.
pub async fn active(admin: &Administrator, alg: &str) -> String {
    let mut active = keys_in(admin, alg, "active").await;
    assert_eq!(active.len(), 1, "one key signs {alg}");
    active.remove(0)
}

/// The keys in the JWKS.
pub async fn published(server: &TestServer) -> Vec<String> {
    let jwks = Verifier::of(&server.get("/.well-known/jwks.json").await);
    jwks.kids().into_iter().map(str::to_owned).collect()
}

/// The key that has signed a token.
pub fn kid_of(token: &str) -> String {
    jwt_part(token, 0)["kid"].as_str().unwrap().to_owned()
}

/// Where the private half of a key is.
pub fn file_of(server: &TestServer, kid: &str) -> std::path::PathBuf {
    server.app.config.keys.dir.join(format!("{kid}.pem"))
}

async fn make(admin: &Administrator, alg: &str) -> String {
    let made = admin.post("/keys", json!({"alg": alg})).await;
    assert_eq!(made.status, 201, "{}", made.wire());
    made.json()["kid"].as_str().unwrap().to_owned()
}

async fn stage() -> (TestServer, Administrator, TestClient) {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    (server, admin, client)
}

/// The actions of the instance's chain that have to do with keys, the newest first.
async fn actions(admin: &Administrator) -> Vec<Value> {
    let events = super::audit_events::events(admin, "/audit-events").await;
    let is_of_keys = |event: &Value| {
        let action = event["action"].as_str().unwrap();
        action.starts_with("signing_key.")
    };
    events.into_iter().filter(is_of_keys).collect()
}

// Security case 161; protocol.md 120.
#[tokio::test]
async fn a_revoked_key_is_dead_at_once_and_another_signs() {
    let (server, admin, client) = stage().await;
    let old = active(&admin, "ES256").await;
    let token = client.token("").await;
    assert_eq!(kid_of(&token), old);
    assert!(client.sees_active(&token).await);
    let eddsa = active(&admin, "EdDSA").await;

    let revoked = admin.act(&format!("/keys/{old}/revoke")).await;
    // The caller's own token was signed by that key.
    assert_eq!(revoked.status, 200, "{}", revoked.wire());
    assert_eq!(revoked.json()["state"], "revoked");
    assert_eq!(revoked.json()["leaves_jwks_at"], "2026-03-01T12:00:00Z");
    assert!(!client.sees_active(&token).await);
    assert_eq!(admin.get("/keys").await.status, 401);

    let admin = admin.renewed().await;
    let new = active(&admin, "ES256").await;
    assert_ne!(new, old);
    let shown = published(&server).await;
    assert!(shown.contains(&new) && !shown.contains(&old));
    assert_eq!(active(&admin, "EdDSA").await, eddsa, "the others go on");
    let fresh = client.token("").await;
    assert_eq!(kid_of(&fresh), new);
    assert!(client.sees_active(&fresh).await);

    // One command, one event.
    let events = actions(&admin).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["action"], "signing_key.revoke");
    assert_eq!(events[0]["target"]["id"], json!(old));
    assert_eq!(
        events[0]["changes"],
        json!({
            "state": {"before": "active", "after": "revoked"},
            "active_kid": {"before": old, "after": new},
        })
    );

    // Again changes nothing, and it stays so after a restart.
    let again = admin.act(&format!("/keys/{old}/revoke")).await;
    assert_eq!(
        (again.status, &again.json()["state"]),
        (200, &json!("revoked"))
    );
    assert_eq!(actions(&admin).await.len(), 1);
    assert!(
        !file_of(&server, &old).exists(),
        "a key that is over is not kept"
    );
    let server = server.restart().await;
    assert!(!client.sees_active(&token).await);
    assert!(client.sees_active(&fresh).await);
    assert!(!published(&server).await.contains(&old));
}

#[tokio::test]
async fn a_key_that_verifiers_know_takes_over_from_one_that_is_revoked() {
    let (server, admin, client) = stage().await;
    let known = make(&admin, "ES256").await;
    server.advance(Duration::from_hours(1));
    let admin = admin.renewed().await;
    let old = active(&admin, "ES256").await;
    assert_eq!(admin.act(&format!("/keys/{old}/revoke")).await.status, 200);
    assert_eq!(kid_of(&client.token("").await), known);
}

// Security case 159.
#[tokio::test]
async fn a_retiring_a_pending_and_a_retired_key_can_be_revoked() {
    let (server, admin, client) = stage().await;
    let old = active(&admin, "ES256").await;
    let token = client.token("").await;
    let next = make(&admin, "ES256").await;
    admin
        .post(&format!("/keys/{next}/activate"), json!({"force": true}))
        .await;
    assert!(client.sees_active(&token).await);
    assert_eq!(admin.act(&format!("/keys/{old}/revoke")).await.status, 200);
    assert!(!client.sees_active(&token).await);
    let admin = admin.renewed().await;
    assert_eq!(
        active(&admin, "ES256").await,
        next,
        "nothing else is touched"
    );

    let pending = make(&admin, "RS256").await;
    let retired = make(&admin, "RS256").await;
    admin.act(&format!("/keys/{retired}/retire")).await;
    for kid in [&pending, &retired] {
        let revoked = admin.act(&format!("/keys/{kid}/revoke")).await;
        assert_eq!(revoked.json()["state"], "revoked");
        let back = admin
            .post(&format!("/keys/{kid}/activate"), json!({"force": true}))
            .await;
        assert_eq!(refusal(&back), (409, "wrong_state".into()));
        let back = admin.act(&format!("/keys/{kid}/retire")).await;
        assert_eq!(refusal(&back), (409, "wrong_state".into()));
        assert!(!published(&server).await.contains(kid));
    }
}

// Security case 158; contract section 3: retiring the only one is 409.
#[tokio::test]
async fn a_key_is_retired_when_another_can_sign_and_stays_until_its_tokens_are_dead() {
    let (server, admin, client) = stage().await;
    let old = active(&admin, "ES256").await;
    let retire = format!("/keys/{old}/retire");
    for body in [json!({}), json!({"force": true})] {
        let only = admin.post(&retire, body).await;
        assert_eq!(refusal(&only), (409, "in_use".into()));
    }
    let next = make(&admin, "ES256").await;
    let early = admin.act(&retire).await;
    assert_eq!(refusal(&early), (409, "not_published_long_enough".into()));
    server.advance(Duration::from_secs(3_599));
    let admin = admin.renewed().await;
    assert_eq!(admin.act(&retire).await.status, 409);
    server.advance(Duration::from_secs(1));
    let token = client.token("").await;

    let retired = admin.act(&retire).await;
    assert_eq!(retired.status, 200, "{}", retired.wire());
    assert_eq!(retired.json()["state"], "retiring");
    // The longest lifetime of a token, and an hour.
    assert_eq!(retired.json()["leaves_jwks_at"], "2026-03-01T15:00:00Z");
    assert_eq!(retired.json()["last_signed_at"], "2026-03-01T13:00:00Z");
    assert_eq!(active(&admin, "ES256").await, next);
    assert!(published(&server).await.contains(&old));
    assert!(client.sees_active(&token).await);
    let again = admin.act(&retire).await;
    assert_eq!(
        (again.status, &again.json()["state"]),
        (200, &json!("retiring"))
    );
    let events = actions(&admin).await;
    assert_eq!(events[0]["action"], "signing_key.retire");
    assert_eq!(events[0]["changes"]["active_kid"]["after"], json!(next));
    assert_eq!(events.len(), 2, "made, and retired");
}

#[tokio::test]
async fn a_key_that_never_signed_leaves_at_once() {
    let (server, admin, _) = stage().await;
    let pending = make(&admin, "EdDSA").await;
    assert!(published(&server).await.contains(&pending));
    let retired = admin.act(&format!("/keys/{pending}/retire")).await;
    assert_eq!(retired.json()["state"], "retired");
    assert!(!published(&server).await.contains(&pending));
    assert!(!file_of(&server, &pending).exists());
    assert_eq!(key(&admin, &pending).await, retired.json());
}

#[tokio::test]
async fn a_rotation_publishes_first_and_takes_over_by_the_next() {
    let (server, admin, client) = stage().await;
    let old = active(&admin, "ES256").await;
    let rotated = admin.act("/keys/rotate").await;
    assert_eq!(rotated.status, 200, "{}", rotated.wire());
    let items = rotated.json()["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 3, "one for each algorithm");
    for item in &items {
        assert_eq!(item["state"], "pending");
        assert_eq!(item["activates_at"], "2026-03-01T13:00:00Z");
    }
    assert_eq!(kid_of(&client.token("").await), old);
    assert_eq!(actions(&admin).await.len(), 1, "one command, one event");
    // Asked again, nothing is to be done yet.
    let again = admin.act("/keys/rotate").await;
    assert_eq!(again.json()["items"], rotated.json()["items"]);
    assert_eq!(actions(&admin).await.len(), 1);

    // What takes over by itself is in `key_schedule`: here somebody is faster.
    let forced = admin
        .post("/keys/rotate", json!({"alg": "ES256", "force": true}))
        .await;
    let new = &forced.json()["items"][0];
    assert_eq!(
        (&new["state"], &new["alg"]),
        (&json!("active"), &json!("ES256"))
    );
    assert_eq!(
        kid_of(&client.token("").await),
        new["kid"].as_str().unwrap()
    );
    assert_eq!(key(&admin, &old).await["state"], "retiring");
    let event = &actions(&admin).await[0];
    assert_eq!(event["action"], "signing_key.rotate");
    assert_eq!(event["target"]["type"], "instance");
    assert_eq!(
        event["changes"],
        json!({"ES256": {"before": old, "after": new["kid"]}})
    );
    drop(server);
}

#[tokio::test]
async fn what_cannot_be_retired_revoked_or_rotated_is_refused() {
    let (server, admin, _) = stage().await;
    for kid in ["unknown", "..%2F..%2Fetc%2Fpasswd", "%00"] {
        for verb in ["retire", "revoke"] {
            let reply = admin.act(&format!("/keys/{kid}/{verb}")).await;
            assert_eq!(refusal(&reply), (404, "not_found".into()), "{kid}");
        }
        let reply = admin.get(&format!("/keys/{kid}")).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()), "{kid}");
    }
    let old = active(&admin, "ES256").await;
    for (path, body, wrong) in [
        (
            format!("/keys/{old}/revoke"),
            json!({"force": true}),
            at("/force", "unknown_field"),
        ),
        (
            format!("/keys/{old}/retire"),
            json!({"force": "yes"}),
            at("/force", "wrong_type"),
        ),
        (
            "/keys/rotate".to_owned(),
            json!({"alg": "HS256"}),
            at("/alg", "invalid"),
        ),
    ] {
        assert_eq!(mistakes(&admin.post(&path, body).await), [wrong]);
    }
    // A key of that organization's own does not exist: all of them are the instance's.
    let organization = server.id_of("/organizations/default").await;
    let own = ostler(&["keys:write"], &json!([organization]));
    let own = Administrator::with(&server, "key-bot", json!([own])).await;
    for path in [
        "/keys/rotate",
        &format!("/keys/{old}/revoke"),
        &format!("/keys/{old}/retire"),
    ] {
        assert_eq!(own.act(path).await.status, 403, "{path}");
    }
    assert_eq!(published(&server).await.len(), 3);
}

#[tokio::test]
async fn only_so_many_keys_are_pending() {
    let (server, admin, _) = stage().await;
    for _ in 0..10 {
        make(&admin, "EdDSA").await;
    }
    let one_more = admin.post("/keys", json!({"alg": "EdDSA"})).await;
    assert_eq!(refusal(&one_more), (409, "quota_reached".into()));
    make(&admin, "ES256").await;
    assert_eq!(published(&server).await.len(), 14);
    let files = std::fs::read_dir(&server.app.config.keys.dir).unwrap();
    let pem = files.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        std::path::Path::new(&name)
            .extension()
            .is_some_and(|kind| kind == "pem")
    });
    assert_eq!(
        pem.count(),
        14 + 1,
        "and `audit.pem`: nothing is left of the one that was refused"
    );
}

// Contract section 3: when a key has last signed, written behind.
#[tokio::test]
async fn when_a_key_last_signed_is_known_and_survives_a_restart() {
    let (server, admin, client) = stage().await;
    let kid = active(&admin, "ES256").await;
    server.advance(Duration::from_secs(90));
    client.token("").await;
    assert_eq!(
        key(&admin, &kid).await["last_signed_at"],
        "2026-03-01T12:01:30Z"
    );
    ostler::app::keys::note_signatures(&server.app)
        .await
        .unwrap();
    let server = server.restart().await;
    assert_eq!(
        key(&admin, &kid).await["last_signed_at"],
        "2026-03-01T12:01:30Z"
    );
    assert_eq!(
        key(&admin, &active(&admin, "RS256").await).await["last_signed_at"],
        json!(null)
    );
    drop(server);
}

// Security case 165 for keys: what is not written down has not happened.
#[tokio::test]
async fn a_revocation_that_cannot_be_committed_is_none() {
    let (server, admin, client) = stage().await;
    let old = active(&admin, "ES256").await;
    let token = client.token("").await;
    server
        .refuse_inserts("audit_event", "NEW.action = 'signing_key.revoke'")
        .await;
    let refused = admin.act(&format!("/keys/{old}/revoke")).await;
    assert_eq!(refusal(&refused), (503, "unavailable".into()));
    assert!(client.sees_active(&token).await);
    assert_eq!(active(&admin, "ES256").await, old);
    server.allow_inserts("audit_event").await;
    assert_eq!(admin.act(&format!("/keys/{old}/revoke")).await.status, 200);
    assert!(!client.sees_active(&token).await);
}

/// How many files of private keys there are, with that of the audit key.
pub fn key_files(server: &TestServer) -> usize {
    let files = std::fs::read_dir(&server.app.config.keys.dir).unwrap();
    let names = files.map(|file| file.unwrap().file_name());
    let is_key = |name: &std::ffi::OsString| {
        let kind = std::path::Path::new(name).extension();
        kind.is_some_and(|kind| kind == "pem")
    };
    names.filter(is_key).count()
}

#[tokio::test]
async fn a_call_that_is_refused_leaves_no_key_behind() {
    let (server, admin, _) = stage().await;
    assert_eq!(key_files(&server), 3 + 1);
    let of_another = ("If-Match", "\"another-1\"");
    let revoke = format!("/keys/{}/revoke", active(&admin, "EdDSA").await);
    for (path, body) in [
        ("/keys", json!({"alg": "EdDSA"})),
        ("/keys/rotate", json!({})),
        (revoke.as_str(), json!({})),
    ] {
        let refused = admin.call_with(of_another, "POST", path, Some(&body)).await;
        assert_eq!(
            refusal(&refused),
            (412, "precondition_failed".into()),
            "{path}"
        );
        assert_eq!(key_files(&server), 3 + 1, "{path}");
    }
    assert_eq!(published(&server).await.len(), 3);
}

// A key without its record is of use to nobody but a thief.
#[tokio::test]
async fn a_key_whose_record_cannot_be_kept_leaves_no_file() {
    let (server, admin, _) = stage().await;
    let revoke = format!("/keys/{}/revoke", active(&admin, "EdDSA").await);
    let calls = [
        ("/keys", json!({"alg": "EdDSA"})),
        ("/keys/rotate", json!({"alg": "ES256"})),
        (revoke.as_str(), json!({})),
    ];
    for (path, body) in &calls {
        // Of a call under a key the record comes with the answer, or not at all.
        for table in ["signing_key", "answered_call"] {
            server.refuse_inserts(table, "1 = 1").await;
            let refused = admin.keyed("k", path, body).await;
            assert_eq!(refusal(&refused), (503, "unavailable".into()), "{path}");
            server.allow_inserts(table).await;
            assert_eq!(key_files(&server), 3 + 1, "{path}, {table}");
        }
    }
    for (number, (path, body)) in (1..).zip(&calls) {
        let done = admin.keyed("k", path, body).await;
        assert!(done.status < 300, "{path}: {}", done.wire());
        // The file of the one that was revoked has gone, and that of its successor has come.
        let expected = 3 + 1 + number.min(2);
        assert_eq!(key_files(&server), expected, "{path}");
    }
    server.restart().await;
}

// A record without its file would stop the next start.
#[tokio::test]
async fn the_file_of_a_key_stays_where_its_record_may_have_come() {
    let (server, admin, _) = stage().await;
    server
        .refuse_inserts("audit_event", "NEW.action = 'signing_key.create'")
        .await;
    let refused = admin.post("/keys", json!({"alg": "EdDSA"})).await;
    assert_eq!(refusal(&refused), (503, "unavailable".into()));
    assert_eq!(key_files(&server), 3 + 1 + 1);
    assert_eq!(published(&server).await.len(), 3);
}

/// Adds so many keys that were retired at this instant, behind the server's back.
async fn add_retired(server: &TestServer, count: usize) {
    let now = server.now().as_millisecond();
    let statement = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
         INSERT INTO signing_key
             (kid, algorithm, state, created_at, published_at, leaves_jwks_at)
         SELECT 'old-' || CAST(n AS TEXT), 'ES256', 'retired', {now} + 1, {now}, {now} FROM numbers"
    );
    server.run_sql(statement).await;
}

#[tokio::test]
async fn there_are_five_hundred_keys_at_most_and_one_can_always_be_revoked() {
    let (server, admin, client) = stage().await;
    add_retired(&server, 495).await;
    let rotate = async |body: Value| admin.post("/keys/rotate", body).await;
    let full = (409, "quota_reached".to_owned());
    assert_eq!(refusal(&rotate(json!({})).await), full);
    // Those that have a successor already need no new one.
    for alg in ["ES256", "EdDSA", "ES256"] {
        assert_eq!(rotate(json!({"alg": alg})).await.status, 200);
    }
    let one_more = admin.post("/keys", json!({"alg": "RS256"})).await;
    assert_eq!(refusal(&one_more), full);
    assert_eq!(
        one_more.json()["detail"],
        "there are 500 keys: those that are retired or revoked are forgotten after 90 days"
    );
    assert_eq!(refusal(&rotate(json!({"alg": "RS256"})).await), full);
    assert_eq!(key_files(&server), 5 + 1);

    let signs = active(&admin, "ES256").await;
    let revoked = admin.act(&format!("/keys/{signs}/revoke")).await;
    assert_eq!(revoked.status, 200, "{}", revoked.wire());
    assert_ne!(kid_of(&client.token("").await), signs);
}

#[tokio::test]
async fn a_key_that_is_over_is_forgotten_after_ninety_days() {
    let (server, admin, _) = stage().await;
    let made = make(&admin, "EdDSA").await;
    let retired = admin.act(&format!("/keys/{made}/retire")).await;
    assert_eq!(retired.json()["state"], "retired", "{}", retired.wire());
    let revoked = make(&admin, "ES256").await;
    admin.act(&format!("/keys/{revoked}/revoke")).await;
    let is_known = async |kid: &str| {
        let admin = admin.renewed().await;
        admin.get(&format!("/keys/{kid}")).await.status == 200
    };
    let said = async || {
        let changes = "SELECT changes FROM audit_event WHERE action = 'instance.clean_up'";
        server.rows(changes).await
    };

    server.advance(Duration::from_secs(90 * 86_400 - 1));
    clean_up::once(&server.app).await.unwrap();
    assert!(is_known(&made).await && is_known(&revoked).await);
    assert_eq!(said().await, Vec::<String>::new());
    server.advance(Duration::from_secs(1));
    let signs = active(&admin.renewed().await, "RS256").await;
    for _ in 0..2 {
        clean_up::once(&server.app).await.unwrap();
    }
    assert!(!is_known(&made).await && !is_known(&revoked).await);
    assert!(is_known(&signs).await);
    let said = said().await;
    assert_eq!(said.len(), 1);
    assert!(
        said[0].contains(&made) && said[0].contains(&revoked),
        "{}",
        said[0]
    );
}
