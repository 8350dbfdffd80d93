//! Which chains are walked at the moment: each by one at a time, and a few of them at once.
//!
//! Whoever asks waits for a moment, and then is told to come back; an answer never begins that nobody is
//! working on. The events themselves are read and hashed in turns, a batch at a time, so that a long
//! chain takes no more than its share from the others.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::Semaphore;

use crate::domain::audit::Chain;

use super::super::problem::Problem;

/// How many chains are walked at once, in turns.
const AT_ONCE: usize = 16;

/// How many batches are read and hashed at once: a core each, and a connection.
pub const BATCHES_AT_ONCE: usize = 2;

/// How long a call waits until its chain may be walked.
const PATIENCE: Duration = Duration::from_secs(2);

/// The chains that are walked, and whose turn it is to read.
#[derive(Debug)]
pub struct Walks {
    under_way: Mutex<HashSet<Chain>>,
    ended: Notify,
    /// One for each batch.
    pub batches: Semaphore,
}

impl Walks {
    /// No chain is walked.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            under_way: Mutex::default(),
            ended: Notify::new(),
            batches: Semaphore::new(BATCHES_AT_ONCE),
        })
    }

    /// Begins to walk a chain, as soon as nobody else does and there is room.
    pub async fn begin(self: &Arc<Self>, chain: Chain) -> Result<WalkTurn, Problem> {
        let turn = tokio::time::timeout(PATIENCE, self.turn(chain)).await;
        turn.map_err(|_| {
            Problem::Busy(
                "this audit trail is being verified already, or as many others as can be at once: \
                 try again in a moment",
            )
        })
    }

    async fn turn(self: &Arc<Self>, chain: Chain) -> WalkTurn {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            // From here on the end of a walk is not missed.
            ended.as_mut().enable();
            if let Some(turn) = self.try_begin(chain) {
                return turn;
            }
            ended.await;
        }
    }

    fn try_begin(self: &Arc<Self>, chain: Chain) -> Option<WalkTurn> {
        let mut under_way = self.under_way();
        let may_begin = under_way.len() < AT_ONCE && under_way.insert(chain);
        may_begin.then(|| WalkTurn {
            walks: Arc::clone(self),
            chain,
        })
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<Chain>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A chain that is walked; it is not any more when this is dropped.
#[derive(Debug)]
pub struct WalkTurn {
    walks: Arc<Walks>,
    chain: Chain,
}

impl Drop for WalkTurn {
    fn drop(&mut self) {
        self.walks.under_way().remove(&self.chain);
        self.walks.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::OrganizationId;

    #[tokio::test]
    async fn a_chain_is_walked_once_at_a_time_and_a_few_at_once() {
        let walks = Walks::new();
        let chain = |number| Chain::Organization(OrganizationId::from_bits(number));
        let mut turns: Vec<_> = (0..15).filter_map(|n| walks.try_begin(chain(n))).collect();
        assert_eq!(turns.len(), 15);
        assert!(walks.try_begin(chain(0)).is_none());
        turns.extend(walks.try_begin(Chain::Instance));
        assert!(walks.try_begin(chain(15)).is_none());
        drop(turns.pop());
        assert!(walks.try_begin(chain(15)).is_some());
    }

    #[tokio::test]
    async fn whoever_waits_begins_when_another_ends() {
        let walks = Walks::new();
        let first = walks.begin(Chain::Instance).await.unwrap();
        let (second, ()) = tokio::join!(walks.begin(Chain::Instance), async { drop(first) });
        assert!(second.is_ok());
    }
}
