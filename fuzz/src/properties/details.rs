//! `authorization_details` in a request ([RFC 9396 §2]).
//!
//! [RFC 9396 §2]: https://www.rfc-editor.org/rfc/rfc9396#section-2

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ostler::domain::api::Api;
use ostler::domain::api::Audience;
use ostler::domain::api::TokenSettings;
use ostler::domain::id::ApiId;
use ostler::domain::id::OrganizationId;
use ostler::domain::name::Name;
use ostler::domain::resource::Identifiers;
use ostler::domain::resource::ResourceKey;
use ostler::domain::resource::ResourceType;
use ostler::domain::scope::ScopeSet;
use ostler::oauth::authorization_details;
use serde_json::Value;
use serde_json::json;

use super::check_refusal;

const AUDIENCE: &str = "https://jira.example.com";

static API: LazyLock<Api> = LazyLock::new(|| Api {
    id: ApiId::from_bits(1),
    organization: Some(OrganizationId::from_bits(1)),
    name: Name::parse("jira").expect("a name"),
    audience: Audience::parse(AUDIENCE).expect("an audience"),
    scopes: ScopeSet::parse("read").expect("a scope"),
    resource_types: ["board", "project"]
        .map(|kind| ResourceType::parse(kind).expect("a type"))
        .to_vec(),
    token: TokenSettings::default(),
});

/// What is accepted is all that the JSON says, no member was passed over, and it can be said again.
pub fn check(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    let wanted = match authorization_details::parse(text, &API) {
        Ok(wanted) => wanted,
        Err(refusal) => {
            check_refusal(&refusal);
            return false;
        }
    };
    let said: Value = serde_json::from_str(text).expect("JSON");
    let objects = said.as_array().expect("an array");
    let known = ["type", "identifiers", "locations"];
    for object in objects {
        let members = object.as_object().expect("an object");
        assert!(
            members
                .keys()
                .all(|member| known.contains(&member.as_str()))
        );
        assert!(
            object
                .get("locations")
                .is_none_or(|at| *at == json!([AUDIENCE]))
        );
    }
    for kind in &API.resource_types {
        let of_kind = || {
            objects
                .iter()
                .filter(|object| object["type"] == kind.as_str())
        };
        let all = of_kind().any(|object| object["identifiers"] == "*");
        let keys: BTreeSet<&str> = of_kind()
            .filter_map(|object| object["identifiers"].as_array())
            .flat_map(|keys| keys.iter().map(|key| key.as_str().expect("a key")))
            .collect();
        match wanted.mentioned(kind) {
            None => assert_eq!(of_kind().count(), 0),
            Some(Identifiers::All) => assert!(all),
            Some(Identifiers::Listed(listed)) => {
                assert!(!all);
                assert!(listed.iter().map(ResourceKey::as_str).eq(keys));
            }
        }
    }

    let again: Value = wanted
        .iter()
        .map(|(kind, keys)| object(kind, keys))
        .collect();
    let same = authorization_details::parse(&again.to_string(), &API);
    assert_eq!(same.expect("what was written is read"), wanted);
    true
}

fn object(kind: &ResourceType, identifiers: &Identifiers) -> Value {
    let identifiers = match identifiers {
        Identifiers::All => json!("*"),
        Identifiers::Listed(keys) => keys.iter().map(ResourceKey::as_str).collect(),
    };
    json!({"type": kind.as_str(), "identifiers": identifiers})
}
