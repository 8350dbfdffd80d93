//! Clients that hang up in the middle: of their request, or of what it asks for.
//!
//! A query that is cancelled half-way leaves its connection in doubt, and whoever borrows that next
//! may read the answer to somebody else's question, or stand in somebody else's transaction. So
//! nothing is cancelled: what was begun ends, with its audit event, and what was not is not begun.
//!
//! With PostgreSQL and Redis, each behind a proxy that delays, and on SQLite (`OSTLER_TEST_STORE`).
//! `OSTLER_TEST_SEED` and `OSTLER_TEST_HANG_UPS` choose other ones, or more.

use std::collections::BTreeSet;
use std::env;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio::time::sleep;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::harness::server::ISSUER;
use crate::harness::wire::HangUp;
use crate::harness::wire::Request;
use crate::services;
use crate::services::Fault;
use crate::services::FaultProxy;
use crate::services::PostgresDatabase;

const ACCOUNTS: &str = "/organizations/default/service-accounts";

/// How the names of accounts begin that nobody waits for.
const NAME: &str = "hang-up-";

/// How many clients hang up, and how many of them at once.
const HANG_UPS: usize = 240;
const AT_ONCE: usize = 40;

/// How late what the database and Redis say arrives.
const DELAY: Duration = Duration::from_millis(2);

/// How long at most a client stays after its last byte: a change takes dozens of delays.
const LONGEST_STAY_MICROS: usize = 120_000;

/// Numbers that look random, and are the same for the same seed (splitmix64).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    /// A while that is short more often than long.
    fn short(&mut self, longest_micros: usize) -> Duration {
        let limit = self.below(longest_micros) + 1;
        Duration::from_micros(self.below(limit) as u64)
    }
}

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    let set = env::var(name).ok().and_then(|text| text.parse().ok());
    set.unwrap_or(default)
}

/// What somebody asks for and does not wait for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Token,
    Introspection,
    Revocation,
    Account,
}

/// A server whose dependencies are slow, and what is asked of it.
struct Scene {
    server: Arc<TestServer>,
    ci: TestClient,
    bearer: String,
    proxies: Vec<FaultProxy>,
    _database: Option<PostgresDatabase>,
}

impl Scene {
    async fn start() -> Self {
        let mut with = TestServer::with();
        let mut proxies = Vec::new();
        let mut database = None;
        if env::var("OSTLER_TEST_STORE").is_ok_and(|store| store == "postgres") {
            let own = database.insert(services::postgres_database().await);
            let (to_database, url) = FaultProxy::before(own.url()).await;
            let (to_redis, redis_url) = FaultProxy::before(&services::redis_url()).await;
            with = with.database(&url).redis(&redis_url);
            proxies = vec![to_database, to_redis];
        }
        let server = Arc::new(with.start().await);
        let ci = server.client("ci-deployer", "deploy:read").await;
        let parameters = format!("resource={ISSUER}");
        let bearer = server.admin.ask(&parameters).await.access_token();
        Self {
            server,
            ci,
            bearer,
            proxies,
            _database: database,
        }
    }

    fn set(&self, fault: Fault) {
        for proxy in &self.proxies {
            proxy.set(fault);
        }
    }

    /// A request of this kind; `own` is a token that nobody else revokes.
    fn request(&self, what: What, number: usize, own: &str) -> Request {
        let post = |path: &str, form: &str| {
            let request = self.server.request("POST", path);
            request.basic(&self.ci.id, &self.ci.secret).form(form)
        };
        match what {
            What::Token => post("/oauth/token", "grant_type=client_credentials"),
            What::Introspection => post("/oauth/introspect", &format!("token={own}")),
            What::Revocation => post("/oauth/revoke", &format!("token={own}")),
            What::Account => {
                let resources = json!({"project": ["APOLLO"]});
                let grant = json!({
                    "api": "deploy",
                    "scopes": ["deploy:read"],
                    "resources": resources,
                });
                let body = json!({
                    "name": format!("{NAME}{number}"),
                    "access": [grant],
                    "credential": {"name": "first"},
                });
                let path = format!("/admin/v1{ACCOUNTS}");
                let request = self.server.request("POST", &path);
                request.bearer(&self.bearer).json(&body)
            }
        }
    }

