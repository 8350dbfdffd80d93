//! How much an account holds in all, by itself, by its roles and by its groups.
//!
//! All of it is read when one of its clients authenticates, where nothing is kept in memory before its
//! secret is compared. So it has a limit as a whole, not only part by part: a hundred roles of a hundred
//! grants each would be a look-up of megabytes, for anybody who knows a client id.

use super::access::Access;
use super::access::Grant;
use super::holdings::Holdings;
use super::resource::Identifiers;

/// The most grants that an account holds in all: twenty times what one access may have. Each is some
/// rows to read, and is compared with each grant of a narrowing at its API.
pub const MAX_GRANTS_HELD: u64 = 2_000;

/// The most bytes of scopes and keys that an account holds in all: eight times what one access may
/// have. It takes some ten milliseconds to read.
pub const MAX_BYTES_HELD: u64 = 1024 * 1024;

/// The most grants of a narrowing at one API. What is left of an access under a narrowing has as many
/// grants as both have pairs there, so this is what keeps it from being a hundred times larger.
pub const MAX_NARROWING_GRANTS_AT_API: usize = 10;

/// How much there is of some access.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AccessSize {
    /// How many grants.
    pub grants: u64,
    /// The bytes of their scopes and keys, as a list of JSON strings: each between quotes and before a
    /// comma.
    pub bytes: u64,
}

impl AccessSize {
    /// The most that an account holds in all.
    pub const MAX_HELD: Self = Self {
        grants: MAX_GRANTS_HELD,
        bytes: MAX_BYTES_HELD,
    };

    /// Of an access by itself.
    pub fn of(access: &Access) -> Self {
        let grants = access.grants().iter();
        grants.fold(Self::default(), |size, grant| Self {
            grants: size.grants + 1,
            bytes: size.bytes + text_bytes(grant),
        })
    }

    /// Of all that an account holds, each role once. What is built in is in the code, and not read.
    pub fn of_holdings(holdings: &Holdings) -> Self {
        let roles = holdings.all_roles().filter(|role| !role.is_built_in());
        roles.fold(Self::of(&holdings.own), |size, role| {
            let of_role = Self::of(&role.access);
            Self {
                grants: size.grants + of_role.grants,
                bytes: size.bytes + of_role.bytes,
            }
        })
    }

    /// Whether there is more of it than an account may hold, and more than there was `before`: what is
    /// too much already may still become less.
    pub fn grows_too_large(self, before: Self) -> bool {
        let is_more = |now: u64, before: u64, most: u64| now > most && now > before;
        is_more(self.grants, before.grants, MAX_GRANTS_HELD)
            || is_more(self.bytes, before.bytes, MAX_BYTES_HELD)
    }

    /// Whether there is more of it than there was `before`, in either way.
    pub fn grows(self, before: Self) -> bool {
        self.grants > before.grants || self.bytes > before.bytes
    }
}

/// The bytes of a grant's scopes and keys.
pub fn text_bytes(grant: &Grant) -> u64 {
    let scopes = grant.scopes.iter().map(|scope| of_text(scope.as_str()));
    let keys = grant
        .resources
        .iter()
        .filter_map(|(_, identifiers)| match identifiers {
            Identifiers::All => None,
            Identifiers::Listed(keys) => Some(keys),
        })
        .flatten();
    scopes.chain(keys.map(|key| of_text(key.as_str()))).sum()
}

/// What a scope or a key counts for.
pub fn of_text(text: &str) -> u64 {
    text.len() as u64 + 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(grants: u64, bytes: u64) -> AccessSize {
        AccessSize { grants, bytes }
    }

    #[test]
    fn what_is_too_much_already_may_become_less_and_not_more() {
        let (most, none) = (AccessSize::MAX_HELD, AccessSize::default());
        assert!(!most.grows_too_large(none));
        assert!(size(2_001, 0).grows_too_large(none));
        assert!(size(0, 1_048_577).grows_too_large(none));
        assert!(!size(2_001, 5).grows_too_large(size(2_002, 4)));
        assert!(!size(2_001, 5).grows_too_large(size(2_001, 4)));
        assert!(size(2_002, 3).grows_too_large(size(2_001, 4)));
        assert!(size(2_001, 3).grows(size(2_000, 4)));
        assert!(!size(2_000, 4).grows(size(2_000, 4)));
    }
}
