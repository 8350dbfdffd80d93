//! A server with two APIs, and ways to trouble what is behind it.

use std::cell::Cell;
use std::cell::RefCell;
use std::time::Duration;

use redis::AsyncTypedCommands;
use serde_json::Value;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::Executor;
use tokio::time::interval;

use crate::harness::Reply;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;
use crate::services;
use crate::services::Fault;
use crate::services::FaultProxy;
use crate::services::PostgresDatabase;
use crate::services::RedisServer;

use super::access::Api;
use super::access::PROJECTS;
use super::operation::Trouble;

/// Where the APIs are.
const APIS: &str = "/organizations/default/apis";

/// A server. Many sequences may run on it, one after the other, each with accounts of its own.
pub struct Stage {
    server: Option<TestServer>,
    pub(super) backends: Option<Backends>,
    /// Into the database, beside the server.
    pub(super) aside: AnyConnection,
    /// What was answered to administrators since somebody looked at it.
    pub(super) answers: RefCell<Vec<String>>,
    named: usize,
    /// How many calls were made under a key.
    keyed: Cell<usize>,
}

/// PostgreSQL and Redis, each behind a proxy.
pub(super) struct Backends {
    to_database: FaultProxy,
    to_redis: FaultProxy,
    pub(super) redis: RedisServer,
    _database: PostgresDatabase,
}

impl Stage {
    pub async fn start() -> Self {
        let mut with = TestServer::with().set("limits.failed_auth_per_minute", "0");
        let mut backends = None;
        if std::env::var("OSTLER_TEST_STORE").is_ok_and(|store| store == "postgres") {
            let database = services::postgres_database().await;
            let (to_database, database_url) = FaultProxy::before(database.url()).await;
            let redis = RedisServer::start();
            let (to_redis, redis_url) = FaultProxy::before(&redis.url()).await;
            with = with.database(&database_url).redis(&redis_url);
            backends = Some(Backends {
                to_database,
                to_redis,
                redis,
                _database: database,
            });
        }
        let server = with.start().await;
        let stage = Self {
            aside: server.database().await,
            server: Some(server),
            backends,
            answers: RefCell::default(),
            keyed: Cell::default(),
            named: 0,
        };
        stage.make_apis().await;
        stage
    }

    async fn make_apis(&self) {
        let deploy = json!({
            "name": "deploy",
            "audience": Api::Deploy.audience(),
            "scopes": [{"name": "read"}, {"name": "write"}],
            "resource_types": ["project"],
        });
        let wiki = json!({
            "name": "wiki",
            "audience": Api::Wiki.audience(),
            "scopes": [{"name": "read"}, {"name": "edit"}],
            "token": {"signing_alg": "EdDSA", "lifetime_seconds": Api::Wiki.lifetime_secs()},
        });
        for api in [deploy, wiki] {
            self.server().create(APIS, api).await;
        }
        for key in PROJECTS {
            let resource = json!({"type": "project", "key": key});
            let path = format!("{APIS}/deploy/resources");
            self.server().create(&path, resource).await;
        }
    }

    pub fn server(&self) -> &TestServer {
        self.server.as_ref().expect("it runs but while it restarts")
    }

    /// Whether a failure of the store may come after the change was made.
    pub fn may_lose_answers(&self) -> bool {
        self.backends.is_some()
    }

    /// A name that nothing else has.
    pub fn name(&mut self, stem: &str) -> String {
        self.named += 1;
        format!("{stem}-{}", self.named)
    }

    /// A token of the administrator.
    pub async fn bearer(&self) -> String {
        let reply = self.server().admin.ask(&format!("resource={ISSUER}")).await;
        reply.access_token()
    }

    /// A call of the admin API; what is posted is done under a key, so that its answer is kept.
    pub async fn admin(&self, bearer: &str, method: &str, path: &str, body: &Value) -> Reply {
        let path = format!("/admin/v1{path}");
        let mut request = self.server().request(method, &path);
        if method == "POST" {
            self.keyed.set(self.keyed.get() + 1);
            let key = format!("key-{}", self.keyed.get());
            request = request.header("Idempotency-Key", &key);
        }
        let reply = request.bearer(bearer).json(body).send().await;
        self.answers.borrow_mut().push(reply.text().to_owned());
        reply
    }

    /// How many successful changes were audited, but for what the server does by itself when time has
    /// passed.
    pub async fn events(&mut self) -> usize {
        let query = "SELECT COUNT(*) FROM audit_event
                     WHERE result = 'success' AND actor_type <> 'system'";
        let count = sqlx::query_scalar::<_, i64>(query);
        let count = count.fetch_one(&mut self.aside).await.expect("a count");
        usize::try_from(count).expect("a count")
    }

    pub async fn restart(&mut self) {
        if let Some(server) = self.server.take() {
            self.server = Some(server.restart().await);
        }
    }

    /// Another key signs from now on: two changes.
    pub async fn rotate_key(&self) {
        let server = self.server();
        let made = server.create("/keys", json!({"alg": "ES256"})).await;
        let path = format!("/keys/{}/activate", made["kid"].as_str().expect("a kid"));
        server.act(&path, json!({"force": true})).await;
    }

    /// From now on the store fails: on PostgreSQL the connection breaks in place of one reply, on
    /// SQLite no audit event can be written.
    pub async fn break_store(&mut self, replies: u32) {
        self.server().may_fail();
        if let Some(backends) = &self.backends {
            return backends.to_database.set(Fault::CutReply { after: replies });
        }
        let statement = "CREATE TRIGGER no_audit BEFORE INSERT ON audit_event
             BEGIN SELECT RAISE(ABORT, 'no'); END";
        self.alter(statement).await;
    }

    /// The store works again, and the server knows.
    pub async fn mend_store(&mut self) {
        match &self.backends {
            Some(backends) => backends.to_database.set(Fault::Pass),
            None => self.alter("DROP TRIGGER no_audit").await,
        }
        let mut ticks = interval(Duration::from_millis(10));
        for _ in 0..2_000 {
            ticks.tick().await;
            if self.server().manage("/readyz").await.status == 200 {
                return;
            }
        }
        panic!("the server does not become ready again");
    }

    async fn alter(&mut self, statement: &'static str) {
        self.aside.execute(statement).await.expect("altered");
    }

    /// Troubles Redis, where there is one.
    pub async fn trouble(&self, trouble: Trouble) {
        let Some(backends) = &self.backends else {
            return;
        };
        match trouble {
            Trouble::IsGone => backends.to_redis.set(Fault::Cut),
            Trouble::IsBack => backends.to_redis.set(Fault::Pass),
            Trouble::Forgets => {
                let client = redis::Client::open(backends.redis.url()).expect("a URL");
                let mut connection = client
                    .get_multiplexed_async_connection()
                    .await
                    .expect("Redis");
                connection.flushall().await.expect("flushed");
            }
        }
    }
}
