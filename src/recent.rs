//! What was used lately, as much of it as there is room for.
//!
//! Two halves. What is used goes into the *young* one; once that is full it becomes the *old* one, and what
//! has not been used since the time before goes. So whatever is used at least once while as much as half the
//! room is used stays, whatever comes and goes beside it. Nobody keeps a list of who was used when: a look at
//! the young half moves nothing and reads little, which is what matters in thousands of things that are all
//! cold in memory.
//!
//! What goes is dropped a little at a time, by those who come later.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::hash_map::IntoIter;
use std::hash::BuildHasher;
use std::hash::Hash;
use std::mem;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::RwLockWriteGuard;

use foldhash::fast::RandomState;

/// Requests that ask for different things seldom wait for each other.
const SHARDS: usize = 16;

/// How many of those that go are dropped for each that comes: more than one, so that they are gone before the
/// next go.
const DROPPED_AT_ONCE: usize = 2;

/// Values by their keys, as many as fit. A value is given away as a copy, so it is a pointer or small.
pub struct Recent<K, V> {
    hasher: RandomState,
    /// In a box: they are large where they are moved.
    shards: Box<[RwLock<Shard<K, V>>; SHARDS]>,
    /// What the young half of each shard may weigh.
    room: u64,
    weigh: fn(&V) -> u64,
}

struct Shard<K, V> {
    young: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    leaving: Option<IntoIter<K, V>>,
    /// Of the young half.
    weight: u64,
}

impl<K, V> Default for Shard<K, V> {
    fn default() -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            leaving: None,
            weight: 0,
        }
    }
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// Room for values of this weight in each half: so much of what is in use stays, and twice as much is
    /// kept, or a little more until what goes is dropped.
    pub fn weighing(half: u64, weigh: fn(&V) -> u64) -> Self {
        Self {
            hasher: RandomState::default(),
            shards: Box::default(),
            room: half / SHARDS as u64,
            weigh,
        }
    }

    /// Room for so many values in each half.
    pub fn counting(half: u64) -> Self {
        Self::weighing(half, |_| 1)
    }

    /// The value of this key, if it is still there.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let shard = self.shard_of(key);
        {
            let shard = read(shard);
            if let Some(value) = shard.young.get(key) {
                return Some(value.clone());
            }
            if !shard.old.contains_key(key) {
                return None;
            }
        }
        write(shard).renew(key, self.room, self.weigh)
    }

    /// Puts a value in, in place of the one before.
    pub fn insert(&self, key: K, value: V) {
        write(self.shard_of(&key)).put(key, value, self.room, self.weigh);
    }

    /// Keeps only those values that `is_kept` says.
    pub fn retain(&self, mut is_kept: impl FnMut(&V) -> bool) {
        for shard in self.shards.iter() {
            let mut shard = write(shard);
            let mut weight = 0;
            shard.young.retain(|_, value| {
                let kept = is_kept(value);
                weight += if kept { (self.weigh)(value) } else { 0 };
                kept
            });
            shard.weight = weight;
            shard.old.retain(|_, value| is_kept(value));
        }
    }

    /// Takes all out.
    pub fn clear(&self) {
        for shard in self.shards.iter() {
            *write(shard) = Shard::default();
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "any bits of a hash will do"
    )]
    fn shard_of(&self, key: &(impl Hash + ?Sized)) -> &RwLock<Shard<K, V>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }
}

