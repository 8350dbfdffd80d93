//! Durable facts: what must survive a restart.
//!
//! SQL is the truth. There is one set of statements for SQLite and PostgreSQL. This module holds
//! rows, not rules: it says what is stored, and leaves what it means to `domain` and `oauth`.
//!
//! Three ways in:
//!
//! - the few reads of the OAuth endpoints, each one statement or one snapshot;
//! - the reads of administration, each inside one organization: there is no look-up by id alone;
//! - a [`Change`]: a transaction that can only be committed together with its audit event. A change
//!   that is dropped is rolled back. (Events without a change have [`Store::record_events`].)
//!
//! Every call can fail with [`StoreError`], which means *the store could not answer* and can only
//! become a 503: never an *unknown client*, an *inactive* or a *revoked*.
//!
//! [`SqlStore`] is the store over SQLite and PostgreSQL.

mod answered_call;
mod api;
mod api_token;
mod audit;
mod clean_up;
mod credential_counts;
mod findings;
mod group;
mod inventory;
mod leak;
mod lifecycle;
mod role;
mod sql;
mod usage_series;

pub use answered_call::AnsweredCall;
pub use answered_call::AnsweredCallWrites;
pub use answered_call::AnsweredCalls;
pub use api::ApiChanges;
pub use api::ApiPart;
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
pub use credential_counts::CredentialCounts;
pub use credential_counts::CredentialCountsInChange;
pub use findings::FindingPage;
pub use findings::FindingReads;
pub use findings::FindingRow;
pub use findings::FoundCredential;
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
pub use lifecycle::AccountNames;
pub use lifecycle::LifecycleWrites;
pub use role::NamedHolder;
pub use role::RoleChanges;
pub use role::RoleReads;
pub use sql::DataDirLock;
pub use sql::FileError;
pub use sql::OpenError;
pub use sql::SqlOptions;
pub use sql::SqlStore;
pub use usage_series::AddressRow;
pub use usage_series::ClientOwner;
pub use usage_series::CountBatch;
pub use usage_series::Hours;
pub use usage_series::SeriesOf;
pub use usage_series::SeriesRow;
pub use usage_series::UsageSeries;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::account::ServiceAccount;
use crate::domain::api::Api;
use crate::domain::api::ApiRecord;
use crate::domain::api::DescribedScope;
use crate::domain::audit::AuditDraft;
use crate::domain::client::Client;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::domain::id::ResourceId;
use crate::domain::id::RoleId;
use crate::domain::id::SecretId;
use crate::domain::liveness::Standing;
use crate::domain::organization::Generation;
use crate::domain::organization::Organization;
use crate::domain::organization::Status;
use crate::domain::resource::Resource;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::secret::PepperId;
use crate::domain::secret::StoredSecret;
use crate::domain::signing_key::SigningKeyRecord;
use crate::domain::token::Epoch;
use crate::domain::token::TokenId;
use crate::domain::usage::CredentialUse;
use crate::domain::usage::LastUse;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;
use crate::domain::version::Version;

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

/// A single token that was revoked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RevokedToken {
    /// Its `jti`.
    pub id: TokenId,
    /// The organization of its account.
    pub organization: OrganizationId,
    /// Its end: the row may go some time after it.
    pub expires_at: Timestamp,
}

/// How a presented token stands: one statement by primary keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenStanding {
    /// The organization, account and credential.
    pub standing: Standing,
    /// The account that the credential belongs to: it must be the token's `sub`.
    pub account: AccountId,
    /// The organization that the account belongs to: it must be the token's `org`.
    pub organization: OrganizationId,
    /// The credential, for usage.
    pub credential: CredentialRef,
    /// Whether its `jti` was revoked.
    pub token_is_revoked: bool,
    /// Whether what its key has signed counts.
    pub key_verifies: bool,
}

/// Whose access is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holder {
    /// An account's own grants.
    Account(AccountId),
    /// What a role grants.
    Role(RoleId),
    /// What a credential is narrowed to.
    Credential(CredentialId),
}

/// An account with its grants at one API, its own and those of its roles and its groups' roles.
#[derive(Clone, Debug)]
pub struct ApiHolder {
    /// The account.
    pub account: AccountId,
    /// The organization that owns it, and its status.
    pub organization: (OrganizationId, Status),
    /// The account's status.
    pub status: Status,
    /// The account's end; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// Its stored grants at the API, and no others: those of the roles that are built in are none, and
    /// never reach beyond one organization.
    pub access: Access,
}

