//! Whether everything that a declaration names is there, or is declared.

use serde_json::Value;

use super::declared::Access;
use super::declared::Declared;
use super::declared::Grant;
use super::declared::Identifiers;
use super::present::World;
use super::present::folded;
use super::reader::Mistakes;
use super::reader::Place;
use crate::domain::role::AdminScope;
use crate::domain::role::BuiltInRole;
use crate::domain::role::OSTLER_NAME;

/// Notes every name of nothing.
pub fn check(declared: &Declared, world: &World, mistakes: &Mistakes) {
    let references = References {
        declared,
        world,
        mistakes,
    };
    references.check_apis();
    for access in declared.accesses() {
        references.check_access(access);
    }
    references.check_roles();
    references.check_members();
}

struct References<'c> {
    declared: &'c Declared,
    world: &'c World,
    mistakes: &'c Mistakes,
}

/// What grants may name at one API.
struct Api {
    scopes: Vec<String>,
    types: Vec<String>,
}

impl References<'_> {
    /// An audience is needed to make an API, and never changes.
    fn check_apis(&self) {
        for api in self.declared.apis.iter().flatten() {
            let Some(present) = self.world.apis.get(&api.name) else {
                if api.audience.is_none() {
                    let what = "`audience` is required: this API is to be made";
                    self.mistakes.note(&api.place, what);
                }
                continue;
            };
            if let Some((audience, place)) = &api.audience {
                self.check_constant(&present.value["audience"], audience, place);
            }
            let scopes = present.value["scopes"].as_array().into_iter().flatten();
            for scope in scopes {
                let mut declared = api.scopes.iter().flatten();
                let declared = declared.find(|known| scope["name"] == known.name.as_str());
                if let Some((declared, text)) = declared.and_then(|d| Some((d, d.text.as_ref()?))) {
                    self.check_constant(&scope["description"], text, &declared.place);
                }
            }
        }
    }

    fn check_constant(&self, present: &Value, declared: &str, place: &Place) {
        if present != declared {
            let what = format!("this never changes, and is {present} at present");
            self.mistakes.note(place, what);
        }
    }

    fn check_access(&self, access: &Access) {
        for grant in &access.grants {
            let (named, place) = &grant.api;
            let name = self.world.api_name(named);
            if let Some(api) = self.api(name) {
                self.check_grant(name, &api, grant);
                continue;
            }
            let declared = self.declared.apis.iter().flatten();
            let declared = declared.map(|api| api.name.as_str());
            let known = declared.chain(self.world.apis.keys().map(String::as_str));
            let what = format!("there is no API `{named}`");
            self.mistakes.unknown(place, what, named, known);
        }
    }

    fn check_grant(&self, name: &str, api: &Api, grant: &Grant) {
        for (scope, place) in &grant.scopes {
            if !api.scopes.contains(scope) {
                let what = format!("there is no scope `{scope}` at API `{name}`");
                let known = api.scopes.iter().map(String::as_str);
                self.mistakes.unknown(place, what, scope, known);
            }
        }
        for (kind, place, identifiers) in &grant.resources {
            if !api.types.contains(kind) {
                let what = format!("API `{name}` has no resource type `{kind}`");
                let known = api.types.iter().map(String::as_str);
                self.mistakes.unknown(place, what, kind, known);
            } else if let Identifiers::Keys(keys) = identifiers
                && name != OSTLER_NAME
            {
                for (key, place) in keys {
                    self.check_key(name, kind, key, place);
                }
            }
        }
        for kind in &api.types {
            if !grant.resources.iter().any(|(said, ..)| said == kind) {
                let what =
                    format!("say which `{kind}` under `resources`: \"*\" for all, or a list");
                self.mistakes.note(&grant.place, what);
            }
        }
    }

    fn check_key(&self, api: &str, kind: &str, key: &str, place: &Place) {
        let named = format!("{kind}:{key}");
        let present = self.world.resources.get(api);
        let declared = self.declared.api(api);
        let declared = declared.and_then(|api| api.resources.as_ref());
        let declared = || declared.into_iter().flatten();
        let is_declared = declared().any(|(said, resource)| said == kind && resource.name == key);
        if is_declared || present.is_some_and(|things| things.contains_key(&named)) {
            return;
        }
        let present = present.into_iter().flatten();
        let present = present.filter_map(|(named, _)| named.strip_prefix(kind)?.strip_prefix(':'));
        let declared = declared().filter(|(said, _)| said == kind);
        let known = present.chain(declared.map(|(_, resource)| resource.name.as_str()));
        let what = format!("there is no {kind} `{key}` at API `{api}`");
        self.mistakes.unknown(place, what, key, known);
    }

    /// An API with what it has and what it will have.
    fn api(&self, name: &str) -> Option<Api> {
        if name == OSTLER_NAME {
            let scopes = AdminScope::ALL
                .iter()
                .map(|scope| scope.as_str().to_owned());
            return Some(Api {
                scopes: scopes.collect(),
                types: vec!["organization".to_owned(), "api".to_owned()],
            });
        }
        let present = self.world.apis.get(name);
        let declared = self.declared.api(name);
        if present.is_none() && declared.is_none() {
            return None;
        }
        let of_present = |member: &str| present.map(|api| api.value[member].clone());
        let scopes = of_present("scopes").unwrap_or_default();
        let scopes = scopes.as_array().into_iter().flatten();
        let mut scopes: Vec<String> = scopes
            .filter_map(|scope| scope["name"].as_str().map(str::to_owned))
            .collect();
        let more = declared.and_then(|api| api.scopes.as_ref());
        scopes.extend(more.into_iter().flatten().map(|scope| scope.name.clone()));
        let types = match declared.and_then(super::declared::Api::resource_types) {
            Some(types) => types.map(str::to_owned).collect(),
            None => serde_json::from_value(of_present("resource_types").unwrap_or_default())
                .unwrap_or_default(),
        };
        Some(Api { scopes, types })
    }

    fn check_roles(&self) {
        let known = || {
            let built_in = BuiltInRole::ALL.iter().map(|role| role.as_str());
            let declared = self.declared.roles.iter().flatten();
            let declared = declared.map(|role| role.name.as_str());
            let present = self.world.roles.keys().map(String::as_str);
            built_in.chain(declared).chain(present)
        };
        for (role, place) in self.declared.named_roles() {
            if !known().any(|name| name == role) {
                let what = format!("there is no role `{role}`");
                self.mistakes.unknown(place, what, role, known());
            }
        }
    }

    fn check_members(&self) {
        let known = || {
            let declared = self.declared.accounts.iter().flatten();
            let declared = declared.map(|account| folded(&account.name));
            declared.chain(self.world.accounts.keys().cloned())
        };
        let groups = self.declared.groups.iter().flatten();
        for (member, place) in groups.flat_map(|group| group.members.iter().flatten()) {
            let known: Vec<String> = known().collect();
            if !known.contains(&folded(member)) {
                let what = format!("there is no service account `{member}`");
                let known = known.iter().map(String::as_str);
                self.mistakes.unknown(place, what, member, known);
            }
        }
    }
}
