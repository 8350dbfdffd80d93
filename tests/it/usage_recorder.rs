//! Usage on its way from the request to the store: nothing is invisible, lost or waited for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use jiff::Timestamp;
use ostler::app::usage::Archive;
use ostler::app::usage::Pace;
use ostler::app::usage::UsageRecorder;
use ostler::app::usage::Use;
use ostler::clock::ManualClock;
use ostler::domain::id::AccountId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::SecretId;
use ostler::domain::token::Epoch;
use ostler::domain::usage::CredentialUse;
use ostler::domain::usage::LastUse;
use ostler::domain::usage::UsageKind;
use ostler::domain::usage::UsageReading;
use ostler::domain::usage::UsageStamp;
use ostler::domain::usage::UsageSubject;
use ostler::live::SharedUsage;
use ostler::live::counters::LiveCounters;
use ostler::live::redis::DEADLINE;
use ostler::live::redis::Namespace;
use ostler::live::redis::RedisLive;
use ostler::live::redis::RedisOptions;
use ostler::store::SqlOptions;
use ostler::store::SqlStore;
use ostler::store::Store;
use ostler::store::StoreError;
use ostler::telemetry::registry::Registry;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;
use tokio::time::interval;
use tokio::time::timeout;

use crate::live_contract;
use crate::services::RedisServer;
use crate::services::unheard_of_issuer;

const ACCOUNT: AccountId = AccountId::from_bits(1);
const CREDENTIAL: CredentialId = CredentialId::from_bits(2);
const SECRET: SecretId = SecretId::from_bits(3);
const SUBJECTS: [UsageSubject; 3] = [
    UsageSubject::Account(ACCOUNT),
    UsageSubject::Credential(CREDENTIAL),
    UsageSubject::Secret(SECRET),
];

/// A pace at which nothing happens by itself while a test runs.
const NEVER: Pace = Pace {
    live: Duration::from_hours(1),
    store: Duration::from_hours(1),
};

/// Where other nodes look, if there may be any.
type Live = Option<Arc<dyn SharedUsage>>;

macro_rules! cases {
    ($($case:ident)*) => {
        mod alone {
            $(#[tokio::test]
            async fn $case() {
                super::$case(None).await;
            })*
        }

        mod in_redis {
            $(#[tokio::test]
            async fn $case() {
                super::$case(Some(crate::live_contract::shared_usage().await)).await;
            })*
        }
    };
}

cases! {
    a_use_is_seen_at_once_on_the_account_the_credential_and_the_secret
    uses_of_one_credential_are_one_entry
    whoever_asks_for_a_list_has_the_order_brought_up_to_date
    uses_may_be_noted_in_any_order
    the_newest_of_all_sources_wins
    what_the_store_did_not_take_is_kept_and_merged
    a_use_is_never_invisible_while_it_is_being_stored
    a_use_during_a_write_is_written_next_time
    without_the_store_there_is_no_reading
}

// --- The cases

async fn a_use_is_seen_at_once_on_the_account_the_credential_and_the_secret(live: Live) {
    let node = node(&Database::default(), &live);
    node.note(&authenticated(10));

    let reading = node.read(&SUBJECTS).await.unwrap();
    assert!(reading.complete);
    assert_eq!(reading.stamps.len(), 3);
    for subject in SUBJECTS {
        let stamp = reading.stamp(subject, UsageKind::Authenticated).unwrap();
        assert_eq!((stamp.first_at, stamp.last_at), (at(10), at(10)));
        assert_eq!(stamp.address, Some(IpAddr::from([192, 0, 2, 1])));
        assert_eq!(stamp.user_agent.as_deref(), Some("curl/8"));
        assert!(reading.stamp(subject, UsageKind::Issued).is_none());
    }
}

#[tokio::test]
async fn other_nodes_see_a_use_by_the_live_state_and_a_restart_by_the_store() {
    let live = Some(live_contract::shared_usage().await);
    let database = Database::default();
    let (here, there) = (node(&database, &live), node(&database, &live));
    here.note(&authenticated(10));
    assert_eq!(last_use(&there).await, None);

    here.flush_to_live().await.unwrap();
    assert_eq!(last_use(&there).await, Some(at(10)));

    here.flush_to_store().await.unwrap();
    let restarted = node(&database, &None);
    assert_eq!(last_use(&restarted).await, Some(at(10)));
}

