//! Whether everything that a declaration names is there, or is declared.

use serde_json::Value;

use super::declared::Access;
use super::declared::Declared;
use super::declared::Grant;
use super::declared::Identifiers;
use super::present::Things;
use super::present::World;
use super::present::folded;
use super::reader::Mistakes;
use super::reader::Place;
use crate::domain::role::API_TYPE;
use crate::domain::role::AdminScope;
use crate::domain::role::BuiltInRole;
use crate::domain::role::ORGANIZATION_TYPE;
use crate::domain::role::OSTLER_NAME;

/// Notes every name of nothing. With `prune` what is not declared is nothing, in the sections that are
/// there.
pub fn check(declared: &Declared, world: &World, prune: bool, mistakes: &Mistakes) {
    let references = References {
        declared,
        world,
        prune,
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
    prune: bool,
    mistakes: &'c Mistakes,
}

/// What grants may name at one API.
struct Api {
    scopes: Vec<String>,
    types: Vec<String>,
}

impl References<'_> {
    /// What there is of a section when everything is done, beside what is declared in it.
    fn staying<'t, T>(
        &self,
        section: Option<&T>,
        present: Option<&'t Things>,
    ) -> Option<&'t Things> {
        let goes = self.prune && section.is_some();
        present.filter(|_| !goes)
    }

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
            let present = self.staying(self.declared.apis.as_ref(), Some(&self.world.apis));
            let present = present.into_iter().flatten().map(|(name, _)| name.as_str());
            let known = declared.chain(present);
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
            } else if let Identifiers::Keys(keys) = identifiers {
                for (key, place) in keys {
                    if name == OSTLER_NAME {
                        self.check_own_key(kind, key, place);
                    } else {
                        self.check_key(name, kind, key, place);
                    }
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

    /// An organization. The APIs that are meant may be those of another one, which the server knows.
    fn check_own_key(&self, kind: &str, name: &str, place: &Place) {
        let looked_for = self.world.organizations.get(name);
        if kind == ORGANIZATION_TYPE && looked_for.is_some_and(Option::is_none) {
            let what = format!("there is no organization `{name}`");
            self.mistakes.note(place, what);
        }
    }

    fn check_key(&self, api: &str, kind: &str, key: &str, place: &Place) {
        let named = format!("{kind}:{key}");
        let declared = self.declared.api(api);
        let declared = declared.and_then(|api| api.resources.as_ref());
        let present = self.staying(declared, self.world.resources.get(api));
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
                types: vec![ORGANIZATION_TYPE.to_owned(), API_TYPE.to_owned()],
            });
        }
        let present = self.world.apis.get(name);
        let declared = self.declared.api(name);
        let goes = self.prune && self.declared.apis.is_some();
        if declared.is_none() && (present.is_none() || goes) {
            return None;
        }
        let of_present = |member: &str| present.map(|api| api.value[member].clone());
        let more = declared.and_then(|api| api.scopes.as_ref());
        let scopes = of_present("scopes").filter(|_| !(self.prune && more.is_some()));
        let scopes = scopes.unwrap_or_default();
        let scopes = scopes.as_array().into_iter().flatten();
        let mut scopes: Vec<String> = scopes
            .filter_map(|scope| scope["name"].as_str().map(str::to_owned))
            .collect();
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
            let present = self.staying(self.declared.roles.as_ref(), Some(&self.world.roles));
            let present = present.into_iter().flatten().map(|(name, _)| name.as_str());
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
        let goes = self.prune && self.declared.accounts.is_some();
        let known = || {
            let declared = self.declared.accounts.iter().flatten();
            let declared = declared.map(|account| folded(&account.name));
            let present = self.world.accounts.iter();
            // Who administers stays, declared or not.
            let present = present.filter(|(_, account)| !goes || self.world.administers(account));
            declared.chain(present.map(|(name, _)| name.clone()))
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
