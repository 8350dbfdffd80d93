//! The id that ties an answer, its log lines and its audit rows together.
//!
//! We always make it ourselves. An `X-Request-Id` that a caller sends is theirs to choose, so it
//! could imitate another request's or carry anything at all into a log.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use ulid::Ulid;

use crate::clock::Clock;

const PREFIX: &[u8; 4] = b"req_";
const LENGTH: usize = PREFIX.len() + ulid::ULID_LEN;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// A request's id: `req_` and a lower-case ULID.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct RequestId([u8; LENGTH]);

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Only `RequestIds` makes these bytes, from ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The id of the request that the running task answers, if it answers one.
    ///
    /// A task that was spawned on behalf of a request does not inherit it.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|id| *id).ok()
    }

    /// Runs `future` as the answer to this request, so that [`current`](Self::current) knows it.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes request ids.
///
/// They need to be unique, not unpredictable, so they cost no system call: the ULID's 80 random
/// bits are a counter, scrambled, behind a start that is random for each process.
pub struct RequestIds {
    clock: Arc<dyn Clock>,
    process: u16,
    counter: AtomicU64,
}

impl RequestIds {
    /// A source of ids with the time of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let mut start = [0_u8; 10];
        // Without randomness the ids of two processes could meet; nothing worse depends on it.
        if SystemRandom::new().fill(&mut start).is_err() {
            tracing::warn!("no randomness for request ids; they may repeat across processes");
        }
        let [a, b, counter @ ..] = start;
        Self {
            clock,
            process: u16::from_be_bytes([a, b]),
            counter: AtomicU64::new(u64::from_be_bytes(counter)),
        }
    }

    /// A new id.
    pub fn next(&self) -> RequestId {
        let millis = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        let count = scramble(self.counter.fetch_add(1, Ordering::Relaxed));
        let random = u128::from(self.process) << 64 | u128::from(count);

        let mut text = [0_u8; ulid::ULID_LEN];
        Ulid::from_parts(millis, random).array_to_str(&mut text);
        text.make_ascii_lowercase();

        let mut id = [0_u8; LENGTH];
        id[..PREFIX.len()].copy_from_slice(PREFIX);
        id[PREFIX.len()..].copy_from_slice(&text);
        RequestId(id)
    }
}

/// A one-to-one mixing of 64 bits (the finalizer of `SplitMix64`), so consecutive ids differ at sight.
fn scramble(count: u64) -> u64 {
    let mut z = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn an_id_is_req_and_a_lower_case_ulid() {
        let id = RequestIds::new(Arc::new(SystemClock)).next();
        let ulid = id.as_str().strip_prefix("req_").unwrap();
        assert_eq!(ulid, ulid.to_ascii_lowercase());
        Ulid::from_string(ulid).unwrap();
    }

    #[test]
    fn ids_do_not_repeat() {
        let ids = RequestIds::new(Arc::new(SystemClock));
        let seen: HashSet<_> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(seen.len(), 10_000);
    }

    #[tokio::test]
    async fn the_current_id_is_known_inside_its_request_only() {
        let id = RequestIds::new(Arc::new(SystemClock)).next();
        assert_eq!(id.scope(async { RequestId::current() }).await, Some(id));
        assert_eq!(RequestId::current(), None);
    }
}
