//! The addresses that requests came from: as many of an account in an hour as fit into a small list.

use std::net::IpAddr;

use jiff::Timestamp;

use super::millis::Millis;

/// How many addresses of an account are told apart in an hour; as many again of those that failed to
/// authenticate, so that these cannot drive out the others, nor fill the disk.
const MAX_ADDRESSES: usize = 32;

/// Some addresses. What was taken stays remembered with a count of nothing, so that a flood is told
/// from a few.
#[derive(Default)]
pub(super) struct Places {
    /// Most accounts come from one, and there are many accounts.
    first: Option<Place>,
    others: Vec<Place>,
}

/// An address, and what was not taken yet of it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) address: IpAddr,
    pub(super) count: u64,
    pub(super) first_at: Millis,
    pub(super) last_at: Millis,
}

impl Place {
    /// One request.
    pub(super) fn new(address: IpAddr, at: Timestamp) -> Self {
        let at = Millis::of(at);
        Self {
            address: address.to_canonical(),
            count: 1,
            first_at: at,
            last_at: at,
        }
    }

    /// Takes in what else came from here.
    fn add(&mut self, more: Self) {
        if self.count == 0 {
            *self = more;
            return;
        }
        self.count += more.count;
        self.first_at = self.first_at.min(more.first_at);
        self.last_at = self.last_at.max(more.last_at);
    }
}

impl Places {
    /// Reads a little of the first place.
    pub(super) fn fetch(&self) -> u64 {
        self.first.map_or(0, |place| place.count)
    }

    /// Takes in what came from an address, if there is room for it.
    pub(super) fn note(&mut self, more: Place) {
        let first = self.first.get_or_insert(Place { count: 0, ..more });
        if first.address == more.address {
            first.add(more);
            return;
        }
        let mut others = self.others.iter_mut();
        if let Some(known) = others.find(|known| known.address == more.address) {
            known.add(more);
        } else if self.others.len() + 1 < MAX_ADDRESSES {
            self.others.push(more);
        }
    }

    /// What came in since the last time.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Place> {
        let all = self.first.iter_mut().chain(&mut self.others);
        all.filter(|place| place.count > 0).map(|place| {
            let taken = *place;
            place.count = 0;
            taken
        })
    }
}
