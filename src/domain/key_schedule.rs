//! The schedule of the signing keys: which step is due at an instant, if any.
//!
//! A key signs for as long as the schedule says. Before it is succeeded, its successor is published,
//! so that verifiers know it when it begins; a pending key that somebody has made is as good as one
//! that the schedule makes. What was succeeded stays until everything that it signed has expired.
//!
//! One step at a time, decided anew from the records each time: so it does not matter which node
//! takes a step, how late it is, or whether somebody has meanwhile done the same by hand.

use std::time::Duration;

use jiff::Timestamp;

use super::rotation::after;
use super::signing_key::Algorithm;
use super::signing_key::KeyState;
use super::signing_key::SigningKeyRecord;

/// How keys are rotated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeySchedule {
    /// How long a key signs.
    pub rotation: Duration,
    /// How long a key is published before it signs.
    pub publish_before: Duration,
}

/// What is due.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyStep {
    /// A new key is published, to begin to sign at an instant.
    Publish(Algorithm, Timestamp),
    /// The pending key of this `kid` begins to sign.
    Activate(String),
    /// Everything that the key of this `kid` signed has expired: it leaves the JWKS.
    Retire(String),
}

impl KeySchedule {
    /// The first step that is due at `now`.
    pub fn next_step(&self, keys: &[SigningKeyRecord], now: Timestamp) -> Option<KeyStep> {
        let over = |key: &&SigningKeyRecord| {
            key.state == KeyState::Retiring && key.leaves_jwks_at.is_some_and(|end| end <= now)
        };
        let retired = keys.iter().find(over);
        retired
            .map(|key| KeyStep::Retire(key.kid.clone()))
            .or_else(|| {
                Algorithm::ALL
                    .into_iter()
                    .find_map(|algorithm| self.next_succession(keys, algorithm, now))
            })
    }

    fn next_succession(
        &self,
        keys: &[SigningKeyRecord],
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Option<KeyStep> {
        let of = |state| {
            keys.iter()
                .filter(move |key| key.algorithm == algorithm && key.state == state)
        };
        // Where none signs, a successor is due now.
        let due = of(KeyState::Active)
            .filter_map(|key| key.active_from)
            .map(|begin| after(begin, self.rotation))
            .min()
            .unwrap_or(now);
        let planned = of(KeyState::Pending)
            .map(|key| (self.begins(key, due), key))
            .min_by_key(|(begins, key)| (*begins, key.kid.clone()));
        match planned {
            Some((begins, key)) => (begins <= now).then(|| KeyStep::Activate(key.kid.clone())),
            None if after(now, self.publish_before) >= due => {
                let begins = due.max(after(now, self.publish_before));
                Some(KeyStep::Publish(algorithm, begins))
            }
            None => None,
        }
    }

    /// When a pending key begins to sign: when it was said, or else when one is due, and never before
    /// verifiers know it.
    fn begins(&self, key: &SigningKeyRecord, due: Timestamp) -> Timestamp {
        let known = after(key.published_at, self.publish_before);
        key.activates_at.unwrap_or(due).max(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: KeySchedule = KeySchedule {
        rotation: Duration::from_secs(1_000),
        publish_before: Duration::from_secs(100),
    };

    /// Of tokens.
    const LIFETIME: Duration = Duration::from_secs(50);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pending(kid: &str, algorithm: Algorithm, second: i64) -> SigningKeyRecord {
        SigningKeyRecord::pending(kid.to_owned(), algorithm, at(second))
    }

    /// One active key of each algorithm since the second 0, but for ES256 this one.
    fn with(es256: &[SigningKeyRecord]) -> Vec<SigningKeyRecord> {
        let others = [Algorithm::Rs256, Algorithm::EdDsa];
        // The others are not due within these tests.
        let others =
            others.map(|other| pending(other.as_str(), other, 0).activated(at(9_000), LIFETIME));
        [es256, &others[..]].concat()
    }

    fn step(es256: &[SigningKeyRecord], second: i64) -> Option<KeyStep> {
        SCHEDULE.next_step(&with(es256), at(second))
    }

    #[test]
    fn a_successor_is_published_in_time_and_begins_to_the_second() {
        let old = pending("old", Algorithm::Es256, 0).activated(at(0), LIFETIME);
        assert_eq!(step(std::slice::from_ref(&old), 899), None);
        let publish = KeyStep::Publish(Algorithm::Es256, at(1_000));
        assert_eq!(step(std::slice::from_ref(&old), 900), Some(publish));

        let mut new = pending("new", Algorithm::Es256, 900);
        new.activates_at = Some(at(1_000));
        assert_eq!(step(&[old.clone(), new.clone()], 999), None);
        let activate = KeyStep::Activate("new".to_owned());
        assert_eq!(step(&[old.clone(), new.clone()], 1_000), Some(activate));

        let old = old.succeeded(at(1_000), LIFETIME);
        let keys = [old, new.activated(at(1_000), LIFETIME)];
        let gone = 1_000 + 50 + 3_600;
        assert_eq!(step(&keys, 1_899), None);
        let retire = KeyStep::Retire("old".to_owned());
        assert_ne!(step(&keys, gone - 1), Some(retire.clone()));
        assert_eq!(step(&keys, gone), Some(retire));
    }

    #[test]
    fn a_server_that_was_away_publishes_before_it_activates() {
        let old = pending("old", Algorithm::Es256, 0).activated(at(0), LIFETIME);
        let publish = KeyStep::Publish(Algorithm::Es256, at(5_100));
        assert_eq!(step(&[old], 5_000), Some(publish));
    }

    #[test]
    fn a_key_that_somebody_made_is_the_successor_and_nothing_else_is_made() {
        let old = pending("old", Algorithm::Es256, 0).activated(at(0), LIFETIME);
        let made = pending("made", Algorithm::Es256, 10);
        let keys = [old.clone(), made];
        for second in [10, 110, 900, 999] {
            assert_eq!(step(&keys, second), None, "{second}");
        }
        assert_eq!(step(&keys, 1_000), Some(KeyStep::Activate("made".into())));

        // One that was made late is waited for.
        let keys = [old, pending("late", Algorithm::Es256, 950)];
        assert_eq!(step(&keys, 1_049), None);
        assert_eq!(step(&keys, 1_050), Some(KeyStep::Activate("late".into())));
    }

    #[test]
    fn a_rotation_that_was_asked_for_begins_when_it_was_said() {
        let old = pending("old", Algorithm::Es256, 0).activated(at(0), LIFETIME);
        let mut asked = pending("asked", Algorithm::Es256, 10);
        asked.activates_at = Some(at(110));
        let keys = [old, asked];
        assert_eq!(step(&keys, 109), None);
        assert_eq!(step(&keys, 110), Some(KeyStep::Activate("asked".into())));
    }
}
