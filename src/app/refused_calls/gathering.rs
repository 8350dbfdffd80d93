//! What has not been written yet: one entry per actor, action and minute.
//!
//! A minute has a bounded number of entries. When that many actors were refused something, the
//! others of an organization share one entry per action: which of them it was is lost, that it
//! happened and how often is not. Entries wait longer than a minute while the store is away; when
//! there is no room for the shared ones either, calls are dropped, and that is counted.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use jiff::Timestamp;
use metrics::Counter;

use crate::app::init::new_id;
use crate::domain::id::AccountId;
use crate::domain::id::ClientId;
use crate::domain::id::EventId;
use crate::domain::id::OrganizationId;

use super::Circumstances;
use super::RefusedCall;

/// How many entries there are before actors share one, and how many shared ones there are besides.
const CAPACITY: usize = 2_048;

/// What is gathered together.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Key {
    pub(super) organization: OrganizationId,
    /// Whose calls, and by which credential; `None` for those who share an entry.
    pub(super) actor: Option<(AccountId, ClientId)>,
    pub(super) action: &'static str,
    minute: i64,
}

/// Calls that will be one event.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    pub(super) key: Key,
    /// Its place among all entries, by the first of the calls.
    pub(super) number: u64,
    /// The id of the event: the same at every attempt to write it, so that it is written once.
    pub(super) id: EventId,
    /// When the first of them was.
    pub(super) at: Timestamp,
    pub(super) circumstances: Circumstances,
    pub(super) count: u32,
}

/// What is gathered, bounded.
pub(super) struct Gathering {
    capacity: usize,
    entries: Mutex<Entries>,
    dropped: Counter,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<Key, Gathered>,
    /// How many there have been.
    made: u64,
}

impl Gathering {
    pub(super) fn new(dropped: Counter) -> Self {
        Self::bounded(CAPACITY, dropped)
    }

    fn bounded(capacity: usize, dropped: Counter) -> Self {
        Self {
            capacity,
            entries: Mutex::default(),
            dropped,
        }
    }

    /// Counts a call, and makes an entry for the first of its kind.
    pub(super) fn note(&self, call: RefusedCall, describe: impl FnOnce() -> Circumstances) {
        let mut key = Key {
            organization: call.organization,
            actor: Some((call.account, call.client_id)),
            action: call.action,
            minute: minute_of(call.at),
        };
        let mut entries = self.entries();
        let Entries { by_key, made } = &mut *entries;
        if by_key.len() >= self.capacity && !by_key.contains_key(&key) {
            key.actor = None;
        }
        if let Some(known) = by_key.get_mut(&key) {
            known.count = known.count.saturating_add(1);
        } else if by_key.len() < 2 * self.capacity {
            *made += 1;
            let first = Gathered {
                key,
                number: *made,
                id: new_id(EventId::generate, call.at),
                at: call.at,
                circumstances: describe(),
                count: 1,
            };
            by_key.insert(key, first);
        } else {
            self.dropped.increment(1);
        }
    }

    /// Every entry, in the order in which they were made.
    pub(super) fn all(&self) -> Vec<Gathered> {
        self.in_order(|_| true)
    }

    /// The entries of other minutes than that of `now`. (One that is ahead is of a clock that was
    /// set back, and has no reason to wait.)
    pub(super) fn before_the_minute_of(&self, now: Timestamp) -> Vec<Gathered> {
        self.in_order(|entry| entry.key.minute != minute_of(now))
    }

    fn in_order(&self, which: impl Fn(&Gathered) -> bool) -> Vec<Gathered> {
        let entries = self.entries();
        let of_them = entries.by_key.values().filter(|entry| which(entry));
        let mut found: Vec<_> = of_them.cloned().collect();
        drop(entries);
        found.sort_unstable_by_key(|entry| entry.number);
        found
    }

    /// Forgets what was written. Calls that came meanwhile stay, for an event of their own.
    pub(super) fn forget(&self, written: &[Gathered]) {
        let entries = &mut self.entries().by_key;
        for written in written {
            let Some(entry) = entries.get_mut(&written.key) else {
                continue;
            };
            entry.count = entry.count.saturating_sub(written.count);
            if entry.count == 0 {
                entries.remove(&written.key);
            } else {
                entry.id = new_id(EventId::generate, entry.at);
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::authority::Origin;
    use crate::domain::audit::Target;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn note(gathering: &Gathering, account: u128, action: &'static str, second: i64) {
        let call = RefusedCall {
            account: AccountId::from_bits(account),
            client_id: ClientId::from_bits(account % 1_000),
            organization: OrganizationId::from_bits(1),
            action,
            at: at(second),
        };
        gathering.note(call, || Circumstances {
            target: Target {
                kind: "thing",
                id: String::new(),
                name: second.to_string(),
            },
            origin: Origin::default(),
        });
    }

    /// Of an entry: the account, the first call, the count.
    type Seen = (Option<AccountId>, String, u32);

    fn seen(entries: Vec<Gathered>) -> Vec<Seen> {
        let seen = |entry: Gathered| {
            let first = entry.circumstances.target.name;
            let account = entry.key.actor.map(|(account, _)| account);
            (account, first, entry.count)
        };
        entries.into_iter().map(seen).collect()
    }

    fn of(account: u128, first: &str, count: u32) -> Seen {
        let account = Some(AccountId::from_bits(account));
        (account, first.to_owned(), count)
    }

    #[test]
    fn calls_are_one_entry_per_actor_action_and_minute() {
        let gathering = Gathering::new(Counter::noop());
        for (account, action, second) in [
            (1, "a", 0),
            (1, "a", 59),
            (1, "a", 60),
            (1, "b", 1),
            (2, "a", 2),
        ] {
            note(&gathering, account, action, second);
        }
        let first_minute = [of(1, "0", 2), of(1, "1", 1), of(2, "2", 1)];
        assert_eq!(seen(gathering.before_the_minute_of(at(60))), first_minute);
        assert_eq!(gathering.all().len(), 4);
        assert_eq!(gathering.before_the_minute_of(at(120)).len(), 4);
        // A clock that was set back is of another minute, too.
        assert_eq!(gathering.before_the_minute_of(at(-1)).len(), 4);
    }

    #[test]
    fn what_is_written_is_forgotten_and_what_came_meanwhile_is_another_event() {
        let gathering = Gathering::new(Counter::noop());
        note(&gathering, 1, "a", 0);
        note(&gathering, 1, "a", 1);
        let writing = gathering.all();
        note(&gathering, 1, "a", 2);
        gathering.forget(&writing);

        let rest = gathering.all();
        assert_eq!(seen(rest.clone()), [of(1, "0", 1)]);
        assert_ne!(rest[0].id, writing[0].id);
        gathering.forget(&rest);
        gathering.forget(&rest);
        assert!(gathering.all().is_empty());
    }

    #[test]
    fn too_many_actors_share_an_entry_and_there_are_not_too_many_of_these() {
        let gathering = Gathering::bounded(2, Counter::noop());
        for account in 0..1_000 {
            note(&gathering, account, "a", 0);
        }
        note(&gathering, 1, "a", 1);
        let entries = [of(0, "0", 1), of(1, "0", 2), (None, "0".to_owned(), 998)];
        assert_eq!(seen(gathering.all()), entries);

        for minute in 1..1_000 {
            note(&gathering, 1, "a", 60 * minute);
        }
        assert_eq!(gathering.all().len(), 4);
    }
}
