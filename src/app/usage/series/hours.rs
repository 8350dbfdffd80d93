//! What was counted and is not written yet, by account and hour: a request finds all of its own in one
//! place.

use std::collections::hash_map::Entry;
use std::hint::black_box;

use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::usage_series::Counts;
use crate::domain::usage_series::Hour;

use super::super::map::IdMap;
use super::super::places::Place;
use super::super::places::Places;
use super::packed::Packed;

/// Some accounts, in some hours. There is room for so many of them, and for as many counts.
#[derive(Default)]
pub(super) struct Hours {
    accounts: IdMap<AccountHour, Counted>,
    /// How many counts there are in all of these.
    counts: usize,
}

/// An account, in an hour.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct AccountHour {
    pub(super) account: AccountId,
    pub(super) hour: Hour,
}

/// What is counted together in it.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(super) struct Kind {
    pub(super) credential: CredentialRef,
    pub(super) api: Option<ApiId>,
    pub(super) refusal: Option<&'static str>,
}

/// What was counted of an account in an hour. There are as many of these as accounts: it is small.
struct Counted {
    organization: OrganizationId,
    /// Most accounts use one credential for one API.
    first: Option<(Kind, Counts)>,
    others: IdMap<Kind, Counts>,
    /// From where it authenticated. These stay until the hour is over, so that a flood is told from a few.
    proved: Places,
    /// From where somebody failed to, which is rare.
    unproved: Option<Box<Places>>,
}

impl Hours {
    /// Has memory bring what is known of these, of all of them at once: one after the other, each would be
    /// waited for.
    pub(super) fn fetch(&self, all: impl Iterator<Item = AccountHour>) {
        let known = all.filter_map(|whose| self.accounts.get(&whose));
        black_box(known.fold(0, |sum, counted| sum ^ counted.fetch()));
    }

    /// Adds counts, if there is room.
    pub(super) fn add(
        &mut self,
        whose: (AccountHour, OrganizationId),
        kind: Kind,
        more: Counts,
        room: usize,
    ) -> bool {
        let is_full = self.counts >= room;
        let Some(counted) = self.counted(whose, room) else {
            return false;
        };
        if let Some(known) = counted.known(&kind) {
            known.add(more);
            return true;
        }
        if is_full {
            return false;
        }
        counted.begin(kind, more);
        self.counts += 1;
        true
    }

    /// Adds requests from a place, if there is room.
    pub(super) fn add_place(
        &mut self,
        whose: (AccountHour, OrganizationId),
        proved: bool,
        place: Place,
        room: usize,
    ) -> bool {
        let Some(counted) = self.counted(whose, room) else {
            return false;
        };
        if proved {
            counted.proved.note(place);
        } else {
            counted.unproved.get_or_insert_default().note(place);
        }
        true
    }

    /// What was counted of an account in an hour; `None` where that is nothing and there is no room.
    fn counted(
        &mut self,
        (whose, organization): (AccountHour, OrganizationId),
        room: usize,
    ) -> Option<&mut Counted> {
        if self.accounts.len() >= room && !self.accounts.contains_key(&whose) {
            return None;
        }
        let entry = self.accounts.entry(whose);
        Some(entry.or_insert_with(|| Counted::nothing(organization)))
    }

    /// Adds all of whom something may have been counted.
    pub(super) fn list(&self, all: &mut Vec<AccountHour>) {
        all.extend(self.accounts.keys());
    }

    /// Takes out what was counted of an account in an hour, and forgets it when the hour is before `now`.
    /// Where more than half of the room is taken, it forgets the places of this hour as well: counts of
    /// others matter more.
    pub(super) fn take(&mut self, whose: AccountHour, now: Hour, room: usize, packed: &mut Packed) {
        let is_crowded = self.accounts.len() > room / 2;
        let Entry::Occupied(mut counted) = self.accounts.entry(whose) else {
            return;
        };
        self.counts -= counted.get_mut().take(whose, packed);
        if whose.hour < now || is_crowded {
            counted.remove();
        }
    }
}

impl Counted {
    fn nothing(organization: OrganizationId) -> Self {
        Self {
            organization,
            first: None,
            others: IdMap::default(),
            proved: Places::default(),
            unproved: None,
        }
    }

    /// Reads a little of what the next note of it changes.
    fn fetch(&self) -> u64 {
        let counts = self.first.map_or(0, |(_, counts)| counts.issued);
        counts ^ self.proved.fetch()
    }