impl ApiHolder {
    /// Whether the account itself is active at `now`, whatever its organization is.
    pub fn is_active_at(&self, now: Timestamp) -> bool {
        self.status == Status::Active && self.expires_at.is_none_or(|end| now < end)
    }
}

/// The durable store.
#[async_trait]
pub trait Store:
    AccountNames
    + AnsweredCalls
    + ApiTokenReads
    + AuditReads
    + CleanUpReads
    + CredentialCounts
    + FindingReads
    + GroupReads
    + InventoryReads
    + LeakReads
    + RoleReads
    + UsageSeries
    + Send
    + Sync
    + 'static
{
    // --- Whether it answers

    /// Whether the store answered the last time it was asked. While it is `false`, every method
    /// fails at once, and whoever answers from memory must answer 503 too.
    fn is_open(&self) -> bool;

    /// Closes every connection, after what is under way. Every later call fails.
    async fn close(&self);

    // --- The instance

    /// Whether the store answers: reads one row.
    async fn ping(&self) -> Result<(), StoreError>;

    /// What `init` wrote; `None` on an empty store.
    async fn find_instance(&self) -> Result<Option<Instance>, StoreError>;

    /// Every signing key that was ever recorded, the oldest first.
    async fn list_signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError>;

    /// Notes that these keys have signed at these instants (the later counts): written behind, no
    /// audit.
    async fn record_signatures(&self, signed: &[(String, Timestamp)]) -> Result<(), StoreError>;

    /// Notes that active keys sign tokens that live this long, where it was less; no audit.
    async fn record_longer_tokens(&self, max_lifetime: Duration) -> Result<(), StoreError>;

    /// Notes that from `now` on active keys sign tokens that live this long at most, where it was more,
    /// and by when the longer ones are dead; no audit.
    async fn record_shorter_tokens(
        &self,
        max_lifetime: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    // --- The OAuth endpoints

    /// A client with all that issuance must know, in one snapshot. A deleted account has none.
    async fn find_client(&self, client_id: ClientId) -> Result<Option<Client>, StoreError>;

    /// How a token of this client, signed by the key `kid`, stands, in one statement by primary keys;
    /// `None` when the credential does not exist any more.
    async fn find_token_standing(
        &self,
        client_id: ClientId,
        token: TokenId,
        kid: &str,
    ) -> Result<Option<TokenStanding>, StoreError>;

    /// An API that has not been deleted, by the `aud` of its tokens, on the whole instance.
    async fn find_api_by_audience(&self, audience: &str) -> Result<Option<Api>, StoreError>;

    /// Every revoked token whose end is after `now`.
    async fn list_revoked_tokens(&self, now: Timestamp) -> Result<Vec<RevokedToken>, StoreError>;

    /// Forgets revoked tokens whose end is before `before`; returns how many.
    async fn remove_revoked_tokens(&self, before: Timestamp) -> Result<u64, StoreError>;

    // --- Usage: written behind, no audit

    /// Merges uses into what is stored (the earlier first, the later last).
    async fn record_usage(&self, uses: &[CredentialUse]) -> Result<(), StoreError>;

    /// Brings accounts and credentials to their places in the order of last use. It may be done twice.
    async fn record_last_use(&self, uses: &[LastUse]) -> Result<(), StoreError>;

    /// The stored stamps of these things, in no order.
    async fn list_usage(&self, subjects: &[UsageSubject]) -> Result<Vec<UsageStamp>, StoreError>;

    // --- Audit events of what is no change

    /// Appends events to their chain in one transaction, under the lock of the organization whose
    /// events they are. One that is there already is left alone: the answer to the call that wrote
    /// it may have been lost.
    async fn record_events(
        &self,
        organization: OrganizationId,
        events: &[AuditDraft],
    ) -> Result<(), StoreError>;

    // --- Administration: every read is inside an organization

    /// An organization.
    async fn find_organization(
        &self,
        organization: &Lookup<OrganizationId>,
    ) -> Result<Option<Organization>, StoreError>;

    /// Organizations, only those in `among` when it is given.
    async fn list_organizations(
        &self,
        among: Option<&[OrganizationId]>,
        page: Page<OrganizationId>,
    ) -> Result<Vec<Organization>, StoreError>;

    /// How many accounts an organization has.
    async fn count_accounts(&self, organization: OrganizationId) -> Result<u32, StoreError>;

    /// An account.
    async fn find_account(
        &self,
        organization: OrganizationId,
        account: &Lookup<AccountId>,
    ) -> Result<Option<ServiceAccount>, StoreError>;

    /// Accounts.
    async fn list_accounts(
        &self,
        organization: OrganizationId,
        page: Page<AccountId>,
    ) -> Result<Vec<ServiceAccount>, StoreError>;

    /// The grants of an account, a role or a credential; `None` for a credential that is not narrowed.
    async fn find_access(
        &self,
        organization: OrganizationId,
        holder: Holder,
    ) -> Result<Option<Access>, StoreError>;

    /// A credential of an account, with its secrets and its narrowing.
    async fn find_credential(
        &self,
        organization: OrganizationId,
        account: AccountId,
        credential: &Lookup<CredentialId>,
    ) -> Result<Option<Credential>, StoreError>;

    /// The credentials of these accounts (all of the organization's when it is `None`).
    async fn list_credentials(
        &self,
        organization: OrganizationId,
        accounts: Option<&[AccountId]>,
        page: Page<CredentialId>,
    ) -> Result<Vec<Credential>, StoreError>;

    /// An API that has not been deleted.
    async fn find_api(
        &self,
        organization: OrganizationId,
        api: &Lookup<ApiId>,
    ) -> Result<Option<ApiRecord>, StoreError>;

    /// APIs that have not been deleted.
    async fn list_apis(
        &self,
        organization: OrganizationId,
        page: Page<ApiId>,
    ) -> Result<Vec<ApiRecord>, StoreError>;

    /// A resource.
    async fn find_resource(
        &self,
        organization: OrganizationId,
        api: ApiId,
        resource: &ResourceLookup,
    ) -> Result<Option<Resource>, StoreError>;

    /// Resources of an API.
    async fn list_resources(
        &self,
        organization: OrganizationId,
        api: ApiId,
        page: Page<ResourceId>,
    ) -> Result<Vec<Resource>, StoreError>;

    // --- Changes

    /// Begins a change inside `organization` and locks its row, or one of the instance (`None`),
    /// which locks the instance's row. The caller runs it in a task of its own, so that a client
    /// that hangs up cannot cancel it half-way.
    async fn begin(
        &self,
        organization: Option<OrganizationId>,
    ) -> Result<Box<dyn Change>, StoreError>;
}

/// A resource named in a path: by id, or by `type:key`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ResourceLookup {
    /// By id.
    Id(ResourceId),
    /// By type and key.
    Key(ResourceType, ResourceKey),
}

