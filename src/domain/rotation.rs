//! Rotation: a new secret beside the old one, which lives on for an overlap.

use std::time::Duration;

use jiff::Timestamp;

use super::credential::Credential;
use super::credential::DEFAULT_SECRET_LIFETIME;
use super::id::SecretId;
use super::organization::Status;
use super::secret::StoredSecret;

/// How many secrets of a credential stay to be found after they have ended; a rotation forgets older
/// ones. So a script that rotates all day leaves a credential that can be read, and whoever wonders
/// about a secret of late still finds it.
pub const MAX_ENDED_SECRETS: usize = 20;

/// How long a new secret lives.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Lifetime {
    /// As long as the one before it; a first secret lives for
    /// [`DEFAULT_SECRET_LIFETIME`].
    #[default]
    Usual,
    /// Without end.
    Never,
    /// This long.
    For(Duration),
}

/// What a rotation is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rotation {
    /// How long the old secret lives on; zero = it dies now.
    pub overlap: Duration,
    /// How long the new secret lives.
    pub lifetime: Lifetime,
    /// Whether an overlap that still runs ends now.
    pub end_overlap: bool,
}

/// What a rotation does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RotationPlan {
    /// The secrets that end, each with its new end. None lives longer than it would have.
    pub ends: Vec<(SecretId, Timestamp)>,
    /// The secrets that are forgotten: all that have ended but for the last
    /// [`MAX_ENDED_SECRETS`].
    pub forgets: Vec<SecretId>,
    /// The end of the new secret; `None` = never.
    pub expires_at: Option<Timestamp>,
}

impl RotationPlan {
    /// Until when a secret of the credential works then; the last instant that there is = for good.
    pub fn works_until(&self, credential: &Credential, now: Timestamp) -> Timestamp {
        let end_of = |secret: &StoredSecret| {
            let new_end = self.ends.iter().find(|(id, _)| *id == secret.id);
            new_end.map_or(secret.ends_at, |(_, end)| Some(*end))
        };
        let ends = credential.live_secrets(now).map(end_of);
        let ends = ends.chain([self.expires_at]);
        let ends = ends.map(|end| end.unwrap_or(Timestamp::MAX));
        ends.max().unwrap_or(now)
    }
}

/// Why a credential is not rotated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RotationRefusal {
    /// It was revoked, for good.
    Revoked,
    /// Two secrets are live until then, and the caller did not say to end the overlap.
    OverlapInProgress {
        /// The end of the older one.
        until: Option<Timestamp>,
    },
}