async fn uses_of_one_credential_are_one_entry(live: Live) {
    let database = Database::default();
    let node = node(&database, &live);
    for second in 0..10_000 {
        node.note(&authenticated(second));
    }
    node.flush_to_store().await.unwrap();
    assert_eq!(database.written(), 1);
    assert_eq!(node.dropped(), 0);

    // What was delivered is not delivered again.
    node.flush_to_store().await.unwrap();
    assert_eq!(database.written(), 1);
    let reading = node.read(&SUBJECTS).await.unwrap();
    let stamp = reading
        .stamp(SUBJECTS[0], UsageKind::Authenticated)
        .unwrap();
    assert_eq!((stamp.first_at, stamp.last_at), (at(0), at(9_999)));
}

async fn whoever_asks_for_a_list_has_the_order_brought_up_to_date(live: Live) {
    let database = Database::default();
    let node = node(&database, &live);
    node.note(&authenticated(10));
    node.note(&authenticated(20));
    node.flush_to_store().await.unwrap();
    node.note(&authenticated(30));
    node.flush_to_store().await.unwrap();
    node.flush_to_store().await.unwrap();
    let moved = |first, last| LastUse {
        account: ACCOUNT,
        credential: CREDENTIAL,
        first_at: at(first),
        last_at: at(last),
    };
    let order = database.0.order.lock().unwrap();
    assert_eq!(*order, [moved(10, 20), moved(30, 30)]);
}

async fn uses_may_be_noted_in_any_order(live: Live) {
    let node = node(&Database::default(), &live);
    for (second, agent) in [(20, "b"), (30, "c"), (10, "a")] {
        node.note(&Use {
            user_agent: Some(agent),
            ..authenticated(second)
        });
    }
    let reading = node.read(&SUBJECTS).await.unwrap();
    let stamp = reading
        .stamp(SUBJECTS[2], UsageKind::Authenticated)
        .unwrap();
    assert_eq!((stamp.first_at, stamp.last_at), (at(10), at(30)));
    assert_eq!(stamp.user_agent.as_deref(), Some("c"));
}

async fn the_newest_of_all_sources_wins(live: Live) {
    // Each source in turn has the newest: the memory, the store, the live state if there is one.
    for newest in 0..2 + i64::from(live.is_some()) {
        let database = Database::default();
        let node = node(&database, &live);
        let second = |source| {
            if source == newest {
                100 + source
            } else {
                source
            }
        };
        node.note(&authenticated(second(0)));
        database.keep(&stamps(second(1)));
        if let Some(live) = &live {
            live.touch(&stamps(second(2))).await.unwrap();
        }

        let reading = node.read(&SUBJECTS).await.unwrap();
        assert_eq!(reading.stamps.len(), 3);
        let last = reading.last_used(SUBJECTS[2]).unwrap().last_at;
        // The live state still has what an earlier turn told it.
        assert_eq!(last, at(100 + newest), "{newest}");
    }
}

async fn what_the_store_did_not_take_is_kept_and_merged(live: Live) {
    let database = Database::default();
    let node = node(&database, &live);
    node.note(&authenticated(10));
    database.go_away();
    assert!(node.flush_to_store().await.is_err());
    node.note(&authenticated(20));
    assert!(node.flush_to_store().await.is_err());

    database.come_back();
    node.flush_to_store().await.unwrap();
    let stored = database.stamp(SUBJECTS[2]).unwrap();
    assert_eq!((stored.first_at, stored.last_at), (at(10), at(20)));
    assert_eq!(database.written(), 1);
}

async fn a_use_is_never_invisible_while_it_is_being_stored(live: Live) {
    let database = Database::default();
    let node = node(&database, &live);
    node.note(&authenticated(10));
    database.hold_writes();
    let storing = tokio::spawn({
        let node = node.clone();
        async move { node.flush_to_store().await }
    });
    database.wait_for_a_held_write().await;
    assert_eq!(last_use(&node).await, Some(at(10)));

    database.let_writes_go();
    storing.await.unwrap().unwrap();
    assert_eq!(last_use(&node).await, Some(at(10)));
}

async fn a_use_during_a_write_is_written_next_time(live: Live) {
    let database = Database::default();
    let node = node(&database, &live);
    node.note(&authenticated(10));
    database.hold_writes();
    let storing = tokio::spawn({
        let node = node.clone();
        async move { node.flush_to_store().await }
    });
    database.wait_for_a_held_write().await;
    node.note(&authenticated(20));
    // Whoever looks moves the note on to where the one that is being written waits.
    assert_eq!(last_use(&node).await, Some(at(20)));
    database.let_writes_go();
    storing.await.unwrap().unwrap();

    assert_eq!(last_use(&node).await, Some(at(20)));
    node.flush_to_store().await.unwrap();
    assert_eq!(database.stamp(SUBJECTS[2]).unwrap().last_at, at(20));
}

