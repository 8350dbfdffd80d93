//! The whole server on its listeners: routes, health and numbers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::signing_key::Algorithm;
use crate::http::address::TrustedProxies;
use crate::http::admin;
use crate::http::edge::Edge;
use crate::http::edge::EdgeSettings;
use crate::http::limits::Limits;
use crate::http::management;
use crate::http::metrics::HttpMetrics;
use crate::http::oauth;
use crate::http::serve::bind;
use crate::http::serve::serve;
use crate::http::tls::Tls;
use crate::http::tls::TlsError;
use crate::shutdown::Shutdown;
use crate::telemetry::health::Check;
use crate::telemetry::health::Health;
use crate::telemetry::health::Readiness;

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// An address cannot be bound.
    #[error(transparent)]
    Bind(#[from] io::Error),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Open listeners: connections queue from now on, and are answered from [`Listeners::serve`] on.
pub struct Listeners {
    main: TcpListener,
    management: TcpListener,
    admin: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
}

impl Listeners {
    /// Opens what the configuration says.
    pub async fn bind(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, ListenError> {
        let tls = match &config.server.tls {
            Some(files) => {
                let tls = Tls::load(&files.cert_file, &files.key_file, clock)?;
                Some(Arc::new(tls))
            }
            None => None,
        };
        Ok(Self {
            main: bind(config.server.listen).await?,
            management: bind(config.management.listen).await?,
            admin: match config.admin.listen {
                Some(address) => Some(bind(address).await?),
                None => None,
            },
            tls,
        })
    }

    /// These open listeners, without TLS: for a test that must know its port beforehand.
    pub fn of(main: TcpListener, management: TcpListener) -> Self {
        Self {
            main,
            management,
            admin: None,
            tls: None,
        }
    }

    /// Where the main listener is.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.main.local_addr()
    }

    /// Where the management listener is.
    pub fn management_address(&self) -> io::Result<SocketAddr> {
        self.management.local_addr()
    }

    /// The certificate that is served, if one is.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// Serves `app` until `shutdown`, then finishes what is in flight.
    pub async fn serve(self, app: &App, shutdown: &Shutdown) {
        let registry = app.registry.clone();
        let metrics = HttpMetrics::new(&registry);
        let changes = app.config.changes();
        let mut edges = Vec::new();
        let around = |router: Router| {
            let settings = EdgeSettings {
                base: app.config.server.issuer.path().to_owned(),
                limits: limits(app),
                proxies: proxies(app),
                https: app.config.server.issuer.is_https(),
                clock: Arc::clone(&app.clock),
                metrics: metrics.clone(),
            };
            Edge::new(router, settings)
        };
        let mut kept = |edge: Edge| {
            let edge = Arc::new(edge);
            edges.push(Arc::clone(&edge));
            edge
        };

        let mut serving = JoinSet::new();
        let main = match self.admin {
            None => oauth::router(app).merge(admin_router(app)),
            Some(listener) => {
                let edge = kept(around(admin_router(app)));
                let tls = self.tls.clone();
                serving.spawn(serve(listener, tls, edge, shutdown.clone()));
                oauth::router(app)
            }
        };
        let edge = kept(around(main).with_oauth(app));
        serving.spawn(serve(self.main, self.tls, edge, shutdown.clone()));
        let health = management::router(readiness(app, shutdown), registry.clone());
        let edge = kept(around(health));
        serving.spawn(serve(self.management, None, edge, shutdown.clone()));

        let upkeep = registry.upkeep(shutdown);
        let serving = async { while serving.join_next().await.is_some() {} };
        tokio::join!(upkeep, async {
            tokio::select! {
                () = serving => {}
                () = follow(changes, app, &edges) => {}
            }
        });
    }
}

/// Lets the listeners follow the configuration, whenever it was read again.
async fn follow(mut changes: watch::Receiver<()>, app: &App, edges: &[Arc<Edge>]) {
    while changes.changed().await.is_ok() {
        for edge in edges {
            edge.renew(limits(app), proxies(app));
        }
    }
    // Nobody can change it any more.
    std::future::pending::<()>().await;
}

/// The admin API, below the issuer's path and also without it, like the OAuth endpoints.
fn admin_router(app: &App) -> Router {
    let router = admin::router(app);
    match app.config.server.issuer.path() {
        "" => router,
        path => Router::new().nest(path, router.clone()).merge(router),
    }
}

fn proxies(app: &App) -> TrustedProxies {
    TrustedProxies::new(app.config.server.trusted_proxies.clone())
}

fn limits(app: &App) -> Limits {
    let configured = &app.config.limits;
    Limits {
        connections: configured.connections,
        body_bytes: configured.body_bytes,
        admin_body_bytes: configured.admin_body_bytes,
        ..Limits::default()
    }
}

/// What `/readyz` asks.
fn readiness(app: &App, shutdown: &Shutdown) -> Readiness {
    let mut checks = vec![
        check(app, "database", database),
        check(app, "migrations", async |_| MIGRATED),
        check(app, "signing_key", signing_key),
        check(app, "clock", clock),
    ];
    if app.config.redis.url.is_some() {
        checks.push(check(app, "redis", redis));
    }
    Readiness::new(checks, shutdown.clone())
}

fn check<F>(app: &App, name: &'static str, ask: impl Fn(App) -> F + Send + Sync + 'static) -> Check
where
    F: Future<Output = Health> + Send + 'static,
{
    let app = app.clone();
    Check::new(name, move || ask(app.clone()))
}

async fn database(app: App) -> Health {
    let answer = app.store.ping().await;
    answer.map_or_else(|error| Health::Failed(error.to_string()), |()| Health::Ok)
}

/// A server whose schema is of another version has not started. It is told all the same, so that
/// whoever looks for it finds it.
const MIGRATED: Health = Health::Ok;

/// A clock that is before the making of a signing key is wrong, and so would be every token.
async fn clock(app: App) -> Health {
    let latest = app.clock.now().saturating_add(CLOCKS_DIFFER);
    let latest = latest.unwrap_or(Timestamp::MAX);
    // What the database does not tell in time is its own trouble.
    let keys = tokio::time::timeout(CLOCK_PATIENCE, app.store.list_signing_keys());
    match keys.await {
        Ok(Ok(keys)) if keys.iter().any(|key| key.created_at > latest) => {
            Health::Failed("the clock is before the making of a signing key".to_owned())
        }
        _ => Health::Ok,
    }
}

const CLOCK_PATIENCE: Duration = Duration::from_millis(500);

/// By how much the clocks of two nodes may differ.
const CLOCKS_DIFFER: Duration = Duration::from_mins(1);

/// Without Redis every answer is still right; the database gives it.
async fn redis(app: App) -> Health {
    let answer = app.live.ping().await;
    answer.map_or_else(|error| Health::Degraded(error.to_string()), |()| Health::Ok)
}

async fn signing_key(app: App) -> Health {
    let missing: Vec<_> = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| !app.key_ring.can_sign(*algorithm))
        .map(Algorithm::as_str)
        .collect();
    if missing.is_empty() {
        Health::Ok
    } else {
        Health::Failed(format!("no active key for {}", missing.join(", ")))
    }
}