impl Credential {
    /// What `rotation` does at `now`. At most two secrets are live afterwards.
    pub fn plan_rotation(
        &self,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<RotationPlan, RotationRefusal> {
        if self.status == Status::Revoked {
            return Err(RotationRefusal::Revoked);
        }
        let live: Vec<_> = self.live_secrets(now).collect();
        let (newest, older) = match live.split_last() {
            Some((newest, older)) => (Some(*newest), older),
            None => (None, live.as_slice()),
        };
        if let [oldest, ..] = older
            && !rotation.end_overlap
        {
            return Err(RotationRefusal::OverlapInProgress {
                until: oldest.ends_at,
            });
        }
        let ended = older.iter().map(|secret| (secret.id, now));
        let overlap_ends = after(now, rotation.overlap);
        let overlapping = newest
            .filter(|secret| secret.ends_at.is_none_or(|end| overlap_ends < end))
            .map(|secret| (secret.id, overlap_ends));
        let ends: Vec<_> = ended.chain(overlapping).collect();
        Ok(RotationPlan {
            forgets: self.ended_too_many(&ends, now),
            ends,
            expires_at: self.end_of_new_secret(rotation.lifetime, now),
        })
    }

    /// The oldest of those that will have ended at `now`.
    fn ended_too_many(&self, ends: &[(SecretId, Timestamp)], now: Timestamp) -> Vec<SecretId> {
        let ends_now =
            |secret: &&StoredSecret| !secret.is_live(now) || ends.contains(&(secret.id, now));
        let ended: Vec<_> = self.secrets.iter().filter(ends_now).collect();
        let too_many = ended.len().saturating_sub(MAX_ENDED_SECRETS);
        ended[..too_many].iter().map(|secret| secret.id).collect()
    }

    fn end_of_new_secret(&self, lifetime: Lifetime, now: Timestamp) -> Option<Timestamp> {
        match lifetime {
            Lifetime::Never => None,
            Lifetime::For(lifetime) => Some(after(now, lifetime)),
            Lifetime::Usual => match self.secrets.last() {
                None => Some(after(now, DEFAULT_SECRET_LIFETIME)),
                Some(previous) => Some(after(now, previous.lifetime()?)),
            },
        }
    }
}

impl StoredSecret {
    /// How long it was made to live; `None` = without end. Only older secrets of a credential are
    /// ever made to end early, so for the newest one this is what its maker said.
    fn lifetime(&self) -> Option<Duration> {
        let end = self.ends_at?;
        Duration::try_from(end.duration_since(self.created_at)).ok()
    }
}

/// The instant `duration` after `now`, or the last one that there is.
pub fn after(now: Timestamp, duration: Duration) -> Timestamp {
    now.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::credential::CredentialKind;
    use super::super::id::AccountId;
    use super::super::id::ClientId;
    use super::super::id::CredentialId;
    use super::super::id::OrganizationId;
    use super::super::name::Label;
    use super::super::organization::Generation;
    use super::super::secret::PepperId;
    use super::super::secret::SecretHash;
    use super::super::version::Version;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A credential with secrets that were made and end at these seconds.
    fn credential(secrets: &[(i64, Option<i64>)]) -> Credential {
        let secret = |(position, (made, end)): (u128, &(i64, Option<i64>))| StoredSecret {
            id: SecretId::from_bits(position),
            hash: SecretHash::UNMATCHABLE,
            pepper: PepperId([0; 8]),
            hint: "hint".into(),
            created_at: at(*made),
            ends_at: end.map(at),
            revoked_at: None,
        };
        Credential {
            id: CredentialId::from_bits(1),
            organization: OrganizationId::from_bits(1),
            account: AccountId::from_bits(1),
            client_id: ClientId::from_bits(1),
            kind: CredentialKind::ClientSecret,
            name: Label::parse("ci").unwrap(),
            status: Status::Active,
            generation: Generation::FIRST,
            allowed_networks: Vec::new(),
            narrowing: None,
            created_at: at(0),
            version: Version::FIRST,
            secrets: (0..).zip(secrets).map(secret).collect(),
        }
    }

    fn rotation(overlap_seconds: u64) -> Rotation {
        Rotation {
            overlap: Duration::from_secs(overlap_seconds),
            lifetime: Lifetime::Usual,
            end_overlap: false,
        }
    }

    fn id(position: u128) -> SecretId {
        SecretId::from_bits(position)
    }

    #[test]
    fn the_old_secret_lives_for_the_overlap_and_never_beyond_its_own_end() {
        let credential = credential(&[(0, Some(1_000))]);
        let plan = credential.plan_rotation(&rotation(60), at(500)).unwrap();
        assert_eq!(plan.ends, [(id(0), at(560))]);
        // The new one lives as long as the old one was made to.
        assert_eq!(plan.expires_at, Some(at(1_500)));

        let plan = credential.plan_rotation(&rotation(60), at(990)).unwrap();
        assert_eq!(plan.ends, []);
    }

    #[test]
    fn without_an_overlap_the_old_secret_dies_at_once() {
        let credential = credential(&[(0, None)]);
        let plan = credential.plan_rotation(&rotation(0), at(500)).unwrap();
        assert_eq!(plan.ends, [(id(0), at(500))]);
        assert_eq!(plan.expires_at, None);
    }

    #[test]
    fn a_rotation_inside_an_overlap_needs_to_end_it() {
        let credential = credential(&[(0, Some(600)), (500, Some(2_500))]);
        assert_eq!(
            credential.plan_rotation(&rotation(60), at(599)),
            Err(RotationRefusal::OverlapInProgress {
                until: Some(at(600))
            })
        );
        let ending = Rotation {
            end_overlap: true,
            ..rotation(60)
        };
        let plan = credential.plan_rotation(&ending, at(599)).unwrap();
        assert_eq!(plan.ends, [(id(0), at(599)), (id(1), at(659))]);
        assert_eq!(plan.expires_at, Some(at(2_599)));
        // The overlap ends by itself, to the second.
        let plan = credential.plan_rotation(&rotation(60), at(600)).unwrap();
        assert_eq!(plan.ends, [(id(1), at(660))]);
    }

    #[test]
    fn an_expired_credential_is_renewed_and_a_revoked_one_is_not() {
        let mut credential = credential(&[(0, Some(100))]);
        let plan = credential.plan_rotation(&rotation(60), at(500)).unwrap();
        assert_eq!(plan.ends, []);
        assert_eq!(plan.expires_at, Some(at(600)));
        credential.status = Status::Revoked;
        assert_eq!(
            credential.plan_rotation(&rotation(60), at(500)),
            Err(RotationRefusal::Revoked)
        );
    }

    #[test]
    fn a_rotated_credential_works_for_as_long_as_one_of_its_secrets() {
        let endless = credential(&[(0, None)]);
        let until = |overlap, lifetime| {
            let rotation = Rotation {
                lifetime,
                ..rotation(overlap)
            };
            let plan = endless.plan_rotation(&rotation, at(50)).unwrap();
            plan.works_until(&endless, at(50))
        };
        assert_eq!(endless.works_until(at(50)), Timestamp::MAX);
        assert_eq!(until(60, Lifetime::Usual), Timestamp::MAX);
        let short = Lifetime::For(Duration::from_secs(7));
        assert_eq!(until(60, short), at(110));
        assert_eq!(until(0, short), at(57));
    }

    #[test]
    fn a_credential_ends_with_its_newest_secret_and_else_with_the_one_that_is_left() {
        let mut credential = credential(&[(0, Some(100)), (10, Some(20)), (15, Some(900))]);
        assert_eq!(credential.expires_at(at(15)), Some(at(900)));
        credential.secrets[2].revoked_at = Some(at(16));
        assert_eq!(credential.expires_at(at(19)), Some(at(20)));
        assert_eq!(credential.expires_at(at(20)), Some(at(100)));
        assert_eq!(credential.expires_at(at(100)), Some(at(100)));
        for secret in &mut credential.secrets {
            secret.revoked_at = Some(at(16));
        }
        assert_eq!(credential.expires_at(at(20)), Some(at(900)));
    }

    #[test]
    fn secrets_that_ended_long_before_others_are_forgotten() {
        let mut secrets: Vec<_> = (0..30).map(|second| (second, Some(second + 1))).collect();
        let forgets = |secrets: &[_], overlap| {
            let plan = credential(secrets).plan_rotation(&rotation(overlap), at(50));
            plan.unwrap().forgets
        };
        assert_eq!(forgets(&secrets, 60), (0..10).map(id).collect::<Vec<_>>());
        // One that is live counts when it ends by the rotation, and is never forgotten before.
        secrets.push((40, None));
        assert_eq!(forgets(&secrets, 60), (0..10).map(id).collect::<Vec<_>>());
        assert_eq!(forgets(&secrets, 0), (0..11).map(id).collect::<Vec<_>>());
        assert_eq!(forgets(&secrets[..20], 60), []);
        let mut oldest_is_live = secrets;
        oldest_is_live[0].1 = None;
        assert_eq!(
            forgets(&oldest_is_live[..30], 60),
            (1..10).map(id).collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_lifetime_may_be_said() {
        let credential = credential(&[(0, Some(100))]);
        let with = |lifetime| {
            let rotation = Rotation {
                lifetime,
                ..rotation(0)
            };
            credential
                .plan_rotation(&rotation, at(50))
                .unwrap()
                .expires_at
        };
        assert_eq!(with(Lifetime::Never), None);
        assert_eq!(with(Lifetime::For(Duration::from_secs(7))), Some(at(57)));
        let forever = Lifetime::For(Duration::from_secs(u64::MAX));
        assert_eq!(with(forever), Some(Timestamp::MAX));
    }
}
