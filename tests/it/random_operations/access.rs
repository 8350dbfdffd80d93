//! Access in its plainest form: a set of atoms, *this scope on this project*.
//!
//! With one resource type a set of grants *is* the set of its atoms, so unions, intersections and
//! reductions are those of sets. This knows nothing of how the server computes them.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::harness::server::DEPLOY;
use crate::harness::server::ISSUER;

/// The projects that there are.
pub const PROJECTS: [&str; 3] = ["A", "B", "C"];

/// An API that a token may be for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Api {
    /// `read` and `write`, on projects.
    Deploy,
    /// `read` and `edit`, without resource types.
    Wiki,
    /// The server itself.
    Ostler,
}

/// A role at the server itself; each holds all that the one before it holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    None,
    Auditor,
    Operator,
}

/// Some projects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Keys {
    All,
    Listed(BTreeSet<&'static str>),
}

/// Some scopes at one API on some projects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    pub api: Api,
    pub scopes: BTreeSet<&'static str>,
    pub keys: Keys,
}

/// What an account is granted, or a credential narrowed to.
pub type Access = Vec<Grant>;

/// A scope at an API, as such or on something.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Atom {
    pub api: Api,
    pub scope: &'static str,
    pub on: On,
}

/// On what a scope is held.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum On {
    /// At the API as such.
    Nothing,
    Project(&'static str),
    /// On a project that nobody has named: only *all* reaches it.
    AnyOther,
}

impl Api {
    pub const ALL: [Self; 3] = [Self::Deploy, Self::Wiki, Self::Ostler];

    /// The `aud` of its tokens.
    pub fn audience(self) -> &'static str {
        match self {
            Self::Deploy => DEPLOY,
            Self::Wiki => "https://wiki.example.com",
            Self::Ostler => ISSUER,
        }
    }

    /// The API of this `aud`.
    pub fn of_audience(audience: &str) -> Self {
        let found = Self::ALL.into_iter().find(|api| api.audience() == audience);
        found.unwrap_or_else(|| panic!("{audience} is of no API"))
    }

    /// How long its tokens live, in seconds, if nothing shortens that.
    pub fn lifetime_secs(self) -> i64 {
        match self {
            Self::Deploy | Self::Ostler => 900,
            Self::Wiki => 90,
        }
    }
}

impl Keys {
    pub const NONE: Self = Self::Listed(BTreeSet::new());

    /// As a body or a token says it.
    pub fn to_json(&self) -> Value {
        match self {
            Self::All => json!("*"),
            Self::Listed(keys) => json!(keys),
        }
    }

    /// What an answer about a token for `deploy` says.
    pub fn said(answer: &Value) -> Self {
        let details = answer["authorization_details"].as_array();
        let [detail] = details.expect("details").as_slice() else {
            panic!("one resource type: {answer}");
        };
        assert_eq!(detail["type"], "project");
        match &detail["identifiers"] {
            Value::String(word) if word == "*" => Self::All,
            listed => {
                let known = |key: &Value| PROJECTS.into_iter().find(|known| *key == *known);
                let keys = listed.as_array().expect("a list").iter();
                Self::Listed(keys.map(|key| known(key).expect("a project")).collect())
            }
        }
    }

    /// The places that they are.
    pub fn places(&self) -> BTreeSet<On> {
        match self {
            Self::All => PROJECTS
                .map(On::Project)
                .into_iter()
                .chain([On::AnyOther])
                .collect(),
            Self::Listed(keys) => keys.iter().copied().map(On::Project).collect(),
        }
    }

    /// What a token says of these places.
    pub fn of(places: &BTreeSet<On>) -> Self {
        if places.contains(&On::AnyOther) {
            return Self::All;
        }
        let project = |on: &On| match on {
            On::Project(key) => Some(*key),
            _ => None,
        };
        Self::Listed(places.iter().filter_map(project).collect())
    }
}

impl Role {
    /// Its name in a body.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Auditor => &["auditor"],
            Self::Operator => &["operator"],
        }
    }

    /// Contract section 3.
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Auditor => &[
                "accounts:read",
                "apis:read",
                "audit:read",
                "keys:read",
                "organizations:read",
                "system:read",
            ],
            Self::Operator => &[
                "accounts:read",
                "accounts:write",
                "access:write",
                "apis:read",
                "apis:write",
                "audit:read",
                "credentials:write",
                "introspect",
                "keys:read",
                "organizations:read",
                "system:read",
            ],
        }
    }
}

/// The atoms of a set of grants.
pub fn atoms(access: &[Grant]) -> BTreeSet<Atom> {
    let of_grant = |grant: &Grant| {
        let mut places = grant.keys.places();
        places.insert(On::Nothing);
        let api = grant.api;
        let on = move |scope| {
            places
                .clone()
                .into_iter()
                .map(move |on| Atom { api, scope, on })
        };
        grant
            .scopes
            .clone()
            .into_iter()
            .flat_map(on)
            .collect::<Vec<_>>()
    };
    access.iter().flat_map(of_grant).collect()
}

/// The atoms of a role.
pub fn atoms_of_role(role: Role) -> BTreeSet<Atom> {
    let atom = |scope: &&'static str| Atom {
        api: Api::Ostler,
        scope,
        on: On::Nothing,
    };
    role.scopes().iter().map(atom).collect()
}

/// The atoms that an answer about a token for `api` says.
pub fn atoms_said(api: Api, answer: &Value) -> BTreeSet<Atom> {
    let mut places = match api {
        Api::Deploy => Keys::said(answer).places(),
        _ => BTreeSet::new(),
    };
    places.insert(On::Nothing);
    let scopes = answer["scope"].as_str().expect("scopes").split(' ');
    let atoms = scopes.flat_map(|scope| {
        let scope = known_scope(scope);
        places.iter().map(move |on| Atom {
            api,
            scope,
            on: *on,
        })
    });
    atoms.collect()
}

fn known_scope(scope: &str) -> &'static str {
    let of_apis = ["read", "write", "edit"];
    let mut known = of_apis.iter().chain(Role::Operator.scopes());
    known
        .find(|known| **known == scope)
        .expect("a scope of ours")
}

/// Grants as a body says them.
pub fn to_json(access: &[Grant]) -> Value {
    let grant = |grant: &Grant| match grant.api {
        Api::Wiki => json!({"api": "wiki", "scopes": grant.scopes, "resources": {}}),
        _ => json!({
            "api": "deploy",
            "scopes": grant.scopes,
            "resources": {"project": grant.keys.to_json()},
        }),
    };
    access.iter().map(grant).collect()
}
