//! What the servers of this process log.
//!
//! Every line is looked at, whatever a test is about: none may hold a secret, a token or a private
//! key, and nothing in `src/` may panic (security section 5, the conventions of all cases).

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::io;
use std::io::Write;
use std::panic;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::Once;
use std::sync::PoisonError;

use ostler::telemetry::log;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use super::Reply;

/// Everything of ours, down to `trace`.
const FILTER: &str = "info,ostler=trace";

/// What only a secret, a token, a private key or Basic credentials have in them: our prefixes, the
/// first letters of a JOSE header and of the claims, and `sac_` in base64.
const CANARIES: [&str; 8] = [
    "ostler_cs_",
    "ostler_at_",
    "ostler_ot_",
    "eyJhbGciOi",
    "eyJ0eXAiOi",
    "eyJpc3MiOi",
    "PRIVATE KEY",
    "c2FjX",
];

/// Secrets of this very process that no line may have in it, besides those that are known by their form.
static FORBIDDEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// What was logged.
#[derive(Default)]
struct Kept {
    /// The lines of each request, by its id.
    by_request: HashMap<String, Vec<Value>>,
    /// What must not be.
    faults: Vec<String>,
}

fn kept() -> MutexGuard<'static, Option<Kept>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to look at what is logged, unless the test has its own log.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lines = log::json_lines(FILTER, Lines).expect("a filter");
        let _ = tracing::subscriber::set_global_default(lines);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if let Some(at) = panic.location().filter(|at| at.file().starts_with("src/")) {
                note_fault(format!("a panic in {at}"));
            }
            before(panic);
        }));
    });
}

/// From here on no line of this process may have this text in it.
pub fn forbid(text: &str) {
    let mut forbidden = FORBIDDEN.lock().unwrap_or_else(PoisonError::into_inner);
    forbidden.insert(text.to_owned());
}

/// What should never have happened in this process.
pub fn faults() -> Vec<String> {
    kept()
        .as_ref()
        .map(|kept| kept.faults.clone())
        .unwrap_or_default()
}

/// The lines that were logged about the request of this reply: objects with `level`, `message` and
/// what else they tell.
#[track_caller]
pub fn lines_of(reply: &Reply) -> Vec<Value> {
    let id = reply.header("x-request-id").expect("a request id");
    let kept = kept();
    let lines = kept.as_ref().and_then(|kept| kept.by_request.get(id));
    lines.cloned().unwrap_or_default()
}

fn note_fault(fault: String) {
    kept().get_or_insert_default().faults.push(fault);
}

fn note_line(line: &str) {
    if let Some(canary) = CANARIES.iter().find(|canary| line.contains(**canary)) {
        note_fault(format!("{canary} in the log: {line}"));
    }
    let forbidden = FORBIDDEN.lock().unwrap_or_else(PoisonError::into_inner);
    if forbidden
        .iter()
        .any(|secret| line.contains(secret.as_str()))
    {
        note_fault(format!("a password in the log: {line}"));
    }
    drop(forbidden);
    let json: Value = match serde_json::from_str(line) {
        Ok(json) => json,
        Err(error) => return note_fault(format!("{error}: {line}")),
    };
    if let Some(id) = json["request_id"].as_str() {
        let id = id.to_owned();
        let mut kept = kept();
        let lines = &mut kept.get_or_insert_default().by_request;
        lines.entry(id).or_default().push(json);
    }
}

/// Looks at each line.
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        note_line(&String::from_utf8_lossy(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
