//! What is in our keys, and how it is read back: with suspicion. Whatever is not exactly of the form
//! that we write is [`Odd::Unreadable`], and nobody believes any part of it.

use std::net::IpAddr;

use jiff::Timestamp;
use redis::RedisError;
use redis::Value;

use crate::domain::organization::Generation;
use crate::domain::usage::UsageKind;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;
use crate::live::LiveError;

use super::writes::is_another_type;

/// The value of a revoked token's key.
pub(super) const REVOKED: &str = "1";

/// The only member of a generation's sorted set; its score is the generation.
pub(super) const GENERATION: &str = "generation";

/// The member of a usage key whose score is the first use. It sorts before every other member.
pub(super) const FIRST: &str = "!";

/// The longest member that is read.
const MAX_MEMBER_BYTES: usize = 1024;

/// Beyond these, a score is not exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// An answer that is no value of ours.
pub(super) enum Odd {
    /// Of another type or form.
    Unreadable,
    /// Redis refused the question.
    Refused(LiveError),
}

/// Sorts out the errors of one command: a key of another type is unreadable.
pub(super) fn checked(answer: Value) -> Result<Value, Odd> {
    match answer {
        answer if is_another_type(&answer) => Err(Odd::Unreadable),
        Value::ServerError(error) => {
            let error = RedisError::from(error);
            Err(Odd::Refused(LiveError::Unavailable(error.into())))
        }
        answer => Ok(answer),
    }
}

/// Whether a token's key says that it was revoked.
pub(super) fn is_revoked(answer: Value) -> Result<bool, Odd> {
    match checked(answer)? {
        Value::Nil => Ok(false),
        Value::BulkString(text) if text == REVOKED.as_bytes() => Ok(true),
        _ => Err(Odd::Unreadable),
    }
}

/// The generation that a score says.
pub(super) fn generation(answer: Value) -> Result<Option<Generation>, Odd> {
    match checked(answer)? {
        Value::Nil => Ok(None),
        Value::Double(score) => match whole(score) {
            Some(number) if Generation(number) >= Generation::FIRST => Ok(Some(Generation(number))),
            _ => Err(Odd::Unreadable),
        },
        _ => Err(Odd::Unreadable),
    }
}

/// The member of a usage key whose score is the last use: where from, and with what.
pub(super) fn last_member(stamp: &UsageStamp) -> String {
    let address = stamp
        .address
        .map_or_else(|| "-".to_owned(), |address| address.to_string());
    match &stamp.user_agent {
        Some(agent) => format!("{address} {agent}"),
        None => address,
    }
}

/// The stamp in a usage key; `None` when there is none.
pub(super) fn stamp(
    subject: UsageSubject,
    kind: UsageKind,
    answer: Value,
) -> Result<Option<UsageStamp>, Odd> {
    let members: Vec<(String, f64)> =
        redis::from_redis_value(checked(answer)?).map_err(|_| Odd::Unreadable)?;
    let ((first, first_at), (last, last_at)) = match members.as_slice() {
        [] => return Ok(None),
        [first, .., last] => (first, last),
        [_] => return Err(Odd::Unreadable),
    };
    if first != FIRST {
        return Err(Odd::Unreadable);
    }
    read_stamp(subject, kind, *first_at, *last_at, last)
        .map(Some)
        .ok_or(Odd::Unreadable)
}

fn read_stamp(
    subject: UsageSubject,
    kind: UsageKind,
    first_at: f64,
    last_at: f64,
    member: &str,
) -> Option<UsageStamp> {
    if member.len() > MAX_MEMBER_BYTES {
        return None;
    }
    let (address, user_agent) = match member.split_once(' ') {
        Some((address, agent)) => (address, Some(agent.into())),
        None => (member, None),
    };
    let address = match address {
        "-" => None,
        text => Some(text.parse::<IpAddr>().ok()?),
    };
    Some(UsageStamp {
        subject,
        kind,
        first_at: instant(first_at)?,
        last_at: instant(last_at)?,
        address,
        user_agent,
    })
}

/// An instant as a score: microseconds, exact until the year 2255.
pub(super) fn score(at: Timestamp) -> i64 {
    at.as_microsecond()
}

fn instant(score: f64) -> Option<Timestamp> {
    Timestamp::from_microsecond(whole(score)?).ok()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a whole number in the range that is exact"
)]
fn whole(score: f64) -> Option<i64> {
    (score.fract() == 0.0 && score.abs() <= EXACT).then_some(score as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::SecretId;

    const SUBJECT: UsageSubject = UsageSubject::Secret(SecretId::from_bits(1));

    fn members(members: &[(&str, f64)]) -> Value {
        let pair = |(member, score): &(&str, f64)| {
            let member = Value::BulkString(member.as_bytes().to_vec());
            Value::Array(vec![member, Value::Double(*score)])
        };
        Value::Array(members.iter().map(pair).collect())
    }

    fn read(value: Value) -> Result<Option<UsageStamp>, Odd> {
        stamp(SUBJECT, UsageKind::Issued, value)
    }

    #[test]
    fn only_the_value_that_we_write_says_revoked() {
        let text = |text: &str| Value::BulkString(text.into());
        assert!(matches!(is_revoked(text("1")), Ok(true)));
        assert!(matches!(is_revoked(Value::Nil), Ok(false)));
        for odd in [
            text(""),
            text("11"),
            text("true"),
            Value::Int(1),
            Value::Okay,
        ] {
            assert!(matches!(is_revoked(odd), Err(Odd::Unreadable)));
        }
    }

    #[test]
    fn only_a_whole_positive_score_is_a_generation() {
        assert!(matches!(generation(Value::Nil), Ok(None)));
        let two = generation(Value::Double(2.0));
        assert!(matches!(two, Ok(Some(Generation(2)))));
        for odd in [
            0.0,
            -1.0,
            1.5,
            1e300,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
        ] {
            let odd = generation(Value::Double(odd));
            assert!(matches!(odd, Err(Odd::Unreadable)));
        }
        let text = generation(Value::BulkString(b"two".to_vec()));
        assert!(matches!(text, Err(Odd::Unreadable)));
    }

    #[test]
    fn a_stamp_reads_back_and_nothing_else_does() {
        let good = read(members(&[("!", 1e6), ("::1 a b", 2e6)]));
        let expected = UsageStamp {
            subject: SUBJECT,
            kind: UsageKind::Issued,
            first_at: Timestamp::from_second(1).unwrap(),
            last_at: Timestamp::from_second(2).unwrap(),
            address: Some("::1".parse().unwrap()),
            user_agent: Some("a b".into()),
        };
        assert!(good.is_ok_and(|stamp| stamp == Some(expected)));
        assert!(matches!(read(members(&[])), Ok(None)));

        let long = format!("- {}", "x".repeat(MAX_MEMBER_BYTES));
        for odd in [
            members(&[("!", 1.0)]),
            members(&[("-", 1.0), ("!", 2.0)]),
            members(&[("!", 1.0), ("localhost x", 2.0)]),
            members(&[("!", 1.0), ("- x", f64::INFINITY)]),
            members(&[("!", 0.5), ("- x", 2.0)]),
            members(&[("!", 1.0), (long.as_str(), 2.0)]),
            Value::Okay,
            Value::Array(vec![Value::Int(1), Value::Nil]),
        ] {
            assert!(matches!(read(odd), Err(Odd::Unreadable)));
        }
    }
}
