//! Who may change what, one after the other.
//!
//! A change locks a row, and whoever waits for a row holds a connection. So changes queue here
//! first, where waiting costs nothing, and only then ask for a connection: on PostgreSQL those of one
//! organization, and no more in all than leave connections for reading; on SQLite, which has one
//! writer, all of them. What is left to wait for in the database is another node, and a change of
//! another organization by somebody of this one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::domain::id::OrganizationId;
use crate::store::StoreError;

/// How long a change waits for its turn: a request has ten seconds in all.
const LIMIT: Duration = Duration::from_secs(5);

/// The queues.
pub(super) struct Turns {
    at_once: Arc<Semaphore>,
    by_organization: Mutex<HashMap<Option<OrganizationId>, Weak<tokio::sync::Mutex<()>>>>,
}

/// It is your turn, until this is dropped.
pub(super) struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_organization: OwnedMutexGuard<()>,
}

impl Turns {
    /// Queues for `at_once` changes at a time.
    pub(super) fn new(at_once: u32) -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(at_once as usize)),
            by_organization: Mutex::default(),
        }
    }

    /// Waits for the turn of a change of this organization, or of the instance.
    pub(super) async fn wait(
        &self,
        organization: Option<OrganizationId>,
    ) -> Result<Turn, StoreError> {
        timeout(LIMIT, self.turn(organization))
            .await
            .map_err(|_| StoreError::Deadline)?
    }

    async fn turn(&self, organization: Option<OrganizationId>) -> Result<Turn, StoreError> {
        let queue = self.queue(organization);
        let of_organization = queue.lock_owned().await;
        let of_all = Arc::clone(&self.at_once).acquire_owned().await;
        Ok(Turn {
            _of_all: of_all.map_err(|closed| StoreError::Unavailable(Box::new(closed)))?,
            _of_organization: of_organization,
        })
    }

    fn queue(&self, organization: Option<OrganizationId>) -> Arc<tokio::sync::Mutex<()>> {
        let queues = self.by_organization.lock();
        let mut queues = queues.unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(&organization).and_then(Weak::upgrade) {
            return queue;
        }
        // Nobody is in this queue; those of which that is true go before there are more.
        queues.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::default();
        queues.insert(organization, Arc::downgrade(&queue));
        queue
    }
}
