//! The management listener.

use std::sync::Arc;

use ostler::clock::SystemClock;
use ostler::http::address::TrustedProxies;
use ostler::http::edge::Edge;
use ostler::http::edge::EdgeSettings;
use ostler::http::limits::Limits;
use ostler::http::management::router;
use ostler::http::metrics::HttpMetrics;
use ostler::shutdown::Shutdown;
use ostler::telemetry::health::Check;
use ostler::telemetry::health::Health;
use ostler::telemetry::health::Readiness;
use ostler::telemetry::registry::Registry;

use super::harness::Server;
use super::harness::get;
use super::harness::header;
use super::harness::json;
use super::harness::status;

fn finds(name: &'static str, health: Health) -> Check {
    Check::new(name, move || std::future::ready(health.clone()))
}

async fn server(checks: Vec<Check>) -> (Server, Shutdown) {
    let registry = Registry::new();
    // The server stops by a shutdown of its own, so that it can be asked while this one is on.
    let shutdown = Shutdown::new();
    let readiness = Readiness::new(checks, shutdown.clone());
    let edge = Edge::new(
        router(readiness, registry.clone()),
        EdgeSettings {
            base: String::new(),
            limits: Limits::default(),
            proxies: TrustedProxies::default(),
            https: false,
            clock: Arc::new(SystemClock),
            metrics: HttpMetrics::new(&registry),
        },
    );
    (Server::around(edge, None).await, shutdown)
}

async fn ask(checks: Vec<Check>, path: &str) -> String {
    server(checks).await.0.exchange(get(path)).await
}

fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn a_server_without_troubles_is_ready() {
    let response = ask(vec![finds("database", Health::Ok)], "/readyz").await;
    assert_eq!((status(&response), body(&response)), (200, "ready\n"));
    assert!(header(&response, "x-request-id").is_some());
}

#[tokio::test]
async fn a_server_without_redis_is_ready_and_says_so() {
    let redis = finds("redis", Health::Degraded("it does not answer".to_owned()));
    let response = ask(vec![finds("database", Health::Ok), redis], "/readyz").await;
    assert_eq!(
        (status(&response), body(&response)),
        (200, "degraded: redis\n")
    );
}

#[tokio::test]
async fn a_server_without_its_database_is_alive_but_not_ready() {
    let database = || finds("database", Health::Failed("it does not answer".to_owned()));
    let (server, _) = server(vec![database(), finds("clock", Health::Ok)]).await;

    let response = server.exchange(get("/readyz")).await;
    assert_eq!(
        (status(&response), body(&response)),
        (503, "not ready: database\n")
    );
    assert_eq!(status(&server.exchange(get("/livez")).await), 200);

    let verbose = server.exchange(get("/readyz?verbose")).await;
    assert_eq!(status(&verbose), 503);
    let expected = serde_json::json!({
        "status": "not_ready",
        "stopping": false,
        "checks": [
            { "name": "database", "status": "failed", "reason": "it does not answer" },
            { "name": "clock", "status": "ok", "reason": null },
        ],
    });
    assert_eq!(json(&verbose), expected);
}

// Contract section 6
#[tokio::test]
async fn a_server_that_is_stopping_is_alive_but_not_ready() {
    let (server, shutdown) = server(vec![finds("database", Health::Ok)]).await;
    shutdown.trigger();
    let response = server.exchange(get("/readyz")).await;
    assert_eq!(
        (status(&response), body(&response)),
        (503, "not ready: stopping\n")
    );
    assert_eq!(status(&server.exchange(get("/livez")).await), 200);
}

#[tokio::test]
async fn the_numbers_of_two_servers_are_apart() {
    let (one, _) = server(vec![]).await;
    let (other, _) = server(vec![]).await;
    one.exchange(get("/livez")).await;

    let count = r#"ostler_http_requests_total{route="other",status="2xx"}"#;
    let numbers = one.exchange(get("/metrics")).await;
    assert_eq!(status(&numbers), 200);
    assert!(numbers.contains(&format!("{count} 1\n")), "{numbers}");
    let numbers = other.exchange(get("/metrics")).await;
    assert!(numbers.contains(&format!("{count} 0\n")), "{numbers}");
}

#[tokio::test]
async fn it_has_nothing_else() {
    for path in ["/", "/oauth/token", "/admin/v1/organizations", "/debug"] {
        assert_eq!(status(&ask(vec![], path).await), 404, "{path}");
    }
}
