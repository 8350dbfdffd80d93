//! Whether what is declared is what there is, and what differs, in words.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::declared::Settings;
use super::present::World;
use crate::cli::output::in_words;
use crate::domain::role::OSTLER_NAME;

/// Which members are to change, and that in words.
#[derive(Debug, Default)]
pub struct Difference {
    /// The members of a merge patch (RFC 7396).
    pub members: Settings,
    /// A line for each.
    pub words: Vec<String>,
}

impl Difference {
    /// Whether nothing differs.
    pub fn is_none(&self) -> bool {
        self.members.is_empty()
    }

    /// One more member that differs.
    pub fn add(&mut self, name: &str, before: &Value, after: Value) {
        self.words.push(format!("{name}: {before} -> {after}"));
        self.members.insert(name.to_owned(), after);
    }
}

/// What of the declared members differs from the present ones.
pub fn settings(declared: &Settings, present: &Value) -> Difference {
    let mut difference = Difference::default();
    for (name, wanted) in declared {
        let before = &present[name];
        match (wanted, before) {
            // Members of its own, of which each is declared or not.
            (Value::Object(parts), _) => {
                let parts = settings(parts, before);
                if !parts.is_none() {
                    let words = parts.words.into_iter();
                    difference
                        .words
                        .extend(words.map(|word| format!("{name}.{word}")));
                    let members = Value::Object(parts.members);
                    difference.members.insert(name.clone(), members);
                }
            }
            (wanted, before) if same(wanted, before) => {}
            (wanted, before) => difference.add(name, before, wanted.clone()),
        }
    }
    difference
}

/// A member as it is told whatever types its API has got since: none of one is what a type says that is
/// not mentioned.
pub fn as_told(name: &str, value: &Value) -> Value {
    let mut told = value.clone();
    let grants = told.as_array_mut().filter(|_| name == "access");
    for grant in grants.into_iter().flatten() {
        let resources = grant.get_mut("resources").and_then(Value::as_object_mut);
        if let Some(resources) = resources {
            resources.retain(|_, keys| *keys != json!([]));
        }
    }
    told
}

/// Whether both mean the same: a list is a set, and an instant is one however it is written.
pub fn same(one: &Value, other: &Value) -> bool {
    let instant = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => set(one) == set(other),
        (Value::String(_), Value::String(_)) if instant(one).is_some() => {
            one == other || instant(one) == instant(other)
        }
        _ => one == other,
    }
}

fn set(values: &[Value]) -> BTreeSet<String> {
    values.iter().map(Value::to_string).collect()
}

/// What two lists of grants differ in, a line for each grant; nothing when they say the same.
pub fn access(wanted: &Value, present: &Value, world: &World) -> Vec<String> {
    let (wanted, present) = (grants(wanted, world), grants(present, world));
    let gone = present
        .iter()
        .filter(|(grant, _)| !wanted.contains_key(*grant));
    let new = wanted
        .iter()
        .filter(|(grant, _)| !present.contains_key(*grant));
    let gone = gone.map(|(_, grant)| format!("access: - {}", in_words(grant)));
    gone.chain(new.map(|(_, grant)| format!("access: + {}", in_words(grant))))
        .collect()
}

/// The grants by a form that is the same for all ways to write one.
fn grants<'v>(access: &'v Value, world: &World) -> BTreeMap<String, &'v Value> {
    let grants = access.as_array().into_iter().flatten();
    grants
        .map(|grant| (canonical(grant, world), grant))
        .collect()
}

