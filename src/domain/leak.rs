//! A secret that somebody has reported as leaked, where the organization wants a person to decide what
//! follows.

use std::net::IpAddr;

use jiff::Timestamp;

use super::credential::CredentialKind;
use super::id::AccountId;
use super::id::CredentialId;
use super::id::SecretId;

/// A secret that was reported as leaked and still works.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leak {
    /// The secret.
    pub secret: SecretId,
    /// The credential that it belongs to, or that it is (an API token).
    pub credential: CredentialId,
    /// Which of both.
    pub kind: CredentialKind,
    /// The account.
    pub account: AccountId,
    /// When it was first reported.
    pub reported_at: Timestamp,
    /// From where it was.
    pub address: Option<IpAddr>,
}
