//! Calls that are made again under the same `Idempotency-Key`.
//!
//! An answer is as durable as the change that it tells of: one transaction writes both. So an action
//! does not commit a change that is made under a key. It leaves it with the call ([`Keyed::hold`]);
//! what the caller will be told is made of it meanwhile, and with that it commits ([`Keyed::answer`]).
//! A server that stops before has changed nothing, and one that stops after answers again. What
//! follows from the change, the change itself has to know ([`super::change::OpenChange`]), and what
//! an action tells of it, it reads inside it: until then, nobody else sees it.
//!
//! What changes nothing keeps its answer by itself, afterwards: until then, making the call again
//! comes to the same. A call that was refused keeps nothing: it may be made again under its key.
//!
//! Of calls that change nothing, the answers are kept up to a number ([`may_keep_of_nothing`]): whoever
//! may read, or disables what is disabled, does not make the database grow without end and without an
//! event that tells of it.
//!
//! A call that is made again while the first is under way ([`under_way`]) is refused. On another node
//! it waits until the first has made its change, and gets its answer.

pub mod under_way;

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::Timestamp;

use crate::domain::id::AccountId;
use crate::domain::retry::KEPT_FOR;
use crate::domain::retry::KeptAnswer;
use crate::domain::retry::KeyedCall;
use crate::live::failures::FailureCounter;
use crate::store::AnsweredCall;
use crate::store::Change;
use crate::store::StoreError;

use super::App;
use super::audited::ReadyChange;
use super::problem::Conflict;
use super::problem::Problem;
use under_way::Turn;

/// The call that was made before under the key of this one.
#[derive(Clone, Debug)]
pub enum Earlier {
    /// It was this very call, and this is its answer.
    Answered(KeptAnswer),
    /// It is being carried out.
    UnderWay,
    /// It was another one.
    Different,
}

impl Earlier {
    fn of(call: &KeyedCall, found: AnsweredCall) -> Self {
        if found.call.request == call.request {
            Self::Answered(found.answer)
        } else {
            Self::Different
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
            Earlier::Different => {
                "another call was made under this `Idempotency-Key`: a new call needs a new key"
            }
        };
        Self::conflict(Conflict::IdempotencyConflict, detail)
    }
}

/// A call under a key, from when it is heard until it is answered.
pub struct Keyed {
    call: KeyedCall,
    /// `None` when another one is under way.
    turn: Option<Turn>,
    /// What it changes, when that waits for nothing but the answer.
    change: Mutex<Option<ReadyChange>>,
}

impl Keyed {
    /// A call that was heard just now.
    pub fn begin(app: &App, call: KeyedCall) -> Self {
        Self {
            turn: app.under_way.begin(&call.id),
            call,
            change: Mutex::default(),
        }
    }

    /// The call that was made before under the key.
    pub async fn earlier(&self, app: &App) -> Result<Option<Earlier>, StoreError> {
        let since = expired(app.clock.now());
        let found = app.store.find_answered_call(&self.call.id, since).await?;
        let answered = found.map(|found| Earlier::of(&self.call, found));
        let under_way = || self.turn.is_none().then_some(Earlier::UnderWay);
        Ok(answered.or_else(under_way))
    }

    /// What this very call was answered, under the lock of the change that it is about to make: on
    /// another node it may have been made at the same time.
    pub(super) async fn answered_in(
        &self,
        rows: &mut dyn Change,
        now: Timestamp,
    ) -> Result<Option<Earlier>, StoreError> {
        let found = rows
            .find_answered_call(&self.call.id, expired(now))
            .await?
            .filter(|found| found.call.request == self.call.request);
        Ok(found.map(|found| Earlier::Answered(found.answer)))
    }

    /// Keeps the change that the call makes until its answer is known.
    pub(super) fn hold(&self, change: ReadyChange) {
        *self.change() = Some(change);
    }

    /// Makes the answer durable, together with what the call has changed. When this returns `Ok`, it
    /// may be given.
    pub async fn answer(&self, app: &App, answer: KeptAnswer) -> Result<(), Problem> {
        let now = app.clock.now();
        let answered = AnsweredCall {
            call: self.call.clone(),
            answer,
            at: now,
        };
        let held = self.change().take();
        let is_kept = match held {
            Some(mut change) => {
                let rows = change.rows();
                let is_first = rows.add_answered_call(&answered, expired(now)).await?;
                if is_first {
                    change.commit().await?;
                }
                is_first
            }
            None => app.store.keep_answer(&answered, expired(now)).await?,
        };
        if is_kept {
            return Ok(());
        }
        let earlier = self.earlier(app).await?;
        Err(earlier.unwrap_or(Earlier::UnderWay).into())
    }

    /// Whether the call changes anything: its answer is durable with that.
    pub fn changes(&self) -> bool {
        self.change().is_some()
    }

    /// Rolls back what the call has changed: it is answered with a refusal.
    pub fn refuse(&self) {
        drop(self.change().take());
    }

    fn change(&self) -> std::sync::MutexGuard<'_, Option<ReadyChange>> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyed").field(&self.call).finish()
    }
}

/// How many answers of calls that change nothing are kept for one account in a day.
const MAX_OF_NOTHING: u32 = 500;

/// How large an answer of a call that changes nothing may be to be kept, in bytes: all that is told of
/// a token has less.
const MAX_OF_NOTHING_BYTES: usize = 32 * 1024;

/// Whether one more answer of a call that changes nothing is kept for the account. One that is not does
/// no harm: the call is carried out anew when it is made again.
pub async fn may_keep_of_nothing(app: &App, account: AccountId, bytes: usize) -> bool {
    if bytes > MAX_OF_NOTHING_BYTES {
        return false;
    }
    let counter = FailureCounter {
        client_id: format!("(answers that are kept for {account})"),
        address: Ipv4Addr::UNSPECIFIED.into(),
    };
    let number = app.live.count_failure(&counter, KEPT_FOR, app.clock.now());
    number.await.is_ok_and(|count| count <= MAX_OF_NOTHING)
}

/// Forgets the answers that have been kept for long enough; returns how many.
pub async fn forget_expired(app: &App, now: Timestamp) -> Result<u64, StoreError> {
    app.store.remove_answered_calls(expired(now)).await
}

/// What was made then, or before, is over.
fn expired(now: Timestamp) -> Timestamp {
    now.saturating_sub(KEPT_FOR).unwrap_or(Timestamp::MIN)
}
