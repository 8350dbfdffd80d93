//! Durable facts: what must survive a restart.
//!
//! SQL is the truth. There is one set of statements for SQLite and PostgreSQL. This module holds
//! rows, not rules: it says what is stored, and leaves what it means to `domain` and `oauth`.
//! There is one trait per subject, for what is read of it and for what a change may read and write.
//!
//! Three ways in:
//!
//! - the few reads of the OAuth endpoints ([`TokenReads`]), each one statement or one snapshot;
//! - the reads of administration, each inside one organization: there is no look-up by id alone;
//! - a [`Change`]: a transaction that can only be committed together with its audit event. A change
//!   that is dropped is rolled back. (Events without a change have [`Store::record_events`].)
//!
//! Every call can fail with [`StoreError`], which means *the store could not answer* and can only
//! become a 503: never an *unknown client*, an *inactive* or a *revoked*.
//!
//! [`SqlStore`] is the store over SQLite and PostgreSQL.

mod access;
mod access_size;
mod account;
mod answered_call;
mod api;
mod api_token;
mod audit;
mod clean_up;
mod counts;
mod credential;
mod credential_counts;
mod findings;
mod group;
mod inventory;
mod leak;
mod lifecycle;
mod role;
mod signing_key;
mod sql;
mod token;
mod usage;
mod usage_series;

pub use access::AccessChanges;
pub use access::AccessReads;
pub use access::ApiHolder;
pub use access::Holder;
pub use access_size::AccessSizes;
pub use access_size::ConcernedBy;
pub use account::AccountChanges;
pub use account::AccountReads;
pub use account::OrganizationFilter;
pub use answered_call::AnsweredCall;
pub use answered_call::AnsweredCallWrites;
pub use answered_call::AnsweredCalls;
pub use api::ApiChanges;
pub use api::ApiPart;
pub use api::ApiReads;
pub use api::ApiRows;
pub use api::ResourceFilter;
pub use api::ResourceLookup;
pub use api_token::ApiTokenReads;
pub use api_token::ApiTokenRows;
pub use audit::AuditReads;
pub use audit::AuditWrites;
pub use audit::ChainExtent;
pub use audit::Checkpoint;
pub use audit::EventFilter;
pub use audit::Named;
pub use clean_up::CleanUpReads;
pub use clean_up::CleanUpWrites;
pub use clean_up::CleanedUp;
pub use counts::Counts;
pub use credential::CredentialChanges;
pub use credential::CredentialReads;
pub use credential_counts::CredentialCounts;
pub use credential_counts::CredentialCountsInChange;
pub use findings::FindingPage;
pub use findings::FindingReads;
pub use findings::FindingRow;
pub use findings::FoundCredential;
pub use findings::FoundRows;
pub use group::GroupChanges;
pub use group::GroupReads;
pub use inventory::AccountFilter;
pub use inventory::CredentialFilter;
pub use inventory::Ending;
pub use inventory::Holding;
pub use inventory::HoldingRole;
pub use inventory::InventoryReads;
pub use inventory::NoPosition;
pub use inventory::Order;
pub use inventory::Placed;
pub use inventory::Position;
pub use inventory::SortKey;
pub use leak::LeakReads;
pub use leak::LeakWrites;
pub use leak::SecretOwner;
pub use lifecycle::AccessOf;
pub use lifecycle::AccountNames;
pub use lifecycle::LifecycleWrites;
pub use role::NamedHolder;
pub use role::RoleChanges;
pub use role::RoleReads;
pub use signing_key::SigningKeyChanges;
pub use signing_key::SigningKeyReads;
pub use sql::DataDirLock;
pub use sql::FileError;
pub use sql::OpenError;
pub use sql::SqlOptions;
pub use sql::SqlStore;
pub use token::RevokedToken;
pub use token::TokenChanges;
pub use token::TokenReads;
pub use token::TokenStanding;
pub use usage::UsageStamps;
pub use usage_series::AddressRow;
pub use usage_series::ClientOwner;
pub use usage_series::CountBatch;
pub use usage_series::Hours;
pub use usage_series::SeriesOf;
pub use usage_series::SeriesRow;
pub use usage_series::UsageSeries;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::audit::AuditDraft;
use crate::domain::id::OrganizationId;
use crate::domain::secret::PepperId;
use crate::domain::token::Epoch;

/// The store could not answer. It says nothing about what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It could not be reached, read or written, or a commit failed.
    #[error("the database cannot answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It did not answer in time.
    #[error("the database did not answer in time")]
    Deadline,
    /// A row holds what no version of this server writes.
    #[error("the database holds an unreadable {what}")]
    Corrupt {
        /// Which thing.
        what: &'static str,
    },
}

