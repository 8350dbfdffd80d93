//! What the order of last use lacks.
//!
//! Lists are ordered by when something was last used, and asked for what was not used for long. Each
//! credential is moved in that order at once when it is used after a while, and then again and again
//! while it is in use. Where many are due they are moved in rounds, a portion at a time: all of them
//! together would hold up the requests that come meanwhile. So, while the store takes it, the order is behind
//! the stamps by about half a minute, or by two minutes where many are in use, also after a crash; and a
//! list that is made by this node brings it up to date first.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::id::CredentialId;
use crate::domain::usage::CredentialUse;
use crate::domain::usage::LastUse;

use super::map::IdMap;

/// How long a credential that was moved stays where it is.
const A_WHILE: Duration = Duration::from_secs(30);

/// In how many portions all that are known would be moved: with the flow to the store, in a minute.
const PORTIONS: usize = 14;

/// No portion is smaller, if so many are due.
const PORTION: usize = 250;

/// With more credentials than this what is above it is moved, whenever each was before.
const CAPACITY: usize = 65_536;

/// Which uses are written.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// All that the order lacks.
    All,
    /// A portion of those of credentials that had no place written for a while before this instant.
    AfterAWhile(Instant),
}

/// Uses on their way into the order.
#[derive(Default)]
pub(super) struct Order(Mutex<Known>);

/// What is known of credentials that were used lately.
#[derive(Default)]
struct Known {
    places: IdMap<CredentialId, Place>,
    /// Those that were due when this round began, and have not had their turn, in the order of their ids.
    round: std::vec::IntoIter<CredentialId>,
}

/// What is known of the place of one credential.
struct Place {
    /// What it lacks.
    lacks: Option<LastUse>,
    written_at: Option<Instant>,
}

impl Order {
    /// Notes uses; it may be done twice.
    pub(super) fn note(&self, uses: &[CredentialUse]) {
        let mut known = self.lock();
        for one in uses.iter().map(LastUse::of) {
            let place = known.places.entry(one.credential).or_insert(Place {
                lacks: None,
                written_at: None,
            });
            match &mut place.lacks {
                Some(lacked) => lacked.merge(one),
                None => place.lacks = Some(one),
            }
        }
    }

    /// The uses that are to be written now, in the order of their credentials: so what lies together in
    /// the store is written together.
    pub(super) fn due(&self, due: Due) -> Vec<LastUse> {
        let mut known = self.lock();
        match due {
            Due::All => {
                let ids = known.lacking(|_| true);
                let uses = ids.iter().filter_map(|id| known.places[id].lacks);
                uses.collect()
            }
            Due::AfterAWhile(now) => known.portion(now),
        }
    }

