//! Far more requests at once than there are connections to the database: everything goes on, since
//! nobody who holds a connection waits for another, or for a lock that somebody without one has.
//!
//! With PostgreSQL and Redis, and on SQLite (`OSTLER_TEST_STORE`).

use std::time::Duration;

use ostler::store::SqlOptions;
use serde_json::json;
use sqlx::Executor;
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;
use crate::harness::wire::Request;
use crate::services;

/// How many requests are in flight: ten for each connection to PostgreSQL, forty for each to SQLite.
const IN_FLIGHT: usize = 10 * SqlOptions::CONNECTIONS as usize;

/// How many each of those who ask has answered, one after the other.
const EACH: usize = 3;

/// How often at most somebody asks again who was told that it is too much.
const TRIES: usize = 10;

/// A server with two clients, some tokens, and one of the administrator.
struct Scene {
    server: TestServer,
    ci: TestClient,
    second: TestClient,
    token: String,
    to_revoke: Vec<String>,
    bearer: String,
}

impl Scene {
    async fn on(server: TestServer) -> Self {
        let ci = server.client("ci-deployer", "deploy:read").await;
        let second = server.second_credential(&ci).await;
        let parameters = format!("resource={ISSUER}");
        let bearer = server.admin.ask(&parameters).await.access_token();
        Self {
            token: ci.token("").await,
            to_revoke: Vec::new(),
            server,
            ci,
            second,
            bearer,
        }
    }

    /// Gets a token for each revocation that there will be.
    async fn prepare(&mut self) {
        for _ in 0..IN_FLIGHT * EACH / 20 {
            self.to_revoke.push(self.ci.token("").await);
        }
    }

    fn admin(&self, method: &str, path: &str) -> Request {
        let path = format!("/admin/v1{path}");
        self.server.request(method, &path).bearer(&self.bearer)
    }

    /// The `number`th request of many: mostly tokens and introspection, and of each twenty one
    /// listing, one revocation and three other changes.
    fn request(&self, number: usize) -> Request {
        let post = |client: &TestClient, path: &str, form: &str| {
            let request = self.server.request("POST", path);
            request.basic(&client.id, &client.secret).form(form)
        };
        match number % 20 {
            0 => self.admin("GET", "/organizations/default/service-accounts"),
            1 => {
                let form = format!("token={}", self.to_revoke[number / 20]);
                post(&self.second, "/oauth/revoke", &form)
            }
            2..=4 => {
                let path = format!("{}/credentials", self.ci.account_path());
                let body = json!({"name": format!("number {number}")});
                self.admin("POST", &path).json(&body)
            }
            _ => self.reading(number),
        }
    }

    /// The same without anything that changes something.
    fn reading(&self, number: usize) -> Request {
        let introspects = number.is_multiple_of(2);
        let (client, path, form) = if introspects {
            let form = format!("token={}", self.token);
            (&self.second, "/oauth/introspect", form)
        } else {
            let form = "grant_type=client_credentials".to_owned();
            (&self.ci, "/oauth/token", form)
        };
        let request = self.server.request("POST", path);
        request.basic(&client.id, &client.secret).form(&form)
    }
}

/// Sends it until it is answered with anything but *too much for now*, which says when to come back;
/// tells how often that was.
async fn insist(request: Request) -> (Reply, usize) {
    for refused in 0..TRIES {
        let reply = request.clone().send().await;
        if reply.status != 503 {
            return (reply, refused);
        }
        // Only the wait is bounded, so that this takes as long as the machine needs.
        assert_eq!(reply.header("retry-after"), Some("1"), "{}", reply.wire());
    }
    panic!("refused {TRIES} times");
}

/// As many requests at once as there may be, and as one is answered the next, until all are.
/// Tells how many were put off.
async fn crowd(requests: Vec<Request>) -> usize {
    let mut crowd = JoinSet::new();
    let each = requests.len().div_ceil(IN_FLIGHT);
    for requests in requests.chunks(each) {
        let requests = requests.to_vec();
        crowd.spawn(async move {
            let mut put_off = 0;
            for request in requests {
                let (reply, times) = insist(request).await;
                assert!(matches!(reply.status, 200 | 201), "{}", reply.wire());
                put_off += times;
            }
            put_off
        });
    }
    crowd.join_all().await.into_iter().sum()
}

/// A few may have been unlucky on a busy machine; who waits for somebody that waits for them is put
/// off again and again.
fn assert_few(put_off: usize, asked: usize) {
    assert!(put_off * 10 <= asked, "{put_off} of {asked} were put off");
}

