//! How much there is of what an organization may have only so much of.

use async_trait::async_trait;

use crate::domain::id::OrganizationId;
use crate::domain::quota::Limited;

use super::StoreError;

/// For those who are about to make one more.
#[async_trait]
pub trait Counts: Send {
    /// Whether the organization has as much of it as it may have.
    async fn is_full(
        &mut self,
        organization: OrganizationId,
        what: Limited,
    ) -> Result<bool, StoreError>;
}
