//! What is counted about requests, and where numbers are kept.
//!
//! The numbers belong to a [`Registry`], not to the process: several servers in one process (as in
//! the tests) each have their own, and nothing depends on who installed a global recorder first.
//! Handles are made once, at start; a label is one of a fixed set of words, never something that a
//! caller can choose, so the number of series is known when the server starts.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use metrics::Counter;
use metrics::Gauge;
use metrics::Histogram;
use metrics::Key;
use metrics::Label;
use metrics::Level;
use metrics::Metadata;
use metrics::Recorder;
use metrics::SharedString;
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_exporter_prometheus::PrometheusRecorder;
use tokio::time::Instant;

use crate::http::shutdown::Shutdown;

/// Upper bounds of the latency histograms, in seconds.
const LATENCY_SECONDS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0,
    10.0,
];

/// How often recorded durations are folded into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

const METADATA: Metadata<'static> = Metadata::new("ostler", Level::INFO, None);

/// The numbers of one server, in the form that Prometheus reads.
#[derive(Clone)]
pub struct Registry {
    recorder: Arc<PrometheusRecorder>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// A registry without numbers.
    pub fn new() -> Self {
        let builder = PrometheusBuilder::new();
        let recorder = builder
            .set_buckets(&LATENCY_SECONDS)
            .expect("the buckets are not empty")
            .build_recorder();
        Self {
            recorder: Arc::new(recorder),
        }
    }

    /// The counter `name` with these labels; the same one each time it is asked for.
    ///
    /// Names start with `ostler_` and end with `_total`.
    pub fn counter(&self, name: &'static str, help: &'static str, labels: Labels) -> Counter {
        let text = SharedString::const_str(help);
        self.recorder.describe_counter(name.into(), None, text);
        self.recorder
            .register_counter(&key(name, labels), &METADATA)
    }

    /// The gauge `name` with these labels; the same one each time it is asked for.
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: Labels) -> Gauge {
        let text = SharedString::const_str(help);
        self.recorder.describe_gauge(name.into(), None, text);
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    /// The histogram `name` of durations in seconds; the same one each time it is asked for.
    pub fn seconds(&self, name: &'static str, help: &'static str, labels: Labels) -> Histogram {
        let text = SharedString::const_str(help);
        self.recorder.describe_histogram(name.into(), None, text);
        self.recorder
            .register_histogram(&key(name, labels), &METADATA)
    }

    /// All numbers, as text in the exposition format of Prometheus.
    pub fn render(&self) -> String {
        self.recorder.handle().render()
    }

    /// Folds recorded durations into their buckets until `shutdown`.
    ///
    /// Somebody has to run this: durations wait in memory for the next fold or [`render`](Self::render).
    pub async fn upkeep(&self, shutdown: &Shutdown) {
        let handle = self.recorder.handle();
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            tokio::select! {
                () = shutdown.triggered() => return,
                _ = ticks.tick() => handle.run_upkeep(),
            }
        }
    }
}

/// The labels of a series: names and values that are fixed at compile time.
pub type Labels<'a> = &'a [(&'static str, &'static str)];

fn key(name: &'static str, labels: Labels) -> Key {
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| Label::from_static_parts(name, value))
        .collect();
    Key::from_parts(name, labels)
}

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
    failed_handshakes: Counter,
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
            failed_handshakes: registry.counter(
                "ostler_tls_handshakes_failed_total",
                "TLS handshakes that failed or took too long.",
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

    pub(crate) fn handshake_failed(&self) {
        self.0.failed_handshakes.increment(1);
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
