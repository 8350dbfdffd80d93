//! A server whose dependencies fail: it says that it cannot answer, or answers right, and goes on by
//! itself when they are back (contract section 4; protocol 122, 161, 173 to 175).
//!
//! A panic (500, `server_error`) and a slow body (408) are tried in `transport`.

use std::time::Duration;
use std::time::Instant;

use insta::assert_snapshot;
use serde_json::json;
use sqlx::Executor;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::interval;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;
use crate::services;
use crate::services::Fault;
use crate::services::FaultProxy;
use crate::services::PostgresDatabase;
use crate::services::RedisServer;

/// How often at most is asked whether something is back.
const TRIES: usize = 400;

/// Asks `/readyz` until it says `expected`.
async fn wait_until(server: &TestServer, expected: &str) {
    let mut ticks = interval(Duration::from_millis(50));
    let mut said = String::new();
    for _ in 0..TRIES {
        ticks.tick().await;
        server.manage("/readyz").await.text().clone_into(&mut said);
        if said.trim() == expected {
            return;
        }
    }
    panic!("it says {said:?} and never {expected:?}");
}

/// A server on PostgreSQL, through a proxy.
struct OnPostgres {
    server: TestServer,
    ci: TestClient,
    admin_token: String,
    proxy: FaultProxy,
    _database: PostgresDatabase,
}

impl OnPostgres {
    async fn start() -> Self {
        let database = services::postgres_database().await;
        let (proxy, url) = FaultProxy::before(database.url()).await;
        let server = TestServer::with().database(&url).start().await;
        let ci = server.client("ci-deployer", "deploy:read").await;
        let asking = format!("resource={ISSUER}");
        let admin_token = server.admin.ask(&asking).await.access_token();
        Self {
            server,
            ci,
            admin_token,
            proxy,
            _database: database,
        }
    }

    async fn ask_admin(&self) -> Reply {
        let request = self.server.request("GET", "/admin/v1/organizations");
        request.bearer(&self.admin_token).send().await
    }

    /// What needs the database says that it is not there; what does not, answers as ever.
    async fn answers_without_a_database(&self, token: &str) {
        let Self { server, ci, .. } = self;
        for reply in [
            ci.ask("").await,
            ci.introspect(token).await,
            ci.revoke(token).await,
            ci.with_secret(&server.admin.secret).ask("").await,
        ] {
            assert_eq!(reply.status, 503, "{}", reply.wire());
            assert_eq!(reply.header("retry-after"), Some("1"));
            assert_eq!(reply.error(), "temporarily_unavailable");
        }
        let admin = self.ask_admin().await;
        assert_eq!(admin.status, 503, "{}", admin.wire());
        assert_eq!(admin.header("retry-after"), Some("1"));
        assert_eq!(admin.json()["code"], "unavailable");

        for path in [
            "/.well-known/jwks.json",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        ] {
            assert_eq!(server.get(path).await.status, 200, "{path}");
        }
        assert_eq!(server.manage("/livez").await.status, 200);
        assert_eq!(server.manage("/readyz").await.status, 503);
    }

    async fn works_again(&self, token: &str) {
        wait_until(&self.server, "ready").await;
        // Nothing was revoked when it could not be said.
        assert!(self.ci.sees_active(token).await);
        let new = self.ci.token("").await;
        assert_eq!(self.ci.revoke(token).await.status, 200);
        assert!(!self.ci.sees_active(token).await);
        assert!(self.ci.sees_active(&new).await);
        assert_eq!(self.ask_admin().await.status, 200);
    }
}

// RFC 7009 §2.2.1, RFC 9110 §15.6.4: protocol 122, 161, 173.
#[tokio::test]
async fn without_its_database_nothing_wrong_is_said_and_it_recovers_by_itself() {
    let stage = OnPostgres::start().await;
    let token = stage.ci.token("").await;
    for _ in 0..2 {
        stage.proxy.set(Fault::Cut);
        stage.answers_without_a_database(&token).await;
        stage.proxy.set(Fault::Pass);
        wait_until(&stage.server, "ready").await;
    }
    stage.works_again(&token).await;
}

// RFC 7009 §2.2.1: protocol 161, 173: a database that is silent costs a few seconds, and then nothing.
#[tokio::test]
async fn a_database_that_hangs_is_like_one_that_is_away() {
    let stage = OnPostgres::start().await;
    let token = stage.ci.token("").await;
    stage.proxy.set(Fault::BlackHole);
    let asked = Instant::now();
    let first = stage.ci.revoke(&token).await;
    assert_eq!(first.status, 503, "{}", first.wire());
    assert!(asked.elapsed() < Duration::from_secs(9));
    stage.answers_without_a_database(&token).await;
    stage.proxy.set(Fault::Pass);
    stage.works_again(&token).await;
}