    /// Nothing is under way any more, and no transaction stands open. PostgreSQL would end an idle
    /// one by itself after 15 seconds, which is longer than this waits.
    async fn is_at_rest(&self) {
        const BUSY: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'ostler'
             AND state <> 'idle'";
        if self.proxies.is_empty() {
            return;
        }
        let mut ticks = interval(Duration::from_millis(25));
        for _ in 0..400 {
            ticks.tick().await;
            if self.server.rows(BUSY).await == ["0"] {
                return;
            }
        }
        let states = "SELECT state || ': ' || query FROM pg_stat_activity
             WHERE datname = current_database() AND state <> 'idle'";
        panic!("{:#?}", self.server.rows(states).await);
    }
}

/// Somebody who waits for each answer, and looks whether it is theirs.
async fn well_behaved(server: Arc<TestServer>, client: TestClient, over: Arc<AtomicBool>) -> usize {
    let mut rounds = 0;
    while !over.load(Ordering::Relaxed) {
        let token = client.token("").await;
        let claims = jwt_part(&token, 1);
        assert_eq!(claims["sub"], client.account, "a token of somebody else");
        assert_eq!(claims["client_id"], client.id);
        let seen = client.introspect(&token).await.json();
        assert_eq!(seen["jti"], claims["jti"], "the answer about another token");
        let path = client.account_path();
        let account = server.admin("GET", &path, None).await;
        assert_eq!(account.status, 200, "{}", account.wire());
        assert_eq!(account.json()["id"], client.account);
        rounds += 1;
    }
    rounds
}

/// The ids of what was changed by events of this action.
async fn targets(server: &TestServer, action: &str) -> BTreeSet<String> {
    let events = server.audited(action).await;
    let targets: BTreeSet<_> = events
        .iter()
        .map(|event| event.rsplit(' ').nth(1).expect("a target").to_owned())
        .collect();
    assert_eq!(targets.len(), events.len(), "no change has two events");
    targets
}

// Security cases 127 and 128.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_up_leave_nothing_half_done_and_no_answer_to_others() {
    let seed = setting("OSTLER_TEST_SEED", 1);
    println!("OSTLER_TEST_SEED={seed}");
    let mut random = Seeded(seed);
    let scene = Scene::start().await;
    let over = Arc::<AtomicBool>::default();
    let mut others = JoinSet::new();
    for name in ["reader-one", "reader-two", "reader-three"] {
        let client = scene.server.client(name, "deploy:read").await;
        others.spawn(well_behaved(
            Arc::clone(&scene.server),
            client,
            Arc::clone(&over),
        ));
    }
    let before = targets(&scene.server, "service_account.create").await;

    scene.set(Fault::Delay(DELAY));
    let mut whole = Vec::new();
    let mut cut_short = Vec::new();
    let mut tokens = Vec::new();
    let mut leaving = JoinSet::new();
    for number in 0..setting("OSTLER_TEST_HANG_UPS", HANG_UPS) {
        let kinds = [
            What::Token,
            What::Introspection,
            What::Revocation,
            What::Account,
        ];
        let what = kinds[number % kinds.len()];
        if what == What::Revocation {
            tokens.push((number, scene.ci.token("").await));
        }
        let own = tokens.last().map_or("unknown", |(_, token)| token);
        let request = scene.request(what, number, own);
        let bytes = match random.below(2) {
            0 => random.below(request.len()),
            _ => request.len(),
        };
        let sent = if bytes == request.len() {
            &mut whole
        } else {
            &mut cut_short
        };
        sent.push(number);
        let stay = random.short(LONGEST_STAY_MICROS);
        let with = [HangUp::Close, HangUp::Reset][random.below(2)];
        if leaving.len() >= AT_ONCE {
            leaving.join_next().await.unwrap().unwrap();
        }
        leaving.spawn(async move { request.hang_up(bytes, with, sleep(stay)).await });
    }
    leaving.join_all().await;
    over.store(true, Ordering::Relaxed);
    let rounds: Vec<_> = others.join_all().await;
    assert!(rounds.iter().all(|rounds| *rounds > 0), "{rounds:?}");
    scene.set(Fault::Pass);
    scene.is_at_rest().await;

    check_revocations(&scene, &tokens, &cut_short).await;
    check_accounts(&scene, &before, &cut_short).await;
    check_connections(&scene).await;
    assert!(!whole.is_empty() && !cut_short.is_empty());
}

