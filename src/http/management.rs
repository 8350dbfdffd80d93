//! The management listener: is it alive, can it work, what are its numbers.
//!
//! It has no authentication and listens on loopback by default. Answers are plain text, because
//! those who ask are probes and people with `curl`; `/readyz?verbose` is JSON.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::RawQuery;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Extension;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use crate::http::edge::AsItIs;
use crate::telemetry::health::Health;
use crate::telemetry::health::Readiness;
use crate::telemetry::health::Report;
use crate::telemetry::registry::Registry;

#[derive(Clone)]
struct Management {
    readiness: Arc<Readiness>,
    registry: Registry,
}

/// `/livez`, `/readyz` and `/metrics`.
pub fn router(readiness: Readiness, registry: Registry) -> Router {
    Router::new()
        .route("/livez", get(async || plain(StatusCode::OK, "alive\n")))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Management {
            readiness: Arc::new(readiness),
            registry,
        })
}

/// `GET /readyz[?verbose]`: 200 when traffic should come here, else 503.
async fn readyz(State(management): State<Management>, RawQuery(query): RawQuery) -> Response {
    let report = management.readiness.report().await;
    let status = if report.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let is_verbose = query.is_some_and(|query| {
        let mut names = query.split('&').map(|pair| pair.split('=').next());
        names.any(|name| name == Some("verbose"))
    });
    if is_verbose {
        (status, Json(verbose(&report))).into_response()
    } else {
        plain(status, summary(&report))
    }
}

/// `GET /metrics`, in the exposition format of Prometheus.
async fn metrics(State(management): State<Management>) -> impl IntoResponse {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], management.registry.render())
}

fn summary(report: &Report) -> String {
    let list = |names: &mut dyn Iterator<Item = &'static str>| -> String {
        names.collect::<Vec<_>>().join(", ")
    };
    let (failed, degraded) = (list(&mut report.failed()), list(&mut report.degraded()));
    if report.stopping {
        "not ready: stopping\n".to_owned()
    } else if !failed.is_empty() {
        format!("not ready: {failed}\n")
    } else if !degraded.is_empty() {
        format!("degraded: {degraded}\n")
    } else {
        "ready\n".to_owned()
    }
}

fn verbose(report: &Report) -> serde_json::Value {
    let status = if !report.is_ready() {
        "not_ready"
    } else if report.degraded().next().is_some() {
        "degraded"
    } else {
        "ready"
    };
    let checks = report.checks.iter().map(|(name, health)| {
        let (status, reason) = match health {
            Health::Ok => ("ok", None),
            Health::Degraded(reason) => ("degraded", Some(reason)),
            Health::Failed(reason) => ("failed", Some(reason)),
        };
        json!({ "name": name, "status": status, "reason": reason })
    });
    json!({
        "status": status,
        "stopping": report.stopping,
        "checks": checks.collect::<Vec<_>>(),
    })
}

fn plain(status: StatusCode, text: impl IntoResponse) -> Response {
    (status, Extension(AsItIs), text).into_response()
}
