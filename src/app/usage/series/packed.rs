//! What was taken out to be written: merged, and cut into batches.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::usage_series::AddressCount;
use crate::domain::usage_series::CountKey;
use crate::domain::usage_series::Counted;
use crate::domain::usage_series::Counts;
use crate::domain::usage_series::Hour;
use crate::domain::usage_series::NetworkUse;
use crate::domain::usage_series::network_of;
use crate::random;
use crate::store::CountBatch;

use super::super::places::Place;
use super::hours::AccountHour;
use super::hours::Kind;

/// How many rows of a kind a batch has at most: others who write wait for it.
const BATCH: usize = 500;

/// What was counted, each key once.
#[derive(Default)]
pub(super) struct Packed {
    counts: BTreeMap<CountKey, Counts>,
    addresses: BTreeMap<(Option<AccountId>, OrganizationId, Hour, IpAddr), AddressCount>,
    networks: BTreeMap<(AccountId, String), NetworkUse>,
}

impl Packed {
    /// Counts for the account, and for its organization.
    pub(super) fn add_counts(
        &mut self,
        whose: AccountHour,
        organization: OrganizationId,
        kind: Kind,
        counts: Counts,
    ) {
        let own = Counted::Account(whose.account, kind.credential);
        for counted in [own, Counted::Organization] {
            let key = CountKey {
                organization,
                counted,
                hour: whose.hour,
                api: kind.api,
                refusal: kind.refusal,
            };
            self.counts.entry(key).or_default().add(counts);
        }
    }

    /// What came from a place to the account, and to its organization.
    pub(super) fn add_place(
        &mut self,
        whose: AccountHour,
        organization: OrganizationId,
        place: &Place,
    ) {
        for account in [Some(whose.account), None] {
            let count = AddressCount {
                organization,
                account,
                hour: whose.hour,
                address: place.address,
                count: place.count,
                last_at: place.last_at.instant(),
            };
            self.addresses
                .entry((account, organization, whose.hour, place.address))
                .and_modify(|known| {
                    known.count += count.count;
                    known.last_at = known.last_at.max(count.last_at);
                })
                .or_insert(count);
        }
    }

    /// That the account authenticated from the network of a place.
    pub(super) fn add_network(
        &mut self,
        account: AccountId,
        organization: OrganizationId,
        place: &Place,
    ) {
        let network = network_of(place.address);
        let used = NetworkUse {
            organization,
            account,
            network,
            first_at: place.first_at.instant(),
            last_at: place.last_at.instant(),
        };
        self.networks
            .entry((account, network.to_string()))
            .and_modify(|known| {
                known.first_at = known.first_at.min(used.first_at);
                known.last_at = known.last_at.max(used.last_at);
            })
            .or_insert(used);
    }

    /// Whether there is enough for a batch.
    pub(super) fn is_full(&self) -> bool {
        self.counts.len().max(self.addresses.len()) >= BATCH
    }

    /// All of it, in batches that are each known by an id of their own.
    pub(super) fn into_batches(self, now: Timestamp) -> impl Iterator<Item = CountBatch> {
        let mut counts: Vec<_> = self.counts.into_iter().collect();
        let mut addresses: Vec<_> = self.addresses.into_values().collect();
        let mut networks: Vec<_> = self.networks.into_values().collect();
        std::iter::from_fn(move || {
            let batch = CountBatch {
                id: random::bytes(),
                at: now,
                counts: split(&mut counts),
                addresses: split(&mut addresses),
                networks: split(&mut networks),
            };
            let is_empty =
                batch.counts.is_empty() && batch.addresses.is_empty() && batch.networks.is_empty();
            (!is_empty).then_some(batch)
        })
    }
}

/// Takes a batch's worth off the end.
fn split<T>(rows: &mut Vec<T>) -> Vec<T> {
    rows.split_off(rows.len().saturating_sub(BATCH))
}
