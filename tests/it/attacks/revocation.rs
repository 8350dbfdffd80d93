//! What was acknowledged counts: while others ask, while time passes, and whatever fails.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use ostler::app::directory::REVOCATION_KEPT;
use rustix::process::Resource;
use rustix::process::Rlimit;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::harness::wire::Connection;
use crate::harness::wire::Request;
use crate::services;
use crate::services::Fault;
use crate::services::FaultProxy;
use crate::services::RedisServer;
use crate::transport::harness::is_apart;
use crate::transport::harness::run_apart;

/// How often something is tried that has to hold each time; `OSTLER_TEST_REPETITIONS` asks for more.
fn repetitions(usual: u32) -> u32 {
    let wanted = std::env::var("OSTLER_TEST_REPETITIONS").ok();
    wanted.map_or(usual, |wanted| wanted.parse().expect("a number"))
}

/// Somebody on a connection of their own.
struct Caller {
    client: TestClient,
    connection: Connection,
}

impl Caller {
    async fn new(client: &TestClient) -> Self {
        Self {
            client: client.clone(),
            connection: Connection::open(client.address()).await.unwrap(),
        }
    }

    async fn post(&mut self, path: &str, form: &str) -> (u16, Value) {
        let request = self.client.form(path, form);
        let reply = self.connection.exchange(&request).await.unwrap();
        (reply.status, reply.json())
    }

    async fn token(&mut self) -> String {
        let form = "grant_type=client_credentials";
        let (status, body) = self.post("/oauth/token", form).await;
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    async fn sees_active(&mut self, token: &str) -> bool {
        let form = format!("token={token}");
        let (status, body) = self.post("/oauth/introspect", &form).await;
        assert_eq!(status, 200, "{body}");
        assert!(body["active"] == true || body == json!({"active": false}));
        body["active"] == true
    }

    async fn revoke(&mut self, token: &str) {
        let form = format!("token={token}");
        let (status, body) = self.post("/oauth/revoke", &form).await;
        assert_eq!(status, 200, "{body}");
    }
}

/// Tokens and introspections as fast as they come, on connections of their own, until told to stop.
fn load(client: &TestClient, callers: usize, stop: &Arc<AtomicBool>) -> JoinSet<()> {
    let mut load = JoinSet::new();
    for _ in 0..callers {
        let (client, stop) = (client.clone(), Arc::clone(stop));
        load.spawn(async move {
            let mut caller = Caller::new(&client).await;
            while !stop.load(Ordering::Relaxed) {
                let token = caller.token().await;
                assert!(caller.sees_active(&token).await);
            }
        });
    }
    load
}

/// Asks about a token without a pause until it was inactive three times; tells of each answer when it
/// was asked for and what it was.
async fn watch(client: TestClient, token: String) -> Vec<(Instant, bool)> {
    let mut caller = Caller::new(&client).await;
    let (mut answers, mut inactive) = (Vec::new(), 0);
    while inactive < 3 {
        let asked = Instant::now();
        let active = caller.sees_active(&token).await;
        inactive += usize::from(!active);
        answers.push((asked, active));
    }
    answers
}

// Security case 59.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_introspection_that_begins_after_the_acknowledgement_says_active() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = load(&ci, 2, &stop);
    let (mut own, mut other) = (Caller::new(&ci).await, Caller::new(&server.admin).await);
    for _ in 0..repetitions(20) {
        let token = own.token().await;
        assert!(other.sees_active(&token).await);
        let watching = tokio::spawn(watch(ci.clone(), token.clone()));
        own.revoke(&token).await;
        let acknowledged = Instant::now();

        assert!(!own.sees_active(&token).await, "on the same connection");
        assert!(!other.sees_active(&token).await, "on another connection");
        assert!(
            !server.admin.sees_active(&token).await,
            "on a new connection"
        );
        let mut answers = watching.await.unwrap().into_iter();
        let violation = answers.find(|(asked, active)| *active && *asked >= acknowledged);
        assert_eq!(violation, None);
    }
    stop.store(true, Ordering::Relaxed);
    load.join_all().await;
}

