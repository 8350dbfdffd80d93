//! A bounded map whose entries end by themselves.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::hash::Hash;

use jiff::Timestamp;
use metrics::Counter;

/// A map of entries that each have an end.
///
/// Invariant: never more than `capacity` entries. Each write first removes what has ended, so the
/// cost of removal is spread over the writes; at the bound, the entry that would end first goes
/// (the oldest of those that end together), and is counted.
pub(super) struct ExpiringMap<K, V> {
    capacity: usize,
    entries: HashMap<K, Entry<V>>,
    by_end: BTreeMap<(Timestamp, u64), K>,
    /// The number of the next entry: tells entries apart that end together.
    next: u64,
    dropped: Counter,
}

struct Entry<V> {
    value: V,
    place: (Timestamp, u64),
}

impl<K: Clone + Eq + Hash, V> ExpiringMap<K, V> {
    /// An empty map for at most `capacity` entries; those that have to go are `dropped`.
    pub(super) fn new(capacity: usize, dropped: Counter) -> Self {
        Self {
            capacity,
            entries: HashMap::new(),
            by_end: BTreeMap::new(),
            next: 0,
            dropped,
        }
    }

    /// The value of `key`, unless it has ended.
    pub(super) fn get(&self, key: &K, now: Timestamp) -> Option<&V> {
        let entry = self.entries.get(key)?;
        (now < entry.place.0).then_some(&entry.value)
    }

    /// Adds `value`, or merges it into the one that is there. An entry's end only moves away.
    pub(super) fn merge(
        &mut self,
        key: K,
        value: V,
        until: Timestamp,
        now: Timestamp,
        merge: impl FnOnce(&mut V, V),
    ) {
        self.sweep(now);
        if until <= now {
            return;
        }
        match self.entries.get_mut(&key) {
            Some(entry) => {
                merge(&mut entry.value, value);
                if entry.place.0 < until {
                    self.by_end.remove(&entry.place);
                    entry.place.0 = until;
                    self.by_end.insert(entry.place, key);
                }
            }
            None => self.add(key, value, until),
        }
    }

    fn add(&mut self, key: K, value: V, until: Timestamp) {
        if self.entries.len() >= self.capacity
            && let Some((_, oldest)) = self.by_end.pop_first()
        {
            self.entries.remove(&oldest);
            self.dropped.increment(1);
        }
        let place = (until, self.next);
        self.next += 1;
        self.by_end.insert(place, key.clone());
        self.entries.insert(key, Entry { value, place });
    }

    fn sweep(&mut self, now: Timestamp) {
        while let Some(first) = self.by_end.first_entry() {
            if now < first.key().0 {
                return;
            }
            self.entries.remove(&first.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering;

    use super::*;

    fn map<K: Clone + Eq + Hash, V>(capacity: usize) -> (ExpiringMap<K, V>, Arc<AtomicU64>) {
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Counter::from_arc(dropped.clone());
        (ExpiringMap::new(capacity, counter), dropped)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn put(map: &mut ExpiringMap<&'static str, u32>, key: &'static str, until: i64, now: i64) {
        map.merge(key, 1, at(until), at(now), |sum, one| *sum += one);
    }

    #[test]
    fn an_entry_ends_at_its_end_and_then_takes_no_room() {
        let (mut map, dropped) = map(10);
        put(&mut map, "a", 10, 0);
        put(&mut map, "b", 20, 0);
        assert_eq!(map.get(&"a", at(9)), Some(&1));
        assert_eq!(map.get(&"a", at(10)), None);

        put(&mut map, "c", 30, 10);
        assert_eq!((map.entries.len(), map.by_end.len()), (2, 2));
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn merging_keeps_the_later_end() {
        let (mut map, _) = map(10);
        put(&mut map, "a", 10, 0);
        put(&mut map, "a", 30, 0);
        put(&mut map, "a", 20, 0);
        assert_eq!(map.get(&"a", at(29)), Some(&3));
        assert_eq!(map.by_end.len(), 1);
    }

    #[test]
    fn what_has_ended_already_is_not_kept() {
        let (mut map, _) = map(10);
        put(&mut map, "a", 10, 10);
        assert!(map.entries.is_empty() && map.by_end.is_empty());
    }

    #[test]
    fn at_the_bound_the_oldest_of_those_that_end_first_goes_and_is_counted() {
        let (mut map, dropped) = map(3);
        put(&mut map, "z", 10, 0);
        put(&mut map, "a", 10, 0);
        put(&mut map, "m", 99, 0);
        put(&mut map, "new", 10, 0);

        assert_eq!(map.get(&"z", at(0)), None);
        assert_eq!(map.entries.len(), 3);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        // What is there already needs no room.
        put(&mut map, "m", 99, 0);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_flood_stays_within_the_bound() {
        let (mut map, dropped) = map(100);
        for number in 0..10_000_u32 {
            map.merge(number, (), at(10), at(0), |(), ()| {});
        }
        assert_eq!((map.entries.len(), map.by_end.len()), (100, 100));
        assert_eq!(dropped.load(Ordering::Relaxed), 9_900);
    }
}
