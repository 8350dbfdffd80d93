//! A client: everything that the OAuth endpoints must know of one credential and its account, read
//! in one snapshot. What an administrator sees of the same things is in [`super::credential`] and
//! [`super::account`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use smallvec::SmallVec;

use super::access::Access;
use super::api::Api;
use super::credential::CredentialKind;
use super::id::AccountId;
use super::id::ApiId;
use super::id::ClientId;
use super::id::CredentialId;
use super::id::OrganizationId;
use super::id::SecretId;
use super::liveness::Standing;
use super::secret::PepperId;
use super::secret::SecretHash;

/// A registered client in the sense of RFC 6749 section 2, as stored.
///
/// Its fields lie in memory in this order. What is asked of it at every check of a token comes first: with
/// thousands of clients in use none of it is in the processor's cache, and each line of that is waited for.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Client {
    /// How organization, account and credential stand.
    pub standing: Standing,
    /// The tenant.
    pub organization: OrganizationId,
    /// The account; the `sub` of its tokens.
    pub account: AccountId,
    /// The credential.
    pub credential: CredentialId,
    /// How it proves itself.
    pub kind: CredentialKind,
    /// The APIs that `access` names, in the order of their ids; `ostler` is not among them (it is
    /// built in).
    pub apis: Arc<[Arc<Api>]>,
    /// The credential's public name.
    pub client_id: ClientId,
    /// Its secrets that have not been revoked, from the oldest to the newest.
    pub secrets: SmallVec<[ClientSecret; 1]>,
    /// The networks that it may come from; empty = any.
    pub allowed_networks: Box<[IpNet]>,
    /// What it may do: its account's grants, roles and groups' roles, narrowed by the credential.
    pub access: Arc<Access>,
    /// The longest lifetime of its tokens that the organization allows.
    pub organization_max_token_lifetime: Option<Duration>,
    /// The longest lifetime of its tokens that the account allows.
    pub account_max_token_lifetime: Option<Duration>,
}

/// One secret of a client.
#[derive(Clone, Copy, Debug)]
pub struct ClientSecret {
    /// Its id.
    pub id: SecretId,
    /// Its HMAC.
    pub hash: SecretHash,
    /// The pepper of the HMAC.
    pub pepper: PepperId,
    /// The first instant at which it is no longer good; `None` = never.
    pub ends_at: Option<Timestamp>,
}

impl ClientSecret {
    /// Whether it may still authenticate: to the second, without leeway.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

impl Client {
    /// Whether a request from `address` is from a network that the credential allows.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allowed_networks.is_empty()
            || self
                .allowed_networks
                .iter()
                .any(|net| net.contains(&address))
    }

    /// One of its APIs.
    pub fn api(&self, id: ApiId) -> Option<&Arc<Api>> {
        self.apis.iter().find(|api| api.id == id)
    }
}

// What a check of a token reads is within two lines of the cache and a half.
const _: () = assert!(std::mem::offset_of!(Client, client_id) <= 160);
