//! Work that goes on when nobody waits for it any more: a client that hangs up must not cancel a
//! transaction half-way.

use std::pin::Pin;

use tokio::sync::oneshot;
use tokio::task::JoinError;

/// Runs `work` as a task of its own, to its end. Dropping this future does not stop it.
///
/// The error says that the work has panicked, or that the runtime is being torn down.
pub fn detached<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Result<T, JoinError>> + Send {
    let (answer, answered) = oneshot::channel();
    let task: Task = Box::pin(async move {
        let _ = answer.send(work.await);
    });
    async move {
        tokio::spawn(task).await?;
        Ok(answered.await.expect("a task that has ended has answered"))
    }
}

/// A runtime needs a dozen functions for every type of task, and there are hundreds of kinds of
/// work: in a box they are all of one type.
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_for_it() {
        let (go, told) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let mut waiting = Box::pin(detached(async move {
            told.await.expect("it is told to go on");
            end.send(7).expect("somebody listens");
        }));
        let still = std::future::poll_fn(|context| {
            std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending())
        });
        assert!(still.await);
        drop(waiting);
        go.send(()).expect("it is still there");
        assert_eq!(ended.await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_is_the_error_of_whoever_waits() {
        let panicked = detached(async { panic!("as asked") }).await;
        let error = panicked.map(|(): ()| ()).unwrap_err();
        assert!(error.is_panic());
    }
}
