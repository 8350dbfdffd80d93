//! The live state in Redis, for servers of several nodes. Redis 6.2 or later.
//!
//! Nothing here is believed more than it must be. Redis may only say *dead*, under names that carry
//! the instance and the epoch; whatever else it says (nothing, after a flush, an empty restart or an
//! eviction; a key of another type; a value that is not ours) means *not known*. Many nodes write the
//! same keys without reading them first: every write is one that may come late, twice, or in another
//! order. So a generation is the score of a sorted set, which `ZADD GT` only raises, and a usage stamp
//! is a sorted set too, in which the first use only goes down and the last only up. There is no Lua.
//!
//! Every key ends by itself. Its end is told as a span of time, not as an instant: so Redis's clock
//! need not agree with ours.
//!
//! TLS (`rediss:`) trusts what the system trusts, or the file that `SSL_CERT_FILE` names.

mod keys;
mod link;
mod values;
mod writes;

pub use keys::Namespace;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use redis::Client;
use redis::IntoConnectionInfo;
use redis::Pipeline;
use redis::ProtocolVersion;
use redis::RedisResult;
use redis::Value;
use redis::io::tcp::TcpSettings;
use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::clock::Clock;
use crate::domain::usage::UsageKind;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;

use super::Dead;
use super::LiveError;
use super::LiveState;
use super::SharedUsage;
use super::TokenNames;
use super::counters::LiveCounters;
use super::failures::FailureCounter;
use super::failures::Window;
use link::Link;
use values::Odd;
use writes::Write;

/// How long a request waits for Redis at most, unless there is a reason for another deadline.
pub const DEADLINE: Duration = Duration::from_millis(100);

/// How many keys one round trip writes at most: a few milliseconds of Redis's time.
const KEYS_PER_WRITE: usize = 500;