// Security case 78.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_that_was_got_while_an_account_was_disabled_is_active_afterwards() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let account = ci.account_path();
    let mut admin = Caller::new(&server.admin).await;
    for _ in 0..repetitions(2) {
        let mut racing = JoinSet::new();
        for _ in 0..3 {
            let ci = ci.clone();
            racing.spawn(async move {
                let mut caller = Caller::new(&ci).await;
                let mut tokens = VecDeque::new();
                loop {
                    let form = "grant_type=client_credentials";
                    let (status, body) = caller.post("/oauth/token", form).await;
                    if status != 200 {
                        assert_eq!((status, &body["error"]), (401, &json!("invalid_client")));
                        return Vec::from(tokens);
                    }
                    tokens.push_back(body["access_token"].as_str().unwrap().to_owned());
                    if tokens.len() > REMEMBERED {
                        tokens.pop_front();
                    }
                }
            });
        }
        // Somewhere in their midst.
        for _ in 0..8 {
            let token = admin.token().await;
            assert!(admin.sees_active(&token).await);
        }
        server.act(&format!("{account}/disable"), json!({})).await;

        let (status, _) = {
            let mut late = Caller::new(&ci).await;
            late.post("/oauth/token", "grant_type=client_credentials")
                .await
        };
        assert_eq!(status, 401);
        let tokens = racing.join_all().await.concat();
        assert!(tokens.len() > 8, "there was no race");
        server.act(&format!("{account}/enable"), json!({})).await;
        for token in &tokens {
            assert!(!admin.sees_active(token).await);
        }
    }
}

/// The most that one who races remembers: those that were got last are the ones in question.
const REMEMBERED: usize = 25;

// Security case 74: the record of a revocation outlives the token, by every clock.
#[tokio::test]
async fn a_revoked_token_is_at_no_instant_active_again() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    // Neither the token nor its revocation begins with a second.
    server.advance(Duration::from_millis(730));
    let reply = ci.ask("expires_in=60").await;
    let token = reply.access_token();
    server.advance(Duration::from_millis(395));
    assert_eq!(ci.revoke(&token).await.status, 200);

    let end = jwt_part(&token, 1)["exp"].as_i64().unwrap();
    let at = |millis: i64| Timestamp::from_millisecond(1_000 * end + millis).unwrap();
    let near = (-2_000..2_000).step_by(50);
    let far = (2_000..120_000).step_by(1_000);
    let beyond = [3_600_000, 25 * 3_600_000, 26 * 3_600_000, 27 * 3_600_000];
    let mut asker = Caller::new(&ci).await;
    for millis in near.chain(far).chain(beyond) {
        server.clock.set(at(millis));
        assert!(
            !asker.sees_active(&token).await,
            "{millis} ms after its end"
        );
        // What the server does each hour: it forgets what is over by every clock.
        if millis % 1_000 == 0 {
            let before = server.now().saturating_sub(REVOCATION_KEPT).unwrap();
            server
                .app
                .store
                .remove_revoked_tokens(before)
                .await
                .unwrap();
        }
    }
    assert!(
        server
            .rows("SELECT jti FROM revoked_token")
            .await
            .is_empty()
    );
}

// Security case 75; `token::lifetime` has the ends of secrets and accounts when a token is issued.
#[tokio::test]
async fn a_token_is_active_until_the_second_that_was_promised() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let access = json!([{"api": "deploy", "scopes": ["deploy:read"],
                         "resources": {"project": ["APOLLO"]}}]);
    let end = "2026-03-01T12:05:00Z";
    let mut tokens = Vec::new();
    for (name, account, credential) in [
        ("plain-bot", json!({}), json!({})),
        ("ending-bot", json!({"expires_at": end}), json!({})),
        (
            "rotating-bot",
            json!({}),
            json!({"expires_in_seconds": 300}),
        ),
    ] {
        let mut body = json!({"name": name, "access": access, "credential": {"name": "first"}});
        body["credential"]
            .as_object_mut()
            .unwrap()
            .extend(members(credential));
        body.as_object_mut().unwrap().extend(members(account));
        let path = "/organizations/default/service-accounts";
        let client = server.client_of(&server.create(path, body).await);
        let reply = client.ask("").await;
        let promised = reply.json()["expires_in"].as_u64().unwrap();
        assert_eq!(promised, if name == "plain-bot" { 900 } else { 300 });
        let end = server.now() + Duration::from_secs(promised);
        tokens.push((name, reply.access_token(), end));
    }
    for (name, token, end) in tokens {
        let second = Duration::from_secs(1);
        for (at, active) in [
            (end - second, true),
            (end - Duration::from_millis(1), true),
            (end, false),
            (end + second, false),
        ] {
            server.clock.set(at);
            assert_eq!(
                server.admin.sees_active(&token).await,
                active,
                "{name} {at}"
            );
        }
        server.clock.set("2026-03-01T12:00:00Z".parse().unwrap());
    }
}

fn members(object: Value) -> serde_json::Map<String, Value> {
    match object {
        Value::Object(members) => members,
        other => panic!("no object: {other}"),
    }
}

