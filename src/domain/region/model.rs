//! The questions asked of regions, answered once more by trying everything in a small world.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::id::ApiId;
use super::*;

const API: ApiId = ApiId::from_bits(1);

fn kind(name: &str) -> ResourceType {
    ResourceType::parse(name).unwrap()
}

const TYPES: [&str; 3] = ["a", "b", "c"];
const KEYS: [&str; 3] = ["X", "Y", "Z"];

/// A combination: per type one of the keys, 3 for a key that nobody names, 4 for none at all.
fn combinations(types: usize, choices: usize) -> Vec<Vec<usize>> {
    (0..types).fold(vec![Vec::new()], |all, _| {
        let longer = |start: &Vec<usize>| {
            let start = start.clone();
            (0..choices).map(move |next| [&start[..], &[next]].concat())
        };
        all.iter().flat_map(longer).collect()
    })
}

fn contains(identifiers: &Identifiers, choice: usize) -> bool {
    match (identifiers, choice) {
        (_, 4) | (Identifiers::All, _) => true,
        (Identifiers::Listed(_), 3) => false,
        (listed, key) => listed.contains(&ResourceKey::parse(KEYS[key]).unwrap()),
    }
}

fn grants_it(grant: &Grant, scope: &str, combination: &[usize]) -> bool {
    let mut types = TYPES.iter().zip(combination);
    grant.scopes.has(scope)
        && types.all(|(name, choice)| contains(grant.resources.of(&kind(name)), *choice))
}

fn any_identifiers() -> impl Strategy<Value = Identifiers> {
    prop_oneof![
        1 => Just(Identifiers::All),
        8 => proptest::sample::subsequence(&KEYS[..], 0..=3)
            .prop_map(|keys| Identifiers::listed(keys).unwrap()),
    ]
}

fn any_grants(types: usize) -> impl Strategy<Value = Vec<Grant>> {
    let scopes = proptest::sample::subsequence(&["r", "w"][..], 1..=2);
    let sets = proptest::collection::vec(any_identifiers(), types);
    let grant = (scopes, sets).prop_map(|(scopes, sets)| Grant {
        api: API,
        scopes: ScopeSet::parse(&scopes.join(" ")).unwrap(),
        resources: TYPES.iter().map(|name| kind(name)).zip(sets).collect(),
    });
    proptest::collection::vec(grant, 1..6)
}

/// Every set of identifiers of one type.
fn all_sets() -> Vec<Identifiers> {
    let subset = |bits: usize| {
        let keys = (0..KEYS.len()).filter(|key| bits & (1 << key) != 0);
        Identifiers::listed(keys.map(|key| KEYS[key])).unwrap()
    };
    (0..8).map(subset).chain([Identifiers::All]).collect()
}