impl<K: Eq + Hash, V: Clone> Shard<K, V> {
    /// Moves a value of the old half to the young one. Somebody else may just have done so.
    fn renew<Q>(&mut self, key: &Q, room: u64, weigh: fn(&V) -> u64) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let Some((key, value)) = self.old.remove_entry(key) else {
            return self.young.get(key).cloned();
        };
        self.put(key, value.clone(), room, weigh);
        Some(value)
    }

    fn put(&mut self, key: K, value: V, room: u64, weigh: fn(&V) -> u64) {
        let weight = weigh(&value);
        if self.weight + weight > room {
            self.grow_old();
        }
        self.weight += weight;
        // It may have been in either half.
        self.old.remove(&key);
        if let Some(before) = self.young.insert(key, value) {
            self.weight -= weigh(&before);
        }
        if let Some(leaving) = &mut self.leaving
            && leaving.by_ref().take(DROPPED_AT_ONCE).count() < DROPPED_AT_ONCE
        {
            self.leaving = None;
        }
    }

    fn grow_old(&mut self) {
        let usual = HashMap::with_capacity_and_hasher(self.young.len(), RandomState::default());
        let young = mem::replace(&mut self.young, usual);
        let gone = mem::replace(&mut self.old, young);
        self.leaving = Some(gone.into_iter());
        self.weight = 0;
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn held<K: Eq + Hash, V: Clone>(recent: &Recent<K, V>) -> usize {
        let shards = recent.shards.iter().map(read);
        let of = |shard: RwLockReadGuard<'_, Shard<K, V>>| {
            shard.young.len() + shard.old.len() + shard.leaving.as_ref().map_or(0, IntoIter::len)
        };
        shards.map(of).sum()
    }

    #[test]
    fn what_is_used_again_stays_and_what_is_not_goes() {
        let recent = Recent::counting(1_600);
        recent.insert(0, "in use");
        for n in 1..100_000 {
            recent.insert(n, "once");
            if n % 50 == 0 {
                assert_eq!(recent.get(&0), Some("in use"));
            }
        }
        assert_eq!(recent.get(&1), None);
        assert_eq!(recent.get(&99_999), Some("once"));
    }

    #[test]
    fn there_is_an_end_of_room() {
        let recent = Recent::counting(1_600);
        for n in 0..100_000 {
            recent.insert(n, ());
            assert!(held(&recent) <= 3_200);
        }
        assert!(held(&recent) > 1_600);
    }

    #[test]
    fn what_goes_is_dropped_by_those_who_come() {
        let recent = Recent::counting(1_600);
        for n in 0..10_000 {
            recent.insert(n, ());
            for shard in recent.shards.iter().map(read) {
                let leaving = shard.leaving.as_ref().map_or(0, IntoIter::len);
                // All of the hundred have gone when half as many have come.
                assert!(leaving <= 100_usize.saturating_sub(DROPPED_AT_ONCE * shard.young.len()));
            }
        }
    }

    #[test]
    fn values_weigh_what_they_weigh() {
        let recent = Recent::weighing(1_600, |text: &Arc<str>| text.len() as u64);
        for n in 0..10_000 {
            recent.insert(n, "0123456789".into());
            // Another value for the same key takes the place of the one before.
            recent.insert(n, "0123456789".into());
            assert_eq!(recent.get(&n).as_deref(), Some("0123456789"));
        }
        assert!(held(&recent) <= 320);
        let large: Arc<str> = "x".repeat(10_000).into();
        recent.insert(1, Arc::clone(&large));
        assert_eq!(recent.get(&1), Some(large));
    }

    #[test]
    fn what_is_taken_out_does_not_come_back() {
        let recent = Recent::counting(1_600);
        for n in 0..2_400 {
            recent.insert(n, n);
        }
        recent.retain(|n| n % 2 == 0);
        let present = |n: &u32| recent.get(n).is_some();
        assert!(!(0..2_400).filter(present).any(|n| n % 2 == 1));
        assert!((0..2_400).any(|n| present(&n)));
        recent.clear();
        assert!(!(0..2_400).any(|n| present(&n)));
    }

    #[test]
    fn a_value_that_was_replaced_never_comes_back() {
        // A shard has room for one, so what is in place of another is always the first of a new half.
        let recent = Recent::counting(16);
        recent.insert("key", 1);
        recent.insert("key", 2);
        assert_eq!(held(&recent), 1);
        recent.retain(|value| *value == 1);
        assert_eq!(recent.get("key"), None);
    }

    #[test]
    fn the_latest_value_counts() {
        let recent = Recent::counting(1_600);
        recent.insert("key", 1);
        // Into the old half.
        for shard in recent.shards.iter() {
            write(shard).grow_old();
        }
        recent.insert("key", 2);
        assert_eq!(recent.get("key"), Some(2));
        for shard in recent.shards.iter() {
            write(shard).grow_old();
        }
        assert_eq!(recent.get("key"), Some(2), "it was in the young half");
        assert_eq!(held(&recent), 1);
    }
}
