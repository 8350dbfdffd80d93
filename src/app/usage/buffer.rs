//! What is not delivered yet.
//!
//! Two stages. Requests write into *shards*: one entry per credential, secret and kind, so that a busy
//! credential costs one entry however often it is used. A flow or a reader first *collects*: it moves
//! the entries on into two sets of stamps, those that the live state lacks and those that the store
//! lacks. A stamp stays in its set until it was delivered unchanged; so one that is being written can
//! still be read, and one that changes meanwhile is written again.

use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::hash::Hash;
use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use metrics::Counter;

use crate::domain::id::AccountId;
use crate::domain::id::CredentialId;
use crate::domain::id::SecretId;
use crate::domain::usage::UsageKind;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;

use super::Use;

/// How many uses are kept at most, each of which is up to three stamps for two destinations.
pub(super) const CAPACITY: usize = 65_536;

/// Requests of different credentials seldom wait for each other.
const SHARDS: usize = 16;

/// The longest user agent that is kept, in characters.
const MAX_USER_AGENT: usize = 200;

/// One of the two ends of the way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Destination {
    /// The live state.
    Live,
    /// The store.
    Store,
}

/// Undelivered uses, bounded.
pub(super) struct Buffer {
    capacity: usize,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    pending: Mutex<[Stamps; 2]>,
    dropped: AtomicU64,
    dropped_total: Counter,
}

type Stamps = HashMap<(UsageSubject, UsageKind), UsageStamp>;

#[derive(Default)]
struct Shard {
    uses: HashMap<(CredentialId, Option<SecretId>, UsageKind), Noted>,
    /// The secrets that have authenticated before, as far as is remembered.
    known: HashSet<SecretId>,
}

struct Noted {
    account: AccountId,
    first_at: Timestamp,
    last_at: Timestamp,
    address: Option<IpAddr>,
    user_agent: Option<Arc<str>>,
}

impl Buffer {
    pub(super) fn new(capacity: usize, dropped_total: Counter) -> Self {
        Self {
            capacity,
            hasher: RandomState::new(),
            shards: Default::default(),
            pending: Mutex::default(),
            dropped: AtomicU64::new(0),
            dropped_total,
        }
    }

    /// Notes a use. Returns whether it may be the first of its secret.
    pub(super) fn note(&self, usage: &Use<'_>) -> bool {
        let capacity = self.capacity.div_ceil(SHARDS);
        let mut shard = lock(self.shard_of(usage.credential));
        let key = (usage.credential, usage.secret, usage.kind);
        if let Some(noted) = shard.uses.get_mut(&key) {
            noted.merge(usage);
        } else {
            let dropped = make_room(&mut shard.uses, capacity, |noted| noted.last_at);
            self.note_dropped(dropped);
            shard.uses.insert(key, Noted::new(usage));
        }
        match usage.secret {
            Some(secret) if usage.kind == UsageKind::Authenticated => {
                if shard.known.len() >= capacity {
                    // Forgetting costs an early flush for each.
                    shard.known.clear();
                }
                shard.known.insert(secret)
            }
            _ => false,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "any bits of a hash will do"
    )]
    fn shard_of(&self, credential: CredentialId) -> &Mutex<Shard> {
        let hash = self.hasher.hash_one(credential);
        &self.shards[hash as usize % SHARDS]
    }

    /// The undelivered stamps of these things.
    pub(super) fn stamps_of(&self, subjects: &[UsageSubject]) -> Vec<UsageStamp> {
        let pending = self.collect();
        subjects
            .iter()
            .flat_map(|subject| UsageKind::ALL.map(|kind| (*subject, kind)))
            .filter_map(|key| pending[Destination::Store as usize].get(&key).cloned())
            .collect()
    }

    /// All stamps that `destination` lacks.
    pub(super) fn pending(&self, destination: Destination) -> Vec<UsageStamp> {
        let pending = self.collect();
        pending[destination as usize].values().cloned().collect()
    }

    /// Forgets `delivered`, but for those that have changed since.
    pub(super) fn forget(&self, destination: Destination, delivered: &[UsageStamp]) {
        let stamps = &mut lock(&self.pending)[destination as usize];
        for stamp in delivered {
            let key = (stamp.subject, stamp.kind);
            if stamps.get(&key) == Some(stamp) {
                stamps.remove(&key);
            }
        }
    }

