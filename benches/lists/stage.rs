//! A server with very much in it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::body::Body;
use axum::body::Bytes;
use axum::http::Request;
use axum::http::StatusCode;
use axum::http::header;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ostler::app::App;
use ostler::app::open::Ground;
use ostler::clock::SystemClock;
use ostler::config::Config;
use ostler::config::Sources;
use ostler::http::address::TrustedProxies;
use ostler::http::admin;
use ostler::http::edge::Edge;
use ostler::http::edge::EdgeSettings;
use ostler::http::limits::Limits;
use ostler::http::metrics::HttpMetrics;
use ostler::http::oauth;
use ostler::http::serve::Peer;
use serde_json::Value;
use sqlx::AnyConnection;
use sqlx::Connection;
use tempfile::TempDir;

use super::Size;
use super::fill::fill;

/// The first administrator of a server.
pub struct Stage {
    edge: Arc<Edge>,
    peer: Peer,
    token: String,
    _directory: TempDir,
}

impl Stage {
    /// A server on SQLite, or in a new database of this PostgreSQL.
    pub async fn set(postgres: Option<&str>, size: Size) -> Self {
        let directory = TempDir::new().expect("a directory");
        let own = match postgres {
            Some(url) => Some(new_database(url).await),
            None => None,
        };
        let config = config(&directory, own.as_deref());
        let ground = Ground::create(config, Arc::new(SystemClock)).await;
        let ground = ground.expect("a store");
        let first = ground.init().await.expect("an administrator");
        let basic = format!("{}:{}", first.client_id, first.secret.expose());
        ground.finish_init(first).await.expect("a finished store");
        let app = ground.build().await.expect("a server");
        fill(&app, size).await;

        let mut stage = Self {
            edge: Arc::new(edge(&app)),
            peer: Peer {
                address: (Ipv4Addr::LOCALHOST, 4_000).into(),
            },
            token: String::new(),
            _directory: directory,
        };
        stage.token = stage
            .sign_in(&basic, app.config.server.issuer.as_str())
            .await;
        stage
    }

    /// Reads a path of the admin API.
    pub async fn get(&self, path: &str) -> Bytes {
        let request = Request::get(format!("/admin/v1{path}"))
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Body::empty())
            .expect("a request");
        self.answer(request).await
    }

    async fn sign_in(&self, basic: &str, issuer: &str) -> String {
        let form = format!("grant_type=client_credentials&expires_in=3600&resource={issuer}");
        let request = Request::post("/oauth/token")
            .header(header::HOST, "localhost")
            .header(
                header::AUTHORIZATION,
                format!("Basic {}", BASE64_STANDARD.encode(basic)),
            )
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .expect("a request");
        let answer = read(&self.answer(request).await);
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    async fn answer(&self, request: Request<Body>) -> Bytes {
        let Ok(response) = self.edge.answer(self.peer, request).await;
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        let body = body.expect("a body");
        assert_eq!(status, StatusCode::OK, "{}", read(&body));
        body
    }
}

/// What an answer says.
pub fn read(answer: &[u8]) -> Value {
    serde_json::from_slice(answer).expect("JSON")
}

fn config(directory: &TempDir, database: Option<&str>) -> Config {
    let path = |name: &str| directory.path().join(name).into_os_string();
    let mut variables = vec![
        ("OSTLER_DATA__DIR", path("data")),
        ("OSTLER_KEYS__DIR", path("keys")),
        ("OSTLER_TOKENS__LIFETIME_SECONDS", "3600".into()),
    ];
    if let Some(url) = database {
        variables.push(("OSTLER_DATABASE__URL", url.into()));
    }
    let sources = Sources::new().environment(variables);
    ostler::config::check(&sources).expect("a configuration").0
}

fn edge(app: &App) -> Edge {
    let settings = EdgeSettings {
        limits: Limits::default(),
        proxies: TrustedProxies::new(Vec::new()),
        https: false,
        clock: Arc::clone(&app.clock),
        metrics: HttpMetrics::new(&app.registry),
        base: app.config.server.issuer.path().to_owned(),
    };
    Edge::new(oauth::router(app).merge(admin::router(app)), settings)
}

/// Makes a new database; returns its URL.
async fn new_database(url: &str) -> String {
    sqlx::any::install_default_drivers();
    let mut server = AnyConnection::connect(url).await.expect("PostgreSQL");
    let name = format!("ostler_lists_{}", std::process::id());
    for statement in [
        format!("DROP DATABASE IF EXISTS {name}"),
        format!("CREATE DATABASE {name}"),
    ] {
        let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement));
        statement.execute(&mut server).await.expect("a database");
    }
    let mut own = url::Url::parse(url).expect("a URL");
    own.set_path(&name);
    own.to_string()
}
