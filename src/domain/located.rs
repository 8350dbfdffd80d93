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

impl Serialize for LocatedDetails<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            r#type: &'a str,
            locations: [&'a str; 1],
            #[serde(serialize_with = "identifiers")]
            identifiers: &'a Identifiers,
        }
        serializer.collect_seq(self.details.iter().map(|detail| Written {
            r#type: detail.resource_type.as_str(),
            locations: [self.audience],
            identifiers: &detail.identifiers,
        }))
    }
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