    /// How much was dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Moves what was noted on to the stamps. The lock on the stamps is held all the while, so nobody
    /// who looks for a use finds it in neither place.
    fn collect(&self) -> MutexGuard<'_, [Stamps; 2]> {
        let mut pending = lock(&self.pending);
        for shard in &self.shards {
            let uses = std::mem::take(&mut lock(shard).uses);
            for ((credential, secret, kind), noted) in uses {
                for stamp in noted.stamps(credential, secret, kind) {
                    self.add(&mut pending, &stamp);
                }
            }
        }
        pending
    }

    fn add(&self, pending: &mut [Stamps; 2], stamp: &UsageStamp) {
        let key = (stamp.subject, stamp.kind);
        for stamps in pending {
            if let Some(known) = stamps.get_mut(&key) {
                known.merge(stamp.clone());
            } else {
                let dropped = make_room(stamps, 3 * self.capacity, |stamp| stamp.last_at);
                self.note_dropped(dropped);
                stamps.insert(key, stamp.clone());
            }
        }
    }

    fn note_dropped(&self, count: usize) {
        if count > 0 {
            self.dropped.fetch_add(count as u64, Ordering::Relaxed);
            self.dropped_total.increment(count as u64);
        }
    }
}

impl Noted {
    fn new(usage: &Use<'_>) -> Self {
        let at = to_the_millisecond(usage.at);
        Self {
            account: usage.account,
            first_at: at,
            last_at: at,
            address: usage.address.map(|address| address.to_canonical()),
            user_agent: usage.user_agent.map(printable),
        }
    }

    fn merge(&mut self, usage: &Use<'_>) {
        let at = to_the_millisecond(usage.at);
        self.first_at = self.first_at.min(at);
        if at < self.last_at {
            return;
        }
        self.last_at = at;
        self.address = usage.address.map(|address| address.to_canonical());
        // Most often it is the same program again, and nothing is allocated.
        if self.user_agent.as_deref() != usage.user_agent {
            self.user_agent = usage.user_agent.map(printable);
        }
    }

    fn stamps(
        self,
        credential: CredentialId,
        secret: Option<SecretId>,
        kind: UsageKind,
    ) -> impl Iterator<Item = UsageStamp> {
        let subjects = [
            Some(UsageSubject::Account(self.account)),
            Some(UsageSubject::Credential(credential)),
            secret.map(UsageSubject::Secret),
        ];
        subjects
            .into_iter()
            .flatten()
            .map(move |subject| UsageStamp {
                subject,
                kind,
                first_at: self.first_at,
                last_at: self.last_at,
                address: self.address,
                user_agent: self.user_agent.clone(),
            })
    }
}

/// As the store keeps it. So a stamp is the same in every place, and two of them compare alike
/// wherever they come from.
fn to_the_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// A user agent that may be shown and logged: bounded, and without control characters.
fn printable(user_agent: &str) -> Arc<str> {
    let shown = user_agent.chars().take(MAX_USER_AGENT);
    let text: String = shown
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect();
    text.into()
}

/// Drops the oldest eighth of a map that is full; returns how many that were.
fn make_room<K: Clone + Eq + Hash, V>(
    map: &mut HashMap<K, V>,
    capacity: usize,
    last_at: impl Fn(&V) -> Timestamp,
) -> usize {
    if map.len() < capacity {
        return 0;
    }
    let mut by_age: Vec<_> = map
        .iter()
        .map(|(key, value)| (last_at(value), key.clone()))
        .collect();
    let count = by_age.len().div_ceil(8);
    if count < by_age.len() {
        by_age.select_nth_unstable_by_key(count, |(at, _)| *at);
    }
    for (_, key) in &by_age[..count] {
        map.remove(key);
    }
    count
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn making_room_drops_the_oldest_and_no_more_than_it_must() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut map: HashMap<i64, Timestamp> = (0..80).map(|n| (n, at(n))).collect();
        assert_eq!(make_room(&mut map, 81, |at| *at), 0);
        assert_eq!(make_room(&mut map, 80, |at| *at), 10);
        assert_eq!(map.len(), 70);
        assert!((10..80).all(|n| map.contains_key(&n)));

        let mut same: HashMap<i64, Timestamp> = (0..8).map(|n| (n, at(0))).collect();
        assert_eq!(make_room(&mut same, 8, |at| *at), 1);
        let mut single = HashMap::from([(1, at(0))]);
        assert_eq!(make_room(&mut single, 1, |at| *at), 1);
    }

    #[test]
    fn a_user_agent_is_bounded_and_printable() {
        assert_eq!(&*printable("curl/8.1 (x86)"), "curl/8.1 (x86)");
        assert_eq!(
            &*printable("a\r\nb\u{1b}[0m"),
            "a\u{FFFD}\u{FFFD}b\u{FFFD}[0m"
        );
        assert_eq!(printable(&"é".repeat(5_000)).chars().count(), 200);
    }
}
