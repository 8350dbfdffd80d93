//! The live state inside the process, for a server of one node. It always answers.
//!
//! Every map is bounded. What a bound drops is only slower to find again (the store has it) or, for
//! a counter, lets an attacker start anew once; it is counted.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::organization::Generation;
use crate::domain::token::TokenId;

use super::Dead;
use super::Generational;
use super::LiveError;
use super::LiveState;
use super::TokenNames;
use super::counters::LiveCounters;
use super::expiring::ExpiringMap;
use super::failures::FailureCounter;
use super::failures::FailureCounts;

/// How much is kept at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Revoked tokens.
    pub tokens: usize,
    /// Raised generations.
    pub generations: usize,
    /// Counters of failures.
    pub failures: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            tokens: 1_000_000,
            generations: 250_000,
            failures: 65_536,
        }
    }
}

/// The live state of one process.
pub struct MemoryLive {
    clock: Arc<dyn Clock>,
    dead: RwLock<Graves>,
    failures: FailureCounts,
}

struct Graves {
    tokens: ExpiringMap<TokenId, ()>,
    generations: ExpiringMap<Generational, Generation>,
}

impl MemoryLive {
    /// An empty live state with the default bounds.
    pub fn new(clock: Arc<dyn Clock>, counters: &LiveCounters) -> Self {
        Self::bounded(clock, Bounds::default(), counters)
    }

    /// An empty live state with these bounds.
    pub fn bounded(clock: Arc<dyn Clock>, bounds: Bounds, counters: &LiveCounters) -> Self {
        let dropped = || counters.dropped.clone();
        Self {
            clock,
            dead: RwLock::new(Graves {
                tokens: ExpiringMap::new(bounds.tokens, dropped()),
                generations: ExpiringMap::new(bounds.generations, dropped()),
            }),
            failures: FailureCounts::new(bounds.failures, dropped()),
        }
    }
}

impl Graves {
    fn dig(&mut self, dead: Dead, until: Timestamp, now: Timestamp) {
        let (whose, generation) = match dead {
            Dead::Token(token) => return self.tokens.merge(token, (), until, now, |(), ()| {}),
            Dead::Organization(id, generation) => (Generational::Organization(id), generation),
            Dead::Account(id, generation) => (Generational::Account(id), generation),
            Dead::Credential(id, generation) => (Generational::Credential(id), generation),
        };
        self.generations
            .merge(whose, generation, until, now, |known, new| {
                *known = (*known).max(new);
            });
    }

    fn hold(&self, token: &TokenNames, now: Timestamp) -> bool {
        self.tokens.get(&token.id, now).is_some()
            || token.generations().iter().any(|(whose, carried)| {
                self.generations
                    .get(whose, now)
                    .is_some_and(|current| carried < current)
            })
    }
}

#[async_trait]
impl LiveState for MemoryLive {
    async fn ping(&self) -> Result<(), LiveError> {
        Ok(())
    }

    async fn mark_dead(&self, dead: &[Dead], until: Timestamp) -> Result<(), LiveError> {
        let now = self.clock.now();
        let mut graves = self.dead.write().unwrap_or_else(PoisonError::into_inner);
        for one in dead {
            graves.dig(*one, until, now);
        }
        Ok(())
    }

    async fn is_dead(&self, token: &TokenNames) -> Result<bool, LiveError> {
        let graves = self.dead.read().unwrap_or_else(PoisonError::into_inner);
        Ok(graves.hold(token, self.clock.now()))
    }

    async fn count_failure(
        &self,
        counter: &FailureCounter,
        window: Duration,
        now: Timestamp,
    ) -> Result<u32, LiveError> {
        Ok(self.failures.count(counter, window, now))
    }
}
