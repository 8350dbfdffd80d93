//! Forgetting secrets, and with them credentials and API tokens, that ended long ago.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::id::AccountId;
use crate::domain::id::ApiTokenId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;

use super::StoreError;

/// What was forgotten.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CleanedUp {
    /// How many secrets, with those that were API tokens.
    pub secrets: u64,
    /// Credentials of which no secret is left.
    pub credentials: Vec<CredentialId>,
    /// API tokens.
    pub api_tokens: Vec<ApiTokenId>,
}

/// What there is to be forgotten.
#[async_trait]
pub trait CleanUpReads {
    /// The organizations that have a secret which ended at `before` or earlier, by itself or with its
    /// credential.
    async fn list_organizations_to_clean_up(
        &self,
        before: Timestamp,
    ) -> Result<Vec<OrganizationId>, StoreError>;
}

/// Forgetting it.
#[async_trait]
pub trait CleanUpWrites {
    /// Forgets secrets of the organization that ended at `before` or earlier, up to a number that one
    /// transaction can hold, and the credentials and API tokens of which none is left.
    async fn clean_up_secrets(
        &mut self,
        organization: OrganizationId,
        before: Timestamp,
    ) -> Result<CleanedUp, StoreError>;

    /// Forgets the API tokens of an account that have ended at `now`, by themselves or by being taken
    /// back, but for the last `kept` of them. Of many, a number that one transaction can hold.
    async fn forget_ended_api_tokens(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        kept: u32,
        now: Timestamp,
    ) -> Result<Vec<ApiTokenId>, StoreError>;
}
