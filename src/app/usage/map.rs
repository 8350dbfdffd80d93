//! A map by ids that this server gave away. Nobody can choose them to fall together, so they need no
//! hash that keeps that secret, and every request looks into several of these.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// A map by ids.
pub(super) type IdMap<K, V> = HashMap<K, V, RandomState>;

/// Deals ids out to some shards, always the same way.
#[derive(Default)]
pub(super) struct Dealer(RandomState);

impl Dealer {
    /// Which of `shards` an id is in.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "any bits of a hash will do"
    )]
    pub(super) fn place(&self, id: impl Hash, shards: usize) -> usize {
        self.0.hash_one(id) as usize % shards
    }

    /// Deals notes out by their ids: those of each of `shards`, in their order.
    pub(super) fn deal<'a, T, I: Hash>(
        &self,
        notes: &'a [T],
        id: impl Fn(&T) -> I,
        shards: usize,
    ) -> Vec<Vec<&'a T>> {
        let mut dealt = vec![Vec::new(); shards];
        for note in notes {
            dealt[self.place(id(note), shards)].push(note);
        }
        dealt
    }
}
