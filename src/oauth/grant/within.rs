//! A token says nothing that is not within one set of grants: those of its account, of the account's
//! roles and of its groups' roles, narrowed by its credential. Tried on everything in a small world,
//! with nothing of the code that decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;
use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::holdings::HeldGroup;
use crate::domain::holdings::Holdings;
use crate::domain::holdings::Source;
use crate::domain::id::GroupId;
use crate::domain::id::RoleId;
use crate::domain::name::Name;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceType;
use crate::domain::role::Role;
use crate::domain::version::Version;
use crate::oauth::fixtures;

const SCOPES: [&str; 2] = ["read", "write"];
const TYPES: [&str; 2] = ["board", "project"];
const KEYS: [&str; 2] = ["A", "B"];

/// A key of each type; `other` stands for one that nobody has named, and `NONE` for no resource of
/// the type at all, which every grant reaches.
const CHOICES: [&str; 4] = ["A", "B", "other", NONE];
const NONE: &str = "none";

/// A scope, and one choice of each type.
type Atom = (&'static str, [&'static str; 2]);

/// What one grant reaches.
fn reach(grant: &Grant) -> BTreeSet<Atom> {
    let kinds = TYPES.map(kind);
    let holds = |place: usize, key: &str| {
        key == NONE || grant.resources.of(&kinds[place]).contains_text(key)
    };
    let mut atoms = BTreeSet::new();
    for scope in SCOPES.into_iter().filter(|scope| grant.scopes.has(scope)) {
        for board in CHOICES.into_iter().filter(|key| holds(0, key)) {
            let projects = CHOICES.into_iter().filter(|key| holds(1, key));
            atoms.extend(projects.map(|project| (scope, [board, project])));
        }
    }
    atoms
}

fn reach_of(grants: &[Grant]) -> BTreeSet<Atom> {
    grants.iter().flat_map(reach).collect()
}

/// What a credential leaves of it, pair by pair.
fn narrowed(held: &[Grant], narrowing: Option<&Vec<Grant>>) -> BTreeSet<Atom> {
    let Some(narrowing) = narrowing else {
        return reach_of(held);
    };
    let pairs = held
        .iter()
        .flat_map(|one| narrowing.iter().map(move |other| (one, other)));
    pairs
        .flat_map(|(one, other)| &reach(one) & &reach(other))
        .collect()
}

fn kind(name: &str) -> ResourceType {
    ResourceType::parse(name).unwrap()
}

fn any_identifiers() -> impl Strategy<Value = Identifiers> {
    prop_oneof![
        1 => Just(Identifiers::All),
        4 => subsequence(&KEYS[..], 0..=2).prop_map(|keys| Identifiers::listed(keys).unwrap()),
    ]
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let scopes = subsequence(&SCOPES[..], 1..=2);
    (scopes, any_identifiers(), any_identifiers()).prop_map(|(scopes, boards, projects)| Grant {
        api: fixtures::JIRA_ID,
        scopes: ScopeSet::parse(&scopes.join(" ")).unwrap(),
        resources: TYPES
            .map(kind)
            .into_iter()
            .zip([boards, projects])
            .collect(),
    })
}

fn role(number: usize, grants: &[Grant]) -> Arc<Role> {
    Arc::new(Role {
        id: RoleId::from_bits(100 + number as u128),
        organization: fixtures::HOME,
        name: Name::parse(&format!("role-{number}")).unwrap(),
        description: None,
        access: grants.iter().cloned().collect(),
        version: Version::FIRST,
    })
}

/// The grants of an account and of three roles, which of them it has, and which its two groups have.
#[derive(Clone, Debug)]
struct World {
    own: Vec<Grant>,
    roles: Vec<Vec<Grant>>,
    has: Vec<usize>,
    groups: Vec<Vec<usize>>,
    narrowing: Option<Vec<Grant>>,
}

fn any_world() -> impl Strategy<Value = World> {
    let some = || subsequence(vec![0, 1, 2], 0..=2);
    let narrowing = option::of(vec(any_grant(), 0..3));
    let roles = vec(vec(any_grant(), 0..3), 3);
    let own = vec(any_grant(), 0..3);
    (own, roles, some(), vec(some(), 2), narrowing).prop_map(
        |(own, roles, has, groups, narrowing)| World {
            own,
            roles,
            has,
            groups,
            narrowing,
        },
    )
}

impl World {
    fn holdings(&self) -> Holdings {
        let of = |numbers: &Vec<usize>| -> Vec<Arc<Role>> {
            let roles = numbers.iter();
            roles
                .map(|number| role(*number, &self.roles[*number]))
                .collect()
        };
        let groups = self
            .groups
            .iter()
            .enumerate()
            .map(|(number, roles)| HeldGroup {
                id: GroupId::from_bits(number as u128),
                name: Name::parse(&format!("group-{number}")).unwrap(),
                roles: of(roles),
            });
        Holdings {
            own: self.own.iter().cloned().collect(),
            roles: of(&self.has),
            groups: groups.collect(),
        }
    }

