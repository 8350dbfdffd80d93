//! A lane of their own for RSA signatures.
//!
//! One costs some 400 us, twenty times as much as the others: on a request worker it would hold up
//! every other request of that worker. So they run on blocking threads, as many at once as there
//! are cores, and a bounded number waits. When that many wait already, waiting longer helps
//! nobody: the request is refused at once.

use std::sync::Arc;
use std::thread;

use tokio::sync::Semaphore;

/// How many requests may wait for each core: some 100 ms of work.
const WAITING_PER_CORE: usize = 256;

/// Too many signatures are waiting already, or the process is going down.
#[derive(Debug)]
pub(super) struct Busy;

pub(super) struct RsaLane {
    /// A place among those who wait or work.
    places: Arc<Semaphore>,
    /// The right to occupy a core.
    turns: Arc<Semaphore>,
}

impl RsaLane {
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with(cores, cores * WAITING_PER_CORE)
    }

    fn with(cores: usize, waiting: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(cores + waiting)),
            turns: Arc::new(Semaphore::new(cores)),
        }
    }

    /// Runs `work` off the request workers.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Busy)?;
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| Busy)?;
        tokio::task::spawn_blocking(move || {
            // Held by the work, not by the request: a caller who hangs up leaves the work running.
            let _held = (place, turn);
            work()
        })
        .await
        .map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_beyond_the_bound_is_refused_at_once_and_the_rest_is_done() {
        let lane = Arc::new(RsaLane::with(1, 1));
        let (release, released) = mpsc::channel::<()>();
        let working = tokio::spawn({
            let lane = Arc::clone(&lane);
            async move { lane.run(move || released.recv().is_ok()).await }
        });
        let waiting = tokio::spawn({
            let lane = Arc::clone(&lane);
            async move { lane.run(|| true).await }
        });
        while lane.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }

        assert!(matches!(lane.run(|| true).await, Err(Busy)));

        release.send(()).unwrap();
        assert!(matches!(working.await.unwrap(), Ok(true)));
        assert!(matches!(waiting.await.unwrap(), Ok(true)));
        assert!(matches!(lane.run(|| true).await, Ok(true)));
    }
}
