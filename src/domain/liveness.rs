//! Liveness: the one place that decides whether an account and its credential may get a token, and
//! whether a token of theirs is still active.
//!
//! "A disabled thing still gets or keeps a token on some path" is the most repeated bug of this
//! field. So there is one description of how things stand, [`Standing`], and every path that issues
//! or checks a token asks it.

use jiff::Timestamp;

use super::organization::Generation;
use super::organization::Status;
use super::token::Epoch;
use super::token::Generations;

/// How an organization, an account and a credential stand, read in one statement or snapshot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// The current history of the database.
    pub epoch: Epoch,
    /// The organization's status and counter.
    pub organization: (Status, Generation),
    /// The account's status and counter.
    pub account: (Status, Generation),
    /// The account's end; `None` = never.
    pub account_ends_at: Option<Timestamp>,
    /// The credential's status and counter.
    pub credential: (Status, Generation),
}

/// Why something is dead. For logs, and for administrators who ask about a token of theirs; a
/// client never learns which.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum Dead {
    /// Nothing of that name exists (any more).
    #[error("the account or credential does not exist")]
    Unknown,
    /// The organization is disabled.
    #[error("the organization is disabled")]
    OrganizationDisabled,
    /// The account is disabled.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The account's end has passed.
    #[error("the account has expired")]
    AccountExpired,
    /// The credential is disabled or revoked.
    #[error("the credential is disabled or revoked")]
    CredentialDisabled,
    /// The token belongs to an older history of the database.
    #[error("the token is from before a restore")]
    OldEpoch,
    /// A counter has been raised since the token was issued.
    #[error("the token's generation is over")]
    OldGeneration,
    /// The key that signed the token was taken back, or has left the JWKS.
    #[error("the token's signing key is retired or revoked")]
    KeyOver,
    /// The API that the token is for has been deleted.
    #[error("the API was deleted")]
    ApiDeleted,
    /// The token itself was revoked.
    #[error("the token was revoked")]
    TokenRevoked,
    /// The token's end has passed.
    #[error("the token has expired")]
    TokenExpired,
}

impl Standing {
    /// Whether the account may use the credential at `now`, at all.
    pub fn check(&self, now: Timestamp) -> Result<(), Dead> {
        if self.organization.0 != Status::Active {
            return Err(Dead::OrganizationDisabled);
        }
        if self.account.0 != Status::Active {
            return Err(Dead::AccountDisabled);
        }
        if self.account_ends_at.is_some_and(|end| end <= now) {
            return Err(Dead::AccountExpired);
        }
        if self.credential.0 != Status::Active {
            return Err(Dead::CredentialDisabled);
        }
        Ok(())
    }

    /// Whether a token that carries `generations` is still good at `now`. The token's own end and
    /// revocation are checked by the caller, who has the token.
    pub fn check_token(&self, generations: &Generations, now: Timestamp) -> Result<(), Dead> {
        self.check(now)?;
        if generations.epoch != self.epoch {
            return Err(Dead::OldEpoch);
        }
        if *generations != self.generations() {
            return Err(Dead::OldGeneration);
        }
        Ok(())
    }

    /// What a token issued now carries.
    pub fn generations(&self) -> Generations {
        Generations {
            epoch: self.epoch,
            organization: self.organization.1,
            account: self.account.1,
            credential: self.credential.1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        Standing {
            epoch: Epoch::from_random([1; 8]),
            organization: (Status::Active, Generation(1)),
            account: (Status::Active, Generation(2)),
            account_ends_at: Some(Timestamp::from_second(100).unwrap()),
            credential: (Status::Active, Generation(3)),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn each_thing_that_stops_is_enough_to_stop_all() {
        let good = standing();
        assert_eq!(good.check(at(99)), Ok(()));
        assert_eq!(good.check(at(100)), Err(Dead::AccountExpired));
        for stopped in [Status::Disabled, Status::Revoked] {
            let cases = [
                (
                    Standing {
                        organization: (stopped, Generation(1)),
                        ..good
                    },
                    Dead::OrganizationDisabled,
                ),
                (
                    Standing {
                        account: (stopped, Generation(2)),
                        ..good
                    },
                    Dead::AccountDisabled,
                ),
                (
                    Standing {
                        credential: (stopped, Generation(3)),
                        ..good
                    },
                    Dead::CredentialDisabled,
                ),
            ];
            for (standing, why) in cases {
                assert_eq!(standing.check(at(0)), Err(why));
                assert_eq!(standing.check_token(&good.generations(), at(0)), Err(why));
            }
        }
    }

    #[test]
    fn a_token_of_any_other_generation_is_dead() {
        let good = standing();
        assert_eq!(good.check_token(&good.generations(), at(0)), Ok(()));
        let mut older = good.generations();
        older.account = Generation(1);
        assert_eq!(good.check_token(&older, at(0)), Err(Dead::OldGeneration));
        let mut restored = good.generations();
        restored.epoch = Epoch::from_random([2; 8]);
        assert_eq!(good.check_token(&restored, at(0)), Err(Dead::OldEpoch));
        let mut forged = good.generations();
        forged.credential = Generation(4);
        assert_eq!(good.check_token(&forged, at(0)), Err(Dead::OldGeneration));
    }
}