/// A server with a client of it and two of the client's tokens.
async fn two_tokens(server: &TestServer) -> (TestClient, String, String) {
    let ci = server.client("ci-deployer", "deploy:read").await;
    let (one, other) = (ci.token("").await, ci.token("").await);
    (ci, one, other)
}

// Security case 70.
#[tokio::test]
async fn a_revocation_that_the_database_refuses_has_not_happened() {
    let server = TestServer::start().await;
    let (ci, token, other) = two_tokens(&server).await;
    let jti = jwt_part(&token, 1)["jti"].as_str().unwrap().to_owned();
    let this_one = format!("NEW.jti = '{jti}'");
    server.refuse_inserts("revoked_token", &this_one).await;

    for _ in 0..3 {
        let refused = ci.revoke(&token).await;
        assert_eq!(refused.status, 503, "{}", refused.wire());
        assert_eq!(refused.error(), "temporarily_unavailable");
        assert!(refused.header("retry-after").is_some());
        assert!(ci.sees_active(&token).await);
    }
    // It is about this token and no other, now and in the time to come.
    assert_eq!(ci.revoke(&other).await.status, 200);
    assert!(!ci.sees_active(&other).await);

    server.allow_inserts("revoked_token").await;
    assert_eq!(ci.revoke(&token).await.status, 200);
    assert!(!ci.sees_active(&token).await);
    assert_eq!(server.audited("token.revoke").await.len(), 2);
    let server = server.restart().await;
    assert!(!server.admin.sees_active(&token).await);
}

// Security cases 70 and 142.
#[tokio::test]
async fn without_redis_and_without_a_database_nothing_is_revoked_and_nothing_wrong_is_said() {
    let database = services::postgres_database().await;
    let (proxy, url) = FaultProxy::before(database.url()).await;
    let mut redis = RedisServer::start();
    let server = TestServer::with()
        .database(&url)
        .redis(&redis.url())
        .start()
        .await;
    let (ci, token, revoked) = two_tokens(&server).await;
    assert_eq!(ci.revoke(&revoked).await.status, 200);

    redis.kill();
    proxy.set(Fault::Cut);
    for reply in [
        ci.revoke(&token).await,
        ci.introspect(&token).await,
        ci.introspect(&revoked).await,
        ci.ask("").await,
    ] {
        assert_eq!(reply.status, 503, "{}", reply.wire());
        assert_eq!(reply.error(), "temporarily_unavailable");
    }
    assert_eq!(server.get("/.well-known/jwks.json").await.status, 200);

    // The database alone is enough.
    proxy.set(Fault::Pass);
    until_it_answers(&ci).await;
    assert!(ci.sees_active(&token).await);
    assert!(!ci.sees_active(&revoked).await);
    assert_eq!(ci.revoke(&token).await.status, 200);
    redis.restart_empty();
    assert!(!ci.sees_active(&token).await && !ci.sees_active(&revoked).await);
}

async fn until_it_answers(client: &TestClient) {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..400 {
        ticks.tick().await;
        if client.ask("").await.status == 200 {
            return;
        }
    }
    panic!("the server does not answer again");
}

// Security case 71: whatever becomes of Redis, and whatever it says then.
#[tokio::test]
async fn a_redis_that_forgets_or_is_another_one_revives_nothing() {
    let mut redis = RedisServer::start();
    let server = TestServer::with().redis(&redis.url()).start().await;
    let (ci, token, kept) = two_tokens(&server).await;
    assert_eq!(ci.revoke(&token).await.status, 200);
    let check = async || {
        assert!(!ci.sees_active(&token).await);
        assert!(ci.sees_active(&kept).await);
    };
    check().await;

    let client = redis::Client::open(redis.url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let names: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut raw)
        .await
        .unwrap();
    assert!(!names.is_empty(), "it was told");
    let flush = redis::cmd("FLUSHALL");
    flush.query_async::<()>(&mut raw).await.unwrap();
    check().await;
    // What it knew is of another type now.
    for name in names {
        let push = redis::cmd("LPUSH").arg(name).arg("x").to_owned();
        push.query_async::<()>(&mut raw).await.unwrap();
    }
    check().await;

    redis.restart_empty();
    check().await;
    let server = server.restart().await;
    check().await;
    redis.kill();
    check().await;
    drop(server);
}

