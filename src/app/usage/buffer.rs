//! What is not delivered yet.
//!
//! Two stages. Requests write into *shards*: one entry per credential, secret and kind, so that a busy
//! credential costs one entry however often it is used. A flow or a reader first *collects*: it moves
//! the entries on to those that the live state lacks and those that the store lacks. An entry stays
//! there until it was delivered unchanged; so one that is being written can still be read, and one
//! that changes meanwhile is written again.

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
use crate::domain::usage::CredentialUse;
use crate::domain::usage::UsageKind;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;

use super::Use;

/// How many uses are kept at most for each destination.
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
    /// Where stamps go: to the store, and where others look to the live state too.
    destinations: &'static [Destination],
    pending: Mutex<[Uses; 2]>,
    dropped: AtomicU64,
    dropped_total: Counter,
}

type Uses = HashMap<UseKey, Noted>;

/// What was used, and how.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct UseKey {
    credential: CredentialId,
    secret: Option<SecretId>,
    kind: UsageKind,
}

/// All undelivered uses of one kind of one credential, by one secret.
#[derive(Clone, PartialEq)]
pub(super) struct PendingUse {
    key: UseKey,
    noted: Noted,
}

#[derive(Default)]
struct Shard {
    uses: Uses,
    /// The secrets that have authenticated before, as far as is remembered.
    known: HashSet<SecretId>,
}

#[derive(Clone, PartialEq)]
struct Noted {
    account: AccountId,
    first_at: Timestamp,
    last_at: Timestamp,
    address: Option<IpAddr>,
    user_agent: Option<Arc<str>>,
}

impl Buffer {
    pub(super) fn new(capacity: usize, is_shared: bool, dropped_total: Counter) -> Self {
        Self {
            capacity,
            hasher: RandomState::new(),
            shards: Default::default(),
            destinations: if is_shared {
                &[Destination::Live, Destination::Store]
            } else {
                &[Destination::Store]
            },
            pending: Mutex::default(),
            dropped: AtomicU64::new(0),
            dropped_total,
        }
    }

    /// Notes a use. Returns whether it may be the first of its secret.
    pub(super) fn note(&self, usage: &Use<'_>) -> bool {
        let capacity = self.capacity.div_ceil(SHARDS);
        let mut shard = lock(self.shard_of(usage.credential));
        let key = UseKey {
            credential: usage.credential,
            secret: usage.secret,
            kind: usage.kind,
        };
        if let Some(noted) = shard.uses.get_mut(&key) {
            noted.merge_use(usage);
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

    /// The undelivered stamps of these things; of one thing there may be several.
    pub(super) fn stamps_of(&self, subjects: &[UsageSubject]) -> Vec<UsageStamp> {
        let wanted: HashSet<_> = subjects.iter().copied().collect();
        let mut stamps = Vec::new();
        for (key, noted) in &self.collect()[Destination::Store as usize] {
            let of_this = noted.by(*key);
            stamps.extend(
                of_this
                    .stamps()
                    .filter(|stamp| wanted.contains(&stamp.subject)),
            );
        }
        stamps
    }

    /// All uses that `destination` lacks, those of one credential together.
    pub(super) fn pending(&self, destination: Destination) -> Vec<PendingUse> {
        let pending = self.collect();
        let uses = pending[destination as usize].iter();
        let mut uses: Vec<_> = uses
            .map(|(key, noted)| PendingUse {
                key: *key,
                noted: noted.clone(),
            })
            .collect();
        drop(pending);
        uses.sort_unstable_by_key(|one| (one.key.credential, one.key.secret));
        uses
    }

    /// Forgets `delivered`, but for those that have changed since.
    pub(super) fn forget(&self, destination: Destination, delivered: &[PendingUse]) {
        let uses = &mut lock(&self.pending)[destination as usize];
        for PendingUse { key, noted } in delivered {
            if uses.get(key) == Some(noted) {
                uses.remove(key);
            }
        }
    }

    /// How much was dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Moves what was noted on to where it waits for delivery. The lock there is held all the while,
    /// so nobody who looks for a use finds it in neither place.
    fn collect(&self) -> MutexGuard<'_, [Uses; 2]> {
        let mut pending = lock(&self.pending);
        for shard in &self.shards {
            for (key, noted) in lock(shard).uses.drain() {
                for destination in self.destinations {
                    self.add(&mut pending[*destination as usize], key, &noted);
                }
            }
        }
        pending
    }

    fn add(&self, uses: &mut Uses, key: UseKey, noted: &Noted) {
        if let Some(known) = uses.get_mut(&key) {
            known.merge(noted);
        } else {
            let dropped = make_room(uses, self.capacity, |noted| noted.last_at);
            self.note_dropped(dropped);
            uses.insert(key, noted.clone());
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

    fn merge_use(&mut self, usage: &Use<'_>) {
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

    /// Takes in what was noted later.
    fn merge(&mut self, later: &Self) {
        let first_at = self.first_at.min(later.first_at);
        if later.last_at >= self.last_at {
            *self = later.clone();
        }
        self.first_at = first_at;
    }

    fn by(&self, key: UseKey) -> CredentialUse {
        CredentialUse {
            account: self.account,
            credential: key.credential,
            secret: key.secret,
            kind: key.kind,
            first_at: self.first_at,
            last_at: self.last_at,
            address: self.address,
            user_agent: self.user_agent.clone(),
        }
    }
}

impl PendingUse {
    /// As it is delivered.
    pub(super) fn to_use(&self) -> CredentialUse {
        self.noted.by(self.key)
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
