//! Service accounts: the non-human identities. An account is the `sub` of its tokens; what
//! RFC 6749 calls a *client* is one of its credentials.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::id::AccountId;
use super::id::OrganizationId;
use super::name::AccountName;
use super::organization::Generation;
use super::organization::Status;
use super::version::EntityTag;
use super::version::Version;
use super::version::Versioned;

/// A non-human identity; it cannot log in interactively.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Its id, never used again after deletion.
    pub id: AccountId,
    /// The organization that owns it.
    pub organization: OrganizationId,
    /// Its name, unique in the organization without regard to case.
    pub name: AccountName,
    /// `<name>-<6 characters>@<org>.serviceaccount.<issuer host>`: fixed at creation.
    pub email: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// Whether it may get and use tokens.
    pub status: Status,
    /// Raised to kill its tokens.
    pub generation: Generation,
    /// The first instant at which it is no longer good; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// The longest lifetime of its tokens; `None` = what the server and the API allow.
    pub max_token_lifetime: Option<Duration>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed; use does not count.
    pub updated_at: Timestamp,
    /// Raised by every change of it, its access and its roles.
    pub version: Version,
}

impl Versioned for ServiceAccount {
    fn tag(&self) -> EntityTag {
        EntityTag::of(self.id, self.version)
    }
}

/// How an account stands, as an administrator sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AccountStatus {
    /// In use.
    Active,
    /// Stopped by an administrator.
    Disabled,
    /// Its end has passed.
    Expired,
}

impl AccountStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Disabled, Self::Expired];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
        }
    }
}

impl ServiceAccount {
    /// How it stands at `now`.
    pub fn status_at(&self, now: Timestamp) -> AccountStatus {
        match self.status {
            Status::Active if self.expires_at.is_some_and(|end| end <= now) => {
                AccountStatus::Expired
            }
            Status::Active => AccountStatus::Active,
            Status::Disabled | Status::Revoked => AccountStatus::Disabled,
        }
    }
}

/// The most labels of an account.
pub const MAX_LABELS: usize = 64;

/// The names of labels, as a regular expression.
pub const LABEL_NAME_PATTERN: &str = "^[A-Za-z0-9_./-]{1,63}$";

/// A text that is no name of a label; the message says the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the name of a label is 1 to 63 of A-Z, a-z, 0-9, `-`, `_`, `.` and `/`")]
pub struct InvalidLabelName;

/// Whether a label may have this name.
pub fn check_label_name(name: &str) -> Result<(), InvalidLabelName> {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let is_name = (1..=63).contains(&name.len()) && name.bytes().all(is_right);
    is_name.then_some(()).ok_or(InvalidLabelName)
}

/// The e-mail of a new account: a stable name for logs and for lists of permissions in other
/// systems. It is fixed at creation, so the six characters keep a re-created name apart.
pub fn email(name: &AccountName, six: &str, organization: &str, issuer_host: &str) -> String {
    let name = name.folded();
    format!("{name}-{six}@{organization}.serviceaccount.{issuer_host}")
}

/// The six characters of an e-mail, `[0-9a-z]`, from random bits. They tell apart, they hide nothing.
pub fn six_characters(random: [u8; 6]) -> String {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    random
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 36)]))
        .collect()
}
