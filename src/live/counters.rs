//! What a live state counts for people to see.

use metrics::Counter;

/// The counters of a live state.
#[derive(Clone)]
pub struct LiveCounters {
    /// Entries that went because too many were kept.
    pub dropped: Counter,
    /// Values found in Redis under our names that are not ours.
    pub unreadable: Counter,
    /// How often Redis was given up for a while.
    pub given_up: Counter,
}

impl LiveCounters {
    /// Makes the counters by name and help text.
    pub fn new(counter: impl Fn(&'static str, &'static str) -> Counter) -> Self {
        Self {
            dropped: counter(
                "ostler_live_dropped_total",
                "Entries of the in-process live state that went because there were too many.",
            ),
            unreadable: counter(
                "ostler_redis_unreadable_total",
                "Values in Redis under Ostler's names that Ostler did not write.",
            ),
            given_up: counter(
                "ostler_redis_given_up_total",
                "Times that Redis failed again and again and was left alone for a while.",
            ),
        }
    }

    /// Counters that nobody reads.
    pub fn unread() -> Self {
        Self::new(|_, _| Counter::noop())
    }
}