async fn without_the_store_there_is_no_reading(live: Live) {
    // Security section 2: the database down is a 503, not evidence of rest.
    let database = Database::default();
    let node = node(&database, &live);
    node.note(&authenticated(10));
    database.go_away();
    let refused = node.read(&SUBJECTS).await.unwrap_err();
    assert!(matches!(refused, StoreError::Deadline));
}

#[tokio::test]
async fn a_first_use_of_a_secret_is_delivered_at_once() {
    let live = Some(live_contract::shared_usage().await);
    let database = Database::default();
    let (here, there) = (node(&database, &live), node(&database, &live));
    let running = running(&here, NEVER);
    for number in 0..3 {
        let secret = SecretId::from_bits(100 + number);
        here.note(&Use {
            secret: Some(secret),
            ..authenticated(10)
        });
        wait_until_seen(&there, UsageSubject::Secret(secret)).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_hung_store_holds_up_nobody() {
    let live = Some(live_contract::shared_usage().await);
    let database = Database::default();
    let (here, there) = (node(&database, &live), node(&Database::default(), &live));
    database.hold_writes();
    let pace = Pace {
        live: Duration::from_hours(1),
        store: Duration::from_millis(1),
    };
    let running = running(&here, pace);
    here.note(&authenticated(10));
    database.wait_for_a_held_write().await;

    let secret = SecretId::from_bits(100);
    here.note(&Use {
        secret: Some(secret),
        ..authenticated(20)
    });
    wait_until_seen(&there, UsageSubject::Secret(secret)).await;
    database.let_writes_go();
    running.stop().await;
    assert_eq!(database.stamp(SUBJECTS[0]).unwrap().last_at, at(20));
}

#[tokio::test]
async fn the_end_delivers_everything() {
    let live = Some(live_contract::shared_usage().await);
    let database = Database::default();
    let (here, there) = (node(&database, &live), node(&Database::default(), &live));
    let running = running(&here, NEVER);
    here.note(&Use {
        kind: UsageKind::Seen,
        ..authenticated(10)
    });
    running.stop().await;

    assert_eq!(database.stamp(SUBJECTS[0]).unwrap().last_at, at(10));
    assert_eq!(last_use(&there).await, Some(at(10)));
}

// --- With the real store

#[tokio::test]
async fn the_database_says_exactly_what_the_memory_said() {
    let directory = TempDir::new().unwrap();
    let options = SqlOptions {
        url: format!("sqlite://{}/ostler.db", directory.path().display()).into(),
        create_if_missing: true,
        connections: SqlOptions::CONNECTIONS,
    };
    let store: Arc<dyn Store> = Arc::new(SqlStore::open(&options).await.unwrap());
    let on_it = || UsageRecorder::new(store.clone(), None, &Registry::new());
    let before = on_it();
    for (kind, nanos) in UsageKind::ALL.into_iter().zip([1, 500_000, 999_999]) {
        before.note(&Use {
            kind,
            at: at(10) + SignedDuration::from_nanos(nanos),
            ..authenticated(0)
        });
    }
    let noted = before.read(&SUBJECTS).await.unwrap();
    assert_eq!(noted.stamps.len(), 9);
    before.flush_to_store().await.unwrap();

    let restarted = on_it();
    let stored = restarted.read(&SUBJECTS).await.unwrap();
    assert_eq!(stored.stamps, noted.stamps);
    assert_eq!(before.read(&SUBJECTS).await.unwrap().stamps, noted.stamps);
}

// --- Trouble of its own

#[tokio::test]
async fn without_redis_evidence_is_not_complete_and_nothing_is_lost() {
    // Security section 2: usage evidence without Redis is `complete: false`.
    let mut server = RedisServer::start();
    let options = RedisOptions {
        url: server.url().into(),
        names: Namespace::new(&unheard_of_issuer(), Epoch::from_random([1; 8])),
        deadline: DEADLINE,
    };
    let clock = Arc::new(ManualClock::at(at(0)));
    let redis = RedisLive::connect(options, clock, LiveCounters::unread()).await;
    let live: Live = Some(Arc::new(redis.unwrap()));
    let database = Database::default();
    let here = node(&database, &live);
    server.kill();

    database.keep(&stamps(5));
    here.note(&authenticated(10));
    assert!(here.flush_to_live().await.is_err());
    let reading = here.read(&SUBJECTS).await.unwrap();
    assert!(!reading.complete);
    let stamp = reading
        .stamp(SUBJECTS[2], UsageKind::Authenticated)
        .unwrap();
    assert_eq!((stamp.first_at, stamp.last_at), (at(5), at(10)));

    server.restart_empty();
    until(async || here.flush_to_live().await.is_ok()).await;
    let there = node(&Database::default(), &live);
    assert_eq!(last_use(&there).await, Some(at(10)));
    assert!(here.read(&SUBJECTS).await.unwrap().complete);
}

#[tokio::test]
async fn at_the_bound_the_oldest_go_and_evidence_is_no_longer_complete() {
    // Security section 2: "bounded buffer, coalesced; drop oldest, count".
    let database = Database::default();
    database.go_away();
    let node = UsageRecorder::bounded(database.clone(), None, &Registry::new(), 160);
    for number in 0..1_000 {
        node.note(&Use {
            account: AccountId::from_bits(number),
            credential: CredentialId::from_bits(number),
            secret: Some(SecretId::from_bits(number)),
            ..authenticated(i64::try_from(number).unwrap())
        });
        // A flow that fails collects, and keeps.
        if number % 50 == 0 {
            assert!(node.flush_to_store().await.is_err());
        }
    }
    assert!(node.dropped() > 0);

    database.come_back();
    node.flush_to_store().await.unwrap();
    assert!(database.written() <= 160);
    let newest = UsageSubject::Secret(SecretId::from_bits(999));
    let reading = node.read(&[newest]).await.unwrap();
    assert_eq!(reading.last_used(newest).unwrap().last_at, at(999));
    assert!(!reading.complete);
}

#[tokio::test]
async fn what_clients_say_of_themselves_is_bounded_and_printable() {
    let node = node(&Database::default(), &None);
    let long = format!("curl\r\n\u{1b}[2J{}", "x".repeat(100_000));
    node.note(&Use {
        user_agent: Some(&long),
        address: Some("::ffff:192.0.2.1".parse().unwrap()),
        ..authenticated(10)
    });
    let reading = node.read(&SUBJECTS).await.unwrap();
    let stamp = reading.last_used(SUBJECTS[0]).unwrap();
    let agent = stamp.user_agent.as_deref().unwrap();
    assert_eq!(agent.chars().count(), 200);
    assert!(agent.starts_with("curl") && !agent.contains(char::is_control));
    assert_eq!(stamp.address, Some(IpAddr::from([192, 0, 2, 1])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn notes_of_many_threads_are_all_there() {
    let database = Database::default();
    let node = node(&database, &None);
    let mut threads = tokio::task::JoinSet::new();
    for thread in 0..8_u32 {
        let node = node.clone();
        threads.spawn(async move {
            for turn in 0..200_u32 {
                node.note(&Use {
                    credential: CredentialId::from_bits(u128::from(turn)),
                    secret: None,
                    ..authenticated(i64::from(thread * 1_000 + turn))
                });
                if turn % 20 == 0 {
                    node.flush_to_store().await.unwrap();
                }
            }
        });
    }
    threads.join_all().await;
    node.flush_to_store().await.unwrap();

    for turn in 0..200_u32 {
        let subject = UsageSubject::Credential(CredentialId::from_bits(u128::from(turn)));
        let stamp = database.stamp(subject).unwrap();
        let expected = (at(i64::from(turn)), at(i64::from(7_000 + turn)));
        assert_eq!((stamp.first_at, stamp.last_at), expected);
    }
}

// --- Vocabulary

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn authenticated(second: i64) -> Use<'static> {
    Use {
        kind: UsageKind::Authenticated,
        account: ACCOUNT,
        credential: CREDENTIAL,
        secret: Some(SECRET),
        at: at(second),
        address: Some(IpAddr::from([192, 0, 2, 1])),
        user_agent: Some("curl/8"),
    }
}

/// What [`authenticated`] becomes.
fn stamps(second: i64) -> Vec<UsageStamp> {
    let stamp = |subject| UsageStamp {
        subject,
        kind: UsageKind::Authenticated,
        first_at: at(second),
        last_at: at(second),
        address: None,
        user_agent: None,
    };
    SUBJECTS.map(stamp).to_vec()
}

fn node(database: &Database, live: &Live) -> Arc<UsageRecorder> {
    let recorder = UsageRecorder::new(database.clone(), live.clone(), &Registry::new());
    Arc::new(recorder)
}

async fn last_use(node: &UsageRecorder) -> Option<Timestamp> {
    let reading: UsageReading = node.read(&SUBJECTS).await.unwrap();
    reading.last_used(SUBJECTS[0]).map(|stamp| stamp.last_at)
}

async fn wait_until_seen(node: &UsageRecorder, subject: UsageSubject) {
    until(async || {
        let reading = node.read(&[subject]).await.unwrap();
        reading.last_used(subject).is_some()
    })
    .await;
}

/// Looks again and again, for ten seconds at most.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let mut ticks = interval(Duration::from_millis(5));
    let seen = async {
        while !is_so().await {
            ticks.tick().await;
        }
    };
    timeout(Duration::from_secs(10), seen).await.unwrap();
}

/// A recorder that delivers in the background until it is stopped.
struct Running {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

fn running(node: &Arc<UsageRecorder>, pace: Pace) -> Running {
    let (stop, stopped) = oneshot::channel();
    let node = node.clone();
    let task = tokio::spawn(async move {
        node.run(pace, async {
            let _ = stopped.await;
        })
        .await;
    });
    Running { stop, task }
}

impl Running {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(Duration::from_secs(10), self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

/// A store of stamps that goes away, comes back and hangs as a test says.
#[derive(Clone)]
struct Database(Arc<Rows>);

struct Rows {
    stamps: Mutex<HashMap<(UsageSubject, UsageKind), UsageStamp>>,
    written: AtomicUsize,
    /// What was put in the order of last use, one after the other.
    order: Mutex<Vec<LastUse>>,
    away: Mutex<bool>,
    /// Writes wait for a permit here.
    gate: Semaphore,
    /// Has a permit for each write that came to the gate.
    arrived: Semaphore,
}

const OPEN: usize = 1 << 20;

impl Default for Database {
    fn default() -> Self {
        Self(Arc::new(Rows {
            stamps: Mutex::default(),
            written: AtomicUsize::new(0),
            order: Mutex::default(),
            away: Mutex::default(),
            gate: Semaphore::new(OPEN),
            arrived: Semaphore::new(0),
        }))
    }
}

impl Database {
    fn go_away(&self) {
        *self.0.away.lock().unwrap() = true;
    }

    fn come_back(&self) {
        *self.0.away.lock().unwrap() = false;
    }

    fn hold_writes(&self) {
        self.0.gate.forget_permits(OPEN);
    }

    fn let_writes_go(&self) {
        self.0.gate.add_permits(OPEN);
    }

    async fn wait_for_a_held_write(&self) {
        let arrived = timeout(Duration::from_secs(10), self.0.arrived.acquire());
        arrived.await.unwrap().unwrap().forget();
    }

    /// How many uses were written.
    fn written(&self) -> usize {
        self.0.written.load(Ordering::SeqCst)
    }

    fn stamp(&self, subject: UsageSubject) -> Option<UsageStamp> {
        let stamps = self.0.stamps.lock().unwrap();
        let of_it = stamps.values().filter(|stamp| stamp.subject == subject);
        of_it.max_by_key(|stamp| stamp.last_at).cloned()
    }

    fn keep(&self, new: &[UsageStamp]) {
        let mut stamps = self.0.stamps.lock().unwrap();
        for stamp in new {
            stamps
                .entry((stamp.subject, stamp.kind))
                .and_modify(|known| known.merge(stamp.clone()))
                .or_insert_with(|| stamp.clone());
        }
    }

    fn answers(&self) -> Result<(), StoreError> {
        if *self.0.away.lock().unwrap() {
            return Err(StoreError::Deadline);
        }
        Ok(())
    }
}

#[async_trait]
impl Archive for Database {
    async fn record_usage(&self, uses: &[CredentialUse]) -> Result<(), StoreError> {
        self.answers()?;
        self.0.arrived.add_permits(1);
        let _permit = self.0.gate.acquire().await.unwrap();
        let stamps: Vec<_> = uses
            .iter()
            .flat_map(|one| one.stamps().collect::<Vec<_>>())
            .collect();
        self.keep(&stamps);
        self.0.written.fetch_add(uses.len(), Ordering::SeqCst);
        Ok(())
    }

    async fn record_last_use(&self, uses: &[LastUse]) -> Result<(), StoreError> {
        self.answers()?;
        let mut order = self.0.order.lock().unwrap();
        order.extend(uses);
        Ok(())
    }

    async fn list_usage(&self, subjects: &[UsageSubject]) -> Result<Vec<UsageStamp>, StoreError> {
        self.answers()?;
        let stamps = self.0.stamps.lock().unwrap();
        let asked = stamps
            .values()
            .filter(|stamp| subjects.contains(&stamp.subject));
        Ok(asked.cloned().collect())
    }
}
