//! How much there may be of what an organization makes one by one.
//!
//! Each of these is a row that stays, so without a limit one tenant fills the disk of all. They are far
//! above what anybody was seen to need, and low enough that everything which is read, compared or
//! counted as a whole still is so in no time. What an account has is limited in
//! [`credential`](super::credential), [`api_token`](super::api_token) and [`group`](super::group), and
//! how many accounts there are by the organization's own quota.

use std::fmt;

use super::id::ApiId;

/// The most roles of an organization: each may grant as much as an access has, 128 KiB.
pub const MAX_ROLES: u32 = 2_000;

/// The most groups of an organization.
pub const MAX_GROUPS: u32 = 10_000;

/// The most APIs of an organization.
pub const MAX_APIS: u32 = 1_000;

/// The most APIs that an organization has or had: the audience of one that was deleted stays reserved,
/// and is a row.
pub const MAX_AUDIENCES: u32 = 10_000;

/// The most resources of an API. Beyond that the keys of a grant are no way to say who may do what, and
/// `"*"` is.
pub const MAX_RESOURCES: u32 = 100_000;

/// What there may be only so much of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limited {
    /// Roles, but for those that are built in.
    Roles,
    /// Groups.
    Groups,
    /// APIs.
    Apis,
    /// APIs, those that were deleted among them.
    Audiences,
    /// Resources of this API.
    Resources(ApiId),
}

impl Limited {
    /// How much there may be of it.
    pub fn most(self) -> u32 {
        match self {
            Self::Roles => MAX_ROLES,
            Self::Groups => MAX_GROUPS,
            Self::Apis => MAX_APIS,
            Self::Audiences => MAX_AUDIENCES,
            Self::Resources(_) => MAX_RESOURCES,
        }
    }
}

/// The limit, and what to do about it.
impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.most();
        match self {
            Self::Roles => write!(
                f,
                "an organization has at most {most} roles of its own: delete one that nobody has"
            ),
            Self::Groups => write!(
                f,
                "an organization has at most {most} groups: delete one that nobody is in"
            ),
            Self::Apis => write!(
                f,
                "an organization has at most {most} APIs: delete one, or add scopes to one"
            ),
            Self::Audiences => write!(
                f,
                "an organization has at most {most} APIs in its time, since the audiences of those \
                 that were deleted stay reserved: add scopes to one that there is"
            ),
            Self::Resources(_) => write!(
                f,
                "an API has at most {most} resources: delete those that are gone, or grant \"*\""
            ),
        }
    }
}
