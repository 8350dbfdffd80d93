//! What the cases are made of: a node, its database, its live state.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ostler::app::usage::Archive;
use ostler::app::usage::Pace;
use ostler::app::usage::UsageRecorder;
use ostler::app::usage::Use;
use ostler::domain::id::AccountId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::SecretId;
use ostler::domain::usage::CredentialUse;
use ostler::domain::usage::LastUse;
use ostler::domain::usage::UsageKind;
use ostler::domain::usage::UsageReading;
use ostler::domain::usage::UsageStamp;
use ostler::domain::usage::UsageSubject;
use ostler::store::StoreError;
use ostler::telemetry::registry::Registry;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;
use tokio::time::interval;
use tokio::time::timeout;

use super::Live;

pub(super) const ACCOUNT: AccountId = AccountId::from_bits(1);

pub(super) const CREDENTIAL: CredentialId = CredentialId::from_bits(2);

const SECRET: SecretId = SecretId::from_bits(3);

pub(super) const SUBJECTS: [UsageSubject; 3] = [
    UsageSubject::Account(ACCOUNT),
    UsageSubject::Credential(CREDENTIAL),
    UsageSubject::Secret(SECRET),
];

/// A pace at which nothing happens by itself while a test runs.
pub(super) const NEVER: Pace = Pace {
    live: Duration::from_hours(1),
    store: Duration::from_hours(1),
};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn authenticated(second: i64) -> Use<'static> {
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

/// Somebody asked about a token of the credential: from where it came to them is not known.
pub(super) fn seen(second: i64) -> Use<'static> {
    Use {
        kind: UsageKind::Seen,
        secret: None,
        address: None,
        user_agent: None,
        ..authenticated(second)
    }
}

/// What [`authenticated`] becomes.
pub(super) fn stamps(second: i64) -> Vec<UsageStamp> {
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

pub(super) fn node(database: &Database, live: &Live) -> Arc<UsageRecorder> {
    let recorder = UsageRecorder::new(database.clone(), live.clone(), &Registry::new());
    Arc::new(recorder)
}

pub(super) async fn last_use(node: &UsageRecorder) -> Option<Timestamp> {
    let reading: UsageReading = node.read(&SUBJECTS).await.unwrap();
    reading.last_used(SUBJECTS[0]).map(|stamp| stamp.last_at)
}

pub(super) async fn wait_until_seen(node: &UsageRecorder, subject: UsageSubject) {
    until(async || {
        let reading = node.read(&[subject]).await.unwrap();
        reading.last_used(subject).is_some()
    })
    .await;
}

/// Looks again and again, for ten seconds at most.
pub(super) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let mut ticks = interval(Duration::from_millis(5));
    let seen = async {
        while !is_so().await {
            ticks.tick().await;
        }
    };
    timeout(Duration::from_secs(10), seen).await.unwrap();
}

/// A recorder that delivers in the background until it is stopped.
pub(super) struct Running {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

pub(super) fn running(node: &Arc<UsageRecorder>, pace: Pace) -> Running {
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
    pub(super) async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(Duration::from_secs(10), self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

/// A store of stamps that goes away, comes back and hangs as a test says.
#[derive(Clone)]
pub(super) struct Database(Arc<Rows>);

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
    /// What was put in the order of last use.
    pub(super) fn order(&self) -> Vec<LastUse> {
        self.0.order.lock().unwrap().clone()
    }

    pub(super) fn go_away(&self) {
        *self.0.away.lock().unwrap() = true;
    }

    pub(super) fn come_back(&self) {
        *self.0.away.lock().unwrap() = false;
    }

    pub(super) fn hold_writes(&self) {
        self.0.gate.forget_permits(OPEN);
    }

    pub(super) fn let_writes_go(&self) {
        self.0.gate.add_permits(OPEN);
    }

    pub(super) async fn wait_for_a_held_write(&self) {
        let arrived = timeout(Duration::from_secs(10), self.0.arrived.acquire());
        arrived.await.unwrap().unwrap().forget();
    }

    /// How many uses were written.
    pub(super) fn written(&self) -> usize {
        self.0.written.load(Ordering::SeqCst)
    }

    pub(super) fn stamp(&self, subject: UsageSubject) -> Option<UsageStamp> {
        let stamps = self.0.stamps.lock().unwrap();
        let of_it = stamps.values().filter(|stamp| stamp.subject == subject);
        of_it.max_by_key(|stamp| stamp.last_at).cloned()
    }

    pub(super) fn keep(&self, new: &[UsageStamp]) {
        let mut stamps = self.0.stamps.lock().unwrap();
        for stamp in new {
            stamps
                .entry((stamp.subject, stamp.kind))
                .and_modify(|known| known.merge(stamp.clone()))
                .or_insert_with(|| stamp.clone());
        }
    }

    pub(super) fn answers(&self) -> Result<(), StoreError> {
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