    /// Every grant that the account has, from wherever.
    fn held(&self) -> Vec<Grant> {
        let numbers = self.groups.iter().flatten().chain(&self.has);
        let of_roles = numbers.flat_map(|number| self.roles[*number].clone());
        self.own.iter().cloned().chain(of_roles).collect()
    }

    fn narrowing(&self) -> Option<Access> {
        let grants = self.narrowing.as_ref()?;
        Some(grants.iter().cloned().collect())
    }

    /// What the account is granted that asks for this.
    fn ask(&self, parameters: &str) -> Result<TokenGrant, Refusal> {
        let access = self.holdings().access();
        let access = match self.narrowing() {
            Some(narrowing) => access.narrowed_by(&narrowing),
            None => access,
        };
        let api = fixtures::api(
            fixtures::JIRA_ID,
            "jira",
            fixtures::JIRA,
            &SCOPES.join(" "),
            &TYPES,
        );
        let mut client = fixtures::client([]);
        client.apis = [api].into();
        client.access = Arc::new(access);
        let body = format!("grant_type=client_credentials{parameters}");
        let facts = Facts {
            client: &fixtures::authenticated(client, 1),
            ostler: &fixtures::ostler(),
            lifetimes: Lifetimes {
                default: Duration::from_mins(15),
                max: Duration::from_hours(1),
            },
            now: fixtures::at(0),
        };
        decide(&fixtures::form(&body), &facts)
    }
}

proptest! {
    #[test]
    fn a_token_is_within_what_its_account_holds_and_its_credential_leaves(
        world in any_world(),
        scopes in option::of(subsequence(&SCOPES[..], 1..=2)),
        projects in option::weighted(0.3, any_identifiers()),
    ) {
        let mut parameters = String::new();
        if let Some(scopes) = &scopes {
            parameters.push_str("&scope=");
            parameters.push_str(&scopes.join("+"));
        }
        if let Some(projects) = &projects {
            let keys: Vec<_> = projects.keys().map(ToString::to_string).collect();
            let wanted = match projects {
                Identifiers::All => serde_json::json!("*"),
                Identifiers::Listed(_) => serde_json::json!(keys),
            };
            let details = serde_json::json!([{"type": "project", "identifiers": wanted}]);
            parameters.push_str("&authorization_details=");
            parameters.push_str(&details.to_string());
        }
        let Ok(granted) = world.ask(&parameters) else {
            return Ok(());
        };
        let said = Grant {
            api: fixtures::JIRA_ID,
            scopes: granted.scopes.clone(),
            resources: granted
                .details
                .iter()
                .map(|one| (one.resource_type.clone(), one.identifiers.clone()))
                .collect(),
        };
        let held = narrowed(&world.held(), world.narrowing.as_ref());
        for atom in reach(&said) {
            prop_assert!(held.contains(&atom), "{atom:?} of {said:?}");
        }
        if let Some(scopes) = scopes {
            prop_assert_eq!(said.scopes.to_string(), scopes.join(" "));
        }
    }

    #[test]
    fn the_effective_access_is_all_of_it_and_each_part_is_from_where_it_says(world in any_world()) {
        let holdings = world.holdings();
        let narrowing = world.narrowing();
        let effective = holdings.effective(narrowing.as_ref());
        let shown: Vec<_> = effective.iter().map(|held| held.grant.clone()).collect();
        prop_assert_eq!(reach_of(&shown), narrowed(&world.held(), world.narrowing.as_ref()));
        for held in &effective {
            let sources: BTreeSet<_> = held.via.iter().map(ToString::to_string).collect();
            prop_assert_eq!(sources.len(), held.via.len(), "each once");
            for source in &held.via {
                let grants: Vec<Grant> = match source {
                    Source::Account => world.own.clone(),
                    Source::Role(name) => {
                        let mut roles = world.has.iter();
                        let number = roles.find(|number| name.as_str() == format!("role-{number}"));
                        world.roles[*number.unwrap()].clone()
                    }
                    Source::Group(name) => {
                        let number = usize::from(name.as_str() == "group-1");
                        let roles = world.groups[number].iter();
                        roles.flat_map(|number| world.roles[*number].clone()).collect()
                    }
                };
                let alone = narrowed(&grants, world.narrowing.as_ref());
                prop_assert!(reach(&held.grant).is_subset(&alone), "{source}");
            }
        }
    }
}
