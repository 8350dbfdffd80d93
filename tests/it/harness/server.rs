//! A whole server: its own store, its own keys, its own ports, and a clock that the test moves.

use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::Weak;
use std::time::Duration;

use jiff::Timestamp;
use ostler::app::App;
use ostler::app::open::Ground;
use ostler::clock::Clock;
use ostler::clock::ManualClock;
use ostler::config::Config;
use ostler::config::Sources;
use ostler::http::server::Listeners;
use ostler::run::renewal;
use ostler::run::serve_on;
use ostler::shutdown::Shutdown;
use ostler::store::Store;
use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use crate::services;

use super::Reply;
use super::TestClient;
use super::log;
use super::watch::Watch;
use super::wire::Request;

/// The issuer of a test server that is not told another one, wherever it listens; so answers are the
/// same each time.
pub const ISSUER: &str = "http://127.0.0.1:8080";

/// The audience of the API that [`TestServer::client`] grants access to.
pub const DEPLOY: &str = "https://deploy.example.com";

/// A running server.
pub struct TestServer {
    /// Its clock: it stands still until the test moves it.
    pub clock: Arc<ManualClock>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its management listener is.
    pub management: SocketAddr,
    /// Its issuer.
    pub issuer: String,
    /// The first administrator, as `init` made it.
    pub admin: TestClient,
    /// The application, for what cannot be asked from outside (flushing usage, say).
    pub app: App,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
    ground: TestGround,
    pub(super) watch: Watch,
}

/// A server that was stopped, and can be started again.
pub struct StoppedServer {
    clock: Arc<ManualClock>,
    address: SocketAddr,
    management: SocketAddr,
    admin: TestClient,
    ground: TestGround,
}

/// What stays when a server is restarted.
struct TestGround {
    /// Its data and keys.
    _dir: TempDir,
    sources: Sources,
    _database: Option<services::PostgresDatabase>,
    /// Whether its dependencies may fail.
    may_fail: bool,
}

/// A server that is about to be started.
#[must_use]
pub struct TestServerBuilder {
    settings: Vec<(String, String)>,
    issuer: Named,
    redis: Option<String>,
    database: Option<String>,
}

/// What a server's issuer is.
enum Named {
    As(String),
    /// With this path below it.
    ForItsAddress(String),
}

impl TestServerBuilder {
    /// Sets a key of the configuration.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// With this issuer.
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Named::As(issuer.to_owned());
        self
    }

    /// With the issuer under which it can really be reached, for clients that discover it.
    pub fn reachable(self) -> Self {
        self.reachable_below("")
    }

    /// The same, below a path.
    pub fn reachable_below(mut self, path: &str) -> Self {
        self.issuer = Named::ForItsAddress(path.to_owned());
        self
    }

    /// On this database, whatever the run's own is.
    pub fn database(mut self, url: &str) -> Self {
        self.database = Some(url.to_owned());
        self
    }

    /// With this Redis, whatever the run's own is.
    pub fn redis(mut self, url: &str) -> Self {
        self.redis = Some(url.to_owned());
        self
    }

    /// Starts it.
    pub async fn start(self) -> TestServer {
        log::watch();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let keys = dir.path().join("keys");
        copy_fixture_keys(&keys);
        let main = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let management = TcpListener::bind("127.0.0.1:0").await.expect("a free port");

        let issuer = match self.issuer {
            Named::As(issuer) => issuer,
            Named::ForItsAddress(path) => format!("http://{}{path}", main.local_addr().unwrap()),
        };
        let mut sources = Sources::new()
            .flag("data.dir", "test", path_text(&dir.path().join("data")))
            .flag("keys.dir", "test", path_text(&keys))
            .flag("server.issuer", "test", issuer)
            .flag(
                "server.listen",
                "test",
                main.local_addr().unwrap().to_string(),
            )
            .flag(
                "management.listen",
                "test",
                management.local_addr().unwrap().to_string(),
            );
        let on_postgres = std::env::var("OSTLER_TEST_STORE").is_ok_and(|store| store == "postgres");
        // A database of the test's own is one that it means to break.
        let may_fail = self.database.is_some();
        let mut database = None;
        if let Some(url) = self.database {
            sources = sources.flag("database.url", "test", url);
        } else if on_postgres {
            let own = database.insert(services::postgres_database().await);
            sources = sources.flag("database.url", "test", own.url());
        }
        if let Some(url) = self.redis {
            sources = sources.flag("redis.url", "test", url);
        } else if on_postgres {
            sources = sources.flag("redis.url", "test", services::redis_url());
        }
        for (key, value) in self.settings {
            sources = sources.flag(&key, "test", value);
        }

        let ground = TestGround {
            _dir: dir,
            sources,
            _database: database,
            may_fail,
        };
        ground.forbid_passwords();
        let clock = Arc::new(ManualClock::at("2026-03-01T12:00:00Z".parse().unwrap()));
        let first = Ground::create(ground.config(), Arc::clone(&clock) as Arc<dyn Clock>)
            .await
            .expect("the store opens");
        let administrator = first.init().await.expect("init");
        let admin = TestClient {
            address: main.local_addr().unwrap(),
            account: String::new(),
            credential: String::new(),
            id: administrator.client_id.to_string(),
            secret: administrator.secret.expose().to_owned(),
        };
        first.finish_init(administrator).await.expect("init ends");
        serve(first, ground, clock, admin, Listeners::of(main, management)).await
    }
}

