//! Where numbers are kept.
//!
//! The numbers belong to a [`Registry`], not to the process: several servers in one process (as in
//! the tests) each have their own, and nothing depends on who installed a global recorder first.
//! Handles are made once, at start; a label is one of a fixed set of words, never something that a
//! caller can choose, so the number of series is known when the server starts.

use std::sync::Arc;
use std::time::Duration;

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

use crate::shutdown::Shutdown;

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