/// Waits until a count in the database is so much.
async fn until(server: &TestServer, count: &str, expected: usize) {
    let mut ticks = interval(Duration::from_millis(10));
    for _ in 0..1_000 {
        ticks.tick().await;
        if server.rows(count).await == [expected.to_string()] {
            return;
        }
    }
    panic!("never {expected}: {count}");
}

// Security case 131.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_ten_requests_for_each_connection_tokens_introspection_and_changes_all_go_on() {
    let mut scene = Scene::on(TestServer::start().await).await;
    scene.server.may_fail();
    scene.prepare().await;
    let asked = IN_FLIGHT * EACH;
    let requests = (0..asked).map(|number| scene.request(number));
    assert_few(crowd(requests.collect()).await, asked);

    let made = scene.server.audited("credential.create").await;
    let revoked = scene.server.audited("token.revoke").await;
    assert_eq!(
        (made.len(), revoked.len()),
        (1 + asked * 3 / 20, asked / 20)
    );
    for token in &scene.to_revoke {
        assert!(!scene.ci.sees_active(token).await);
    }
}

// Security case 131: changes hold as many connections as they may, and reading has the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_take_long_stop_no_token_and_no_introspection() {
    const ORGANIZATIONS: usize = 10;
    const SLEEPING: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let database = services::postgres_database().await;
    let server = TestServer::with().database(database.url()).start().await;
    let scene = Scene::on(server).await;
    for number in 0..ORGANIZATIONS {
        let body = json!({"name": format!("tenant-{number}")});
        scene.server.create("/organizations", body).await;
    }
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_sleep(0.7); RETURN NEW; END';
         CREATE TRIGGER slow BEFORE INSERT ON audit_event
             FOR EACH ROW EXECUTE FUNCTION slow();";
    scene.server.database().await.execute(slow).await.unwrap();

    let mut changes = JoinSet::new();
    for number in 0..ORGANIZATIONS {
        let path = format!("/organizations/tenant-{number}/service-accounts");
        let body = json!({"name": "ci-deployer"});
        changes.spawn(scene.admin("POST", &path).json(&body).send());
    }
    until(
        &scene.server,
        SLEEPING,
        SqlOptions::CONNECTIONS as usize / 2,
    )
    .await;
    let requests = (0..IN_FLIGHT).map(|number| scene.reading(number));
    assert_few(crowd(requests.collect()).await, IN_FLIGHT);
    assert_eq!(scene.server.manage("/livez").await.status, 200);
    for reply in changes.join_all().await {
        assert_eq!(reply.status, 201, "{}", reply.wire());
    }
}

// Security case 131: nobody gets a connection in time, is told so, and it is over when it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_every_query_hangs_everybody_is_put_off_and_afterwards_nobody() {
    let database = services::postgres_database().await;
    let server = TestServer::with().database(database.url()).start().await;
    let scene = Scene::on(server).await;
    let mut other = scene.server.database().await;
    let lock = "BEGIN; LOCK TABLE credential IN ACCESS EXCLUSIVE MODE";
    other.execute(lock).await.unwrap();

    let mut waiting = JoinSet::new();
    for number in 0..IN_FLIGHT {
        waiting.spawn(scene.reading(number).send());
    }
    assert_eq!(scene.server.get("/.well-known/jwks.json").await.status, 200);
    assert_eq!(scene.server.manage("/livez").await.status, 200);
    for reply in waiting.join_all().await {
        assert_eq!(reply.status, 503, "{}", reply.wire());
        assert_eq!(reply.header("retry-after"), Some("1"));
    }

    other.execute("ROLLBACK").await.unwrap();
    let requests = (0..IN_FLIGHT).map(|number| scene.reading(number));
    assert_few(crowd(requests.collect()).await, IN_FLIGHT);
}

// Security case 130, on the embedded store, which has one writer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_keeps_the_writer_out_stops_no_token_and_no_introspection() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/data/ostler.db", directory.path().display());
    let server = TestServer::with().database(&url).start().await;
    let scene = Scene::on(server).await;
    let mut other = scene.server.database().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();

    let change = || scene.request(2).send();
    let mut changes = JoinSet::new();
    changes.spawn(change());
    let requests = (0..IN_FLIGHT).map(|number| scene.reading(number));
    assert_few(crowd(requests.collect()).await, IN_FLIGHT);
    for reply in changes.join_all().await {
        assert_eq!(reply.status, 503, "{}", reply.wire());
        assert_eq!(reply.header("retry-after"), Some("1"));
    }

    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(change().await.status, 201);
}
