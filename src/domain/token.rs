//! Access tokens: what they say ([RFC 9068], [RFC 9396]), independent of how they are encoded.
//!
//! [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
//! [RFC 9396]: https://www.rfc-editor.org/rfc/rfc9396

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::Serializer;

use super::id::AccountId;
use super::id::ClientId;
use super::id::OrganizationId;
use super::organization::Generation;
use super::resource::Identifiers;
use super::resource::ResourceType;
use super::scope::ScopeSet;

/// What may be set as the longest lifetime of some tokens, in seconds.
pub const LIFETIME_LIMITS: RangeInclusive<u64> = 1..=4_294_967_295;

/// The `typ` header of an access token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TokenTyp {
    /// `at+jwt` (RFC 9068 section 2.1).
    AtJwt,
    /// `JWT`, for verifiers that refuse anything else.
    Jwt,
}

impl TokenTyp {
    /// The value of the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AtJwt => "at+jwt",
            Self::Jwt => "JWT",
        }
    }

    /// The typ of this exact value.
    pub fn parse(value: &str) -> Option<Self> {
        [Self::AtJwt, Self::Jwt]
            .into_iter()
            .find(|typ| typ.as_str() == value)
    }
}

/// A text that is not of the form that we give out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not of the form that this server gives out")]
pub struct NotOurs;

/// The `jti` of a token: 128 random bits, as 22 characters of base64url.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// The id with these bits.
    pub const fn from_bytes(bits: [u8; 16]) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn text(self) -> [u8; 22] {
        let mut text = [0; 22];
        let written = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text);
        debug_assert_eq!(written, Ok(22));
        text
    }
}

/// What base64 wrote is ASCII.
fn text_of(base64: &[u8]) -> &str {
    std::str::from_utf8(base64).unwrap_or_default()
}

impl FromStr for TokenId {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let mut bits = [0_u8; 16];
        // base64 refuses trailing bits, so a token id has one spelling.
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bits) {
            Ok(16) => Ok(Self(bits)),
            _ => Err(NotOurs),
        }
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text_of(&self.text()))
    }
}

impl Serialize for TokenId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text_of(&self.text()))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which history of the database a token belongs to: 8 random characters, new at `init` and at
/// every restore from a backup.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Epoch([u8; 8]);

impl Epoch {
    /// The epoch of these random bits: 8 characters of `[0-9a-z]`.
    pub fn from_random(random: [u8; 8]) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        Self(random.map(|byte| ALPHABET[usize::from(byte % 32)]))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Epoch {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let characters: [u8; 8] = text.as_bytes().try_into().map_err(|_| NotOurs)?;
        let ours = characters
            .iter()
            .all(|c| c.is_ascii_digit() || c.is_ascii_lowercase());
        ours.then_some(Self(characters)).ok_or(NotOurs)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The counters that a token carries: when one of them has moved on, the token is dead.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Generations {
    /// The history of the database.
    pub epoch: Epoch,
    /// Of the organization.
    pub organization: Generation,
    /// Of the account.
    pub account: Generation,
    /// Of the credential.
    pub credential: Generation,
}

/// The resources of one type that a token is limited to: an object of `authorization_details`
/// ([RFC 9396 §2]). Its `locations` are the token's audience.
///
/// [RFC 9396 §2]: https://www.rfc-editor.org/rfc/rfc9396#section-2
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct AuthorizationDetail {
    /// The type.
    pub resource_type: ResourceType,
    /// Which of them.
    pub identifiers: Identifiers,
}

/// Everything that an access token says. In this order in memory: what a check asks comes first.
#[derive(Clone, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct Claims {
    /// `exp`, unix seconds: the first second at which the token is dead.
    pub expires_at: i64,
    /// `iat`, unix seconds.
    pub issued_at: i64,
    /// `iss`: this server.
    pub issuer: Arc<str>,
    /// `epoch`, `org_gen`, `account_gen`, `credential_gen`.
    pub generations: Generations,
    /// `org`.
    pub organization: OrganizationId,
    /// `sub`.
    pub account: AccountId,
    /// `client_id`.
    pub client_id: ClientId,
    /// `jti`.
    pub id: TokenId,
    /// `aud`: one API.
    pub audience: Arc<str>,
    /// `scope`; may be empty, then the claim is left out.
    pub scopes: ScopeSet,
    /// `authorization_details`: one for each resource type that the API declares, in their order.
    pub details: Vec<AuthorizationDetail>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_id_has_one_spelling() {
        let id = TokenId::from_bytes([0xA5; 16]);
        let text = id.to_string();
        assert_eq!(text.len(), 22);
        assert_eq!(text.parse(), Ok(id));
        // The last character holds only two bits: the other spellings of it are refused.
        let respelled = format!("{}{}", &text[..21], 'x');
        assert_eq!(respelled.parse::<TokenId>(), Err(NotOurs));
        assert_eq!("".parse::<TokenId>(), Err(NotOurs));
    }

    #[test]
    fn an_epoch_is_eight_characters() {
        let epoch = Epoch::from_random([0, 1, 2, 30, 31, 32, 200, 255]);
        assert_eq!(epoch.as_str().len(), 8);
        assert_eq!(epoch.as_str().parse(), Ok(epoch));
        assert!("ABCDEFGH".parse::<Epoch>().is_err());
    }
}
