//! How keys are written: commands that may come late, twice or in another order, all at once.

use std::sync::Arc;
use std::time::Duration;

use redis::Cmd;
use redis::Pipeline;
use redis::RedisError;
use redis::Value;

use crate::domain::usage::UsageStamp;
use crate::live::Dead;
use crate::live::Generational;
use crate::live::LiveError;
use crate::live::USAGE_KEPT;
use crate::live::failures::FailureCounter;
use crate::live::failures::Window;

use super::keys::Namespace;
use super::link::Link;
use super::unexpected;
use super::values;

/// Commands on one key. The last of them sets its end.
pub(super) struct Write {
    /// The key.
    pub(super) key: String,
    commands: Vec<Cmd>,
}

impl Write {
    /// Makes something known to be dead.
    pub(super) fn grave(names: &Namespace, dead: Dead, kept: Duration) -> Self {
        let (whose, generation) = match dead {
            Dead::Token(id) => {
                let key = names.token(id);
                let mut set = redis::cmd("SET");
                set.arg(&key)
                    .arg(values::REVOKED)
                    .arg("PX")
                    .arg(millis(kept));
                let commands = vec![set];
                return Self { key, commands };
            }
            Dead::Organization(id, generation) => (Generational::Organization(id), generation),
            Dead::Account(id, generation) => (Generational::Account(id), generation),
            Dead::Credential(id, generation) => (Generational::Credential(id), generation),
        };
        let key = names.generation(whose);
        let mut raise = redis::cmd("ZADD");
        raise.arg(&key).arg("GT");
        raise.arg(generation.0).arg(values::GENERATION);
        let commands = vec![raise, expire(&key, kept)];
        Self { key, commands }
    }

    /// Merges a usage stamp.
    pub(super) fn stamp(names: &Namespace, stamp: &UsageStamp) -> Self {
        let key = names.usage(stamp.subject, stamp.kind);
        let mut first = redis::cmd("ZADD");
        first.arg(&key).arg("LT");
        first.arg(values::score(stamp.first_at)).arg(values::FIRST);
        let mut last = redis::cmd("ZADD");
        last.arg(&key).arg("GT");
        last.arg(values::score(stamp.last_at))
            .arg(values::last_member(stamp));
        // All but the lowest, which is the first use, and the highest, which is the last.
        let mut trim = redis::cmd("ZREMRANGEBYRANK");
        trim.arg(&key).arg(1).arg(-2);
        let commands = vec![first, last, trim, expire(&key, USAGE_KEPT)];
        Self { key, commands }
    }

    /// Counts a failure; the first answer is the count.
    pub(super) fn failure(
        names: &Namespace,
        counter: &FailureCounter,
        window: Window,
        length: Duration,
    ) -> Self {
        let key = names.failures(counter, window);
        let mut count = redis::cmd("INCR");
        count.arg(&key);
        // Longer than the window, for nodes whose clocks differ a little.
        let commands = vec![count, expire(&key, length.saturating_mul(2))];
        Self { key, commands }
    }
}

/// Writes all or nothing, in one round trip; returns the answer to each command.
pub(super) async fn transact(link: &Arc<Link>, writes: &[Write]) -> Result<Vec<Value>, LiveError> {
    let mut commands = Pipeline::new();
    commands.cmd("MULTI");
    for command in writes.iter().flat_map(|write| &write.commands) {
        commands.add_command(command.clone());
    }
    commands.cmd("EXEC");
    match link.ask(&commands).await?.pop() {
        Some(Value::Array(answers)) if answers.len() + 2 == commands.len() => Ok(answers),
        Some(Value::ServerError(error)) => {
            Err(LiveError::Unavailable(RedisError::from(error).into()))
        }
        _ => Err(unexpected("Redis did not answer a transaction")),
    }
}

/// The keys of those `writes` that found another type, by the answers to all commands.
pub(super) fn in_the_way<'a>(writes: &'a [Write], answers: &[Value]) -> Vec<&'a str> {
    let mut rest = answers;
    let mut keys = Vec::new();
    for write in writes {
        let (own, others) = rest.split_at(write.commands.len().min(rest.len()));
        if own.iter().any(is_another_type) {
            keys.push(write.key.as_str());
        }
        rest = others;
    }
    keys
}

/// Whether a command met a key of another type than it works on.
pub(super) fn is_another_type(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.code() == "WRONGTYPE")
}

fn expire(key: &str, kept: Duration) -> Cmd {
    let mut expire = redis::cmd("PEXPIRE");
    expire.arg(key).arg(millis(kept));
    expire
}

/// A span as Redis takes it: at least one millisecond, and no longer than it can add to its clock.
fn millis(span: Duration) -> u64 {
    const CENTURY: Duration = Duration::from_hours(100 * 366 * 24);
    u64::try_from(span.min(CENTURY).as_millis())
        .unwrap_or(u64::MAX)
        .max(1)
}