    /// Forgets what was written, but for uses that came since.
    pub(super) fn forget(&self, written: &[LastUse], now: Instant) {
        let mut known = self.lock();
        let is_full = known.places.len() > CAPACITY;
        for one in written {
            let Some(place) = known.places.get_mut(&one.credential) else {
                continue;
            };
            place.written_at = Some(now);
            if place.lacks == Some(*one) {
                place.lacks = None;
                if is_full {
                    known.places.remove(&one.credential);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Those of all that lack something that are `wanted`, in order.
    fn lacking(&self, wanted: impl Fn(&Place) -> bool) -> Vec<CredentialId> {
        let lacking = self.places.iter();
        let lacking = lacking.filter(|(_, place)| place.lacks.is_some() && wanted(place));
        let mut ids: Vec<_> = lacking.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// The next of this round, or of a new one; and what need not be known any more goes.
    fn portion(&mut self, now: Instant) -> Vec<LastUse> {
        self.places
            .retain(|_, place| place.lacks.is_some() || !place.has_rested(now));
        let surplus = self.places.len().saturating_sub(CAPACITY);
        let is_due = |place: &Place| surplus > 0 || place.has_rested(now);

        let portion = PORTION
            .max(self.places.len().div_ceil(PORTIONS))
            .max(surplus);
        let mut ids: Vec<_> = self.round.by_ref().take(portion).collect();
        if ids.len() < surplus.max(1) {
            // Who is left of the last round has its turn all the same.
            self.round = self.lacking(is_due).into_iter();
            ids.extend(self.round.by_ref().take(portion - ids.len()));
            ids.sort_unstable();
            ids.dedup();
        }
        // Some may have been moved since the round began, for somebody who asked for a list.
        let places = ids.iter().filter_map(|id| self.places.get(id));
        places
            .filter(|place| is_due(place))
            .filter_map(|place| place.lacks)
            .collect()
    }
}

impl Place {
    fn has_rested(&self, now: Instant) -> bool {
        self.written_at
            .is_none_or(|at| now.duration_since(at) >= A_WHILE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::Timestamp;

    use crate::domain::id::AccountId;
    use crate::domain::usage::UsageKind;

    use super::*;

    fn used(credential: u128, second: i64) -> CredentialUse {
        let at = Timestamp::from_second(second).unwrap();
        CredentialUse {
            account: AccountId::from_bits(1),
            credential: CredentialId::from_bits(credential),
            secret: None,
            kind: UsageKind::Issued,
            first_at: at,
            last_at: at,
            address: None,
            user_agent: None,
        }
    }

    fn due(order: &Order, now: Instant) -> Vec<(i64, i64)> {
        let due = order.due(Due::AfterAWhile(now));
        let span = |one: &LastUse| (one.first_at.as_second(), one.last_at.as_second());
        let spans = due.iter().map(span).collect();
        order.forget(&due, now);
        spans
    }

    #[test]
    fn a_credential_is_moved_at_once_and_then_after_a_while() {
        let (order, begin) = (Order::default(), Instant::now());
        let later = |seconds| begin + Duration::from_secs(seconds);
        order.note(&[used(1, 0), used(1, 3)]);
        assert_eq!(due(&order, begin), [(0, 3)]);
        order.note(&[used(1, 4)]);
        assert_eq!(due(&order, later(4)), []);
        order.note(&[used(1, 29)]);
        assert_eq!(due(&order, later(29)), []);
        assert_eq!(due(&order, later(30)), [(4, 29)]);
        assert_eq!(due(&order, later(60)), []);
        assert!(order.lock().places.is_empty(), "it is remembered for long");
    }

    #[test]
    fn whoever_wants_all_gets_all_and_a_use_that_comes_meanwhile_is_kept() {
        let (order, now) = (Order::default(), Instant::now());
        order.note(&[used(1, 0)]);
        assert_eq!(due(&order, now), [(0, 0)]);
        order.note(&[used(1, 1)]);
        let all = order.due(Due::All);
        assert_eq!(all.len(), 1);
        order.note(&[used(1, 2)]);
        order.forget(&all, now);
        let rest: Vec<_> = order
            .due(Due::All)
            .iter()
            .map(|one| one.last_at.as_second())
            .collect();
        assert_eq!(rest, [2]);
    }

    /// All of so many credentials are used every four seconds. Which of them are moved then.
    fn moves(credentials: u128, flushes: u64) -> Vec<Vec<u128>> {
        let (order, begin) = (Order::default(), Instant::now());
        (0..flushes)
            .map(|flush| {
                let now = begin + Duration::from_secs(4 * flush);
                let second = i64::try_from(4 * flush).unwrap();
                let uses: Vec<_> = (0..credentials).map(|one| used(one, second)).collect();
                order.note(&uses);
                let due = order.due(Due::AfterAWhile(now));
                order.forget(&due, now);
                due.iter().map(|one| one.credential.bits()).collect()
            })
            .collect()
    }

    #[test]
    fn many_are_moved_in_portions_of_neighbours() {
        let moves = moves(7_000, 42);
        for (flush, moved) in (0..).zip(&moves) {
            let portion = flush % 14;
            let portion = 500 * portion..500 * (portion + 1);
            assert_eq!(*moved, portion.collect::<Vec<_>>());
        }
    }

    #[test]
    fn whoever_is_in_use_is_moved_about_once_a_minute() {
        for credentials in [300, 3_000, 30_000] {
            let moves = moves(credentials, 90);
            let all = credentials as usize;
            let most = moves.iter().map(Vec::len).max().unwrap();
            assert!(most <= (all / 13).max(PORTION), "{most} of {all}");
            let mut moved_at = vec![vec![0]; all];
            for (flush, moved) in (0..).zip(&moves) {
                for credential in moved {
                    moved_at[usize::try_from(*credential).unwrap()].push(flush);
                }
            }
            for mut flushes in moved_at {
                flushes.push(90);
                let longest = flushes.windows(2).map(|two| two[1] - two[0]).max();
                assert!(longest <= Some(22), "of {all}: {flushes:?}");
            }
        }
    }

    #[test]
    fn few_are_moved_together() {
        let moved = |credentials, flushes| {
            moves(credentials, flushes)
                .iter()
                .map(Vec::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(moved(250, 9), [250, 0, 0, 0, 0, 0, 0, 0, 250]);
        assert_eq!(moved(251, 2), [250, 1]);
    }

    #[test]
    fn who_was_moved_for_a_list_has_no_turn_in_the_round_that_is_under_way() {
        let (order, begin) = (Order::default(), Instant::now());
        let use_all = |second| {
            let uses: Vec<_> = (0..600).map(|one| used(one, second)).collect();
            order.note(&uses);
        };
        use_all(0);
        assert_eq!(due(&order, begin).len(), PORTION);
        order.forget(&order.due(Due::All), begin);
        use_all(1);
        let later = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(due(&order, later(4)), []);
        assert_eq!(due(&order, later(30)).len(), 100, "the rest of that round");
        assert_eq!(due(&order, later(34)).len(), PORTION);
    }

    #[test]
    fn who_comes_again_and_again_does_not_keep_others_waiting() {
        let (order, begin) = (Order::default(), Instant::now());
        let patient = CredentialId::from_bits(u128::MAX);
        order.note(&[used(u128::MAX, 0)]);
        let mut moved = Vec::new();
        for flush in 0..8_u64 {
            // New ones each time, all of them before the patient one.
            let new = u128::from(flush) * 300..u128::from(flush + 1) * 300;
            order.note(&new.map(|one| used(one, 1)).collect::<Vec<_>>());
            let due = order.due(Due::AfterAWhile(begin));
            order.forget(&due, begin);
            moved.extend(due);
        }
        assert!(moved.iter().any(|one| one.credential == patient));
    }

    #[test]
    fn who_is_at_the_end_has_a_turn_also_where_there_are_more_than_there_is_room_for() {
        let all = CAPACITY as u128 + 20_000;
        let moved: HashSet<_> = moves(all, 6).into_iter().flatten().collect();
        assert_eq!(moved.len(), CAPACITY + 20_000);
    }

    #[test]
    fn no_more_is_known_than_there_is_room_for() {
        let (order, now) = (Order::default(), Instant::now());
        let many = CAPACITY as u128 + 20_000;
        for second in 0..2 {
            order.note(&(0..many).map(|one| used(one, second)).collect::<Vec<_>>());
            let due = order.due(Due::AfterAWhile(now));
            order.forget(&due, now);
            assert_eq!(due.len(), 20_000);
            assert_eq!(order.lock().places.len(), CAPACITY);
        }
    }
}
