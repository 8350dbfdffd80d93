//! A secret that somebody has reported as leaked, where the organization wants a person to decide what
//! follows.

use std::net::IpAddr;

use jiff::Timestamp;

use super::credential::CredentialRef;
use super::id::AccountId;
use super::id::SecretId;

/// A secret that was reported as leaked and still works.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leak {
    /// The secret.
    pub secret: SecretId,
    /// The credential that it belongs to, or the API token that it is.
    pub credential: CredentialRef,
    /// The account.
    pub account: AccountId,
    /// When it was first reported.
    pub reported_at: Timestamp,
    /// From where it was.
    pub address: Option<IpAddr>,
}
