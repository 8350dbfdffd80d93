//! Usage series: counts that are added up, hour by hour.

use std::net::IpAddr;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::usage_series::AddressCount;
use crate::domain::usage_series::By;
use crate::domain::usage_series::CountKey;
use crate::domain::usage_series::Counts;
use crate::domain::usage_series::Hour;
use crate::domain::usage_series::NetworkUse;

use super::StoreError;

/// What is added in one go, once, however often it is sent.
#[derive(Clone, Debug)]
pub struct CountBatch {
    /// By this it is known again.
    pub id: [u8; 16],
    /// When it was put together.
    pub at: Timestamp,
    /// Counts, each key once.
    pub counts: Vec<(CountKey, Counts)>,
    /// Addresses, each once for an hour of an account or an organization.
    pub addresses: Vec<AddressCount>,
    /// Networks, each once for an account.
    pub networks: Vec<NetworkUse>,
}

/// Whose series is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SeriesOf {
    /// An account's.
    Account(AccountId),
    /// All accounts' of the organization together.
    Organization,
}

/// From the first hour on, and before the second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hours {
    /// The first hour.
    pub from: Hour,
    /// The first hour after.
    pub until: Hour,
}

/// One hour of a series.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeriesRow {
    /// The hour.
    pub hour: Hour,
    /// What it is broken down by: the id of an API or a credential, or a code; `None` where it is
    /// not, or that is not known.
    pub key: Option<String>,
    /// How many.
    pub counts: Counts,
}

/// An address, over all hours that were asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddressRow {
    /// The address.
    pub address: IpAddr,
    /// How often.
    pub count: u64,
    /// When last.
    pub last_at: Timestamp,
}

/// Whose a client id is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientOwner {
    /// The client id.
    pub client_id: ClientId,
    /// The organization.
    pub organization: OrganizationId,
    /// The account.
    pub account: AccountId,
    /// The credential.
    pub credential: CredentialRef,
}

/// Reads and writes of usage series; no audit.
#[async_trait]
pub trait UsageSeries {
    /// Whose these client ids are, in no order; those of nobody are left out.
    async fn list_client_owners(
        &self,
        clients: &[ClientId],
    ) -> Result<Vec<ClientOwner>, StoreError>;

    /// Adds a batch, unless that was done before.
    async fn add_counts(&self, batch: &CountBatch) -> Result<(), StoreError>;

    /// Forgets counts and addresses of hours before `hour`, batches that were put together then,
    /// and networks that were last used before `network_unused_since`. Returns how many rows.
    async fn remove_counts(
        &self,
        hour: Hour,
        network_unused_since: Timestamp,
    ) -> Result<u64, StoreError>;

    /// The series of an account or of the organization, the oldest hour first, at most `limit` rows.
    async fn list_series(
        &self,
        organization: OrganizationId,
        of: SeriesOf,
        hours: Hours,
        by: By,
        limit: u32,
    ) -> Result<Vec<SeriesRow>, StoreError>;

    /// The addresses that most requests came from, at most `limit`.
    async fn list_addresses(
        &self,
        organization: OrganizationId,
        of: SeriesOf,
        hours: Hours,
        limit: u32,
    ) -> Result<Vec<AddressRow>, StoreError>;
}