// Contract, section 3, *Retries*: the answer of the commit may be what is lost.
#[tokio::test]
async fn whatever_reply_of_the_database_is_lost_a_call_under_a_key_is_carried_out_once() {
    let stage = OnPostgres::start().await;
    for lost in 0..100 {
        let name = format!("keyed-bot-{lost}");
        let body = json!({"name": name, "credential": {"name": "first"}});
        let call = stage
            .server
            .request("POST", "/admin/v1/organizations/default/service-accounts")
            .bearer(&stage.admin_token)
            .header("Idempotency-Key", &name)
            .json(&body);
        stage.proxy.set(Fault::CutReply { after: lost });
        let first = call.clone().send().await;
        stage.proxy.set(Fault::Pass);
        wait_until(&stage.server, "ready").await;
        let again = call.send().await;
        assert_eq!(again.status, 201, "{lost}: {}", again.wire());
        assert_eq!(again.json()["name"], name);
        let made = format!(
            "SELECT target_id FROM audit_event
             WHERE action = 'service_account.create' AND target_name = '{name}'"
        );
        assert_eq!(
            stage.server.rows(&made).await,
            [again.json()["id"].as_str().unwrap()]
        );
        if first.status == 201 {
            // There were fewer replies than that.
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
            return;
        }
        assert_eq!(first.status, 503, "{}", first.wire());
    }
    panic!("a call of more than a hundred replies");
}

