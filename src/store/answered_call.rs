//! Calls that were made under an `Idempotency-Key`, with what they answered.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::digest::Digest;
use crate::domain::retry::KeptAnswer;
use crate::domain::retry::KeyedCall;

use super::StoreError;

/// A call that was carried out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AnsweredCall {
    /// The call.
    pub call: KeyedCall,
    /// What it answered.
    pub answer: KeptAnswer,
    /// When.
    pub at: Timestamp,
}

/// Reads, and the writes of calls that changed nothing else. A call that was made at `expired` or
/// before counts as none.
#[async_trait]
pub trait AnsweredCalls {
    /// The call with this id.
    async fn find_answered_call(
        &self,
        id: &Digest,
        expired: Timestamp,
    ) -> Result<Option<AnsweredCall>, StoreError>;

    /// Adds a call that changed nothing; `false` when another one with its id is there.
    async fn keep_answer(
        &self,
        call: &AnsweredCall,
        expired: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Forgets the calls that were made at `expired` or before; returns how many.
    async fn remove_answered_calls(&self, expired: Timestamp) -> Result<u64, StoreError>;
}

/// The same inside a change.
#[async_trait]
pub trait AnsweredCallWrites {
    /// The call with this id.
    async fn find_answered_call(
        &mut self,
        id: &Digest,
        expired: Timestamp,
    ) -> Result<Option<AnsweredCall>, StoreError>;

    /// Adds the call that makes this change, with what it answers when that is durable; `false` when
    /// another one with its id is there.
    async fn add_answered_call(
        &mut self,
        call: &AnsweredCall,
        expired: Timestamp,
    ) -> Result<bool, StoreError>;
}
