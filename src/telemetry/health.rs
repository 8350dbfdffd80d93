//! Whether the server can do its work, asked check by check.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::shutdown::Shutdown;

/// How long one check may take; a database that does not answer in this time is not there.
const DEADLINE: Duration = Duration::from_secs(1);

/// What a check found.
///
/// Reasons are shown to whoever can reach the management listener: they name what is wrong, and no
/// secret, address or path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Health {
    /// All is well.
    Ok,
    /// The server answers right without it, but something should be done.
    Degraded(String),
    /// The server cannot do its work.
    Failed(String),
}

type Running = Pin<Box<dyn Future<Output = Health> + Send>>;

/// A question about one thing that the server needs.
pub struct Check {
    name: &'static str,
    run: Box<dyn Fn() -> Running + Send + Sync>,
}

impl Check {
    /// A check called `name`, a single lower-case word, that `run` carries out.
    ///
    /// It has a second; not answering is failing.
    pub fn new<F>(name: &'static str, run: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Health> + Send + 'static,
    {
        Self {
            name,
            run: Box::new(move || Box::pin(run())),
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// All that has to be well before traffic should come here.
#[derive(Debug)]
pub struct Readiness {
    checks: Vec<Check>,
    deadline: Duration,
    shutdown: Shutdown,
}

impl Readiness {
    /// Ready when all `checks` are, and until `shutdown`.
    pub fn new(checks: Vec<Check>, shutdown: Shutdown) -> Self {
        Self {
            checks,
            deadline: DEADLINE,
            shutdown,
        }
    }

    /// Carries out all checks, at the same time.
    pub async fn report(&self) -> Report {
        let mut running = JoinSet::new();
        for (index, check) in self.checks.iter().enumerate() {
            let answer = tokio::time::timeout(self.deadline, (check.run)());
            running.spawn(async move { (index, answer.await) });
        }
        // A check that panics says nothing, and counts as failed like one that is too slow.
        let mut found = vec![Health::Failed("no answer".to_owned()); self.checks.len()];
        while let Some(ended) = running.join_next().await {
            if let Ok((index, Ok(health))) = ended {
                found[index] = health;
            }
        }
        let names = self.checks.iter().map(|check| check.name);
        Report {
            stopping: self.shutdown.is_triggered(),
            checks: names.zip(found).collect(),
        }
    }
}

/// What the checks found at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Whether the server has been asked to stop.
    pub stopping: bool,
    /// Each check's name and finding.
    pub checks: Vec<(&'static str, Health)>,
}

impl Report {
    /// Whether traffic should come here.
    pub fn is_ready(&self) -> bool {
        !self.stopping && self.failed().next().is_none()
    }

    /// The names of the checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        self.named(|health| matches!(health, Health::Failed(_)))
    }

    /// The names of the checks that found something degraded.
    pub fn degraded(&self) -> impl Iterator<Item = &'static str> {
        self.named(|health| matches!(health, Health::Degraded(_)))
    }

    fn named(&self, is: fn(&Health) -> bool) -> impl Iterator<Item = &'static str> {
        let matching = self.checks.iter().filter(move |(_, health)| is(health));
        matching.map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn report(checks: Vec<Check>) -> Report {
        Readiness::new(checks, Shutdown::new()).report().await
    }

    fn finds(name: &'static str, health: Health) -> Check {
        Check::new(name, move || std::future::ready(health.clone()))
    }

    #[tokio::test]
    async fn one_failure_is_not_ready_and_degradation_is() {
        let degraded = || finds("redis", Health::Degraded("away".to_owned()));
        let failed = finds("database", Health::Failed("away".to_owned()));

        assert!(report(vec![finds("clock", Health::Ok)]).await.is_ready());
        assert!(report(vec![degraded()]).await.is_ready());

        let both = report(vec![degraded(), failed]).await;
        assert!(!both.is_ready());
        assert_eq!(both.failed().collect::<Vec<_>>(), ["database"]);
        assert_eq!(both.degraded().collect::<Vec<_>>(), ["redis"]);
    }

    #[tokio::test]
    async fn a_check_that_hangs_or_panics_has_failed() {
        let hangs = Check::new("database", std::future::pending);
        let panics = Check::new("redis", || async { panic!("a bug in a check") });
        let checks = vec![hangs, panics, finds("clock", Health::Ok)];
        let mut readiness = Readiness::new(checks, Shutdown::new());
        readiness.deadline = Duration::from_millis(20);
        let report = readiness.report().await;
        assert_eq!(report.failed().collect::<Vec<_>>(), ["database", "redis"]);
    }

    #[tokio::test]
    async fn a_server_that_is_stopping_is_not_ready() {
        let shutdown = Shutdown::new();
        let readiness = Readiness::new(vec![finds("clock", Health::Ok)], shutdown.clone());
        shutdown.trigger();
        assert!(!readiness.report().await.is_ready());
    }
}