/// What [`shared_resources`] must say, by trying every product.
fn shared_by_trying(
    types: &[ResourceType],
    grants: &[Grant],
    scopes: &[&str],
    wanted: &Restrictions,
) -> Result<Vec<Identifiers>, ()> {
    let opens = |grant: &&Grant| scopes.iter().any(|scope| grant.scopes.has(scope));
    let holders: Vec<&Grant> = grants.iter().filter(opens).collect();
    let is_dead = |kind: &ResourceType| {
        wanted.mentioned(kind).is_some_and(Identifiers::is_none)
            || holders
                .iter()
                .all(|grant| grant.resources.of(kind).is_none())
    };
    let held = |scope: &str, combination: &[usize]| {
        holders
            .iter()
            .any(|grant| grants_it(grant, scope, combination))
    };
    // A dead type has only the choice of none, a live one all but that.
    let possible: Vec<Vec<usize>> = combinations(types.len(), 5)
        .into_iter()
        .filter(|all| {
            all.iter()
                .zip(types)
                .all(|(one, kind)| (*one == 4) == is_dead(kind))
        })
        .collect();
    let shared: Vec<_> = possible
        .iter()
        .filter(|all| scopes.iter().all(|scope| held(scope, all)))
        .collect();
    let nothing_held = possible
        .iter()
        .all(|all| !scopes.iter().any(|scope| held(scope, all)));
    if shared.is_empty() {
        let asks_for_some = wanted
            .iter()
            .any(|(_, set)| matches!(set, Identifiers::Listed(keys) if !keys.is_empty()));
        let nothing = vec![Identifiers::NONE; types.len()];
        return (nothing_held && !asks_for_some)
            .then_some(nothing)
            .ok_or(());
    }
    let reached = |place: usize| {
        let choices: BTreeSet<usize> = shared.iter().map(|all| all[place]).collect();
        if choices.contains(&3) {
            return Identifiers::All;
        }
        Identifiers::listed(choices.iter().map(|key| KEYS[*key])).unwrap()
    };
    let fits = |place: usize, set: &Identifiers| {
        if is_dead(&types[place]) {
            return set.is_none()
                && wanted
                    .mentioned(&types[place])
                    .is_none_or(|wanted| wanted.is_none() || matches!(wanted, Identifiers::All));
        }
        !set.is_none()
            && match wanted.mentioned(&types[place]) {
                None => true,
                Some(Identifiers::All) => *set == reached(place),
                Some(wanted) => set == wanted,
            }
    };
    let sets = all_sets();
    let mut best: BTreeMap<(usize, usize), Vec<Vec<Identifiers>>> = BTreeMap::new();
    for choice in combinations(types.len(), sets.len()) {
        let product: Vec<_> = choice.iter().map(|set| sets[*set].clone()).collect();
        let fitting = product
            .iter()
            .enumerate()
            .all(|(place, set)| fits(place, set));
        let inside = |all: &Vec<usize>| product.iter().zip(all).all(|(s, c)| contains(s, *c));
        let granted = || {
            possible
                .iter()
                .filter(|all| inside(all))
                .all(|all| shared.contains(&all))
        };
        if fitting && granted() {
            let alls = product
                .iter()
                .filter(|set| matches!(set, Identifiers::All))
                .count();
            let counts = product.iter().filter_map(|set| match set {
                Identifiers::Listed(keys) if !keys.is_empty() => Some(keys.len()),
                _ => None,
            });
            best.entry((alls, counts.product()))
                .or_default()
                .push(product);
        }
    }
    match best.pop_last() {
        Some((_, mut largest)) if largest.len() == 1 => Ok(largest.remove(0)),
        _ => Err(()),
    }
}

proptest! {
    #[test]
    fn a_reduction_is_found_exactly(
        before in any_grants(3),
        after in any_grants(3),
        also in proptest::bool::ANY,
    ) {
        let after = if also {
            [after, before[1..].to_vec()].concat()
        } else {
            after
        };
        let held = |grants: &[Grant], scope: &str, all: &[usize]| {
            grants.iter().any(|grant| grants_it(grant, scope, all))
        };
        let lost = ["r", "w"].iter().any(|scope| {
            combinations(3, 5)
                .iter()
                .any(|all| held(&before, scope, all) && !held(&after, scope, all))
        });
        let (before, after) = (Access::from_iter(before), Access::from_iter(after));
        prop_assert_eq!(before.is_reduced_to(&after), lost);
        prop_assert_eq!(before.lies_within(&after), !lost);
    }

    #[test]
    fn the_shared_resources_are_the_largest_product(
        (count, grants) in (1_usize..=3).prop_flat_map(|n| (Just(n), any_grants(n))),
        both in proptest::bool::ANY,
        wanted in proptest::collection::vec(proptest::option::weighted(0.3, any_identifiers()), 3),
    ) {
        let types: Vec<_> = TYPES[..count].iter().map(|name| kind(name)).collect();
        let scopes = if both { &["r", "w"][..] } else { &["r"] };
        let wanted: Restrictions = types
            .iter()
            .cloned()
            .zip(wanted)
            .filter_map(|(kind, set)| Some((kind, set?)))
            .collect();
        let held = scopes.iter().all(|scope| grants.iter().any(|grant| grant.scopes.has(scope)));
        prop_assume!(held);
        let references: Vec<&Grant> = grants.iter().collect();
        let set = ScopeSet::parse(&scopes.join(" ")).unwrap();
        let found = shared_resources(&types, &references, &set, &wanted);
        let found = found.map(|details| {
            details.into_iter().map(|detail| detail.identifiers).collect::<Vec<_>>()
        });
        let expected = shared_by_trying(&types, &grants, scopes, &wanted);
        prop_assert_eq!(found.map_err(drop), expected);
    }
}