/// Why a write was not made: something else is in its place, or the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A unique name is taken.
    #[error("the name is taken")]
    Taken,
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A thing named in a path or a body: by its id, or by its name inside its parent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lookup<Id> {
    /// By id.
    Id(Id),
    /// By name.
    Name(String),
}

impl<Id: std::str::FromStr> Lookup<Id> {
    /// Reads a path segment or a member: what parses as an id is one, all else is a name.
    pub fn parse(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Name(text.to_owned()), Self::Id)
    }
}

impl<Id: fmt::Display> fmt::Display for Lookup<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// What part of a list to read: items are in the order of their ids.
#[derive(Clone, Copy, Debug)]
pub struct Page<Id> {
    /// The most items wanted, 1 to 201: one more than is shown tells whether there are more.
    pub limit: u16,
    /// Only those after this one.
    pub after: Option<Id>,
}

/// What `init` wrote once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Instance {
    /// The current history of the database.
    pub epoch: Epoch,
    /// The pepper that the secrets are hashed with.
    pub pepper: PepperId,
    /// When `init` finished; `None` while it has begun and not finished.
    pub initialized_at: Option<Timestamp>,
}

/// The durable store.
#[async_trait]
pub trait Store:
    AccessReads
    + AccountNames
    + AccountReads
    + AnsweredCalls
    + ApiReads
    + ApiTokenReads
    + AuditReads
    + CleanUpReads
    + CredentialCounts
    + CredentialReads
    + FindingReads
    + GroupReads
    + InventoryReads
    + LeakReads
    + RoleReads
    + SigningKeyReads
    + TokenReads
    + UsageSeries
    + UsageStamps
    + Send
    + Sync
    + 'static
{
    /// Whether the store answered the last time it was asked. While it is `false`, every method
    /// fails at once, and whoever answers from memory must answer 503 too.
    fn is_open(&self) -> bool;

    /// Closes every connection, after what is under way. Every later call fails.
    async fn close(&self);

    /// Whether the store answers: reads one row.
    async fn ping(&self) -> Result<(), StoreError>;

    /// What `init` wrote; `None` on an empty store.
    async fn find_instance(&self) -> Result<Option<Instance>, StoreError>;

    /// Appends events to their chain in one transaction, under the lock of the organization whose
    /// events they are. One that is there already is left alone: the answer to the call that wrote
    /// it may have been lost.
    async fn record_events(
        &self,
        organization: OrganizationId,
        events: &[AuditDraft],
    ) -> Result<(), StoreError>;

    /// Begins a change inside `organization` and locks its row, or one of the instance (`None`),
    /// which locks the instance's row. The caller runs it in a task of its own, so that a client
    /// that hangs up cannot cancel it half-way.
    async fn begin(
        &self,
        organization: Option<OrganizationId>,
    ) -> Result<Box<dyn Change>, StoreError>;

    /// The same for a change that somebody of the organization `by` makes. Until its end no change
    /// inside that one commits either, though others may be made by its accounts at the same time:
    /// what ends the token that this one is made with is over before it begins, or comes after it.
    async fn begin_by(
        &self,
        organization: Option<OrganizationId>,
        by: OrganizationId,
    ) -> Result<Box<dyn Change>, StoreError>;
}

/// A transaction. Reads inside it see its own writes, and no other change of the same organization
/// runs at the same time. Dropped without [`Change::commit`], nothing has happened. After an error
/// (also [`WriteError::Taken`]) nothing more can be done with it but to drop it.
///
/// A write to something that the organization does not have is an error: look it up first, here,
/// under the lock.
#[async_trait]
pub trait Change:
    AccessChanges
    + AccessSizes
    + AccountChanges
    + AnsweredCallWrites
    + ApiChanges
    + ApiRows
    + ApiTokenRows
    + AuditWrites
    + CleanUpWrites
    + Counts
    + CredentialCountsInChange
    + CredentialChanges
    + GroupChanges
    + LeakWrites
    + LifecycleWrites
    + RoleChanges
    + SigningKeyChanges
    + TokenChanges
    + Send
{
    /// Locks the instance's row as well, for a change inside an organization whose rule is about
    /// the whole instance. Such a change takes this lock after its organization's, never before.
    async fn lock_instance(&mut self) -> Result<(), StoreError>;

    /// The instance's row.
    async fn find_instance(&mut self) -> Result<Option<Instance>, StoreError>;

    /// Writes the instance's row, or writes it anew (`init` finishing).
    async fn put_instance(&mut self, instance: &Instance) -> Result<(), StoreError>;

    /// Appends the audit event and commits, durably. The last three statements lock the chain's
    /// head, insert the event and move the head.
    async fn commit(self: Box<Self>, event: &AuditDraft) -> Result<(), StoreError>;
}
