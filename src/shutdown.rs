//! Stopping: once gently, twice at once.

use std::io;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::watch;

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Phase {
    Running,
    Draining,
    Now,
}

/// The wish to stop, shared by everything that has to hear of it.
///
/// The first [`trigger`](Self::trigger) asks for a graceful end: no new connections, requests in
/// flight are finished. The second asks for an immediate one.
#[derive(Clone, Debug)]
pub struct Shutdown {
    phase: watch::Sender<Phase>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Nothing has asked to stop yet.
    pub fn new() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Running),
        }
    }

    /// Asks to stop: gently the first time, at once the second.
    pub fn trigger(&self) {
        self.phase.send_modify(|phase| {
            *phase = match *phase {
                Phase::Running => Phase::Draining,
                Phase::Draining | Phase::Now => Phase::Now,
            };
        });
    }

    /// Whether a stop of either kind has been asked for.
    pub fn is_triggered(&self) -> bool {
        *self.phase.borrow() >= Phase::Draining
    }

    /// Waits until a stop of either kind is asked for.
    pub async fn triggered(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Waits until an immediate stop is asked for.
    pub async fn immediate(&self) {
        self.reached(Phase::Now).await;
    }

    async fn reached(&self, wanted: Phase) {
        let mut phase = self.phase.subscribe();
        // `self` holds a sender, so the channel cannot close while we wait.
        let _ = phase.wait_for(|phase| *phase >= wanted).await;
    }

    /// Triggers on every SIGTERM and SIGINT from now on.
    ///
    /// Fails when the process may not install signal handlers. Must be called inside a runtime.
    pub fn listen_for_signals(&self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    Some(()) = terminate.recv() => "SIGTERM",
                    Some(()) = interrupt.recv() => "SIGINT",
                    else => return,
                };
                tracing::info!(signal = name, "asked to stop");
                shutdown.trigger();
            }
        });
        Ok(())
    }

    /// Triggers on SIGHUP as well: for what belongs to a terminal, which has gone then.
    ///
    /// Fails and must be called like [`listen_for_signals`](Self::listen_for_signals).
    pub fn listen_for_hangup(&self) -> io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            if hangup.recv().await.is_some() {
                tracing::info!(signal = "SIGHUP", "asked to stop");
                shutdown.trigger();
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_trigger_drains_and_the_second_stops() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.is_triggered());

        shutdown.trigger();
        shutdown.triggered().await;
        assert!(shutdown.is_triggered());
        assert_eq!(*shutdown.phase.borrow(), Phase::Draining);

        shutdown.trigger();
        shutdown.immediate().await;
        assert_eq!(*shutdown.phase.borrow(), Phase::Now);
    }

    #[tokio::test]
    async fn whoever_asks_late_hears_of_it_too() {
        let shutdown = Shutdown::new();
        shutdown.trigger();
        shutdown.clone().triggered().await;
    }
}
