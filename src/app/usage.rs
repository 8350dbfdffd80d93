//! Usage on its way: noted in memory, told to the live state, written behind to the store.
//!
//! A request only calls [`UsageRecorder::note`], which merges the use into an entry of its credential, or
//! puts it down to be merged with others ([`backlog`]). Two flows carry the entries on, each at its own pace
//! and past the other's trouble: to the live state (at once for a secret's first use), where other nodes see
//! them, and to the store, where they stay. A node that is alone has only the second. What could not be
//! delivered is kept, bounded, and tried again; both ends merge, so a use may arrive twice.
//!
//! Behind the second flow is a third: the order of last use, by which lists are made. To move a thing
//! in it costs several times what its use costs, so each rests for a while, and of many a portion is moved
//! at a time ([`order`]).
//!
//! Usage is evidence, so nothing may be invisible on its way: a use is let go only when the
//! store has it, and [`UsageRecorder::read`] looks into the memory first. A reading that may lack
//! something says so.

mod backlog;
mod buffer;
mod map;
mod millis;
mod named;
mod order;
mod places;
pub mod report;
pub mod series;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::domain::id::AccountId;
use crate::domain::id::CredentialId;
use crate::domain::id::SecretId;
use crate::domain::usage::CredentialUse;
use crate::domain::usage::LastUse;
use crate::domain::usage::UsageKind;
use crate::domain::usage::UsageReading;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;
use crate::live::LiveError;
use crate::live::SharedUsage;
use crate::store::Store;
use crate::store::StoreError;
use crate::telemetry::registry::Registry;

use super::to_completion;
use buffer::Buffer;
use buffer::Destination;
use order::Due;
use order::Order;

/// How many uses one write carries: others who write wait for it.
const BATCH: usize = 1_000;

/// How many uses one message to the live state carries, each of which is up to three stamps.
const LIVE_BATCH: usize = 200;

/// One use of a credential: of its account too, and of the secret that proved it.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// What happened.
    pub kind: UsageKind,
    /// The account.
    pub account: AccountId,
    /// The credential.
    pub credential: CredentialId,
    /// The secret, where one was presented.
    pub secret: Option<SecretId>,
    /// When.
    pub at: Timestamp,
    /// Where from.
    pub address: Option<IpAddr>,
    /// With what: the `User-Agent` as it came.
    pub user_agent: Option<&'a str>,
}

/// The part of the store that usage needs.
#[async_trait]
pub trait Archive: Send + Sync + 'static {
    /// [`UsageStamps::record_usage`](crate::store::UsageStamps::record_usage).
    async fn record_usage(&self, uses: &[CredentialUse]) -> Result<(), StoreError>;

    /// [`UsageStamps::record_last_use`](crate::store::UsageStamps::record_last_use).
    async fn record_last_use(&self, uses: &[LastUse]) -> Result<(), StoreError>;

    /// [`UsageStamps::list_usage`](crate::store::UsageStamps::list_usage).
    async fn list_usage(&self, subjects: &[UsageSubject]) -> Result<Vec<UsageStamp>, StoreError>;
}

#[async_trait]
impl Archive for Arc<dyn Store> {
    async fn record_usage(&self, uses: &[CredentialUse]) -> Result<(), StoreError> {
        self.as_ref().record_usage(uses).await
    }

    async fn record_last_use(&self, uses: &[LastUse]) -> Result<(), StoreError> {
        self.as_ref().record_last_use(uses).await
    }

    async fn list_usage(&self, subjects: &[UsageSubject]) -> Result<Vec<UsageStamp>, StoreError> {
        self.as_ref().list_usage(subjects).await
    }
}

/// How often each flow runs. A use is on its way for at most this long and the time of a write.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// To the live state: every node sees a use within a second.
    pub live: Duration,
    /// To the store: a use survives a restart after five seconds.
    pub store: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            live: Duration::from_millis(500),
            store: Duration::from_secs(4),
        }
    }
}

/// Notes, delivers and reads usage.
pub struct UsageRecorder {
    archive: Arc<dyn Archive>,
    live: Option<Arc<dyn SharedUsage>>,
    buffer: Buffer,
    order: Order,
    /// A secret was used for the first time that this process knows of.
    first_use: Notify,
}

impl UsageRecorder {
    /// A recorder that delivers to these two; [`UsageRecorder::run`] does it in the background.
    /// `live` is where other nodes look, if there may be any.
    pub fn new(
        archive: impl Archive,
        live: Option<Arc<dyn SharedUsage>>,
        registry: &Registry,
    ) -> Self {
        Self::bounded(archive, live, registry, buffer::CAPACITY)
    }

    /// A recorder that keeps about `capacity` undelivered uses at most.
    pub fn bounded(
        archive: impl Archive,
        live: Option<Arc<dyn SharedUsage>>,
        registry: &Registry,
        capacity: usize,
    ) -> Self {
        let dropped = registry.counter(
            "ostler_usage_dropped_total",
            "Uses and usage stamps that went because too many could not be delivered.",
            &[],
        );
        Self {
            archive: Arc::new(archive),
            buffer: Buffer::new(capacity, live.is_some(), dropped),
            order: Order::default(),
            live,
            first_use: Notify::new(),
        }
    }

