//! Connections on loan.
//!
//! sqlx has a pool. This one differs in what it does with doubt: a connection goes back only when
//! its last query is known to have ended well, so a query that was cancelled or timed out half-way
//! can never leave its transaction to the next borrower, and no round trip is spent on asking an
//! idle connection whether it is well.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::store::StoreError;

use super::connector::Connector;
use super::failure::Answer;
use super::failure::Failure;
use super::failure::Verdict;
use super::gate::Gate;
use super::query::Db;
use super::query::Work;
use super::query::script;

/// How long somebody waits for a connection.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(1);

/// How long a query may take. The database's own limit is a little shorter, so this one only ends
/// what hangs.
pub(super) const QUERY_LIMIT: Duration = Duration::from_secs(2);

/// An idle connection older than this may have been cut off by something on the way.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// Some connections to the database.
pub(super) struct Pool {
    connector: Arc<Connector>,
    gate: Arc<Gate>,
    permits: Arc<Semaphore>,
    size: u32,
    /// The last one that came back is lent first.
    idle: Mutex<Vec<Idle>>,
    /// Raised when all connections are in doubt: those of an older series are not lent again.
    series: AtomicU64,
}

struct Idle {
    connection: Db,
    series: u64,
    since: Instant,
}

impl Pool {
    /// A pool of at most `size` connections; none is made yet.
    pub(super) fn new(connector: &Arc<Connector>, gate: &Arc<Gate>, size: u32) -> Arc<Self> {
        Arc::new(Self {
            connector: Arc::clone(connector),
            gate: Arc::clone(gate),
            permits: Arc::new(Semaphore::new(size as usize)),
            size,
            idle: Mutex::default(),
            series: AtomicU64::new(0),
        })
    }

    /// Lends a connection. Nobody who holds one may wait for another, or for a lock.
    pub(super) async fn acquire(self: &Arc<Self>) -> Result<Lease, StoreError> {
        self.gate.check()?;
        let permit = timeout(ACQUIRE_LIMIT, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| StoreError::Deadline)?
            .map_err(|closed| StoreError::Unavailable(Box::new(closed)))?;
        let series = self.series.load(Ordering::Acquire);
        let connection = match self.take_idle(series) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Lease {
            pool: Arc::clone(self),
            connection: Some(connection),
            series,
            sound: true,
            in_transaction: false,
            _permit: permit,
        })
    }

    /// Puts every connection that exists now in doubt.
    pub(super) fn retire(&self) {
        self.series.fetch_add(1, Ordering::AcqRel);
        self.idle().clear();
    }

    /// Waits until every connection has come back, closes them and lends no more.
    pub(super) async fn close(&self) {
        let all = timeout(QUERY_LIMIT, self.permits.acquire_many(self.size)).await;
        self.permits.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle());
        for Idle { connection, .. } in idle {
            let _ = timeout(QUERY_LIMIT, sqlx::Connection::close(connection)).await;
        }
    }

    fn take_idle(&self, series: u64) -> Option<Db> {
        let mut idle = self.idle();
        while let Some(candidate) = idle.pop() {
            let fresh = self.connector.is_local() || candidate.since.elapsed() < IDLE_LIMIT;
            if fresh && candidate.series == series {
                return Some(candidate.connection);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Db, StoreError> {
        let failure = match timeout(ACQUIRE_LIMIT, self.connector.connect()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::TooLate,
        };
        self.gate.close(&failure);
        Err(failure.into())
    }

    /// Learns from how a query has ended; returns whether its connection is sound.
    fn learn(&self, ended: &Answer<()>) -> bool {
        let Err(failure) = ended else { return true };
        match failure.verdict() {
            Verdict::Broken => {
                self.retire();
                self.gate.close(failure);
                false
            }
            Verdict::Frozen => {
                tracing::error!(
                    error = failure as &dyn std::error::Error,
                    "no changes for now"
                );
                self.retire();
                false
            }
            _ => true,
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In a box, so that the limit is compiled for one kind of query and not for each.
async fn in_time(query: Work<'_, ()>) -> Answer<()> {
    let ended = timeout(QUERY_LIMIT, query).await;
    ended.unwrap_or(Err(Failure::TooLate))
}

/// A connection on loan. It goes back when it is dropped, unless it is in doubt: then it is closed.
pub(super) struct Lease {
    pool: Arc<Pool>,
    connection: Option<Db>,
    series: u64,
    /// Whether the last query has ended, and nothing that it did makes the connection doubtful.
    sound: bool,
    in_transaction: bool,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Makes a query, within its limit, and learns from its failure.
    pub(super) async fn run<'c, T, W>(&'c mut self, work: impl FnOnce(&'c mut Db) -> W) -> Answer<T>
    where
        T: Send,
        W: Future<Output = Answer<T>> + Send,
    {
        let Some(connection) = self.connection.as_mut() else {
            return Err(Failure::Abandoned);
        };
        self.sound = false;
        let work = work(connection);
        let mut found = None;
        let ended = in_time(Box::pin(async {
            found = Some(work.await?);
            Ok(())
        }));
        let ended = ended.await;
        self.sound = self.pool.learn(&ended);
        ended.and(found.ok_or(Failure::Abandoned))
    }

    /// Begins a transaction by a statement. As long as it is open, the connection does not go back.
    pub(super) async fn begin(&mut self, statement: &'static str) -> Answer<()> {
        self.in_transaction = true;
        self.run(|db| script(db, statement)).await
    }

    /// Commits the open transaction.
    pub(super) async fn commit(&mut self) -> Answer<()> {
        self.run(|db| script(db, "COMMIT")).await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Ends the open transaction without a trace, if there is one that can be spoken to.
    pub(super) async fn roll_back(&mut self) {
        if self.sound && self.in_transaction {
            let ended = self.run(|db| script(db, "ROLLBACK")).await;
            self.in_transaction = ended.is_err();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let current = self.pool.series.load(Ordering::Acquire);
        if let Some(connection) = self.connection.take()
            && self.sound
            && !self.in_transaction
            && self.series == current
            && !self.pool.permits.is_closed()
        {
            self.pool.idle().push(Idle {
                connection,
                series: current,
                since: Instant::now(),
            });
        }
    }
}
