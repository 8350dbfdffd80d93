//! What a document says of texts with a rule: the rule itself is where the text is parsed.

use serde_json::Value;
use serde_json::json;

use crate::domain::name::AccountName;
use crate::domain::name::Label;
use crate::domain::name::Name;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::scope::MAX_SCOPE_LEN;
use crate::domain::scope::Scope;

/// The name of an organization, API, role or group.
pub(super) fn name() -> Value {
    json!({"pattern": Name::PATTERN})
}

/// The name of a service account.
pub(super) fn account_name() -> Value {
    json!({"pattern": AccountName::PATTERN, "minLength": 6, "maxLength": 30})
}

/// The name of a credential or a resource.
pub(super) fn label() -> Value {
    json!({"pattern": Label::PATTERN, "maxLength": Label::MAX_CHARS})
}

/// A scope.
pub(super) fn scope() -> Value {
    json!({"pattern": Scope::PATTERN, "maxLength": MAX_SCOPE_LEN})
}

/// A resource type.
pub(super) fn resource_type() -> Value {
    json!({"pattern": ResourceType::PATTERN})
}

/// A resource key.
pub(super) fn resource_key() -> Value {
    json!({"pattern": ResourceKey::PATTERN, "maxLength": 100})
}

/// An audience.
pub(super) fn audience() -> Value {
    json!({
        "format": "uri",
        "maxLength": 255,
        "description": "An absolute URI without a fragment, unique on the whole instance",
    })
}

/// An instant.
pub(super) fn instant() -> Value {
    json!({"format": "date-time"})
}

/// A network.
pub(super) fn network() -> Value {
    json!({"description": "A network in CIDR notation", "examples": ["10.0.0.0/8"]})
}

/// One of these words.
pub(super) fn words<const N: usize>(words: [&str; N]) -> Value {
    json!({"type": "string", "enum": words.to_vec()})
}

/// A text, with what else holds for it.
pub(super) fn text_like(mut schema: Value) -> Value {
    schema["type"] = json!("string");
    schema
}

/// What is searched for.
pub(super) fn search() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
        "pattern": r"^[^\u0000-\u001F\u007F-\u009F]*$",
    })
}

/// A span of time.
pub(super) fn span() -> Value {
    json!({
        "type": "string",
        "pattern": "^[0-9]{1,9}[smhdw]$",
        "description": "A whole number with its unit: seconds, minutes, hours, days or weeks",
        "examples": ["90d", "12h"],
    })
}

/// The order of a list of accounts or credentials.
pub(super) fn sort() -> Value {
    json!({
        "type": "string",
        "pattern": "^-?(name|created_at|last_used_at|expires_at)$",
    })
}
