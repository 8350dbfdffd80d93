//! Something of an account's, and the account: `ci-deployer/github`.

use std::fmt;
use std::str::FromStr;

use crate::cli::failure::Failure;
use crate::cli::session::Session;

/// A credential or an API token, and its account; each by name or id.
#[derive(Clone, Debug)]
pub struct Place {
    /// The account.
    pub account: String,
    /// What it has.
    pub name: String,
}

impl Place {
    /// Its path, in this collection of the account's.
    pub fn path(&self, session: &Session, collection: &str) -> Result<String, Failure> {
        self.below(session, collection, &[])
    }

    /// The path of something below it.
    pub fn below(
        &self,
        session: &Session,
        collection: &str,
        parts: &[&str],
    ) -> Result<String, Failure> {
        let place = ["service-accounts", &self.account, collection, &self.name];
        session.here(&[&place, parts].concat())
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // No account has a slash in its name, so what follows the first one is the other's.
        match text.split_once('/') {
            Some((account, name)) if !account.is_empty() && !name.is_empty() => Ok(Self {
                account: account.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("write ACCOUNT/NAME, each by name or id".to_owned()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.name)
    }
}

/// The same for what is about to be made: without a name it gets `default`.
pub fn new(text: &str, default: &str) -> Place {
    let (account, name) = text.split_once('/').unwrap_or((text, default));
    Place {
        account: account.to_owned(),
        name: name.to_owned(),
    }
}
