//! The timer of one connection, for the deadline of its next head.
//!
//! hyper wants a new timer before each head and drops it when the head is there. To put each into the
//! runtime's wheel and take it out again would be two locks for every request, for deadlines that hardly any
//! reaches. So the runtime has one *alarm* for the connection, never later than the deadline: when it rings
//! too early, it is set anew.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Sleep;
use hyper::rt::Timer;
use tokio::time::Instant;
use tokio::time::sleep_until;

/// Makes the deadlines of one connection. Only one of them may be waited for at a time.
#[derive(Default)]
pub(super) struct ConnectionTimer(Arc<Mutex<Option<Alarm>>>);

/// `None` until the first deadline is waited for.
type Alarm = Pin<Box<tokio::time::Sleep>>;

/// Is ready when its time has come.
struct Deadline {
    at: Instant,
    alarm: Arc<Mutex<Option<Alarm>>>,
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until((Instant::now() + duration).into_std())
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Deadline {
            at: Instant::from_std(deadline),
            alarm: Arc::clone(&self.0),
        })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

impl Sleep for Deadline {}

impl Future for Deadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(self.at)));
        if alarm.deadline() > self.at {
            alarm.as_mut().reset(self.at);
        }
        while alarm.as_mut().poll(cx).is_ready() {
            if alarm.deadline() == self.at {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(self.at);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn is_ready(deadline: &mut Pin<Box<dyn Sleep>>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        deadline.as_mut().poll(&mut context).is_ready()
    }

    #[tokio::test]
    async fn a_deadline_that_is_sooner_than_the_alarm_is_not_kept_waiting() {
        let timer = ConnectionTimer::default();
        let mut far = timer.sleep(Duration::from_hours(1));
        assert!(!is_ready(&mut far));
        timer.sleep(Duration::from_millis(1)).await;
        assert!(!is_ready(&mut far), "the alarm that rang was for another");
    }

    #[tokio::test]
    async fn a_deadline_that_is_later_than_the_alarm_is_woken_at_its_own_time() {
        let timer = ConnectionTimer::default();
        let mut near = timer.sleep(Duration::from_millis(1));
        assert!(!is_ready(&mut near));
        drop(near);
        let began = Instant::now();
        timer.sleep(Duration::from_millis(20)).await;
        assert!(began.elapsed() >= Duration::from_millis(20));
    }
}
