//! A lane of their own for RSA signatures.
//!
//! One costs some 400 us, twenty times as much as the others: on a request worker it would hold up
//! every other request of that worker. So they run on blocking threads, as many at once as there
//! are cores, and a bounded number waits. When that many wait already, waiting longer helps
//! nobody: the request is refused at once.

use std::collections::VecDeque;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::oneshot;

/// How many requests may wait for each core: some 100 ms of work.
const WAITING_PER_CORE: usize = 256;

/// After so much work a lane hands over what it has done, all of it together: where it shares a core with a
/// request worker, which takes its place at once when it is woken, each time costs a tenth of a signature.
/// So a result waits for no longer than this and the signature after it.
const GATHERED: Duration = Duration::from_millis(2);

/// Too many signatures are waiting already, or the process is going down.
#[derive(Debug)]
pub(super) struct Busy;

/// Work of which there is nothing to deliver when nobody waits for it any more.
type Job = Box<dyn FnOnce() -> Option<Delivery> + Send>;

/// Hands a result to who waits for it.
type Delivery = Box<dyn FnOnce() + Send>;

pub(super) struct RsaLane {
    /// How many threads may work at once.
    cores: usize,
    /// How many jobs may wait for them.
    room: usize,
    jobs: Arc<Mutex<Jobs>>,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// How many threads are at work.
    threads: usize,
}

impl RsaLane {
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with(cores, cores * WAITING_PER_CORE)
    }

    fn with(cores: usize, room: usize) -> Self {
        Self {
            cores,
            room,
            jobs: Arc::default(),
        }
    }

    /// Runs `work` off the request workers.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (done, result) = oneshot::channel();
        self.add(Box::new(move || {
            // A caller who has hung up has its place until here, and costs no more.
            if done.is_closed() {
                return None;
            }
            let worked = catch_unwind(AssertUnwindSafe(work));
            let delivery = || drop(done.send(worked));
            Some(Box::new(delivery))
        }))?;
        // A panic is its caller's; the next in the lane has its turn all the same.
        let worked = result.await.map_err(|_| Busy)?;
        worked.map_err(|panic| resume_unwind(panic))
    }

    fn add(&self, job: Job) -> Result<(), Busy> {
        let mut jobs = lock(&self.jobs);
        if jobs.threads < self.cores {
            jobs.threads += 1;
            // A runtime that has no thread to give, or is going down, drops the turn here, which then locks.
            drop(jobs);
            let turn = Turn {
                jobs: Arc::clone(&self.jobs),
                is_over: false,
            };
            tokio::task::spawn_blocking(move || turn.work_through(job));
        } else if jobs.waiting.len() < self.room {
            jobs.waiting.push_back(job);
        } else {
            return Err(Busy);
        }
        Ok(())
    }
}

/// A thread's turn to work. It ends with the last job, or with the runtime, which drops what it has not begun.
struct Turn {
    jobs: Arc<Mutex<Jobs>>,
    is_over: bool,
}

impl Turn {
    /// Does a job and all that wait. The next follows at once: to hand each to a thread of its own would
    /// cost a change of threads or two, which is a tenth of a signature where cores are few.
    fn work_through(mut self, first: Job) {
        let mut results = Results::default();
        let mut next = Some(first);
        while let Some(job) = next {
            results.begin();
            results.add(job());
            next = self.next();
            if next.is_none() || results.are_due() {
                results.deliver();
            }
        }
    }

    fn next(&mut self) -> Option<Job> {
        let mut jobs = lock(&self.jobs);
        let next = jobs.waiting.pop_front();
        if next.is_none() {
            // Under the same lock: who comes later finds that nobody works.
            jobs.threads -= 1;
            self.is_over = true;
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut jobs = lock(&self.jobs);
        jobs.threads -= 1;
        if jobs.threads == 0 {
            // Nobody would come for those who wait: they are told.
            jobs.waiting.clear();
        }
    }
}

/// What was done and is not delivered yet.
#[derive(Default)]
struct Results {
    deliveries: Vec<Delivery>,
    /// When work on the first of them began.
    since: Option<Instant>,
}

impl Results {
    /// Work on one more begins.
    fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    fn add(&mut self, delivery: Option<Delivery>) {
        self.deliveries.extend(delivery);
    }

