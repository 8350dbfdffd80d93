//! Counting requests: in memory on the request's way, by the hour, and written behind to the store.
//!
//! A request adds to an entry that is there already, most often, under a lock that only requests of
//! the same few accounts share; it waits for nothing else. Every half a minute what was counted
//! becomes *batches*, which the store adds once each, by their ids: when its answer is lost, the same
//! batch is sent again and is not counted twice. So what is stored is exact for every node that was
//! stopped in order; one that is killed loses the last half a minute.
//!
//! A secret that cannot be one of ours is refused before any look-up. So such a refusal is counted
//! under the name that was presented ([`named`](super::named)), and whose that is is asked when the
//! counts are written: a name of nobody leaves nothing behind.
//!
//! All of it is bounded. What finds no room is not counted, and that is counted.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use metrics::Counter;
use tokio::time::sleep;

use crate::domain::client::Client;
use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::usage_series::AddressCount;
use crate::domain::usage_series::CountKey;
use crate::domain::usage_series::Counted;
use crate::domain::usage_series::Counts;
use crate::domain::usage_series::Hour;
use crate::domain::usage_series::NetworkUse;
use crate::domain::usage_series::network_of;
use crate::random;
use crate::store::ClientOwner;
use crate::store::CountBatch;
use crate::store::Store;
use crate::store::StoreError;
use crate::telemetry::registry::Registry;

use super::super::to_completion;
use super::map::Dealer;
use super::map::IdMap;
use super::named::Named;
use super::named::Refusals;
use super::places::Place;
use super::places::Places;

/// How often what was counted is written. Whoever asks for a series has it written at once; a node
/// that is killed loses what it counted since.
const PACE: Duration = Duration::from_secs(30);

/// Requests of different accounts seldom wait for each other.
const SHARDS: usize = 16;

/// How many counts are kept at most until they are written, and how many accounts' addresses.
const CAPACITY: usize = 131_072;

/// How many rows a batch has at most: others who write wait for it.
const BATCH: usize = 500;

/// How many batches wait for the store at most.
const MAX_BATCHES: usize = 400;

/// Who made a request.
#[derive(Clone, Copy, Debug)]
pub struct By {
    /// The organization.
    pub organization: OrganizationId,
    /// The account.
    pub account: AccountId,
    /// The credential.
    pub credential: CredentialRef,
}

