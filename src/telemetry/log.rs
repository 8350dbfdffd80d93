//! Log lines on standard error.
//!
//! Whoever logs uses `tracing` and names no request: a line that is written while a request is
//! answered gets its id by itself, from [`RequestId::current`]. There are no spans on the request
//! path, because one costs more than the whole edge of a request.
//!
//! Nothing waits for a log line. Lines go through a bounded queue to a thread of their own; when
//! whoever reads standard error does not keep up, lines are dropped and the gap is counted.
//!
//! [`RequestId::current`]: super::request_id::RequestId::current

mod line;
mod queue;

use std::env;
use std::io::IsTerminal;
use std::io::stderr;
use std::panic;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use line::Line;
use line::Style;
use queue::Queue;

/// What decides which lines are written: `info`, `debug`, `warn,ostler=debug`, ...
const FILTER_VARIABLE: &str = "OSTLER_LOG";

/// Libraries that can show the bytes of a connection, and secrets with them, below this level.
const QUIET: [&str; 3] = ["h2", "hyper", "rustls"];

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("{FILTER_VARIABLE} has to be a level or a list of module=level: {0}")]
    Filter(#[from] ParseError),
    /// Logging has begun already, or the thread for it cannot be had.
    #[error("logging cannot begin: {0}")]
    Unavailable(String),
}

/// Keeps the log going; when it is dropped, the lines that still wait are written.
#[must_use = "lines that wait are lost when nobody holds this"]
pub struct Log {
    _queue: Queue,
}

/// Begins to log to standard error, for the whole process, and has panics logged too.
pub fn begin() -> Result<Log, LogError> {
    let filter = env::var(FILTER_VARIABLE).unwrap_or_default();
    let style = if stderr().is_terminal() {
        Style::Human
    } else {
        Style::Json
    };
    let unavailable = |error: &dyn std::error::Error| LogError::Unavailable(error.to_string());
    let queue = Queue::start(stderr()).map_err(|error| unavailable(&error))?;
    let subscriber = subscriber(&filter, style, queue.writer())?;
    tracing::subscriber::set_global_default(subscriber).map_err(|error| unavailable(&error))?;
    panic::set_hook(Box::new(log_panic));
    Ok(Log { _queue: queue })
}

/// The same lines, in JSON, for another writer: for those who look at what is logged.
pub fn json_lines<W>(filter: &str, writer: W) -> Result<impl Subscriber, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    subscriber(filter, Style::Json, writer)
}

fn subscriber<W>(filter: &str, style: Style, writer: W) -> Result<impl Subscriber, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = levels(filter)?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .event_format(Line::new(style));
    Ok(tracing_subscriber::registry().with(filter).with(lines))
}

/// What is written of whom. (Not by `EnvFilter`: it brings an engine for regular expressions, for
/// fields of spans that nobody asks for.)
fn levels(filter: &str) -> Result<Targets, ParseError> {
    let mut levels = match filter.trim() {
        "" => Targets::new(),
        filter => filter.parse()?,
    };
    if levels.default_level().is_none() {
        levels = levels.with_default(LevelFilter::INFO);
    }
    let quiet = QUIET.map(|library| (library, LevelFilter::INFO));
    Ok(levels.with_targets(quiet))
}

/// Logs where a panic happened, but its text only when that is fixed: a text that was made at run
/// time may show a value that must not be told.
fn log_panic(panic: &panic::PanicHookInfo<'_>) {
    let message = panic
        .payload()
        .downcast_ref::<&'static str>()
        .unwrap_or(&"(a message that was made at run time is not shown)");
    let location = panic.location().map(ToString::to_string);
    tracing::error!(panic = message, location, "the server has a bug");
}
