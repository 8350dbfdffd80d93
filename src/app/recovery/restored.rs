//! What a recovery gives back.

/// Something that the account was given back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Restored {
    /// The organization is active again.
    Organization,
    /// There is an account again.
    Account,
    /// The account is active again.
    Status,
    /// The account has no end any more.
    End,
    /// The account holds all of `ostler` again.
    Access,
}

impl Restored {
    /// What it comes to, for a person.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Organization => {
                "the organization `default` was disabled: it is enabled again, with every account in it"
            }
            Self::Account => "there was no account `administrator`: it is made anew",
            Self::Status => "the account was disabled: it is enabled again",
            Self::End => "the account had expired: it has no end any more",
            Self::Access => {
                "the account held less than all of `ostler` on every organization: it holds that again"
            }
        }
    }
}