fn canonical(grant: &Value, world: &World) -> String {
    let of_list = |list: &Value| set(list.as_array().map_or(&[], Vec::as_slice));
    let resources = grant["resources"].as_object().into_iter().flatten();
    // None of a type is what a type says that is not mentioned.
    let resources = resources.filter(|(_, keys)| **keys != json!([]));
    let api = world.api_name(grant["api"].as_str().unwrap_or_default());
    let by_id = |kind: &str, keys: &[Value]| {
        let keys = keys.iter().filter_map(Value::as_str);
        let keys: BTreeSet<&str> = keys.map(|key| world.own_id(kind, key)).collect();
        json!(keys)
    };
    let resources: BTreeMap<&String, Value> = resources
        .map(|(kind, keys)| match keys {
            Value::Array(keys) if api == OSTLER_NAME => (kind, by_id(kind, keys)),
            Value::Array(_) => (kind, json!(of_list(keys))),
            all => (kind, all.clone()),
        })
        .collect();
    json!([api, of_list(&grant["scopes"]), resources]).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::present::Present;
    use super::*;

    fn members(value: &Value) -> Settings {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_what_is_declared_and_differs_is_to_change() {
        let present = json!({
            "description": null, "owner": "me", "labels": {"team": "ops", "tier": "1"},
            "resource_types": ["space", "project"], "expires_at": "2027-01-31T12:00:00Z",
        });
        for (declared, change) in [
            (json!({}), json!({})),
            (json!({"owner": "me", "labels": {"team": "ops"}}), json!({})),
            (json!({"resource_types": ["project", "space"]}), json!({})),
            (
                json!({"expires_at": "2027-01-31T13:00:00+01:00"}),
                json!({}),
            ),
            (json!({"description": "x"}), json!({"description": "x"})),
            (json!({"owner": null}), json!({"owner": null})),
            (
                json!({"labels": {"team": "dev", "tier": null, "new": null}}),
                json!({"labels": {"team": "dev", "tier": null}}),
            ),
        ] {
            let difference = settings(&members(&declared), &present);
            assert_eq!(Value::Object(difference.members), change, "{declared}");
        }
    }

    #[test]
    fn a_difference_is_told_in_words() {
        let present = json!({"owner": "me", "token": {"typ": "JWT"}});
        let declared = json!({"owner": null, "token": {"typ": "at+jwt"}});
        let difference = settings(&members(&declared), &present);
        let words = ["owner: \"me\" -> null", "token.typ: \"JWT\" -> \"at+jwt\""];
        assert_eq!(difference.words, words);
    }

    #[test]
    fn access_is_a_set_of_grants_however_they_are_written() {
        let mut world = World::default();
        let jira = Present {
            value: json!({"id": "api_1", "audience": "https://jira.example.com"}),
            etag: None,
        };
        world.apis.insert("jira".to_owned(), jira);
        let read =
            json!({"api": "jira", "scopes": ["a", "b"], "resources": {"project": ["X", "Y"]}});
        let write = json!({"api": "jira", "scopes": ["w"], "resources": {"project": "*"}});
        let same = json!([
            {"api": "api_1", "scopes": ["w"], "resources": {"project": "*", "space": []}},
            {"api": "https://jira.example.com", "scopes": ["b", "a"],
             "resources": {"project": ["Y", "X"]}},
        ]);
        assert_eq!(
            access(&same, &json!([read, write]), &world),
            Vec::<String>::new()
        );
        // Answers name organizations and APIs by their ids.
        let organizations = BTreeMap::from([("acme".to_owned(), Some("org_1".to_owned()))]);
        world.organizations = organizations;
        let of_ostler = |organization: &str, api: &str| {
            let resources = json!({"organization": [organization], "api": [api]});
            json!([{"api": "ostler", "scopes": ["introspect"], "resources": resources}])
        };
        let (wanted, present) = (of_ostler("acme", "jira"), of_ostler("org_1", "api_1"));
        assert!(access(&wanted, &present, &world).is_empty());
        assert_eq!(
            access(&of_ostler("other", "jira"), &present, &world).len(),
            2
        );

        assert_eq!(
            access(&json!([write]), &json!([read]), &world),
            [
                "access: - jira: a, b on project X, Y",
                "access: + jira: w on all project"
            ]
        );
    }
}
