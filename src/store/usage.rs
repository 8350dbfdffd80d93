//! The stamps of use in the store. They are written behind, without an audit event.

use async_trait::async_trait;

use crate::domain::usage::CredentialUse;
use crate::domain::usage::LastUse;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;

use super::StoreError;

/// Stamps of use.
#[async_trait]
pub trait UsageStamps {
    /// Merges uses into what is stored (the earlier first, the later last).
    async fn record_usage(&self, uses: &[CredentialUse]) -> Result<(), StoreError>;

    /// Brings accounts and credentials to their places in the order of last use. It may be done twice.
    async fn record_last_use(&self, uses: &[LastUse]) -> Result<(), StoreError>;

    /// The stored stamps of these things, in no order.
    async fn list_usage(&self, subjects: &[UsageSubject]) -> Result<Vec<UsageStamp>, StoreError>;
}
