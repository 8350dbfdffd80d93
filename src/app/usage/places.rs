//! The addresses that requests came from: as many of an account in an hour as fit into a small list.

use std::net::IpAddr;

use jiff::Timestamp;

/// How many addresses of an account are told apart in an hour; as many again of those that failed to
/// authenticate, so that these cannot drive out the others, nor fill the disk.
const MAX_ADDRESSES: usize = 32;

/// Some addresses. What was taken stays remembered with a count of nothing, so that a flood is told
/// from a few.
#[derive(Default)]
pub(super) struct Places(Vec<Place>);

/// An address, and what was not taken yet of it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) address: IpAddr,
    pub(super) count: u64,
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
}

impl Place {
    /// One request.
    pub(super) fn new(address: IpAddr, at: Timestamp) -> Self {
        let at = to_the_millisecond(at);
        Self {
            address: address.to_canonical(),
            count: 1,
            first_at: at,
            last_at: at,
        }
    }
}

impl Places {
    /// Takes in what came from an address, if there is room for it.
    pub(super) fn note(&mut self, more: Place) {
        let known = self.0.iter().position(|own| own.address == more.address);
        let Some(known) = known else {
            if self.0.len() < MAX_ADDRESSES {
                // Most accounts come from one, and there are many accounts.
                self.0.reserve_exact(usize::from(self.0.is_empty()));
                self.0.push(more);
            }
            return;
        };
        let place = &mut self.0[known];
        if place.count == 0 {
            *place = more;
        } else {
            place.count += more.count;
            place.first_at = place.first_at.min(more.first_at);
            place.last_at = place.last_at.max(more.last_at);
        }
    }

    /// What came in since the last time.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Place> {
        let new = self.0.iter_mut().filter(|place| place.count > 0);
        new.map(|place| {
            let taken = *place;
            place.count = 0;
            taken
        })
    }
}

/// As the store keeps it.
fn to_the_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