// RFC 9110 §10.2.3: protocol 173, the whole answers.
#[tokio::test]
async fn what_a_caller_is_told_while_the_database_is_away() {
    let stage = OnPostgres::start().await;
    let token = stage.ci.token("").await;
    stage.proxy.set(Fault::Cut);
    assert_snapshot!(stage.ci.revoke(&token).await.wire(), @r#"
    503 Service Unavailable
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    retry-after: 1
    x-content-type-options: nosniff

    {"error":"temporarily_unavailable","error_description":"the server cannot answer at the moment"}
    "#);
    let problem = stage.ask_admin().await;
    let id = problem.json()["request_id"].as_str().unwrap().to_owned();
    assert_eq!(problem.header("x-request-id"), Some(id.as_str()));
    assert_snapshot!(problem.wire().replace(&id, "<request id>"), @r#"
    503 Service Unavailable
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    retry-after: 1
    x-content-type-options: nosniff

    {"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the server cannot answer at the moment; try again","code":"unavailable","request_id":"<request id>","errors":[]}
    "#);
    assert_snapshot!(stage.server.manage("/readyz").await.wire(), @r#"
    503 Service Unavailable
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: text/plain; charset=utf-8
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    not ready: database
    "#);
    // A token that is wrong in itself needs no database to be refused (RFC 6750 §3.1).
    let request = stage.server.request("GET", "/admin/v1/organizations");
    assert_eq!(request.bearer("garbage").send().await.status, 401);
}

// RFC 7009 §2.2.1: protocol 161 on the embedded store, which somebody else holds locked.
#[tokio::test]
async fn a_revocation_that_cannot_be_written_is_not_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/data/ostler.db", directory.path().display());
    let server = TestServer::with().database(&url).start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;

    let mut other = server.database().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = ci.revoke(&token).await;
    assert_eq!(refused.status, 503, "{}", refused.wire());
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.error(), "temporarily_unavailable");
    // Reading goes on, and says what is so.
    assert!(ci.sees_active(&token).await);

    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(ci.revoke(&token).await.status, 200);
    assert!(!ci.sees_active(&token).await);
    assert_eq!(server.audited("token.revoke").await.len(), 1);
}

/// Issues, revokes and disables while Redis is in some trouble; returns what must be dead from then
/// on, and what must not.
async fn live_through(server: &TestServer, ci: &TestClient, name: &str) -> (Vec<String>, String) {
    let (revoked, kept) = (ci.token("").await, ci.token("").await);
    assert!(ci.sees_active(&revoked).await && ci.sees_active(&kept).await);
    assert_eq!(ci.revoke(&revoked).await.status, 200);

    let disabled = server.client(name, "deploy:read").await;
    let token = disabled.token("").await;
    let path = format!("{}/disable", disabled.account_path());
    server.act(&path, json!({})).await;
    assert_eq!(disabled.ask("").await.error(), "invalid_client");
    (vec![revoked, token], kept)
}

async fn check(server: &TestServer, tokens: &(Vec<String>, String)) {
    for dead in &tokens.0 {
        assert!(!server.admin.sees_active(dead).await);
    }
    assert!(server.admin.sees_active(&tokens.1).await);
}

// Security cases 71 and 123.
// RFC 7009 §2.1: protocol 173: Redis may only say *dead*; without it the database answers.
#[tokio::test]
async fn without_redis_every_answer_is_still_right() {
    let mut redis = RedisServer::start();
    let server = TestServer::with().redis(&redis.url()).start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let before = live_through(&server, &ci, "ci-before").await;
    check(&server, &before).await;

    redis.kill();
    check(&server, &before).await;
    let meanwhile = live_through(&server, &ci, "ci-meanwhile").await;
    check(&server, &meanwhile).await;
    wait_until(&server, "degraded: redis").await;
    assert_eq!(server.manage("/readyz").await.status, 200);

    // It comes back without a memory, and is not believed about what it does not know.
    redis.restart_empty();
    wait_until(&server, "ready").await;
    let after = live_through(&server, &ci, "ci-after").await;
    for tokens in [&before, &meanwhile, &after] {
        check(&server, tokens).await;
    }
}

// RFC 7009 §2.1: protocol 173: a Redis that accepts and never answers.
#[tokio::test]
async fn a_redis_that_hangs_changes_no_answer() {
    let redis = RedisServer::start();
    let server = TestServer::with().redis(&redis.url()).start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let before = live_through(&server, &ci, "ci-before").await;

    redis.stop_answering();
    check(&server, &before).await;
    let meanwhile = live_through(&server, &ci, "ci-meanwhile").await;
    check(&server, &meanwhile).await;
    wait_until(&server, "degraded: redis").await;

    redis.answer_again();
    wait_until(&server, "ready").await;
    for tokens in [&before, &meanwhile] {
        check(&server, tokens).await;
    }
}

// RFC 6585 §4, RFC 9110 §10.2.3: protocol 174.
#[tokio::test]
async fn too_many_guesses_are_told_when_to_come_back() {
    let server = TestServer::with()
        .set("limits.failed_auth_per_minute", "2")
        .start()
        .await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let guess = ci.with_secret("wrong");
    for _ in 0..2 {
        assert_eq!(guess.ask("").await.status, 401);
    }
    assert_snapshot!(guess.ask("").await.wire(), @r#"
    429 Too Many Requests
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    retry-after: 60
    x-content-type-options: nosniff

    {"error":"invalid_client","error_description":"too many failed authentications of this client from this address"}
    "#);
    // Wherever it guesses; and whoever knows the secret is let in.
    assert_eq!(guess.introspect("x").await.status, 429);
    assert_eq!(guess.revoke("x").await.status, 429);
    assert_eq!(ci.ask("").await.status, 200);
}

/// All that comes back for these bytes on one connection, until the server closes it.
async fn exchange(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // It may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut all = Vec::new();
    let reading = stream.read_to_end(&mut all);
    let read = tokio::time::timeout(Duration::from_secs(20), reading).await;
    let _ = read.expect("the server closes");
    String::from_utf8(all).unwrap()
}

// RFC 9112 §9.3.2: protocol 175.
#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let server = TestServer::start().await;
    let request =
        |path: &str, last: &str| format!("GET {path} HTTP/1.1\r\nHost: ostler.test\r\n{last}\r\n");
    let bytes = [
        request("/.well-known/jwks.json", ""),
        request("/oauth/introspect", ""),
        request("/no/such/path", "Connection: close\r\n"),
    ];
    let all = exchange(&server, bytes.concat().as_bytes()).await;
    let statuses: Vec<_> = all
        .lines()
        .filter_map(|line| line.split_once("HTTP/1.1 "))
        .map(|(_, status)| &status[..3])
        .collect();
    assert_eq!(statuses, ["200", "405", "404"], "{all}");
}

// RFC 6585 §5: protocol 175.
#[tokio::test]
async fn too_many_or_too_large_header_fields_are_refused() {
    let server = TestServer::start().await;
    let head = "POST /oauth/token HTTP/1.1\r\nHost: ostler.test\r\nContent-Length: 0\r\n";
    let many = "X-Filler: x\r\n".repeat(200);
    let large = format!("X-Filler: {}\r\n", "x".repeat(64 * 1024));
    for fields in [many, large] {
        let reply = exchange(&server, format!("{head}{fields}\r\n").as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
    }
}
