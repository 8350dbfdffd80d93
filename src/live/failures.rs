//! Failed authentications, counted against guessing.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use metrics::Counter;
use ring::digest;

use super::expiring::ExpiringMap;

/// What is counted: failed authentications of one client id from one address.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct FailureCounter {
    /// The client id as presented, bounded and folded by the caller; it need not exist.
    pub client_id: String,
    /// The address that the request came from, folded by the caller.
    pub address: IpAddr,
}

impl FailureCounter {
    /// A name of fixed length. What people present as a client id may be a secret, so the text
    /// itself is never kept or sent anywhere.
    pub(super) fn digest(&self) -> [u8; 16] {
        let text = format!("{} {}", self.address, self.client_id);
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        let mut name = [0; 16];
        name.copy_from_slice(&hash.as_ref()[..16]);
        name
    }
}

/// One of the windows that time is cut into. They are aligned, so that all nodes mean the same one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// Which one.
    pub number: i64,
    /// The first instant after it.
    pub ends_at: Timestamp,
}

impl Window {
    /// The window of this `length` (at least a millisecond) that `now` is in.
    pub fn at(now: Timestamp, length: Duration) -> Self {
        let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
        let number = now.as_millisecond().div_euclid(length);
        let end = number.saturating_add(1).saturating_mul(length);
        Self {
            number,
            ends_at: Timestamp::from_millisecond(end).unwrap_or(Timestamp::MAX),
        }
    }
}

/// Counts inside this process, bounded.
pub struct FailureCounts {
    counts: Mutex<ExpiringMap<([u8; 16], i64), u32>>,
}

impl FailureCounts {
    /// No failures yet, and room for `capacity` counters; those that have to go are `dropped`.
    pub fn new(capacity: usize, dropped: Counter) -> Self {
        Self {
            counts: Mutex::new(ExpiringMap::new(capacity, dropped)),
        }
    }

    /// Counts one more failure in the window that `now` is in; returns how many there are in it.
    pub fn count(&self, counter: &FailureCounter, window: Duration, now: Timestamp) -> u32 {
        let window = Window::at(now, window);
        let key = (counter.digest(), window.number);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.merge(key, 1, window.ends_at, now, |count, one: u32| {
            *count = count.saturating_add(one);
        });
        counts.get(&key, now).copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_aligned_and_end_before_the_next_begins() {
        let minute = Duration::from_mins(1);
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        for (now, number, end) in [
            (0, 0, 60_000),
            (59_999, 0, 60_000),
            (60_000, 1, 120_000),
            (-1, -1, 0),
        ] {
            let window = Window::at(at(now), minute);
            assert_eq!((window.number, window.ends_at), (number, at(end)), "{now}");
        }
    }

    #[test]
    fn extreme_times_and_lengths_have_a_window() {
        for now in [Timestamp::MIN, Timestamp::MAX] {
            for length in [Duration::ZERO, Duration::MAX] {
                assert!(Window::at(now, length).ends_at >= Timestamp::MIN);
            }
        }
    }
}