// Security case 72.
#[tokio::test]
async fn the_very_first_answer_after_a_start_knows_every_revocation() {
    let server = TestServer::start().await;
    let (ci, token, kept) = two_tokens(&server).await;
    assert_eq!(ci.revoke(&token).await.status, 200);
    add_revocations(&server).await;

    let request = ci.form("/oauth/introspect", &format!("token={token}"));
    let ready = Request::new(server.management, "GET", "/readyz");
    let (main, management) = (server.address, server.management);
    let stopped = server.stop().await;
    // Who asks without a pause while it starts is told no lie, and is not told to come before it is
    // ready.
    let asking = tokio::spawn(first_answer(main, request));
    let probing = tokio::spawn(first_answer(management, ready));
    let server = stopped.start().await;
    let answer = asking.await.unwrap();
    let inactive = (200, r#"{"active":false}"#.to_owned());
    assert!(answer.0 == 503 || answer == inactive, "{answer:?}");
    assert_eq!(probing.await.unwrap(), (200, "ready\n".to_owned()));
    assert!(server.admin.sees_active(&kept).await);
    assert!(!server.admin.sees_active(&token).await);
}

/// Stores revocations of tokens that are not over, `OSTLER_TEST_REVOCATIONS` of them.
async fn add_revocations(server: &TestServer) {
    let wanted = std::env::var("OSTLER_TEST_REVOCATIONS").ok();
    let count: u32 = wanted.map_or(50_000, |wanted| wanted.parse().expect("a number"));
    let jti = if server.is_embedded() {
        "printf('%021d', n) || 'A'"
    } else {
        "lpad(CAST(n AS TEXT), 21, '0') || 'A'"
    };
    let end = server.now().as_millisecond() + 900_000;
    let insert = format!(
        "INSERT INTO revoked_token (jti, organization_id, expires_at, revoked_at)
         WITH RECURSIVE number (n) AS
             (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
         SELECT {jti}, (SELECT id FROM organization WHERE name = 'default'), {end}, 0
         FROM number"
    );
    server.run_sql(insert).await;
    let stored = server
        .rows("SELECT CAST(count(*) AS TEXT) FROM revoked_token")
        .await;
    assert_eq!(stored, [(count + 1).to_string()]);
}

/// The status and the body of the first answer that comes from there.
async fn first_answer(from: SocketAddr, request: Request) -> (u16, String) {
    loop {
        if let Ok(mut connection) = Connection::open(from).await
            && let Ok(reply) = connection.exchange(&request).await
        {
            return (reply.status, reply.text().to_owned());
        }
        tokio::task::yield_now().await;
    }
}

// Security cases 70 and 134: the database cannot grow. (What a full disk is called is told apart in
// `store`; here a write past the end of what a file may have fails, which the system allows to try
// without a disk of one's own.)
#[test]
fn a_revocation_that_finds_no_room_has_not_happened() {
    if !is_apart() {
        let name = "attacks::revocation::a_revocation_that_finds_no_room_has_not_happened";
        // Such a write fails, instead of ending the process.
        run_apart(name, "trap '' XFSZ &&");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("ostler.db");
        let url = format!("sqlite://{}", file.display());
        let server = TestServer::with().database(&url).start().await;
        let (ci, first, _) = two_tokens(&server).await;
        let log = file.with_extension("db-wal");
        limit_files(Some(log.metadata().unwrap().len() + 256 * 1024));

        let mut acknowledged = Vec::new();
        let mut token = first;
        let refused = loop {
            let reply = ci.revoke(&token).await;
            if reply.status != 200 {
                break reply;
            }
            acknowledged.push(token);
            assert!(acknowledged.len() < 1_000, "there is always room");
            token = ci.token("").await;
        };
        assert_eq!(refused.status, 503, "{}", refused.wire());
        assert!(!acknowledged.is_empty());
        let unknown = ci.introspect(&token).await;
        assert!(unknown.status == 503 || unknown.json()["active"] == true);

        // It heals by itself.
        limit_files(None);
        until_it_answers(&ci).await;
        assert!(ci.sees_active(&token).await);
        assert_eq!(ci.revoke(&token).await.status, 200);
        assert!(!ci.sees_active(&token).await);
        let events = server.audited("token.revoke").await.len();
        assert_eq!(events, acknowledged.len() + 1);
        for token in &acknowledged {
            assert!(!ci.sees_active(token).await);
        }
    });
}

/// Bounds the size of the files that this process writes.
fn limit_files(bytes: Option<u64>) {
    let limit = rustix::process::getrlimit(Resource::Fsize);
    let limit = Rlimit {
        current: bytes,
        ..limit
    };
    rustix::process::setrlimit(Resource::Fsize, limit).unwrap();
}
