//! Counting requests: in memory on the request's way, by the hour, and written behind to the store.
//!
//! A request only puts down a note ([`backlog`](super::backlog)). Notes are added to entries that are there
//! already, most often, under a lock that only a few accounts share. Every half a minute a *round* begins
//! of all accounts, in the order of their ids, and a portion of it at a time what was counted becomes
//! *batches*, which the store adds once each, by their ids: when its answer is lost, the same batch is sent
//! again and is not counted twice. So what is stored is exact for every node that was stopped in order; one
//! that is killed loses about the last minute.
//!
//! A secret that cannot be one of ours is refused before any look-up. So such a refusal is counted
//! under the name that was presented ([`named`](super::named)), and whose that is is asked when the
//! counts are written: a name of nobody leaves nothing behind.
//!
//! All of it is bounded. What finds no room is not counted, and that is counted.

mod hours;
mod packed;

use std::collections::VecDeque;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::vec;

use jiff::Timestamp;
use metrics::Counter;
use tokio::time::sleep;

use crate::domain::client::Client;
use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::usage_series::Counts;
use crate::domain::usage_series::Hour;
use crate::store::ClientOwner;
use crate::store::CountBatch;
use crate::store::Store;
use crate::store::StoreError;
use crate::telemetry::registry::Registry;

use super::super::to_completion;
use super::backlog::Backlog;
use super::map::Dealer;
use super::named::Named;
use super::named::Refusals;
use super::places::Place;
use hours::AccountHour;
use hours::Hours;
use hours::Kind;
use packed::Packed;

/// How often a round begins in which all that was counted is written. Whoever asks for a series has it
/// written at once.
pub const PACE: Duration = Duration::from_secs(30);

/// In how many portions a round is written: all together would hold up the requests that come meanwhile.
const PORTIONS: u32 = 15;

/// No portion is of fewer accounts, if so many are left.
const PORTION: usize = 100;

/// Requests of different accounts seldom wait for each other; and of the notes that are filed together
/// there are several for each.
const SHARDS: usize = 4;

/// How many counts are kept at most in each shard until they are written, and how many accounts in an
/// hour.
const ROOM: usize = 131_072 / SHARDS;