/// A text that is not the address of a Redis. The message does not show it: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("not the URL of a Redis: redis://, rediss:// or unix://")]
pub struct InvalidRedisUrl(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The answer of a Redis that speaks, and says what it should not.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unexpected(&'static str);

/// Which Redis, and how to speak with it.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Its address, with user and password where it wants them.
    pub url: SecretString,
    /// Where our keys are.
    pub names: Namespace,
    /// How long a request waits for an answer at most; [`DEADLINE`] is good.
    pub deadline: Duration,
}

/// The live state in Redis.
pub struct RedisLive {
    link: Arc<Link>,
    names: Namespace,
    clock: Arc<dyn Clock>,
    counters: LiveCounters,
}

impl RedisLive {
    /// Connects. When Redis does not answer within the deadline, the live state is there all the same
    /// and answers as soon as Redis does; only a malformed URL is an error.
    pub async fn connect(
        options: RedisOptions,
        clock: Arc<dyn Clock>,
        counters: LiveCounters,
    ) -> Result<Self, InvalidRedisUrl> {
        let client = client(&options.url).map_err(|error| InvalidRedisUrl(error.into()))?;
        let given_up = counters.given_up.clone();
        Ok(Self {
            link: Link::open(client, options.deadline, given_up).await,
            names: options.names,
            clock,
            counters,
        })
    }

    /// Writes all or nothing. A key that holds another type is in our way, and is written anew.
    async fn write(&self, writes: &[Write]) -> Result<Vec<Value>, LiveError> {
        let answers = writes::transact(&self.link, writes).await?;
        let in_the_way = writes::in_the_way(writes, &answers);
        if in_the_way.is_empty() {
            return self.accepted(answers);
        }
        self.remove(&in_the_way).await?;
        self.accepted(writes::transact(&self.link, writes).await?)
    }

    /// The answers, when none of them is an error.
    fn accepted(&self, answers: Vec<Value>) -> Result<Vec<Value>, LiveError> {
        let checked = answers.into_iter().map(|answer| {
            values::checked(answer).map_err(|odd| match odd {
                Odd::Refused(error) => error,
                Odd::Unreadable => {
                    self.counters.unreadable.increment(1);
                    unexpected("a key of another type is in the way")
                }
            })
        });
        checked.collect()
    }

    /// Removes keys that hold nothing of ours.
    async fn remove(&self, keys: &[&str]) -> Result<(), LiveError> {
        self.counters.unreadable.increment(keys.len() as u64);
        let mut commands = Pipeline::new();
        commands.cmd("UNLINK").arg(keys);
        self.link.ask(&commands).await?;
        Ok(())
    }
}

fn client(url: &SecretString) -> RedisResult<Client> {
    let info = url.expose_secret().into_connection_info()?;
    // With RESP3 a connection that was closed is noticed at once, not by the next question.
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    let tcp = TcpSettings::default().set_nodelay(true);
    Client::open(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

fn unexpected(what: &'static str) -> LiveError {
    LiveError::Unavailable(Unexpected(what).into())
}

#[async_trait]
impl LiveState for RedisLive {
    async fn ping(&self) -> Result<(), LiveError> {
        let mut commands = Pipeline::new();
        commands.cmd("PING");
        self.accepted(self.link.ask(&commands).await?)?;
        Ok(())
    }

    async fn mark_dead(&self, dead: &[Dead], until: Timestamp) -> Result<(), LiveError> {
        let left = until.duration_since(self.clock.now());
        let kept = Duration::try_from(left).unwrap_or(Duration::ZERO);
        if kept.is_zero() {
            return Ok(());
        }
        for some in dead.chunks(KEYS_PER_WRITE) {
            let graves: Vec<_> = some
                .iter()
                .map(|dead| Write::grave(&self.names, *dead, kept))
                .collect();
            self.write(&graves).await?;
        }
        Ok(())
    }

    async fn is_dead(&self, token: &TokenNames) -> Result<bool, LiveError> {
        let carried = token.generations();
        let mut commands = Pipeline::with_capacity(1 + carried.len());
        commands.cmd("GET").arg(self.names.token(token.id));
        for (whose, _) in carried {
            commands
                .cmd("ZSCORE")
                .arg(self.names.generation(whose))
                .arg(values::GENERATION);
        }
        let mut answers = self.link.ask(&commands).await?.into_iter();

        let revoked = values::is_revoked(answers.next().unwrap_or(Value::Nil));
        let older = answers.zip(carried).map(|(answer, (_, carried))| {
            values::generation(answer).map(|current| current.is_some_and(|now| carried < now))
        });
        self.judge(std::iter::once(revoked).chain(older))
    }

    async fn count_failure(
        &self,
        counter: &FailureCounter,
        window: Duration,
        now: Timestamp,
    ) -> Result<u32, LiveError> {
        let write = Write::failure(&self.names, counter, Window::at(now, window), window);
        let answers = writes::transact(&self.link, &[write]).await?;
        match self.accepted(answers)?.first() {
            Some(Value::Int(count @ 1..)) => Ok(u32::try_from(*count).unwrap_or(u32::MAX)),
            _ => Err(unexpected("a counter holds no count")),
        }
    }
}

#[async_trait]
impl SharedUsage for RedisLive {
    async fn touch(&self, stamps: &[UsageStamp]) -> Result<(), LiveError> {
        for some in stamps.chunks(KEYS_PER_WRITE) {
            let writes: Vec<_> = some
                .iter()
                .map(|stamp| Write::stamp(&self.names, stamp))
                .collect();
            self.write(&writes).await?;
        }
        Ok(())
    }

    async fn list_usage(&self, subjects: &[UsageSubject]) -> Result<Vec<UsageStamp>, LiveError> {
        let wanted: Vec<_> = subjects
            .iter()
            .flat_map(|subject| UsageKind::ALL.map(|kind| (*subject, kind)))
            .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut commands = Pipeline::with_capacity(wanted.len());
        for (subject, kind) in &wanted {
            let key = self.names.usage(*subject, *kind);
            commands
                .cmd("ZRANGE")
                .arg(key)
                .arg(0)
                .arg(-1)
                .arg("WITHSCORES");
        }
        let answers = self.link.ask(&commands).await?;
        self.read_stamps(&wanted, answers).await
    }
}

impl RedisLive {
    /// One answer that says *dead* is enough; one that was refused leaves the question open.
    fn judge(&self, answers: impl Iterator<Item = Result<bool, Odd>>) -> Result<bool, LiveError> {
        let mut refusal = None;
        for answer in answers {
            match answer {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(Odd::Unreadable) => self.counters.unreadable.increment(1),
                Err(Odd::Refused(error)) => refusal = Some(error),
            }
        }
        refusal.map_or(Ok(false), Err)
    }

    /// Reads stamps. An unreadable one hides evidence, so the whole reading fails, which makes it
    /// incomplete; the key is removed, so that this happens once.
    async fn read_stamps(
        &self,
        wanted: &[(UsageSubject, UsageKind)],
        answers: Vec<Value>,
    ) -> Result<Vec<UsageStamp>, LiveError> {
        let mut stamps = Vec::new();
        let mut unreadable = Vec::new();
        for ((subject, kind), answer) in wanted.iter().zip(answers) {
            match values::stamp(*subject, *kind, answer) {
                Ok(stamp) => stamps.extend(stamp),
                Err(Odd::Unreadable) => unreadable.push(self.names.usage(*subject, *kind)),
                Err(Odd::Refused(error)) => return Err(error),
            }
        }
        if unreadable.is_empty() {
            return Ok(stamps);
        }
        let keys: Vec<_> = unreadable.iter().map(String::as_str).collect();
        self.remove(&keys).await?;
        Err(unexpected("a usage stamp is unreadable"))
    }
}
