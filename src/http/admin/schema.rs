//! Schemas of what answers are made of, where no `derive` can give one.
//!
//! A struct that is answered derives `JsonSchema` beside `Serialize`; the schema says what the
//! serializer writes. An instant says `#[schemars(with = "Instant")]`, a word of a closed set
//! `#[schemars(extend("enum" = ...))]`.

use std::borrow::Cow;

use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::json_schema;
use serde_json::Value;
use serde_json::json;

use crate::app::access::DescribedAccess;
use crate::app::access::DescribedIdentifiers;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::ApiTokenId;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::id::EventId;
use crate::domain::id::GroupId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RequestId;
use crate::domain::id::ResourceId;
use crate::domain::id::RoleId;
use crate::domain::id::SecretId;

/// An instant as answers show it: RFC 3339, in UTC.
pub(super) enum Instant {}

impl JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// An object whose members depend on something else.
pub(super) enum AnyObject {}

impl JsonSchema for AnyObject {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyObject".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object"})
    }
}

/// A network in CIDR notation.
pub(super) enum Network {}

impl JsonSchema for Network {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "examples": ["10.0.0.0/8"]})
    }
}

/// `*` for all, or a list of keys.
fn identifiers() -> Value {
    json!({"anyOf": [
        {"type": "string", "const": "*"},
        {"type": "array", "items": {"type": "string"}},
    ]})
}

impl JsonSchema for DescribedIdentifiers {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Identifiers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": identifiers()["anyOf"]})
    }
}

impl JsonSchema for DescribedAccess {
    fn schema_name() -> Cow<'static, str> {
        "Access".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "description": "Grants: what may be done at which API, and with which of its resources",
            "items": {
                "type": "object",
                "required": ["api", "scopes", "resources"],
                "properties": {
                    "api": {"type": "string", "description": "The name of the API"},
                    "scopes": {"type": "array", "items": {"type": "string"}},
                    "resources": {
                        "type": "object",
                        "description": "By the type of the resources: `*` for all, or their keys",
                        "additionalProperties": identifiers(),
                    },
                },
            },
        })
    }
}

/// The schema of an id: its prefix and a ULID, in its one spelling.
macro_rules! ids {
    ($($id:ident)*) => {$(
        impl JsonSchema for $id {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($id).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let pattern = format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", $id::PREFIX);
                json_schema!({"type": "string", "pattern": pattern})
            }
        }
    )*};
}

ids! {
    AccountId ApiId ApiTokenId ClientId CredentialId EventId GroupId OrganizationId RequestId
    ResourceId RoleId SecretId
}