/// What those asked for who are gone may still be under way; in the end the state and the events
/// agree.
async fn agree<T: Eq + std::fmt::Debug>(what: &str, both: impl AsyncFn() -> (T, T)) -> T {
    let mut ticks = interval(Duration::from_millis(25));
    let mut last = None;
    for _ in 0..400 {
        ticks.tick().await;
        let (state, events) = both().await;
        if state == events {
            return state;
        }
        last = Some((state, events));
    }
    panic!("{what}, and their events: {last:#?}");
}

/// A token is dead if and only if its revocation was audited.
async fn check_revocations(scene: &Scene, tokens: &[(usize, String)], cut_short: &[usize]) {
    let id_of = |token: &str| jwt_part(token, 1)["jti"].as_str().unwrap().to_owned();
    let revoked = agree("dead tokens", async || {
        let mut dead = BTreeSet::new();
        for (_, token) in tokens {
            if !scene.ci.sees_active(token).await {
                dead.insert(id_of(token));
            }
        }
        (dead, targets(&scene.server, "token.revoke").await)
    });
    let revoked = revoked.await;
    for (number, token) in tokens {
        let half = cut_short.contains(number);
        assert!(
            !half || !revoked.contains(&id_of(token)),
            "half a request revoked token {number}"
        );
    }
}

/// An account is there, with its access and its credential, if and only if it was audited.
async fn check_accounts(scene: &Scene, before: &BTreeSet<String>, cut_short: &[usize]) {
    agree("accounts", async || {
        let found = made_by_those_who_left(&scene.server, cut_short).await;
        let audited = targets(&scene.server, "service_account.create").await;
        (found, audited.difference(before).cloned().collect())
    })
    .await;
}

async fn made_by_those_who_left(server: &TestServer, cut_short: &[usize]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for account in every_account(server).await {
        let text = |member: &str| account[member].as_str().unwrap().to_owned();
        let Some(number) = text("name").strip_prefix(NAME).map(str::to_owned) else {
            continue;
        };
        let number = number.parse().unwrap();
        let half = cut_short.contains(&number);
        assert!(!half, "half a request made {account}");
        assert_eq!(account["active_credentials"], 1, "{account}");
        assert_eq!(account["access"].as_array().map(Vec::len), Some(1));
        found.insert(text("id"));
    }
    found
}

async fn every_account(server: &TestServer) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("{ACCOUNTS}?limit=200{cursor}");
        let page = server.admin("GET", &path, None).await.json();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match &page["next_cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return all,
        }
    }
}

/// Every connection that there is works, for changes too.
async fn check_connections(scene: &Scene) {
    let mut asking = JoinSet::new();
    for number in 0..AT_ONCE {
        let token = scene.ci.token("").await;
        let kinds = [What::Introspection, What::Token, What::Revocation];
        let request = scene.request(kinds[number % kinds.len()], number, &token);
        asking.spawn(request.send());
    }
    for reply in asking.join_all().await {
        assert_eq!(reply.status, 200, "{}", reply.wire());
    }
}
