//! Perishable facts: what may be lost without a bug, each with its own end.
//!
//! A live state answers quickly and decides little. About revocation it may only say *dead*: when it
//! says nothing (after a flush, an empty restart, an old dump, an eviction) the store decides. Each
//! method says what losing its data means.
//!
//! - [`memory`]: inside the process, for one node
//! - [`redis`]: in Redis, for several nodes
//! - [`failures`]: what is counted against guessing, and in which window of time

pub mod counters;
mod expiring;
pub mod failures;
pub mod memory;
pub mod redis;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::id::AccountId;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::organization::Generation;
use crate::domain::token::Generations;
use crate::domain::token::TokenId;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;

use failures::FailureCounter;

/// How long a usage stamp stays after its last use. The store has it within seconds; here it stays
/// for as long as an overlap of secrets may last, and a little more.
pub const USAGE_KEPT: Duration = Duration::from_hours(35 * 24);

/// The live state could not answer in time, or at all. Nothing follows from it but *ask the store*.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// It cannot be reached, or answered with an error.
    #[error("the live state cannot answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It did not answer within its deadline.
    #[error("the live state did not answer in time")]
    Deadline,
    /// It failed too often just now, so it was not asked.
    #[error("the live state is not asked for the moment")]
    BreakerOpen,
}

/// A fact that kills tokens, after it was committed to the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dead {
    /// This token.
    Token(TokenId),
    /// Every token of the organization with an older generation.
    Organization(OrganizationId, Generation),
    /// Every token of the account with an older generation.
    Account(AccountId, Generation),
    /// Every token of the credential with an older generation.
    Credential(ClientId, Generation),
}

/// The names of a token by which it can be known to be dead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenNames {
    /// `jti`.
    pub id: TokenId,
    /// `org`.
    pub organization: OrganizationId,
    /// `sub`.
    pub account: AccountId,
    /// `client_id`.
    pub client_id: ClientId,
    /// The counters that it carries.
    pub generations: Generations,
}

/// What has a generation of its own.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Generational {
    Organization(OrganizationId),
    Account(AccountId),
    Credential(ClientId),
}

impl TokenNames {
    /// What the token's life depends on, each with the generation that the token carries.
    fn generations(&self) -> [(Generational, Generation); 3] {
        let carried = &self.generations;
        [
            (
                Generational::Organization(self.organization),
                carried.organization,
            ),
            (Generational::Account(self.account), carried.account),
            (Generational::Credential(self.client_id), carried.credential),
        ]
    }
}

/// The live state.
#[async_trait]
pub trait LiveState: Send + Sync + 'static {
    /// Whether it answers.
    async fn ping(&self) -> Result<(), LiveError>;

    /// Makes `dead` known until `until`, by when every token that it could kill has expired.
    /// Losing it costs each reader a look-up in the store.
    async fn mark_dead(&self, dead: &[Dead], until: Timestamp) -> Result<(), LiveError>;

    /// Whether the token is known to be dead. `false` means *not known*, never *alive*.
    async fn is_dead(&self, token: &TokenNames) -> Result<bool, LiveError>;

    /// Counts one more failure in the window that `now` is in (windows of `window`, aligned) and
    /// returns how many there are in it. Losing the count lets an attacker start anew once.
    async fn count_failure(
        &self,
        counter: &FailureCounter,
        window: Duration,
        now: Timestamp,
    ) -> Result<u32, LiveError>;
}

/// Usage as other processes see it. A process that is alone has no need of one: what it has noted and
/// not stored yet is in its own memory.
#[async_trait]
pub trait SharedUsage: Send + Sync + 'static {
    /// Merges usage stamps. Losing them loses what was not yet written behind to the store: a
    /// reading says that it may be incomplete when this cannot answer.
    async fn touch(&self, stamps: &[UsageStamp]) -> Result<(), LiveError>;

    /// The stamps of these things, in no order.
    async fn list_usage(&self, subjects: &[UsageSubject]) -> Result<Vec<UsageStamp>, LiveError>;
}
