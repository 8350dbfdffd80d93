//! The connection to Redis: every question is answered within a deadline, or not at all.
//!
//! A connection that breaks is made anew in the background by [`ConnectionManager`]. It does not
//! notice one that hangs (a stopped server, a network that swallows packets), and a connection that
//! was refused for another reason than I/O (a server that is loading, a password that is not yet
//! set) it never tries again. So there is a breaker of our own: after a few failures in a row the
//! connection is given up and nobody asks any more, while one task in the background dials until
//! Redis answers. A hung Redis thus costs a few requests a deadline each, and the others nothing.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use metrics::Counter;
use redis::Client;
use redis::Pipeline;
use redis::RedisResult;
use redis::Value;
use redis::aio::ConnectionManager;
use redis::aio::ConnectionManagerConfig;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::live::LiveError;

/// How many questions in a row must fail before nobody asks any more.
const OPENS_AFTER: u32 = 3;
/// How long the breaker stays open before Redis is tried, and between two tries.
const DIAL_EVERY: Duration = Duration::from_millis(250);
/// How long one try may take, with TLS and authentication. Nobody waits for it.
const DIAL_LIMIT: Duration = Duration::from_secs(1);

/// A connection with a deadline and a breaker.
pub(super) struct Link {
    client: Client,
    deadline: Duration,
    given_up: Counter,
    /// `None` while the breaker is open; then a task is dialling.
    line: ArcSwapOption<Line>,
}

/// A connection that has answered, and how many questions to it have failed in a row.
struct Line {
    connection: ConnectionManager,
    failures: AtomicU32,
}

impl Link {
    /// Dials, and waits for an answer at most for the `deadline`: a Redis that is away stops nobody
    /// from starting.
    pub(super) async fn open(client: Client, deadline: Duration, given_up: Counter) -> Arc<Self> {
        let link = Arc::new(Self {
            client,
            deadline,
            given_up,
            line: ArcSwapOption::empty(),
        });
        let dialling = tokio::spawn(dial_until_it_answers(Arc::downgrade(&link), Duration::ZERO));
        if timeout(deadline, dialling).await.is_err() {
            tracing::warn!("Redis does not answer; starting without it");
        }
        link
    }

    /// Sends commands in one round trip; returns the answer to each, which may be an error.
    pub(super) async fn ask(
        self: &Arc<Self>,
        commands: &Pipeline,
    ) -> Result<Vec<Value>, LiveError> {
        let Some(line) = self.line.load_full() else {
            return Err(LiveError::BreakerOpen);
        };
        let mut connection = line.connection.clone();
        let answers = connection.send_packed_commands(commands, 0, commands.len());
        let error = match timeout(self.deadline, answers).await {
            Ok(Ok(answers)) => {
                line.failures.store(0, Ordering::Relaxed);
                return Ok(answers);
            }
            Ok(Err(error)) => LiveError::Unavailable(error.into()),
            Err(_) => LiveError::Deadline,
        };
        if line.failures.fetch_add(1, Ordering::Relaxed) + 1 == OPENS_AFTER {
            self.give_up(&line, &error);
        }
        Err(error)
    }

    /// Opens the breaker, unless `line` was given up before.
    fn give_up(self: &Arc<Self>, line: &Arc<Line>, why: &LiveError) {
        let before = self.line.compare_and_swap(line, None);
        if before.as_ref().is_some_and(|now| Arc::ptr_eq(now, line)) {
            tracing::warn!(
                error = why as &dyn std::error::Error,
                "Redis fails again and again; going on without it until it answers"
            );
            self.given_up.increment(1);
            tokio::spawn(dial_until_it_answers(Arc::downgrade(self), DIAL_EVERY));
        }
    }

    async fn dial(&self) -> RedisResult<Line> {
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(DIAL_LIMIT))
            // The deadline of a question is ours, and covers a connection that is just being made.
            .set_response_timeout(None)
            .set_number_of_retries(0);
        let mut connection =
            ConnectionManager::new_with_config(self.client.clone(), settings).await?;
        let () = redis::cmd("PING").query_async(&mut connection).await?;
        Ok(Line {
            connection,
            failures: AtomicU32::new(0),
        })
    }
}

async fn dial_until_it_answers(dialler: Weak<Link>, mut wait: Duration) {
    loop {
        sleep(wait).await;
        let Some(link) = dialler.upgrade() else {
            return;
        };
        match timeout(DIAL_LIMIT, link.dial()).await {
            Ok(Ok(answering)) => {
                link.line.store(Some(Arc::new(answering)));
                tracing::info!("Redis answers");
                return;
            }
            Ok(Err(error)) => tracing::debug!(%error, "Redis cannot be reached"),
            Err(_) => tracing::debug!("Redis does not answer"),
        }
        wait = DIAL_EVERY;
    }
}