impl By {
    /// The account and the credential of this client.
    pub fn client(client: &Client) -> Self {
        Self {
            organization: client.organization,
            account: client.account,
            credential: CredentialRef::of(client.credential, client.kind),
        }
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// A token for this API.
    Issued(ApiId),
    /// A refusal with this registered code; for which API, where that is known.
    Refused(&'static str, Option<ApiId>),
    /// Somebody asked about an active token of the account's; for which API, where it is for one.
    Introspected(Option<ApiId>),
}

/// Counts requests, and writes the counts behind.
pub struct UsageSeries {
    store: Arc<dyn Store>,
    dealer: Dealer,
    shards: [Mutex<Shard>; SHARDS],
    /// Refusals of somebody who is only a name so far.
    named: Named,
    /// What is on its way to the store, the oldest first.
    outbox: Mutex<VecDeque<CountBatch>>,
    /// Whose turn it is to write.
    turn: tokio::sync::Mutex<()>,
    dropped: Counter,
}

#[derive(Default)]
struct Shard {
    counts: IdMap<Key, (OrganizationId, Counts)>,
    /// Of the present hour; they stay until it is over, so that a flood is told from a few.
    places: IdMap<PlaceKey, (OrganizationId, Places)>,
}

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct Key {
    account: AccountId,
    credential: CredentialRef,
    hour: Hour,
    api: Option<ApiId>,
    refusal: Option<&'static str>,
}

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct PlaceKey {
    account: AccountId,
    hour: Hour,
    /// Whether the requests authenticated.
    proved: bool,
}

impl UsageSeries {
    /// Counts for this store; [`UsageSeries::run`] writes in the background.
    pub fn new(store: Arc<dyn Store>, registry: &Registry) -> Self {
        Self {
            store,
            dealer: Dealer::default(),
            shards: Default::default(),
            named: Named::default(),
            outbox: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            dropped: registry.counter(
                "ostler_usage_uncounted_total",
                "Requests that are not in the usage series because there was no room for them.",
                &[],
            ),
        }
    }

    /// Counts a request. Waits for nothing but other counts of the same few accounts.
    pub fn count(&self, by: By, outcome: Outcome, at: Timestamp) {
        let (api, refusal, counts) = match outcome {
            Outcome::Issued(api) => (Some(api), None, Counts::ISSUED),
            Outcome::Introspected(api) => (api, None, Counts::INTROSPECTED),
            Outcome::Refused(code, api) => (api, Some(code), Counts::REFUSED),
        };
        let key = Key {
            account: by.account,
            credential: by.credential,
            hour: Hour::of(at),
            api,
            refusal,
        };
        self.add(key, by.organization, counts);
    }

    fn add(&self, key: Key, organization: OrganizationId, more: Counts) {
        let mut shard = lock(self.shard_of(key.account));
        if shard.counts.len() >= CAPACITY / SHARDS && !shard.counts.contains_key(&key) {
            self.dropped.increment(1);
            return;
        }
        let entry = shard.counts.entry(key);
        let (_, counts) = entry.or_insert((organization, Counts::default()));
        counts.add(more);
    }

    /// Notes from where a client authenticated, or failed to.
    pub fn note_address(&self, by: By, address: IpAddr, proved: bool, at: Timestamp) {
        let key = PlaceKey {
            account: by.account,
            hour: Hour::of(at),
            proved,
        };
        self.add_place(key, by.organization, Place::new(address, at));
    }

    fn add_place(&self, key: PlaceKey, organization: OrganizationId, place: Place) {
        let mut shard = lock(self.shard_of(key.account));
        if shard.places.len() >= CAPACITY / SHARDS && !shard.places.contains_key(&key) {
            self.dropped.increment(1);
            return;
        }
        let entry = shard.places.entry(key);
        let (_, places) = entry.or_insert((organization, Places::default()));
        places.note(place);
    }

    /// Counts the refusal of somebody who called themselves `client_id`, with this registered code,
    /// before anything was looked up. If that is nobody, it will not have been counted.
    pub fn count_named(
        &self,
        client_id: ClientId,
        code: &'static str,
        address: IpAddr,
        at: Timestamp,
    ) {
        if !self.named.count(client_id, code, address, at) {
            self.dropped.increment(1);
        }
    }

    /// Finds out who those are that were only named, and counts for them.
    async fn resolve(&self) -> Result<(), StoreError> {
        let names = self.named.client_ids();
        for names in names.chunks(BATCH) {
            let owners = self.store.list_client_owners(names).await?;
            for (client_id, refusals) in self.named.take(names) {
                let owner = owners.iter().find(|owner| owner.client_id == client_id);
                if let Some(owner) = owner {
                    self.attribute(owner, refusals);
                }
            }
        }
        Ok(())
    }

    fn attribute(&self, owner: &ClientOwner, mut refusals: Refusals) {
        let key = Key {
            account: owner.account,
            credential: owner.credential,
            hour: refusals.hour,
            api: None,
            refusal: Some(refusals.code),
        };
        let counts = Counts {
            refused: refusals.count,
            ..Counts::default()
        };
        self.add(key, owner.organization, counts);
        let key = PlaceKey {
            account: owner.account,
            hour: refusals.hour,
            proved: false,
        };
        for place in refusals.places.take() {
            self.add_place(key, owner.organization, place);
        }
    }

    fn shard_of(&self, account: AccountId) -> &Mutex<Shard> {
        &self.shards[self.dealer.place(account, SHARDS)]
    }

    /// Writes all that was counted until now. What could not be written stays.
    pub async fn flush(&self, now: Timestamp) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.resolve().await?;
        self.pack(now);
        loop {
            let Some(batch) = lock(&self.outbox).front().cloned() else {
                return Ok(());
            };
            let store = Arc::clone(&self.store);
            to_completion(async move { store.add_counts(&batch).await }).await?;
            lock(&self.outbox).pop_front();
        }
    }

    /// Writes in the background until `stop`, then once more.
    pub async fn run(&self, now: impl Fn() -> Timestamp, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.keep_writing(&now) => {}
        }
        if let Err(error) = self.flush(now()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last counts of usage could not be stored"
            );
        }
    }

    async fn keep_writing(&self, now: &impl Fn() -> Timestamp) {
        let mut is_behind = false;
        loop {
            sleep(PACE).await;
            match self.flush(now()).await {
                Ok(()) => is_behind = false,
                Err(error) if !is_behind => {
                    is_behind = true;
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "counts of usage cannot be stored now; they are kept and tried again"
                    );
                }
                Err(_) => {}
            }
        }
    }

    /// Makes batches of what was counted. While too many wait already, it goes on being counted
    /// where it is.
    fn pack(&self, now: Timestamp) {
        if lock(&self.outbox).len() >= MAX_BATCHES {
            return;
        }
        let mut packed = Packed::default();
        for shard in &self.shards {
            let mut shard = lock(shard);
            for (key, (organization, counts)) in shard.counts.drain() {
                packed.take_count(key, organization, counts);
            }
            for (key, (organization, places)) in &mut shard.places {
                packed.take_places(*key, *organization, places);
            }
            let hour = Hour::of(now);
            shard.places.retain(|key, _| key.hour >= hour);
        }
        lock(&self.outbox).extend(packed.into_batches(now));
    }
}

/// What was counted, each key once.
#[derive(Default)]
struct Packed {
    counts: BTreeMap<CountKey, Counts>,
    addresses: BTreeMap<(Option<AccountId>, OrganizationId, Hour, IpAddr), AddressCount>,
    networks: BTreeMap<(AccountId, String), NetworkUse>,
}

impl Packed {
    /// Counts for the account, and for its organization.
    fn take_count(&mut self, key: Key, organization: OrganizationId, counts: Counts) {
        let own = Counted::Account(key.account, key.credential);
        for counted in [own, Counted::Organization] {
            let key = CountKey {
                organization,
                counted,
                hour: key.hour,
                api: key.api,
                refusal: key.refusal,
            };
            self.counts.entry(key).or_default().add(counts);
        }
    }

    fn take_places(&mut self, key: PlaceKey, organization: OrganizationId, places: &mut Places) {
        for place in places.take() {
            for account in [Some(key.account), None] {
                let count = AddressCount {
                    organization,
                    account,
                    hour: key.hour,
                    address: place.address,
                    count: place.count,
                    last_at: place.last_at.instant(),
                };
                self.addresses
                    .entry((account, organization, key.hour, place.address))
                    .and_modify(|known| {
                        known.count += count.count;
                        known.last_at = known.last_at.max(count.last_at);
                    })
                    .or_insert(count);
            }
            if key.proved {
                self.take_network(key.account, organization, &place);
            }
        }
    }

    fn take_network(&mut self, account: AccountId, organization: OrganizationId, place: &Place) {
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

    fn into_batches(self, now: Timestamp) -> impl Iterator<Item = CountBatch> {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
