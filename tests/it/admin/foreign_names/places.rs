//! Where bodies and queries name something, and what of.

use serde_json::Value;
use serde_json::json;

/// A place in a body where something is named.
pub(super) struct Place {
    /// The end of its pointer in the schema; `0` is any item, `*` any member.
    pub(super) leaf: &'static str,
    /// The member that holds it.
    pub(super) member: &'static str,
    /// The kind of thing that it names.
    pub(super) kind: &'static str,
    /// A value of the member that names this, and something of the caller's own where there is room.
    pub(super) value: fn(&str) -> Value,
}

/// A grant at an API of the caller's own.
pub(super) fn grant(scope: &str, resources: &Value) -> Value {
    json!({"api": "api-of-ours", "scopes": [scope], "resources": resources})
}

pub(super) fn right() -> Value {
    grant("read", &json!({"project": ["KEY-ours"]}))
}

/// A grant of `ostler`.
fn of_ostler(organizations: &[&str], apis: &[&str]) -> Value {
    let resources = json!({"organization": organizations, "api": apis});
    json!([right(), {"api": "ostler", "scopes": ["introspect"], "resources": resources}])
}

pub(super) const PLACES: &[Place] = &[
    Place {
        leaf: "/access/0/api",
        member: "access",
        kind: "api",
        value: |name| {
            let resources = json!({"project": []});
            json!([right(), {"api": name, "scopes": ["read"], "resources": resources}])
        },
    },
    Place {
        leaf: "/access/0/scopes/0",
        member: "access",
        kind: "scope",
        value: |name| json!([right(), grant(name, &json!({"project": []}))]),
    },
    Place {
        leaf: "/access/0/resources/*",
        member: "access",
        kind: "type",
        value: |name| json!([right(), grant("read", &json!({"project": [], name: []}))]),
    },
    Place {
        leaf: "/access/0/resources/*/0",
        member: "access",
        kind: "key",
        value: |name| {
            json!([
                right(),
                grant("read", &json!({"project": ["KEY-ours", name]}))
            ])
        },
    },
    Place {
        leaf: "/access/0/resources/*/0",
        member: "access",
        kind: "organization",
        value: |name| of_ostler(&["ours", name], &[]),
    },
    Place {
        leaf: "/access/0/resources/*/0",
        member: "access",
        kind: "api",
        value: |name| of_ostler(&["ours"], &["api-of-ours", name]),
    },
    // With its organization beside it, which is no more visible.
    Place {
        leaf: "/access/0/resources/*/0",
        member: "access",
        kind: "api",
        value: |name| of_ostler(&["theirs"], &[name]),
    },
    Place {
        leaf: "/roles/0",
        member: "roles",
        kind: "role",
        value: |name| json!(["role-of-ours", name]),
    },
    Place {
        leaf: "/token",
        member: "token",
        kind: "token",
        value: |text| json!(text),
    },
    Place {
        leaf: "/head",
        member: "head",
        kind: "head",
        value: |text| json!(text),
    },
    Place {
        leaf: "/client_id",
        member: "client_id",
        kind: "client",
        value: |id| json!(id),
    },
    Place {
        leaf: "/resource",
        member: "resource",
        kind: "audience",
        value: |audience| json!(audience),
    },
    Place {
        leaf: "/scope",
        member: "scope",
        kind: "scope",
        value: |scope| json!(format!("read {scope}")),
    },
    Place {
        leaf: "/authorization_details",
        member: "authorization_details",
        kind: "key",
        value: |key| json!([{"type": "project", "identifiers": ["KEY-ours", key]}]),
    },
    Place {
        leaf: "/authorization_details",
        member: "authorization_details",
        kind: "type",
        value: |kind| json!([{"type": kind, "identifiers": "*"}]),
    },
];

/// Members that name nothing which is there already. An audience is no secret: it is unique on the
/// whole instance, and a clash says so (contract, section 3). A leaked secret is reported by whoever
/// holds it, of whichever organization.
pub(super) const PLAIN: [&str; 14] = [
    "allowed_networks",
    "audience",
    "description",
    "expires_at",
    "key",
    "labels",
    "name",
    "owner",
    "resource_types",
    "secret",
    "type",
    "alg",
    "signing_alg",
    "typ",
];

/// What a parameter of a query names; nothing names nothing.
pub(super) const PARAMETERS: [(&str, &[&str]); 18] = [
    ("action", &[]),
    ("actor", &["account", "client"]),
    ("api", &["api"]),
    ("credential", &["credential"]),
    ("cursor", &["cursor"]),
    ("expires_within", &[]),
    ("from", &[]),
    ("organization", &["organization"]),
    ("owner", &["owner"]),
    (
        "q",
        &[
            "organization",
            "account",
            "credential",
            "client",
            "owner",
            "api",
            "resource",
            "role",
            "group",
            "secret",
        ],
    ),
    ("request_id", &["request"]),
    ("resource", &["resource"]),
    ("scope", &["scope"]),
    ("sort", &[]),
    (
        "target",
        &["account", "credential", "api", "role", "group", "secret"],
    ),
    ("to", &[]),
    ("type", &[]),
    ("unused_for", &[]),
];