    fn are_due(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= GATHERED)
    }

    fn deliver(&mut self) {
        self.since = None;
        let deliveries = mem::take(&mut self.deliveries);
        let are_many = deliveries.len() > 1;
        let deliver = || deliveries.into_iter().for_each(|deliver| deliver());
        if are_many {
            // By a request worker, which is woken once for all of them.
            tokio::spawn(async move { deliver() });
        } else {
            deliver();
        }
    }
}

fn lock(jobs: &Mutex<Jobs>) -> MutexGuard<'_, Jobs> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::sync::mpsc;
    use std::task::Poll;

    use tokio::time::timeout;

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
        while lock(&lane.jobs).waiting.is_empty() {
            tokio::task::yield_now().await;
        }

        assert!(matches!(lane.run(|| true).await, Err(Busy)));

        release.send(()).unwrap();
        assert!(matches!(working.await.unwrap(), Ok(true)));
        assert!(matches!(waiting.await.unwrap(), Ok(true)));
        assert!(matches!(lane.run(|| true).await, Ok(true)));
    }

    #[tokio::test]
    async fn a_result_does_not_wait_for_all_that_come_after_it() {
        let lane = RsaLane::with(1, 1);
        let (release, released) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel::<()>();
        let mut first = Box::pin(lane.run(move || {
            let released = released.recv();
            thread::sleep(2 * GATHERED);
            released.is_ok()
        }));
        let mut next = Box::pin(lane.run(move || told.recv_timeout(Duration::from_secs(10))));
        begin(&mut first).await;
        begin(&mut next).await;
        release.send(()).unwrap();
        assert!(matches!(first.await, Ok(true)));
        tell.send(()).unwrap();
        assert!(matches!(next.await, Ok(Ok(()))));
    }

    #[tokio::test]
    async fn a_panic_is_its_callers_and_the_next_has_its_turn() {
        let lane = Arc::new(RsaLane::with(1, 2));
        let run = |work: fn() -> bool| {
            let lane = Arc::clone(&lane);
            tokio::spawn(async move { lane.run(work).await })
        };
        let (bad, good) = (run(|| panic!("on purpose")), run(|| true));
        assert!(bad.await.unwrap_err().is_panic());
        assert!(matches!(good.await.unwrap(), Ok(true)));
        assert!(matches!(lane.run(|| true).await, Ok(true)));
    }

    #[tokio::test]
    async fn who_waits_for_a_thread_that_never_begins_is_told() {
        let lane = RsaLane::with(1, 1);
        lock(&lane.jobs).threads = 1;
        let turn = Turn {
            jobs: Arc::clone(&lane.jobs),
            is_over: false,
        };
        let mut waiting = Box::pin(lane.run(|| true));
        begin(&mut waiting).await;
        // As a runtime does that ends before it has begun with it.
        drop(turn);
        let told = timeout(Duration::from_secs(10), waiting).await;
        assert!(matches!(told, Ok(Err(Busy))));
        assert!(matches!(lane.run(|| true).await, Ok(true)));
    }

    async fn begin(work: &mut (impl Future + Unpin)) {
        poll_fn(|cx| {
            assert!(Pin::new(&mut *work).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_done() {
        let lane = RsaLane::with(1, 2);
        let (release, released) = mpsc::channel::<()>();
        let (did, done) = mpsc::channel();
        let did_too = did.clone();
        let mut working = Box::pin(lane.run(move || released.recv().is_ok()));
        let mut given_up = Box::pin(lane.run(move || did_too.send("given up")));
        let mut waiting = Box::pin(lane.run(move || did.send("waited for")));
        begin(&mut working).await;
        begin(&mut given_up).await;
        begin(&mut waiting).await;
        drop(given_up);
        release.send(()).unwrap();
        assert!(matches!(working.await, Ok(true)));
        assert!(matches!(waiting.await, Ok(Ok(()))));
        assert_eq!(done.iter().collect::<Vec<_>>(), ["waited for"]);
    }
}