    fn known(&mut self, wanted: &Kind) -> Option<&mut Counts> {
        match &mut self.first {
            Some((kind, counts)) if kind == wanted => Some(counts),
            _ => self.others.get_mut(wanted),
        }
    }

    fn begin(&mut self, kind: Kind, counts: Counts) {
        if self.first.is_none() {
            self.first = Some((kind, counts));
        } else {
            self.others.insert(kind, counts);
        }
    }

    /// Returns how many counts there were.
    fn take(&mut self, whose: AccountHour, packed: &mut Packed) -> usize {
        let organization = self.organization;
        // Not drained, which would keep its room for the rest of the hour.
        let others = std::mem::take(&mut self.others);
        let mut taken = 0;
        for (kind, counts) in self.first.take().into_iter().chain(others) {
            packed.add_counts(whose, organization, kind, counts);
            taken += 1;
        }
        for place in self.proved.take() {
            packed.add_place(whose, organization, &place);
            packed.add_network(whose.account, organization, &place);
        }
        for place in self.unproved.iter_mut().flat_map(|places| places.take()) {
            packed.add_place(whose, organization, &place);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::net::Ipv4Addr;

    use jiff::Timestamp;

    use crate::domain::credential::CredentialKind;
    use crate::domain::id::CredentialId;

    use super::*;

    const HOUR: Hour = Hour(7);
    const ROOM: usize = 3;

    fn whose(account: u128) -> (AccountHour, OrganizationId) {
        let account = AccountId::from_bits(account);
        let whose = AccountHour {
            account,
            hour: HOUR,
        };
        (whose, OrganizationId::from_bits(1))
    }

    fn kind(credential: u128) -> Kind {
        let id = CredentialId::from_bits(credential);
        Kind {
            credential: CredentialRef::of(id, CredentialKind::ClientSecret),
            api: None,
            refusal: None,
        }
    }

    fn issued(hours: &mut Hours, account: u128, credential: u128) -> bool {
        hours.add(whose(account), kind(credential), Counts::ISSUED, ROOM)
    }

    /// The counts of accounts that are taken, in no order.
    fn taken(hours: &mut Hours, now: Hour) -> Vec<u64> {
        let mut packed = Packed::default();
        let mut all = Vec::new();
        hours.list(&mut all);
        for whose in all {
            hours.take(whose, now, ROOM, &mut packed);
        }
        let at = Timestamp::UNIX_EPOCH;
        let batches = packed.into_batches(at);
        let counts = batches.flat_map(|batch| batch.counts);
        // Each is in there a second time for the organization, all of it together.
        let mut counts: Vec<_> = counts.map(|(_, counts)| counts.issued).collect();
        counts.sort_unstable();
        counts
    }

    #[test]
    fn what_is_known_goes_on_where_there_is_no_room_for_more() {
        let mut hours = Hours::default();
        assert!(issued(&mut hours, 1, 1));
        assert!(issued(&mut hours, 1, 2));
        assert!(issued(&mut hours, 2, 3));
        assert!(!issued(&mut hours, 2, 4), "a fourth count");
        assert!(!issued(&mut hours, 3, 5), "a fourth count of a third");
        assert!(issued(&mut hours, 1, 1));
        assert!(issued(&mut hours, 1, 2));
        assert!(issued(&mut hours, 2, 3));
        assert_eq!(taken(&mut hours, HOUR), [2, 2, 2, 6]);
        assert!(taken(&mut hours, HOUR).is_empty(), "taken once");
        assert!(issued(&mut hours, 2, 4), "there is room again");
    }

    #[test]
    fn the_accounts_of_an_hour_are_bounded_and_gone_when_it_is_over() {
        let mut hours = Hours::default();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut failed = |account| {
            let place = Place::new(address, Timestamp::UNIX_EPOCH);
            hours.add_place(whose(account), false, place, ROOM)
        };
        assert!((1..=3).all(&mut failed));
        assert!(!failed(4));
        assert!(failed(1));
        assert!(taken(&mut hours, HOUR).is_empty());
        assert!(issued(&mut hours, 4, 4), "counts come before places");
        assert_eq!(taken(&mut hours, HOUR), [1, 1]);
        assert_eq!(
            hours.accounts.len(),
            1,
            "where there is room, an hour is remembered"
        );
        assert!(taken(&mut hours, Hour(8)).is_empty());
        assert!(hours.accounts.is_empty());
    }
}
