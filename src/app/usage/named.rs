//! Refusals of clients that were only named.
//!
//! They are kept under the name until somebody asks whose it is. Anybody can make names up, so only so
//! many are kept at once; those of nobody are gone with the next asking, a few seconds later.

use std::collections::HashMap;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use jiff::Timestamp;

use crate::domain::id::ClientId;
use crate::domain::usage_series::Hour;

use super::places::Place;
use super::places::Places;

/// How many counts are kept at most.
const CAPACITY: usize = 1_024;

/// Refusals under names.
#[derive(Default)]
pub(super) struct Named(Mutex<HashMap<Key, (u64, Places)>>);

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct Key {
    client_id: ClientId,
    hour: Hour,
    code: &'static str,
}

/// Refusals in an hour, with one code.
pub(super) struct Refusals {
    pub(super) hour: Hour,
    pub(super) code: &'static str,
    pub(super) count: u64,
    pub(super) places: Places,
}

impl Named {
    /// Counts a refusal; `false` when there is no room for it.
    pub(super) fn count(
        &self,
        client_id: ClientId,
        code: &'static str,
        address: IpAddr,
        at: Timestamp,
    ) -> bool {
        let key = Key {
            client_id,
            hour: Hour::of(at),
            code,
        };
        let mut counts = self.lock();
        if counts.len() >= CAPACITY && !counts.contains_key(&key) {
            return false;
        }
        let (count, places) = counts.entry(key).or_default();
        *count += 1;
        places.note(Place::new(address, at));
        true
    }

    /// The names, each once.
    pub(super) fn client_ids(&self) -> Vec<ClientId> {
        let names: HashSet<_> = self.lock().keys().map(|key| key.client_id).collect();
        names.into_iter().collect()
    }

    /// Takes out what is kept under these names.
    pub(super) fn take(&self, names: &[ClientId]) -> Vec<(ClientId, Refusals)> {
        let mut counts = self.lock();
        let taken = counts.extract_if(|key, _| names.contains(&key.client_id));
        let taken = taken.map(|(key, (count, places))| {
            let refusals = Refusals {
                hour: key.hour,
                code: key.code,
                count,
                places,
            };
            (key.client_id, refusals)
        });
        taken.collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (u64, Places)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    // Security cases 120 and 171.
    #[test]
    fn names_that_somebody_makes_up_fill_a_small_room_only() {
        let named = Named::default();
        let count = |n: usize| {
            let id = ClientId::from_bits(n as u128);
            named.count(id, "invalid_client", ADDRESS, at(0))
        };
        assert!((0..CAPACITY).all(count));
        assert!(!count(CAPACITY));
        assert!(count(0), "one that is there already goes on");
        let kept = named.client_ids();
        assert_eq!(kept.len(), CAPACITY);
        assert_eq!(named.take(&kept).len(), CAPACITY);
        assert!(count(CAPACITY));
    }

    #[test]
    fn what_is_taken_is_of_the_names_that_were_asked_for() {
        let named = Named::default();
        let [one, two] = [1, 2].map(ClientId::from_bits);
        for (id, second) in [(one, 0), (one, 1), (one, 3_600), (two, 0)] {
            named.count(id, "invalid_client", ADDRESS, at(second));
        }
        let mut taken: Vec<_> = named.take(&[one]).into_iter().collect();
        taken.sort_by_key(|(_, refusals)| refusals.hour);
        let taken: Vec<_> = taken
            .iter()
            .map(|(id, refusals)| (*id, refusals.hour, refusals.count))
            .collect();
        assert_eq!(taken, [(one, Hour(0), 2), (one, Hour(1), 1)]);
        assert_eq!(named.client_ids(), [two]);
    }
}
