//! What is true of every test with a server, whatever it is about (security section 5).

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use ostler::telemetry::registry::Registry;

use super::TestServer;
use super::log;

/// Looks at a server's numbers and at the log when the server is gone.
pub struct Watch {
    registry: Registry,
    may_fail: AtomicBool,
}

impl Watch {
    /// Over the server with these numbers; one that `may_fail` has dependencies that do.
    pub fn new(registry: &Registry, may_fail: bool) -> Self {
        Self {
            registry: registry.clone(),
            may_fail: AtomicBool::new(may_fail),
        }
    }
}

impl TestServer {
    /// From here on its dependencies may fail, and so may it.
    pub fn may_fail(&self) {
        self.watch.may_fail.store(true, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let faults = log::faults();
        assert!(faults.is_empty(), "{faults:#?}");

        let numbers = self.registry.render();
        // It has no numbers while it does not serve.
        if !numbers.contains("ostler_http_requests_total") {
            return;
        }
        let is_some = |line: &&str| !line.ends_with(" 0");
        let mut lines = numbers.lines();
        let panics = lines.find(|line| line.starts_with("ostler_panics_total"));
        let panics = panics.expect("panics are counted");
        assert!(!is_some(&panics), "a request ends in a panic: {panics}");
        if !self.may_fail.load(Ordering::Relaxed) {
            // P9: no bytes that a client can send give a 5xx.
            assert!(numbers.contains("status=\"5xx\""), "failures are counted");
            let mut lines = numbers.lines();
            let failed = lines.find(|line| line.contains("status=\"5xx\"") && is_some(line));
            assert_eq!(
                failed, None,
                "a server whose dependencies are well fails at nothing"
            );
        }
    }
}
