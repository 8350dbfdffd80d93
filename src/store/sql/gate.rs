//! The store gate: while the database is known not to answer, nobody waits for it.
//!
//! Any failure to connect, read, write or commit closes it, and so does a ping that is not answered;
//! the next good ping opens it. Everything that needs the store passes through it.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::store::StoreError;

use super::connector::Connector;
use super::failure::Answer;
use super::failure::Failure;
use super::pool::Pool;
use super::query::Db;

/// How long after a good ping the next one is made.
const INTERVAL: Duration = Duration::from_millis(750);

/// How long after a bad ping the next one is made.
const RETRY: Duration = Duration::from_millis(250);

/// How long a ping may take, with connecting.
const LIMIT: Duration = Duration::from_secs(1);

/// Whether the database is asked at all.
pub(super) struct Gate {
    open: AtomicBool,
    /// Told when somebody else than the pinger closes it, so that it need not stay closed for long.
    closed: Notify,
}

/// The gate is closed.
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer the last time it was asked")]
struct Closed;

impl Gate {
    /// An open gate.
    pub(super) fn new() -> Self {
        Self {
            open: AtomicBool::new(true),
            closed: Notify::new(),
        }
    }

    /// Whether the database is asked.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Fails at once while it is closed.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.is_open() {
            Ok(())
        } else {
            Err(StoreError::Unavailable(Box::new(Closed)))
        }
    }

    /// Closes it; somebody saw `why`.
    pub(super) fn close(&self, why: &Failure) {
        self.shut(why);
        self.closed.notify_one();
    }

    fn shut(&self, why: &Failure) {
        if self.open.swap(false, Ordering::AcqRel) {
            tracing::error!(
                error = why as &dyn Error,
                "the store gate is closed: answering 503"
            );
        }
    }

    fn open(&self) {
        if !self.open.swap(true, Ordering::AcqRel) {
            tracing::info!("the store gate is open again");
        }
    }
}

/// Pings for as long as it is polled. It has a connection of its own, so that a pool which is busy
/// does not look like a database which is dead.
pub(super) async fn keep(gate: &Gate, connector: &Connector, pools: &[Arc<Pool>]) {
    let mut connection = None;
    loop {
        match timeout(LIMIT, ping(connector, &mut connection)).await {
            Ok(Ok(())) => gate.open(),
            outcome => {
                let why = outcome.map_or(Failure::TooLate, |answer| match answer {
                    Err(failure) => failure,
                    Ok(()) => Failure::Abandoned,
                });
                gate.shut(&why);
                connection = None;
                for pool in pools {
                    pool.retire();
                }
            }
        }
        if gate.is_open() {
            tokio::select! {
                () = sleep(INTERVAL) => {}
                () = gate.closed.notified() => {}
            }
        } else {
            sleep(RETRY).await;
        }
    }
}

async fn ping(connector: &Connector, connection: &mut Option<Db>) -> Answer<()> {
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(connector.connect().await?),
    };
    super::instance::ping(connection).await
}