async fn serve(
    opened: Ground,
    ground: TestGround,
    clock: Arc<ManualClock>,
    admin: TestClient,
    listeners: Listeners,
) -> TestServer {
    let app = opened.build().await.expect("the server starts");
    let shutdown = Shutdown::new();
    let address = listeners.address().expect("an address");
    let management = listeners.management_address().expect("an address");
    let serving = tokio::spawn({
        let (app, shutdown) = (app.clone(), shutdown.clone());
        async move { serve_on(listeners, &app, &shutdown).await }
    });
    TestServer {
        watch: Watch::new(&app.registry, ground.may_fail),
        clock,
        address,
        management,
        issuer: app.config.server.issuer.as_str().to_owned(),
        admin,
        app,
        shutdown,
        serving,
        ground,
    }
}

impl StoppedServer {
    /// Sets a key of the configuration anew.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.ground.sources = self.ground.sources.flag(key, "test", value);
        self
    }

    /// Starts it again on the same data, the same ports and the same time.
    pub async fn start(self) -> TestServer {
        let Self {
            clock,
            address,
            management,
            admin,
            ground,
        } = self;
        let listeners = Listeners::of(rebind(address).await, rebind(management).await);
        let opened = Ground::open(ground.config(), Arc::clone(&clock) as Arc<dyn Clock>)
            .await
            .expect("the store opens again");
        serve(opened, ground, clock, admin, listeners).await
    }
}

impl TestGround {
    /// The passwords of its database and of its Redis.
    fn passwords(&self) -> Vec<String> {
        let config = self.config();
        let urls = [Some(&config.database.url), config.redis.url.as_ref()];
        let passwords = urls.into_iter().flatten().filter_map(|url| {
            let url = Url::parse(url.expose_secret()).ok()?;
            Some(url.password()?.to_owned())
        });
        passwords.collect()
    }

    // Security case 143: whatever a test does, no line has one of them in it.
    fn forbid_passwords(&self) {
        for password in self.passwords() {
            log::forbid(&password);
        }
    }

    fn config(&self) -> Config {
        match ostler::config::check(&self.sources) {
            Ok((config, _)) => config,
            Err(problems) => panic!("{problems}"),
        }
    }
}

impl TestServer {
    /// A server with the defaults.
    pub async fn start() -> Self {
        Self::with().start().await
    }

    /// A server with other settings.
    pub fn with() -> TestServerBuilder {
        TestServerBuilder {
            settings: Vec::new(),
            issuer: Named::As(ISSUER.to_owned()),
            redis: None,
            database: None,
        }
    }

    /// The passwords of its database and of its Redis.
    pub fn passwords(&self) -> Vec<String> {
        self.ground.passwords()
    }

    /// Stops it and starts it again on the same data, the same ports and the same time.
    pub async fn restart(self) -> Self {
        self.stop().await.start().await
    }

    /// Stops it.
    pub async fn stop(self) -> StoppedServer {
        let Self {
            clock,
            address,
            management,
            issuer: _,
            admin,
            app,
            shutdown,
            serving,
            ground,
            watch: _,
        } = self;
        shutdown.trigger();
        serving.await.expect("the server stops");
        let store = Arc::downgrade(&app.store);
        drop(app);
        until_nobody_has(&store).await;
        StoppedServer {
            clock,
            address,
            management,
            admin,
            ground,
        }
    }

