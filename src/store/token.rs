//! Clients and tokens in the store: what the OAuth endpoints ask.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::client::Client;
use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::liveness::Standing;
use crate::domain::token::TokenId;

use super::StoreError;

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

/// What the OAuth endpoints ask of clients and tokens.
#[async_trait]
pub trait TokenReads {
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

    /// Every revoked token whose end is after `now`.
    async fn list_revoked_tokens(&self, now: Timestamp) -> Result<Vec<RevokedToken>, StoreError>;

    /// Forgets revoked tokens whose end is before `before`; returns how many.
    async fn remove_revoked_tokens(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// Tokens and their revocations in a change.
#[async_trait]
pub trait TokenChanges: Send {
    /// How a token stands, as [`TokenReads::find_token_standing`] says it, under the locks of the
    /// change.
    async fn find_token_standing(
        &mut self,
        client_id: ClientId,
        token: TokenId,
        kid: &str,
    ) -> Result<Option<TokenStanding>, StoreError>;

    /// Revokes a single token; `false` when it was revoked already.
    async fn add_revoked_token(
        &mut self,
        token: &RevokedToken,
        at: Timestamp,
    ) -> Result<bool, StoreError>;
}
