//! The one place that knows what time it is.
//!
//! Everything that depends on time asks the [`Clock`] it was given, so a test moves time instead of
//! waiting for it. Deadlines of I/O (a hung store, a slow body) are not wall-clock time and stay
//! with tokio's monotonic timers.

use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;

/// Tells the time, in UTC.
pub trait Clock: Send + Sync + 'static {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that all others ask"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    unix_millis: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `start`, to the millisecond.
    pub fn at(start: Timestamp) -> Self {
        Self {
            unix_millis: AtomicI64::new(start.as_millisecond()),
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.unix_millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the clock, backwards if need be.
    pub fn set(&self, to: Timestamp) {
        self.unix_millis
            .store(to.as_millisecond(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.unix_millis.load(Ordering::SeqCst))
            .unwrap_or(Timestamp::MAX)
    }
}