    /// Notes a use. Waits for nothing but other notes, and for whoever reads some of them.
    pub fn note(&self, usage: &Use<'_>) {
        if self.buffer.note(usage) {
            self.first_use.notify_one();
        }
    }

    /// How many uses or stamps were dropped because too many were undelivered.
    pub fn dropped(&self) -> u64 {
        self.buffer.dropped()
    }

    /// What is known of the use of these things, from the memory, the live state and the store. It is
    /// not complete when the live state did not answer, or when this process had to drop something.
    pub async fn read(&self, subjects: &[UsageSubject]) -> Result<UsageReading, StoreError> {
        // The memory first: what leaves it after this look is found further on its way.
        let pending = self.buffer.stamps_of(subjects);
        let (live, stored) =
            tokio::join!(self.list_live(subjects), self.archive.list_usage(subjects));
        let complete = live.is_ok() && self.buffer.dropped() == 0;
        let stamps = pending
            .into_iter()
            .chain(live.unwrap_or_default())
            .chain(stored?);
        Ok(UsageReading {
            stamps: merged(stamps),
            complete,
        })
    }

    async fn list_live(&self, subjects: &[UsageSubject]) -> Result<Vec<UsageStamp>, LiveError> {
        match &self.live {
            Some(live) => live.list_usage(subjects).await,
            None => Ok(Vec::new()),
        }
    }

    /// Delivers what is pending to the live state. What could not be delivered stays.
    pub async fn flush_to_live(&self) -> Result<(), LiveError> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        for pending in self.buffer.pending(Destination::Live, LIVE_BATCH) {
            for batch in pending.chunks(LIVE_BATCH) {
                let stamps: Vec<_> = batch.iter().flat_map(CredentialUse::stamps).collect();
                live.touch(&stamps).await?;
                self.buffer.settle(Destination::Live, batch);
            }
        }
        Ok(())
    }

    /// Writes what is pending to the store, and brings the order of last use up to date. What could
    /// not be written stays.
    pub async fn flush_to_store(&self) -> Result<(), StoreError> {
        self.write_uses().await?;
        self.write_order(Due::All).await
    }

    async fn write_behind(&self) -> Result<(), StoreError> {
        self.write_uses().await?;
        self.write_order(Due::AfterAWhile(Instant::now())).await
    }

    async fn write_uses(&self) -> Result<(), StoreError> {
        // Who authenticated also got a token, perhaps: two uses of a secret at most.
        for batch in self.buffer.pending(Destination::Store, BATCH / 2) {
            self.order.note(&batch);
            let uses = without_the_implied(&batch);
            let archive = self.archive.clone();
            to_completion(async move { archive.record_usage(&uses).await }).await?;
            self.buffer.settle(Destination::Store, &batch);
        }
        Ok(())
    }

    async fn write_order(&self, due: Due) -> Result<(), StoreError> {
        for batch in self.order.due(due).chunks(BATCH) {
            let (archive, uses) = (self.archive.clone(), batch.to_vec());
            to_completion(async move { archive.record_last_use(&uses).await }).await?;
            self.order.forget(batch, Instant::now());
        }
        Ok(())
    }

    /// Delivers in the background until `stop`, then once more.
    pub async fn run(&self, pace: Pace, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.keep_live_current(pace.live) => {}
            () = self.keep_store_current(pace.store) => {}
        }
        let (live, store) = tokio::join!(self.flush_to_live(), self.flush_to_store());
        if let Err(error) = live {
            tracing::info!(
                error = &error as &dyn std::error::Error,
                "the live state has not all usage"
            );
        }
        if let Err(error) = store {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last usage could not be stored"
            );
        }
    }

    async fn keep_live_current(&self, every: Duration) {
        if self.live.is_none() {
            return std::future::pending().await;
        }
        loop {
            tokio::select! {
                () = sleep(every) => {}
                () = self.first_use.notified() => {}
            }
            // The live state says itself when it goes and when it comes back.
            if let Err(error) = self.flush_to_live().await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "usage waits for the live state"
                );
            }
        }
    }

    async fn keep_store_current(&self, every: Duration) {
        let mut is_behind = false;
        loop {
            sleep(every).await;
            match self.write_behind().await {
                Ok(()) => is_behind = false,
                Err(error) if !is_behind => {
                    is_behind = true;
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "usage cannot be stored now; it is kept and tried again"
                    );
                }
                Err(_) => {}
            }
        }
    }
}

/// Most requests authenticate and get a token: one row says both. Of one credential and secret the
/// kinds follow one another.
fn without_the_implied(uses: &[CredentialUse]) -> Vec<CredentialUse> {
    let implied = |place: usize, one: &CredentialUse| {
        let next = uses.get(place + 1);
        next.is_some_and(|next| next.implies(one))
    };
    uses.iter()
        .enumerate()
        .filter(|(place, one)| !implied(*place, one))
        .map(|(_, one)| one.clone())
        .collect()
}

fn merged(stamps: impl Iterator<Item = UsageStamp>) -> Vec<UsageStamp> {
    let mut merged: BTreeMap<(UsageSubject, UsageKind), UsageStamp> = BTreeMap::new();
    for stamp in stamps {
        let key = (stamp.subject, stamp.kind);
        if let Some(known) = merged.get_mut(&key) {
            known.merge(stamp);
        } else {
            merged.insert(key, stamp);
        }
    }
    merged.into_values().collect()
}
