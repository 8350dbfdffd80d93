//! Resources: the things inside an API that access can be restricted to.

use std::fmt;
use std::sync::Arc;

use super::id::ApiId;
use super::id::ResourceId;
use super::name::Label;
use super::resource_keys::ResourceKeys;
use super::version::EntityTag;
use super::version::Version;
use super::version::Versioned;

/// A text that is not a resource type or key; the message says the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidResource(&'static str);

/// The kind of a resource, such as `project`; the `type` of an RFC 9396 object.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResourceType(Arc<str>);

impl ResourceType {
    /// The rule as a regular expression.
    pub const PATTERN: &'static str = "^[a-z][a-z0-9_-]{0,29}$";

    /// Checks the rule: `[a-z][a-z0-9_-]{0,29}`.
    pub fn parse(text: &str) -> Result<Self, InvalidResource> {
        let mut bytes = text.bytes();
        let right = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
            && text.len() <= 30;
        right.then(|| Self(text.into())).ok_or(InvalidResource(
            "a resource type is 1 to 30 of a-z, 0-9, `-` and `_`, and begins with a letter",
        ))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names a resource among those of its type; an identifier of an RFC 9396 object.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResourceKey(Arc<str>);

impl ResourceKey {
    /// The rule as a regular expression, but for the length.
    pub const PATTERN: &'static str = "^([!-)+-~]|[!-~]{2,})$";

    /// Checks the rule: 1 to 100 printable ASCII characters without blanks, and not `*`, which
    /// stands for all.
    pub fn parse(text: &str) -> Result<Self, InvalidResource> {
        let right = (1..=100).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && text != "*";
        right.then(|| Self(text.into())).ok_or(InvalidResource(
            "a resource key is 1 to 100 printable ASCII characters without blanks, and not `*`",
        ))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A resource that an API's owner has made known.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its id.
    pub id: ResourceId,
    /// The API that it is part of.
    pub api: ApiId,
    /// Its type, one that the API declares.
    pub resource_type: ResourceType,
    /// Its key, unique among its type.
    pub key: ResourceKey,
    /// What people call it.
    pub name: Option<Label>,
    /// Raised by every change of it.
    pub version: Version,
}

impl Versioned for Resource {
    fn tag(&self) -> EntityTag {
        EntityTag::of(self.id, self.version)
    }
}

/// Some resources of one type: an explicit *all*, or a list (which may be empty).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Identifiers {
    /// Every resource of the type, those included that come later.
    All,
    /// These, and no others.
    Listed(ResourceKeys),
}

impl Identifiers {
    /// No resource at all.
    pub const NONE: Self = Self::Listed(ResourceKeys::NONE);

    /// Whether `key` is among them.
    pub fn contains(&self, key: &ResourceKey) -> bool {
        self.contains_text(key.as_str())
    }

    /// Whether the resource with the key `key` is among them.
    pub fn contains_text(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(keys) => keys.contains(key),
        }
    }

    /// The keys that are listed: none for an explicit *all*.
    pub fn keys(&self) -> impl Iterator<Item = &ResourceKey> {
        let listed = match self {
            Self::All => None,
            Self::Listed(keys) => Some(keys.iter()),
        };
        listed.into_iter().flatten()
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Listed(keys) if keys.is_empty())
    }

    /// Whether all of `self` is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::All) => true,
            (Self::All, Self::Listed(_)) => false,
            (Self::Listed(own), Self::Listed(others)) => own.is_subset(others),
        }
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, same) | (same, Self::All) => same.clone(),
            (Self::Listed(own), Self::Listed(others)) => Self::Listed(own.intersection(others)),
        }
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Listed(own), Self::Listed(others)) => Self::Listed(own.union(others)),
        }
    }

    /// What is in any of these: in one step, whatever their number.
    pub fn union_of(all: impl IntoIterator<Item = Self>) -> Self {
        let listed = all.into_iter().map(|one| match one {
            Self::All => None,
            Self::Listed(keys) => Some(keys),
        });
        match listed.collect::<Option<Vec<_>>>() {
            None => Self::All,
            Some(lists) => Self::Listed(lists.iter().flatten().cloned().collect()),
        }
    }

    /// A list of these keys.
    pub fn listed<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidResource> {
        keys.into_iter()
            .map(ResourceKey::parse)
            .collect::<Result<_, _>>()
            .map(Self::Listed)
    }
}
