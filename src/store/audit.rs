//! The audit trail, as it is read back, verified, and cut at its beginning.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::audit::AuditResult;
use crate::domain::audit::Chain;
use crate::domain::audit_chain::Link;
use crate::domain::audit_event::AuditEvent;
use crate::domain::id::RequestId;

use super::Page;
use super::StoreError;

/// Which events of a chain are wanted; all of them by default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EventFilter {
    /// Those of this action.
    pub action: Option<String>,
    /// Those of this actor.
    pub actor: Option<Named>,
    /// Those that were done to this.
    pub target: Option<Named>,
    /// Those that ended so.
    pub result: Option<AuditResult>,
    /// Those of this request.
    pub request_id: Option<RequestId>,
    /// Those from this instant on.
    pub from: Option<Timestamp>,
    /// Those before this instant.
    pub to: Option<Timestamp>,
}

/// Somebody or something that an event names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Named {
    /// By id.
    Id(String),
    /// By client id: an actor by the credential that let it in, a target where it is its name.
    Client(String),
    /// By the name at the time.
    Name(String),
    /// By what may be either.
    Any(String),
}

/// How far a chain reaches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChainExtent {
    /// The link that the chain says is its last.
    pub head: Link,
    /// The number of the last event that is really there; 0 when there is none.
    pub last_sequence: i64,
    /// What stands for the events that retention has removed.
    pub checkpoint: Option<Checkpoint>,
}

/// The last event that retention has removed from a chain, vouched for by a signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// The event.
    pub link: Link,
    /// The signed statement, a compact JWS.
    pub signed: String,
}

/// Reads of the audit trail.
#[async_trait]
pub trait AuditReads {
    /// Events of a chain, the last first; `page.after` is the number that they come before.
    async fn list_events(
        &self,
        chain: Chain,
        filter: &EventFilter,
        page: Page<i64>,
    ) -> Result<Vec<AuditEvent>, StoreError>;

    /// How far a chain reaches, in one statement. A chain without events ends before its first one.
    async fn find_extent(&self, chain: Chain) -> Result<ChainExtent, StoreError>;

    /// The events of a chain after one number and up to another, the first ones first, at most
    /// `limit`; `None` for one that cannot be read.
    async fn walk_chain(
        &self,
        chain: Chain,
        after: i64,
        up_to: i64,
        limit: u16,
    ) -> Result<Vec<Option<AuditEvent>>, StoreError>;

    /// The chains that begin with an event before this instant, in no order.
    async fn list_chains_before(&self, before: Timestamp) -> Result<Vec<Chain>, StoreError>;

    /// The number of the last event of those at a chain's beginning that are all before this
    /// instant; `None` when there is none.
    async fn find_last_before(
        &self,
        chain: Chain,
        before: Timestamp,
    ) -> Result<Option<i64>, StoreError>;
}

/// What retention does to a chain, in a change.
#[async_trait]
pub trait AuditWrites {
    /// The checkpoint of a chain, under the lock.
    async fn find_checkpoint(&mut self, chain: Chain) -> Result<Option<Checkpoint>, StoreError>;

    /// Sets the checkpoint of a chain and removes every event up to it. The database itself removes
    /// no event but by this way: see its triggers.
    async fn remove_events(
        &mut self,
        chain: Chain,
        checkpoint: &Checkpoint,
    ) -> Result<u64, StoreError>;
}
