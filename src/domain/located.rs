//! `authorization_details` as JSON ([RFC 9396 §2]): the same in a token, in the token response and at
//! introspection.
//!
//! [RFC 9396 §2]: https://www.rfc-editor.org/rfc/rfc9396#section-2

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeSeq;

use super::resource::Identifiers;
use super::token::AuthorizationDetail;

/// The resources that a token is limited to; its audience is the only location of each.
#[derive(Clone, Copy, Debug)]
pub struct LocatedDetails<'a> {
    /// One for each type that the API declares.
    pub details: &'a [AuthorizationDetail],
    /// The API's audience.
    pub audience: &'a str,
}

impl LocatedDetails<'_> {
    /// Whether the API declares no resource type; then the member is left out.
    pub fn is_empty(&self) -> bool {
        self.details.is_empty()
    }
}

impl<'a> LocatedDetails<'a> {
    fn written(self) -> impl Iterator<Item = Written<'a>> {
        self.details.iter().map(move |detail| Written {
            r#type: detail.resource_type.as_str(),
            locations: [self.audience],
            identifiers: &detail.identifiers,
        })
    }
}

impl Serialize for LocatedDetails<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.written())
    }
}

/// The resources that an API token is limited to, at each of several APIs.
#[derive(Clone, Debug)]
pub struct Located<'a>(Vec<LocatedDetails<'a>>);

impl Located<'_> {
    /// Whether no API declares a resource type; then the member is left out.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(LocatedDetails::is_empty)
    }
}

impl<'a> FromIterator<LocatedDetails<'a>> for Located<'a> {
    fn from_iter<I: IntoIterator<Item = LocatedDetails<'a>>>(places: I) -> Self {
        Self(places.into_iter().collect())
    }
}

impl Serialize for Located<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().flat_map(|place| place.written()))
    }
}

/// An object of the list.
#[derive(Serialize)]
struct Written<'a> {
    r#type: &'a str,
    locations: [&'a str; 1],
    #[serde(serialize_with = "identifiers")]
    identifiers: &'a Identifiers,
}

/// `"*"` for all, a list otherwise.
fn identifiers<S: Serializer>(identifiers: &Identifiers, serializer: S) -> Result<S::Ok, S::Error> {
    match identifiers {
        Identifiers::All => serializer.serialize_str("*"),
        Identifiers::Listed(keys) => {
            let mut list = serializer.serialize_seq(Some(keys.len()))?;
            for key in keys {
                list.serialize_element(key.as_str())?;
            }
            list.end()
        }
    }
}
