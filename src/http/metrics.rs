//! What is counted about requests and connections.

use std::sync::Arc;

use axum::http::StatusCode;
use metrics::Counter;
use metrics::Gauge;
use metrics::Histogram;
use tokio::time::Instant;

use crate::telemetry::registry::Registry;

/// A group of paths that is counted together.
#[derive(Clone, Copy, Debug)]
enum Route {
    Token,
    Introspect,
    Revoke,
    Jwks,
    Metadata,
    Admin,
    Other,
}

impl Route {
    const ALL: [Self; 7] = [
        Self::Token,
        Self::Introspect,
        Self::Revoke,
        Self::Jwks,
        Self::Metadata,
        Self::Admin,
        Self::Other,
    ];

    fn of(path: &str) -> Self {
        match path {
            "/oauth/token" | "/rest/oauth2/latest/token" => Self::Token,
            "/oauth/introspect" => Self::Introspect,
            "/oauth/revoke" => Self::Revoke,
            "/.well-known/jwks.json" => Self::Jwks,
            _ if path.starts_with("/.well-known/") => Self::Metadata,
            _ if path.starts_with("/admin/") => Self::Admin,
            _ => Self::Other,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::Jwks => "jwks",
            Self::Metadata => "metadata",
            Self::Admin => "admin",
            Self::Other => "other",
        }
    }
}

/// How a request ended, by the first digit of its status; the last is a caller that hung up.
const OUTCOMES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "hung_up"];
const HUNG_UP: usize = 4;

fn outcome(status: StatusCode) -> usize {
    match status.as_u16() / 100 {
        4 => 2,
        3 => 1,
        5 => 3,
        _ => 0,
    }
}

struct RouteMetrics {
    requests: [Counter; OUTCOMES.len()],
    seconds: Histogram,
}

/// The numbers of requests and connections, with their handles at hand.
#[derive(Clone)]
pub struct HttpMetrics(Arc<Handles>);

struct Handles {
    routes: [RouteMetrics; Route::ALL.len()],
    in_flight: Gauge,
    connections: Gauge,
    refused_connections: Counter,
    failed_accepts: Counter,
    failed_handshakes: Counter,
    secrets_in_query: Counter,
    panics: Counter,
}

impl HttpMetrics {
    /// Makes the handles in `registry`; doing so again gives the same numbers.
    pub fn new(registry: &Registry) -> Self {
        let requests = |route: Route, outcome| {
            registry.counter(
                "ostler_http_requests_total",
                "Requests that ended, by route and by how they ended.",
                &[("route", route.label()), ("status", outcome)],
            )
        };
        let seconds = |route: Route| {
            registry.seconds(
                "ostler_http_request_seconds",
                "Time from a request's head to its answer's head.",
                &[("route", route.label())],
            )
        };
        Self(Arc::new(Handles {
            routes: Route::ALL.map(|route| RouteMetrics {
                requests: OUTCOMES.map(|outcome| requests(route, outcome)),
                seconds: seconds(route),
            }),
            in_flight: registry.gauge(
                "ostler_http_requests_in_flight",
                "Requests that wait for their answer.",
                &[],
            ),
            connections: registry.gauge("ostler_connections", "Open connections.", &[]),
            refused_connections: registry.counter(
                "ostler_connections_refused_total",
                "Connections refused because there were too many.",
                &[],
            ),
            failed_accepts: registry.counter(
                "ostler_accepts_failed_total",
                "Connections that could not be accepted, for lack of files or memory.",
                &[],
            ),
            failed_handshakes: registry.counter(
                "ostler_tls_handshakes_failed_total",
                "TLS handshakes that failed or took too long.",
                &[],
            ),
            secrets_in_query: registry.counter(
                "ostler_secrets_in_query_total",
                "Requests with a secret or token in the query string: it is in every log on its way.",
                &[],
            ),
            panics: registry.counter(
                "ostler_panics_total",
                "Requests that ended in a panic: each is a bug.",
                &[],
            ),
        }))
    }

    /// Counts a request to `path` as in flight until the result is ended or dropped.
    pub(crate) fn begin(&self, path: &str, started: Instant) -> InFlight<'_> {
        self.0.in_flight.increment(1.0);
        InFlight {
            handles: &self.0,
            route: Route::of(path),
            started,
            outcome: HUNG_UP,
        }
    }

    /// Counts a connection as open until the result is dropped.
    pub(crate) fn connection(&self) -> OpenConnection {
        self.0.connections.increment(1.0);
        OpenConnection(Arc::clone(&self.0))
    }

    pub(crate) fn connection_refused(&self) {
        self.0.refused_connections.increment(1);
    }

    pub(crate) fn accept_failed(&self) {
        self.0.failed_accepts.increment(1);
    }

    pub(crate) fn handshake_failed(&self) {
        self.0.failed_handshakes.increment(1);
    }

    pub(crate) fn secret_in_query(&self) {
        self.0.secrets_in_query.increment(1);
    }

    pub(crate) fn panicked(&self) {
        self.0.panics.increment(1);
    }
}

/// A request that has no answer yet.
pub(crate) struct InFlight<'a> {
    handles: &'a Handles,
    route: Route,
    started: Instant,
    outcome: usize,
}

impl InFlight<'_> {
    /// The request was answered.
    pub(crate) fn end(mut self, status: StatusCode) {
        self.outcome = outcome(status);
        // The route and not the path, which is the caller's text and may hold anything.
        tracing::debug!(
            route = self.route.label(),
            status = status.as_u16(),
            micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let route = &self.handles.routes[self.route as usize];
        route.requests[self.outcome].increment(1);
        route.seconds.record(self.started.elapsed());
        self.handles.in_flight.decrement(1.0);
    }
}

/// A connection that is open.
pub(crate) struct OpenConnection(Arc<Handles>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.decrement(1.0);
    }
}
