//! APIs: the resource servers that tokens are for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::id::ApiId;
use super::id::OrganizationId;
use super::name::Name;
use super::resource::ResourceType;
use super::scope::Scope;
use super::scope::ScopeSet;
use super::signing_key::Algorithm;
use super::token::TokenTyp;
use super::version::EntityTag;
use super::version::Version;
use super::version::Versioned;

/// The most scopes of an API: all of them are read with it, and a grant may name each.
pub const MAX_SCOPES: usize = 1_000;

/// The most bytes of the scopes of an API with what is written about them: a sentence about each of a
/// thousand. Two hundred APIs are on a page.
pub const MAX_SCOPE_BYTES: usize = 256 * 1024;

/// How many bytes these scopes have with what is written about them.
pub fn scope_bytes<'a>(scopes: impl IntoIterator<Item = &'a DescribedScope>) -> usize {
    let described = |scope: &DescribedScope| scope.description.as_ref().map_or(0, String::len);
    let scopes = scopes.into_iter();
    scopes
        .map(|scope| scope.scope.as_str().len() + described(scope))
        .sum()
}

/// A text that cannot be an audience; the message says the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "an audience is an absolute URI without a fragment, of at most 255 printable ASCII characters"
)]
pub struct InvalidAudience;

/// The `aud` of an API's tokens and its `resource` indicator ([RFC 8707 §2]): an absolute URI,
/// unique on the instance and never changed. It is compared byte by byte.
///
/// [RFC 8707 §2]: https://www.rfc-editor.org/rfc/rfc8707#section-2
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Audience(Arc<str>);

impl Audience {
    /// Checks the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidAudience> {
        let printable = text.len() <= 255
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        let absolute = || Url::parse(text).is_ok_and(|url| url.fragment().is_none());
        if printable && !text.contains('#') && absolute() {
            Ok(Self(text.into()))
        } else {
            Err(InvalidAudience)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an API wants its tokens.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TokenSettings {
    /// How long its tokens live; `None` = the server's default.
    pub lifetime: Option<Duration>,
    /// What signs them.
    pub signing_alg: Algorithm,
    /// Their `typ` header; some verifiers know only `JWT`.
    pub typ: TokenTyp,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            lifetime: None,
            signing_alg: Algorithm::Es256,
            typ: TokenTyp::AtJwt,
        }
    }
}

/// What decisions need to know of an API.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Api {
    /// Its id.
    pub id: ApiId,
    /// The organization that owns it; `None` for `ostler`, which the instance owns.
    pub organization: Option<OrganizationId>,
    /// Its name, unique in the organization.
    pub name: Name,
    /// The `aud` of its tokens.
    pub audience: Audience,
    /// Its scopes.
    pub scopes: ScopeSet,
    /// The types of its resources, sorted. Every token names each of them.
    pub resource_types: Vec<ResourceType>,
    /// How it wants its tokens.
    pub token: TokenSettings,
}

/// A scope with what it means, as the API's owner describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DescribedScope {
    /// The scope.
    pub scope: Scope,
    /// What it allows, for people.
    pub description: Option<String>,
    /// The version of its API in which it was made. It never changes, and one that is made anew has
    /// another.
    pub version: Version,
}

impl DescribedScope {
    /// A scope of a new API.
    pub fn new(scope: Scope, description: Option<String>) -> Self {
        Self {
            scope,
            description,
            version: Version::FIRST,
        }
    }
}

/// An API as its administrators see it.
#[derive(Clone, Debug)]
pub struct ApiRecord {
    /// What decisions need.
    pub api: Api,
    /// Its scopes with their descriptions, in the order of `api.scopes`.
    pub described_scopes: Vec<DescribedScope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Raised by every change of it, its scopes and its resources.
    pub version: Version,
}

impl Versioned for ApiRecord {
    fn tag(&self) -> EntityTag {
        EntityTag::of(self.api.id, self.version)
    }
}

impl ApiRecord {
    /// A scope of the API, as its administrators see it.
    pub fn described_scope(&self, scope: &str) -> Option<&DescribedScope> {
        let mut scopes = self.described_scopes.iter();
        scopes.find(|described| described.scope.as_str() == scope)
    }

    /// The tag of a scope of the API. It has no id of its own.
    pub fn tag_of(&self, scope: &DescribedScope) -> EntityTag {
        EntityTag::of(
            format_args!("{}:{}", self.api.id, scope.scope),
            scope.version,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences_are_absolute_uris_without_fragment() {
        for good in [
            "https://api.example.com",
            "https://api.example.com/v1/",
            "urn:example:api",
        ] {
            assert!(Audience::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api",
            "/path",
            "//host/path",
            "https://a/#f",
            "https://a/ b",
            "https://ä",
        ] {
            assert!(Audience::parse(bad).is_err(), "{bad}");
        }
    }
}
