//! What the order of last use lacks.
//!
//! Lists are ordered by when something was last used, and asked for what was not used for long. Each
//! credential is moved in that order at once when it is used after a while, and then at most once a
//! minute: so the order is never behind the stamps by more than a minute, also after a crash, and a
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
const A_WHILE: Duration = Duration::from_mins(1);

/// With more credentials than this all are moved, whenever each was before.
const CAPACITY: usize = 65_536;

/// Which uses are written.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// All that the order lacks.
    All,
    /// Those of credentials that had no place written for a while before this instant.
    AfterAWhile(Instant),
}

/// Uses on their way into the order.
#[derive(Default)]
pub(super) struct Order {
    credentials: Mutex<IdMap<CredentialId, Place>>,
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
        let mut credentials = self.lock();
        for one in uses.iter().map(LastUse::of) {
            let place = credentials.entry(one.credential).or_insert(Place {
                lacks: None,
                written_at: None,
            });
            match &mut place.lacks {
                Some(known) => known.merge(one),
                None => place.lacks = Some(one),
            }
        }
    }

    /// The uses that are to be written now, in the order of their credentials: so what lies together in
    /// the store is written together.
    pub(super) fn due(&self, due: Due) -> Vec<LastUse> {
        let mut credentials = self.lock();
        let all = credentials.len() > CAPACITY;
        let rested = |place: &Place| match due {
            Due::All => true,
            Due::AfterAWhile(now) => place
                .written_at
                .is_none_or(|at| now.duration_since(at) >= A_WHILE),
        };
        let mut uses: Vec<_> = credentials
            .values()
            .filter(|place| all || rested(place))
            .filter_map(|place| place.lacks)
            .collect();
        credentials.retain(|_, place| place.lacks.is_some() || !rested(place));
        drop(credentials);
        uses.sort_unstable_by_key(|one| one.credential);
        uses
    }

    /// Forgets what was written, but for uses that came since.
    pub(super) fn forget(&self, written: &[LastUse], now: Instant) {
        let mut credentials = self.lock();
        let full = credentials.len() > CAPACITY;
        for one in written {
            let Some(place) = credentials.get_mut(&one.credential) else {
                continue;
            };
            place.written_at = Some(now);
            if place.lacks == Some(*one) {
                place.lacks = None;
                if full {
                    credentials.remove(&one.credential);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, IdMap<CredentialId, Place>> {
        self.credentials
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
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
    fn a_credential_is_moved_at_once_and_then_once_a_minute() {
        let (order, begin) = (Order::default(), Instant::now());
        let later = |seconds| begin + Duration::from_secs(seconds);
        order.note(&[used(1, 0), used(1, 3)]);
        assert_eq!(due(&order, begin), [(0, 3)]);
        order.note(&[used(1, 4)]);
        assert_eq!(due(&order, later(4)), []);
        order.note(&[used(1, 59)]);
        assert_eq!(due(&order, later(59)), []);
        assert_eq!(due(&order, later(60)), [(4, 59)]);
        assert_eq!(due(&order, later(120)), []);
        assert!(order.lock().is_empty(), "it is remembered for a minute");
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
}
