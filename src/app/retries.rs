//! Calls that are made again under the same `Idempotency-Key`.
//!
//! The place of the answer is taken in the transaction of the change itself, so a call that was
//! carried out is known to have been, whatever becomes of its answer, and of two that come at once
//! one makes the change. What changes nothing keeps its answer by itself, afterwards. A call that was
//! refused keeps nothing: it may be made again under its key.
//!
//! A server that stops between the change and its answer loses the answer, and nothing else: whoever
//! asks again is told so, and the call is not carried out twice.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::retry::KEPT_FOR;
use crate::domain::retry::KeptAnswer;
use crate::domain::retry::KeyedCall;
use crate::domain::rotation::after;
use crate::store::AnsweredCall;
use crate::store::Change;
use crate::store::StoreError;

use super::App;
use super::problem::Conflict;
use super::problem::Problem;

/// How long an answer may take after its change: a request has ten seconds in all.
const ANSWERED_WITHIN: Duration = Duration::from_mins(1);

/// The call that was made before under the key of this one.
#[derive(Clone, Debug)]
pub enum Earlier {
    /// It was this very call, and this is its answer.
    Answered(KeptAnswer),
    /// It was this very call, and its answer is on its way.
    UnderWay,
    /// It was this very call, and its answer was lost.
    Lost,
    /// It was another one.
    Different,
}

impl Earlier {
    /// Whether it was this very call.
    pub fn is_the_same(&self) -> bool {
        !matches!(self, Self::Different)
    }

    fn of(call: &KeyedCall, found: AnsweredCall, now: Timestamp) -> Self {
        match found.answer {
            _ if found.call.request != call.request => Self::Different,
            Some(answer) => Self::Answered(answer),
            None if now < after(found.at, ANSWERED_WITHIN) => Self::UnderWay,
            None => Self::Lost,
        }
    }
}

impl From<Earlier> for Problem {
    fn from(earlier: Earlier) -> Self {
        let detail = match earlier {
            Earlier::Answered(answer) => return Self::Answered(Box::new(answer)),
            Earlier::UnderWay => {
                "the first call under this `Idempotency-Key` is being carried out: ask again in a \
                 moment"
            }
            Earlier::Lost => {
                "the first call under this `Idempotency-Key` was carried out, and its answer was \
                 lost when the server stopped: see what has become of it, and use a new key"
            }
            Earlier::Different => {
                "another call was made under this `Idempotency-Key`: a new call needs a new key"
            }
        };
        Self::conflict(Conflict::IdempotencyConflict, detail)
    }
}

/// The call that was made before under the key of `call`.
pub async fn find(app: &App, call: &KeyedCall) -> Result<Option<Earlier>, StoreError> {
    let now = app.clock.now();
    let found = app.store.find_answered_call(&call.id, expired(now)).await?;
    Ok(found.map(|found| Earlier::of(call, found, now)))
}

/// The same under the lock of a change: whoever came first has made its change by now.
pub(super) async fn find_in(
    rows: &mut dyn Change,
    call: &KeyedCall,
    now: Timestamp,
) -> Result<Option<Earlier>, StoreError> {
    let found = rows.find_answered_call(&call.id, expired(now)).await?;
    Ok(found.map(|found| Earlier::of(call, found, now)))
}

/// Takes the place of the answer, in the transaction of the change that `call` makes.
pub(super) async fn take_place(
    rows: &mut dyn Change,
    call: &KeyedCall,
    now: Timestamp,
) -> Result<(), Problem> {
    let taken = AnsweredCall {
        call: call.clone(),
        answer: None,
        at: now,
    };
    if rows.add_answered_call(&taken, expired(now)).await? {
        Ok(())
    } else {
        Err(Earlier::UnderWay.into())
    }
}

/// Keeps the answer of a call; `Err` when another call has been made under its key meanwhile.
pub async fn keep(
    app: &App,
    call: &KeyedCall,
    answer: KeptAnswer,
) -> Result<Result<(), Earlier>, StoreError> {
    let now = app.clock.now();
    let answered = AnsweredCall {
        call: call.clone(),
        answer: Some(answer),
        at: now,
    };
    if app.store.keep_answer(&answered, expired(now)).await? {
        return Ok(Ok(()));
    }
    let earlier = find(app, call).await?;
    Ok(Err(earlier.unwrap_or(Earlier::UnderWay)))
}

/// Forgets the answers that have been kept for long enough; returns how many.
pub async fn forget_expired(app: &App, now: Timestamp) -> Result<u64, StoreError> {
    app.store.remove_answered_calls(expired(now)).await
}

/// What was made then, or before, is over.
fn expired(now: Timestamp) -> Timestamp {
    now.saturating_sub(KEPT_FOR).unwrap_or(Timestamp::MIN)
}
