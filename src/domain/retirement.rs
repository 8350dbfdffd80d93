//! Retiring a secret with evidence: whether it is still in use, as far as anybody knows.
//!
//! A secret may go once the one that takes its place has come into use and it has not been used
//! since. Whatever is not known for certain counts as *in use*: a script that loses its secret too
//! early fails, and a secret that stays a day too long does not.

use std::net::IpAddr;

use jiff::Timestamp;

use super::credential::Credential;
use super::id::SecretId;
use super::usage::UsageKind;
use super::usage::UsageReading;
use super::usage::UsageStamp;
use super::usage::UsageSubject;

/// What is known of the use of a secret that is to be retired, and of the one beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence {
    /// When it last authenticated.
    pub last_used_at: Option<Timestamp>,
    /// From where it last did.
    pub last_used_address: Option<IpAddr>,
    /// When the other live secret first authenticated; `None` also when there is no other.
    pub other_first_used_at: Option<Timestamp>,
    /// Whether every source of usage answered.
    pub complete: bool,
}

impl Evidence {
    /// What `usage` says of `secret` at `now`, and of the other live secret of its credential.
    pub fn of(
        credential: &Credential,
        secret: SecretId,
        usage: &UsageReading,
        now: Timestamp,
    ) -> Self {
        let stamp = |id| usage.stamp(UsageSubject::Secret(id), UsageKind::Authenticated);
        let own = stamp(secret);
        let mut others = credential
            .live_secrets(now)
            .filter(|other| other.id != secret);
        let other = others.next_back().and_then(|other| stamp(other.id));
        Self {
            last_used_at: own.map(|stamp| stamp.last_at),
            last_used_address: own.and_then(|stamp| stamp.address),
            other_first_used_at: other.map(|stamp: &UsageStamp| stamp.first_at),
            complete: usage.complete,
        }
    }

    /// Whether the secret has to be taken for one in use: it was used after the other one first was,
    /// nothing has taken its place, or not everything is known.
    pub fn shows_use(&self) -> bool {
        let Some(other_first) = self.other_first_used_at else {
            return true;
        };
        !self.complete || self.last_used_at.is_some_and(|last| last > other_first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_known_for_certain_counts_as_in_use() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        for (last_used_at, other_first_used_at, complete, in_use) in [
            // Used since the other one came into use, and not.
            (at(11), at(10), true, true),
            (at(10), at(10), true, false),
            (at(9), at(10), true, false),
            (None, at(10), true, false),
            // The other one was never used, or there is none.
            (at(9), None, true, true),
            (None, None, true, true),
            // Something may be missing.
            (at(9), at(10), false, true),
            (None, at(10), false, true),
        ] {
            let evidence = Evidence {
                last_used_at,
                last_used_address: None,
                other_first_used_at,
                complete,
            };
            assert_eq!(evidence.shows_use(), in_use, "{evidence:?}");
        }
    }
}