    /// Another node with its own settings and ports, on the same database, keys and clock. The embedded
    /// store has one node only.
    pub async fn another_node(&self, settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let main = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let management = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, health) = (main.local_addr().unwrap(), management.local_addr().unwrap());
        let sources = self.ground.sources.clone();
        let mut sources = sources
            .flag("data.dir", "test", path_text(&dir.path().join("data")))
            .flag("server.listen", "test", address.to_string())
            .flag("management.listen", "test", health.to_string());
        for (key, value) in settings {
            sources = sources.flag(key, "test", *value);
        }
        let ground = TestGround {
            _dir: dir,
            sources,
            _database: None,
            may_fail: self.ground.may_fail,
        };
        let clock = Arc::clone(&self.clock);
        let opened = Ground::open(ground.config(), Arc::clone(&clock) as Arc<dyn Clock>);
        let opened = opened.await.expect("the store opens for another node");
        let admin = self.admin.on(address);
        serve(
            opened,
            ground,
            clock,
            admin,
            Listeners::of(main, management),
        )
        .await
    }

    /// Sets keys of the configuration anew, and lets it read all of that again, as on SIGHUP.
    pub async fn renew(&mut self, settings: &[(&str, &str)]) {
        for (key, value) in settings {
            self.ground.sources = self.ground.sources.clone().flag(key, "test", *value);
        }
        let sources = self.ground.sources.clone();
        assert!(renewal::once(&self.app, None, sources).await);
    }

    /// Moves its clock forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The time on its clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A request to the main listener.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address, method, target)
    }

    /// A GET from the main listener.
    pub async fn get(&self, target: &str) -> Reply {
        self.request("GET", target).send().await
    }

    /// A GET from the management listener, of which the document of the admin API says nothing.
    pub async fn manage(&self, target: &str) -> Reply {
        let reply = Request::new(self.management, "GET", target).exchange();
        reply.await.expect("the management listener accepts")
    }

    /// A request to the admin API by the first administrator, with a fresh token.
    pub async fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let token = self
            .admin
            .ask(&format!("resource={}", self.issuer))
            .await
            .access_token();
        let request = self
            .request(method, &format!("/admin/v1{path}"))
            .bearer(&token);
        match body {
            Some(body) => request.json(body).send().await,
            None => request.send().await,
        }
    }

    /// Creates something through the admin API.
    #[track_caller]
    pub fn create(&self, path: &str, body: Value) -> impl Future<Output = Value> {
        let path = path.to_owned();
        async move {
            let reply = self.admin("POST", &path, Some(&body)).await;
            assert_eq!(reply.status, 201, "POST {path}: {}", reply.wire());
            reply.json()
        }
    }

    /// A client with these scopes at the API `deploy`, on the projects APOLLO and GEMINI.
    pub async fn client(&self, name: &str, scopes: &str) -> TestClient {
        self.ensure_deploy_api().await;
        let scopes: Vec<_> = scopes.split(' ').collect();
        let resources = json!({"project": ["APOLLO", "GEMINI"]});
        let grant = json!({"api": "deploy", "scopes": scopes, "resources": resources});
        self.client_with(name, json!([grant])).await
    }

    /// A client with this access.
    pub async fn client_with(&self, name: &str, access: Value) -> TestClient {
        let body = json!({"name": name, "access": access, "credential": {"name": "first"}});
        let account = self
            .create("/organizations/default/service-accounts", body)
            .await;
        self.client_of(&account)
    }

    /// The client that an answer to a create with `credential` describes.
    pub fn client_of(&self, account: &Value) -> TestClient {
        let credential = &account["credential"];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        TestClient {
            address: self.address,
            account: text(&account["id"]),
            credential: text(&credential["id"]),
            id: text(&credential["client_id"]),
            secret: text(&credential["client_secret"]),
        }
    }

    /// The API `deploy`, with `deploy:read`, `deploy:write`, and some projects.
    pub async fn ensure_deploy_api(&self) {
        let known = self
            .admin("GET", "/organizations/default/apis/deploy", None)
            .await;
        if known.status == 200 {
            return;
        }
        let api = json!({
            "name": "deploy",
            "audience": DEPLOY,
            "scopes": [{"name": "deploy:read"}, {"name": "deploy:write"}],
            "resource_types": ["project"],
        });
        self.create("/organizations/default/apis", api).await;
        for key in ["APOLLO", "GEMINI", "MERCURY"] {
            let resource = json!({"type": "project", "key": key});
            self.create("/organizations/default/apis/deploy/resources", resource)
                .await;
        }
    }
}

fn path_text(path: &Path) -> String {
    path.to_str().expect("a path of text").to_owned()
}

/// The port of a server that has just stopped.
/// Waits for work that a server had begun when it stopped, such as its first clean-up: as long as that
/// goes on, the store is open. (A process that ends takes it along.)
async fn until_nobody_has(store: &Weak<dyn Store>) {
    let gone = async {
        while store.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(10), gone).await;
    gone.expect("a server that has stopped lets go of its store");
}

async fn rebind(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address)
        .await
        .expect("the port of the server before")
}

/// Puts the public test keys where `init` finds them, so that no test makes an RSA key.
fn copy_fixture_keys(keys: &Path) {
    std::fs::create_dir_all(keys).expect("a directory");
    std::fs::set_permissions(keys, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for (kid, pem) in fixture_keys() {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(keys.join(format!("{kid}.pem")))
            .expect("a new file");
        std::io::Write::write_all(&mut file, pem.as_bytes()).expect("written");
    }
}

fn fixture_keys() -> &'static [(String, String)] {
    use ostler::domain::signing_key::Algorithm;
    static KEYS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let fixtures = [
            ("es256.pem", Algorithm::Es256),
            ("rs256.pem", Algorithm::Rs256),
            ("eddsa.pem", Algorithm::EdDsa),
        ];
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/keys");
        let read = |(name, algorithm): (&str, Algorithm)| {
            let pem = std::fs::read_to_string(directory.join(name)).expect("a fixture");
            let der = ostler::keys::pem::decode(pem.as_bytes()).expect("PEM");
            let pair = ostler::jwt::KeyPair::from_pkcs8(algorithm, &der).expect("a key");
            (
                pair.public_key().expect("a public half").kid().to_owned(),
                pem,
            )
        };
        fixtures.into_iter().map(read).collect()
    })
}
