//! Identifiers: a prefix that says of what, and a lower-case ULID.
//!
//! An id is kept as the 128 bits of its ULID, so it is `Copy`, compares in one instruction and can
//! never hold a character that is unsafe in a log line, a URL or a query. The text form exists only
//! where an id enters or leaves.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use ulid::Ulid;

/// A text that is not an identifier of the expected kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected an id of the form `{prefix}_` + 26 lower-case characters")]
pub struct InvalidId {
    /// The prefix that the text should have had.
    pub prefix: &'static str,
}

/// Length of a ULID in its text form.
const ULID_LEN: usize = 26;

/// The longest prefix.
const MAX_PREFIX_LEN: usize = 4;

/// Reads `<prefix>_<ulid>`, in lower case only: an id has exactly one spelling. Crockford's other
/// spellings of a digit (`i`, `l`, `o`) are none of ours, and nor is a number of more than 128 bits.
fn parse(text: &str, prefix: &'static str) -> Result<u128, InvalidId> {
    let digits = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .filter(|digits| digits.len() == ULID_LEN && digits.as_bytes()[0] <= b'7');
    let value = digits.and_then(|digits| {
        digits.bytes().try_fold(0_u128, |value, digit| {
            Some(value << 5 | u128::from(value_of(digit)?))
        })
    });
    value.ok_or(InvalidId { prefix })
}

/// What a digit of a ULID stands for.
fn value_of(digit: u8) -> Option<u8> {
    /// By the digit; 32 and more for what is none.
    const VALUES: [u8; 256] = {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut values = [u8::MAX; 256];
        let mut value = 0_u8;
        while (value as usize) < DIGITS.len() {
            values[DIGITS[value as usize] as usize] = value;
            value += 1;
        }
        values
    };
    Some(VALUES[usize::from(digit)]).filter(|value| *value < 32)
}

/// The text form of an id. It is written often, so it needs no allocation.
pub struct Text {
    bytes: [u8; MAX_PREFIX_LEN + 1 + ULID_LEN],
    len: usize,
}

impl Text {
    fn of(prefix: &str, value: u128) -> Self {
        let mut bytes = [0; MAX_PREFIX_LEN + 1 + ULID_LEN];
        let start = prefix.len() + 1;
        bytes[..prefix.len()].copy_from_slice(prefix.as_bytes());
        bytes[prefix.len()] = b'_';
        let mut digits = [0; ULID_LEN];
        Ulid(value).array_to_str(&mut digits);
        digits.make_ascii_lowercase();
        bytes[start..start + ULID_LEN].copy_from_slice(&digits);
        Self {
            bytes,
            len: start + ULID_LEN,
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only ASCII was put in.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(u128);

        impl $name {
            /// What the text form starts with, before the `_`.
            pub const PREFIX: &'static str = $prefix;

            /// An id that nothing else has: 48 bits of time (unix milliseconds) and 80 random bits.
            pub fn generate(unix_millis: u64, random: u128) -> Self {
                Self(Ulid::from_parts(unix_millis, random).0)
            }

            /// The id with these 128 bits, for the ids that are fixed in code.
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// Its 128 bits.
            pub const fn bits(self) -> u128 {
                self.0
            }

            /// When it was made, in unix milliseconds.
            pub const fn unix_millis(self) -> u64 {
                Ulid(self.0).timestamp_ms()
            }

            /// Its text form.
            pub fn to_text(self) -> Text {
                Text::of($prefix, self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text, $prefix).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.to_text().as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.to_text().as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// An organization: a tenant.
    OrganizationId = "org";
    /// A service account; the `sub` of its tokens.
    AccountId = "sa";
    /// A credential of an account.
    CredentialId = "cred";
    /// The public name of a credential, as it appears in `client_id` (RFC 6749 section 2.2).
    ClientId = "sac";
    /// A secret of a client-secret credential.
    SecretId = "sec";
    /// A long-lived API token.
    ApiTokenId = "tok";
    /// An API: a resource server.
    ApiId = "api";
    /// A resource inside an API.
    ResourceId = "res";
    /// A role.
    RoleId = "role";
    /// A group of accounts.
    GroupId = "grp";
    /// A signing key, where its `kid` is not meant.
    KeyId = "key";
    /// An audit event.
    EventId = "evt";
    /// One HTTP request.
    RequestId = "req";
}

/// Whether a text looks like an id (`<known prefix>_...`): names may not.
pub fn looks_like_an_id(text: &str) -> bool {
    const PREFIXES: [&str; 13] = [
        "org", "sa", "cred", "sac", "sec", "tok", "api", "res", "role", "grp", "key", "evt", "req",
    ];
    text.split_once('_')
        .is_some_and(|(prefix, _)| PREFIXES.contains(&prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling_and_round_trips() {
        let id = AccountId::generate(1_700_000_000_000, 42);
        let text = id.to_string();
        assert!(text.starts_with("sa_01") && text.len() == 29, "{text}");
        assert_eq!(text.parse::<AccountId>(), Ok(id));
        assert_eq!(
            serde_json::from_str::<AccountId>(&format!("\"{text}\"")).unwrap(),
            id
        );
    }

    #[test]
    fn another_kind_case_alphabet_or_length_is_refused() {
        let good = AccountId::generate(1, 1).to_string();
        let ulid = &good[3..];
        for wrong in [
            String::new(),
            "sa_".into(),
            format!("org_{ulid}"),
            good.to_uppercase(),
            format!("{good}0"),
            good[..good.len() - 1].to_owned(),
            format!("{}o", &good[..good.len() - 1]),
            format!("{}l", &good[..good.len() - 1]),
            "sa_8zzzzzzzzzzzzzzzzzzzzzzzzz".into(),
            "sa_é1arz3ndektsv4rrffq69g5fa".into(),
        ] {
            assert!(wrong.parse::<AccountId>().is_err(), "{wrong}");
        }
    }
}