/// How many names are looked up at once.
const NAMES: usize = 500;

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

    fn in_hour_of(&self, at: Timestamp) -> (AccountHour, OrganizationId) {
        let whose = AccountHour {
            account: self.account,
            hour: Hour::of(at),
        };
        (whose, self.organization)
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

/// What is to be added to an account in an hour.
struct Note {
    whose: (AccountHour, OrganizationId),
    what: What,
}

enum What {
    Counts(Kind, Counts),
    /// A request from a place, that proved who it was or did not.
    From {
        place: Place,
        proved: bool,
    },
}

/// What is left of a round.
#[derive(Default)]
struct Round {
    rest: vec::IntoIter<AccountHour>,
    portion: usize,
    /// Since it began.
    turns: u32,
}

impl Round {
    fn of(all: Vec<AccountHour>) -> Self {
        Self {
            portion: all.len().div_ceil(PORTIONS as usize).max(PORTION),
            rest: all.into_iter(),
            turns: 0,
        }
    }
}

/// Counts requests, and writes the counts behind.
pub struct UsageSeries {
    store: Arc<dyn Store>,
    /// What is not in its hour yet.
    backlog: Backlog<Note>,
    dealer: Dealer,
    shards: [Mutex<Hours>; SHARDS],
    /// Refusals of somebody who is only a name so far.
    named: Named,
    /// What is on its way to the store, the oldest first; whoever writes holds it.
    outbox: tokio::sync::Mutex<VecDeque<Arc<CountBatch>>>,
    dropped: Counter,
}

impl UsageSeries {
    /// Counts for this store; [`UsageSeries::run`] writes in the background.
    pub fn new(store: Arc<dyn Store>, registry: &Registry) -> Self {
        Self {
            store,
            backlog: Backlog::default(),
            dealer: Dealer::default(),
            shards: Default::default(),
            named: Named::default(),
            outbox: tokio::sync::Mutex::default(),
            dropped: registry.counter(
                "ostler_usage_uncounted_total",
                "Requests that are not in the usage series because there was no room for them.",
                &[],
            ),
        }
    }

    /// Counts a request. Waits for nothing but other counts.
    pub fn count(&self, by: By, outcome: Outcome, at: Timestamp) {
        let (api, refusal, counts) = match outcome {
            Outcome::Issued(api) => (Some(api), None, Counts::ISSUED),
            Outcome::Introspected(api) => (api, None, Counts::INTROSPECTED),
            Outcome::Refused(code, api) => (api, Some(code), Counts::REFUSED),
        };
        let kind = Kind {
            credential: by.credential,
            api,
            refusal,
        };
        self.put(by, at, What::Counts(kind, counts));
    }

    /// Notes from where a client authenticated, or failed to.
    pub fn note_address(&self, by: By, address: IpAddr, proved: bool, at: Timestamp) {
        self.put(
            by,
            at,
            What::From {
                place: Place::new(address, at),
                proved,
            },
        );
    }

    fn put(&self, by: By, at: Timestamp, what: What) {
        let whose = by.in_hour_of(at);
        let note = Note { whose, what };
        self.backlog.put(note, |notes| self.add(notes));
    }

    fn add(&self, notes: &[Note]) {
        let dealt = self.dealer.deal(notes, |note| note.whose.0.account, SHARDS);
        for (shard, notes) in self.shards.iter().zip(dealt) {
            let mut hours = lock(shard);
            hours.fetch(notes.iter().map(|note| note.whose.0));
            for note in notes {
                let has_room = match note.what {
                    What::Counts(kind, more) => hours.add(note.whose, kind, more, ROOM),
                    What::From { place, proved } => {
                        hours.add_place(note.whose, proved, place, ROOM)
                    }
                };
                if !has_room {
                    self.dropped.increment(1);
                }
            }
        }
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
        for names in names.chunks(NAMES) {
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
        let whose = AccountHour {
            account: owner.account,
            hour: refusals.hour,
        };
        let whose = (whose, owner.organization);
        let kind = Kind {
            credential: owner.credential,
            api: None,
            refusal: Some(refusals.code),
        };
        let counts = Counts {
            refused: refusals.count,
            ..Counts::default()
        };
        let places = refusals.places.take();
        let places = places.into_iter().map(|place| What::From {
            place,
            proved: false,
        });
        let counts = std::iter::once(What::Counts(kind, counts));
        let notes: Vec<_> = counts
            .chain(places)
            .map(|what| Note { whose, what })
            .collect();
        self.add(&notes);
    }

    fn shard_of(&self, account: AccountId) -> &Mutex<Hours> {
        &self.shards[self.dealer.place(account, SHARDS)]
    }

    /// Writes all that was counted until now. What could not be written stays, most of it where it is
    /// counted: no more is taken out at once than is written next.
    pub async fn flush(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut outbox = self.outbox.lock().await;
        let round = self.round().await?;
        self.write(round.into_iter(), &mut outbox, now).await
    }

    /// All of whom something may have been counted until now. In this order, what lies together in the
    /// store is written together.
    async fn round(&self) -> Result<Vec<AccountHour>, StoreError> {
        self.resolve().await?;
        self.backlog.file(|notes| self.add(notes));
        let mut round = Vec::new();
        for shard in &self.shards {
            lock(shard).list(&mut round);
        }
        round.sort_unstable();
        Ok(round)
    }

    /// Writes the next portion of a round, or the first of a new one when it is time. A round goes on until
    /// all of it had a turn, so who is at its end is not left out when the store fails now and then.
    async fn write_portion(&self, round: &mut Round, now: Timestamp) -> Result<(), StoreError> {
        let mut outbox = self.outbox.lock().await;
        round.turns += 1;
        if round.rest.as_slice().is_empty() && round.turns >= PORTIONS {
            *round = Round::of(self.round().await?);
        }
        let portion = round.rest.by_ref().take(round.portion);
        self.write(portion, &mut outbox, now).await
    }

    /// Writes what waits, and then what was counted of these.
    async fn write(
        &self,
        whose: impl Iterator<Item = AccountHour>,
        outbox: &mut VecDeque<Arc<CountBatch>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.send(outbox).await?;
        let mut packed = Packed::default();
        for one in whose {
            lock(self.shard_of(one.account)).take(one, Hour::of(now), ROOM, &mut packed);
            if packed.is_full() {
                outbox.extend(batches(&mut packed, now));
                self.send(outbox).await?;
            }
        }
        outbox.extend(batches(&mut packed, now));
        self.send(outbox).await
    }

    /// Sends what waits, each batch until the store has it.
    async fn send(&self, outbox: &mut VecDeque<Arc<CountBatch>>) -> Result<(), StoreError> {
        while let Some(batch) = outbox.front() {
            let (store, batch) = (Arc::clone(&self.store), Arc::clone(batch));
            to_completion(async move { store.add_counts(&batch).await }).await?;
            outbox.pop_front();
        }
        Ok(())
    }

    /// Writes in the background until `stop`, a round in each `pace`, then once more.
    pub async fn run(
        &self,
        pace: Duration,
        now: impl Fn() -> Timestamp,
        stop: impl Future<Output = ()>,
    ) {
        tokio::select! {
            () = stop => {}
            () = self.keep_writing(pace, &now) => {}
        }
        if let Err(error) = self.flush(now()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last counts of usage could not be stored"
            );
        }
    }

    async fn keep_writing(&self, pace: Duration, now: &impl Fn() -> Timestamp) {
        let mut is_behind = false;
        let mut round = Round::default();
        loop {
            sleep(pace / PORTIONS).await;
            match self.write_portion(&mut round, now()).await {
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
}

fn batches(packed: &mut Packed, now: Timestamp) -> impl Iterator<Item = Arc<CountBatch>> {
    std::mem::take(packed).into_batches(now).map(Arc::new)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