/// A transaction. Reads inside it see its own writes, and no other change of the same organization
/// runs at the same time. Dropped without [`Change::commit`], nothing has happened. After an error
/// (also [`WriteError::Taken`]) nothing more can be done with it but to drop it.
///
/// A write to something that the organization does not have is an error: look it up first, here,
/// under the lock.
#[async_trait]
pub trait Change:
    AnsweredCallWrites
    + ApiChanges
    + ApiTokenRows
    + AuditWrites
    + CleanUpWrites
    + CredentialCountsInChange
    + GroupChanges
    + LeakWrites
    + LifecycleWrites
    + RoleChanges
    + Send
{
    // --- Reads, under the lock

    /// Locks the instance's row as well, for a change inside an organization whose rule is about
    /// the whole instance. Such a change takes this lock after its organization's, never before.
    async fn lock_instance(&mut self) -> Result<(), StoreError>;

    /// The instance's row.
    async fn find_instance(&mut self) -> Result<Option<Instance>, StoreError>;

    /// An organization.
    async fn find_organization(
        &mut self,
        organization: &Lookup<OrganizationId>,
    ) -> Result<Option<Organization>, StoreError>;

    /// How many accounts an organization has.
    async fn count_accounts(&mut self, organization: OrganizationId) -> Result<u32, StoreError>;

    /// An account.
    async fn find_account(
        &mut self,
        organization: OrganizationId,
        account: &Lookup<AccountId>,
    ) -> Result<Option<ServiceAccount>, StoreError>;

    /// The grants of an account, a role or a credential; `None` for a credential that is not narrowed.
    async fn find_access(
        &mut self,
        organization: OrganizationId,
        holder: Holder,
    ) -> Result<Option<Access>, StoreError>;

    /// A credential of an account, with its secrets and its narrowing.
    async fn find_credential(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        credential: &Lookup<CredentialId>,
    ) -> Result<Option<Credential>, StoreError>;

    /// All credentials of an account.
    async fn list_credentials(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<Vec<Credential>, StoreError>;

    /// An API that has not been deleted.
    async fn find_api(
        &mut self,
        organization: OrganizationId,
        api: &Lookup<ApiId>,
    ) -> Result<Option<ApiRecord>, StoreError>;

    /// Which of `keys` exist among the resources of `resource_type`.
    async fn list_known_keys(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        resource_type: &ResourceType,
        keys: &[ResourceKey],
    ) -> Result<Vec<ResourceKey>, StoreError>;

    /// Every account (on the instance) that has any stored grant at this API, by whichever way: to see
    /// who would be left without.
    async fn list_holders(&mut self, api: ApiId) -> Result<Vec<ApiHolder>, StoreError>;

    /// Every signing key that was ever recorded, the oldest first.
    async fn list_signing_keys(&mut self) -> Result<Vec<SigningKeyRecord>, StoreError>;

    // --- Writes

    /// Writes the instance's row, or writes it anew (`init` finishing).
    async fn put_instance(&mut self, instance: &Instance) -> Result<(), StoreError>;

    /// A new organization.
    async fn add_organization(&mut self, organization: &Organization) -> Result<(), WriteError>;

    /// A new account, without access.
    async fn add_account(&mut self, account: &ServiceAccount) -> Result<(), WriteError>;

    /// Sets an account's status.
    async fn set_account_status(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        status: Status,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Raises an account's counter; every older token of it is dead. Returns the new value.
    async fn raise_account_generation(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<Generation, StoreError>;

    /// Deletes an account: purges its credentials, secrets, access, roles and memberships, and leaves a
    /// tombstone that audit and usage can still name.
    async fn remove_account(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Sets the grants of an account or a role, or what a credential is narrowed to (`None` = not
    /// narrowed; the access of the others is never `None`).
    async fn replace_access(
        &mut self,
        organization: OrganizationId,
        holder: Holder,
        access: Option<&Access>,
    ) -> Result<(), StoreError>;

    /// A new credential with its secrets and its narrowing.
    async fn add_credential(&mut self, credential: &Credential) -> Result<(), WriteError>;

    /// Sets a credential's status.
    async fn set_credential_status(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
        status: Status,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Raises a credential's counter; every older token of it is dead. Returns the new value.
    async fn raise_credential_generation(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
    ) -> Result<Generation, StoreError>;

    /// Deletes a credential and its secrets.
    async fn remove_credential(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
    ) -> Result<(), StoreError>;

    /// A new secret of a credential.
    async fn add_secret(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
        secret: &StoredSecret,
    ) -> Result<(), StoreError>;

    /// Sets the end of a secret.
    async fn set_secret_end(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
        ends_at: Option<Timestamp>,
    ) -> Result<(), StoreError>;

    /// Marks a secret as revoked.
    async fn revoke_secret(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Deletes a secret that has ended; what was known of its use is then known of its credential.
    async fn remove_secret(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
    ) -> Result<(), StoreError>;

    /// A new API with its scopes and resource types. `Taken` for its name and for its audience,
    /// which stays reserved for its organization after deletion.
    async fn add_api(&mut self, api: &ApiRecord) -> Result<(), WriteError>;

    /// A new scope of an API.
    async fn add_scope(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        scope: &DescribedScope,
    ) -> Result<(), WriteError>;

    /// A new resource.
    async fn add_resource(
        &mut self,
        organization: OrganizationId,
        resource: &Resource,
    ) -> Result<(), WriteError>;

    /// A new signing key.
    async fn add_signing_key(&mut self, key: &SigningKeyRecord) -> Result<(), WriteError>;

    /// Writes the state and the instants of a signing key anew, but for its last signature. Returns
    /// its new version.
    async fn update_signing_key(&mut self, key: &SigningKeyRecord) -> Result<Version, StoreError>;

    /// Revokes a single token; `false` when it was revoked already.
    async fn add_revoked_token(
        &mut self,
        token: &RevokedToken,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    // --- The end

    /// Appends the audit event and commits, durably. The last three statements lock the chain's
    /// head, insert the event and move the head.
    async fn commit(self: Box<Self>, event: &AuditDraft) -> Result<(), StoreError>;
}
