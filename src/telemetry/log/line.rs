//! One event, as one line.
//!
//! Whatever a caller sent may end up in a field, so nothing here can start a new line or speak to a
//! terminal: JSON escapes control characters, and the human form escapes them too.

use std::fmt;
use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;
use tracing::Event;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::FormatEvent;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::telemetry::request_id::RequestId;

/// For whom lines are written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    /// Short, for a terminal.
    Human,
    /// An object on each line.
    Json,
}

/// Writes an event as one line.
pub(super) struct Line {
    style: Style,
}

impl Line {
    pub(super) fn new(style: Style) -> Self {
        Self { style }
    }
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        match self.style {
            Style::Human => human(&mut writer, event, &fields),
            Style::Json => json(&mut writer, event, fields),
        }
    }
}

/// `{"at", "level", "target", "message", "request_id"?, <fields>}`
fn json(writer: &mut Writer<'_>, event: &Event<'_>, fields: Fields) -> fmt::Result {
    #[derive(Serialize)]
    struct Object<'a> {
        at: &'a str,
        level: &'a str,
        target: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
        #[serde(flatten)]
        fields: serde_json::Map<String, Value>,
    }
    let request_id = RequestId::current();
    let object = Object {
        at: &format!("{:.3}", SystemClock.now()),
        level: &event.metadata().level().as_str().to_ascii_lowercase(),
        target: event.metadata().target(),
        message: &fields.message,
        request_id: request_id.as_ref().map(RequestId::as_str),
        fields: fields.others.into_iter().collect(),
    };
    let text = serde_json::to_string(&object).map_err(|_| fmt::Error)?;
    writeln!(writer, "{text}")
}

/// `12:00:00.000  INFO message field=value (req_...)`
fn human(writer: &mut Writer<'_>, event: &Event<'_>, fields: &Fields) -> fmt::Result {
    let at = format!("{:.3}", SystemClock.now());
    let time = at.get(11..23).unwrap_or(&at);
    let level = event.metadata().level().as_str();
    let message = fields.message.escape_debug();
    write!(writer, "{time} {level:>5} {message}")?;
    for (name, value) in &fields.others {
        match value {
            Value::String(text) => write!(writer, " {name}={}", Quoted(text))?,
            other => write!(writer, " {name}={other}")?,
        }
    }
    match RequestId::current() {
        Some(id) => writeln!(writer, " ({id})"),
        None => writeln!(writer),
    }
}

/// Text that is quoted when it needs to be.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\' && c != '=';
        if !self.0.is_empty() && self.0.chars().all(plain) {
            f.write_str(self.0)
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

/// What an event says.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(String, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => self.others.push((name.to_owned(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    /// An error with what caused it: `outer: inner: innermost`.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.add(field, text.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::Mutex;

    use super::super::subscriber;
    use super::*;
    use crate::telemetry::request_id::RequestIds;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, style: Style, log: impl FnOnce()) -> String {
        let captured = Captured::default();
        let output = captured.clone();
        let subscriber = subscriber(filter, style, move || output.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn refused() {
        let error = io::Error::other("a\nb");
        tracing::info!(
            client_id = "sac_1\n\u{1b}[31m",
            tries = 3,
            error = &error as &dyn std::error::Error,
            "refused"
        );
    }

    #[test]
    fn a_json_line_is_one_object() {
        let line = logged("", Style::Json, refused);
        assert_eq!(line.matches('\n').count(), 1);
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["level"], "info");
        assert_eq!(object["message"], "refused");
        assert_eq!(object["client_id"], "sac_1\n\u{1b}[31m");
        assert_eq!(object["tries"], 3);
        assert_eq!(object["error"], "a\nb");
        assert!(object["at"].as_str().unwrap().ends_with('Z'));
        assert!(object.get("request_id").is_none());
    }

    #[test]
    fn a_human_line_cannot_be_forged_by_what_is_in_it() {
        let line = logged("", Style::Human, refused);
        let (_, rest) = line.split_once("  INFO ").unwrap();
        assert_eq!(
            rest,
            "refused client_id=\"sac_1\\n\\u{1b}[31m\" tries=3 error=\"a\\nb\"\n"
        );
    }

    #[tokio::test]
    async fn a_line_inside_a_request_carries_its_id() {
        let id = RequestIds::new(Arc::new(SystemClock)).next();
        let line = id.scope(async { logged("", Style::Json, refused) }).await;
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["request_id"], id.as_str());
    }

    #[test]
    fn the_filter_chooses_but_never_what_shows_the_wire() {
        let log = || {
            tracing::trace!("ours");
            tracing::trace!(target: "h2::codec", "bytes");
        };
        assert_eq!(logged("", Style::Human, log), "");
        let lines = logged("trace", Style::Human, log);
        assert!(lines.contains("ours") && !lines.contains("bytes"));
        assert!(subscriber("ostler=loud", Style::Human, io::sink).is_err());
    }
}
