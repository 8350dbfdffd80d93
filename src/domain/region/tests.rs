//! What regions answer, case by case.

use super::super::id::ApiId;
use super::super::role;
use super::*;

const API: ApiId = ApiId::from_bits(1);

fn kind(name: &str) -> ResourceType {
    ResourceType::parse(name).unwrap()
}

/// `A B` are two keys, `*` is all, the empty text none.
fn keys(text: &str) -> Identifiers {
    match text {
        "*" => Identifiers::All,
        list => Identifiers::listed(list.split_ascii_whitespace()).unwrap(),
    }
}

fn grant(scopes: &str, sets: &[(&str, &str)]) -> Grant {
    Grant {
        api: API,
        scopes: ScopeSet::parse(scopes).unwrap(),
        resources: restrictions(sets),
    }
}

fn restrictions(sets: &[(&str, &str)]) -> Restrictions {
    sets.iter()
        .map(|(name, text)| (kind(name), keys(text)))
        .collect()
}

/// A grant on projects and boards.
fn on(scopes: &str, projects: &str, boards: &str) -> Grant {
    grant(scopes, &[("board", boards), ("project", projects)])
}

fn access<const N: usize>(grants: [Grant; N]) -> Access {
    grants.into_iter().collect()
}

#[test]
fn losing_a_scope_or_a_resource_is_a_reduction_and_gaining_is_none() {
    let before = access([grant("read write", &[("project", "A B")])]);
    for (after, reduced) in [
        (access([grant("read write", &[("project", "A B")])]), false),
        (
            access([grant("read write", &[("project", "A B C")])]),
            false,
        ),
        (access([grant("read write", &[("project", "*")])]), false),
        (
            access([grant("read write x", &[("project", "A B")])]),
            false,
        ),
        (
            access([
                grant("read", &[("project", "A B")]),
                grant("write", &[("project", "A")]),
                grant("write", &[("project", "B")]),
            ]),
            false,
        ),
        (access([grant("read", &[("project", "A B")])]), true),
        (access([grant("read write", &[("project", "A")])]), true),
        (access([grant("read write", &[("project", "")])]), true),
        (access([grant("read write", &[])]), true),
        (access([]), true),
    ] {
        assert_eq!(before.is_reduced_to(&after), reduced, "{after:?}");
    }
    assert!(!Access::NOTHING.is_reduced_to(&before));
}

#[test]
fn a_grant_without_resources_still_grants_its_scope() {
    let before = access([on("read", "", "")]);
    assert!(!before.is_reduced_to(&before));
    assert!(!before.is_reduced_to(&access([on("read", "A", "1")])));
    assert!(before.is_reduced_to(&access([on("write", "*", "*")])));
    assert!(before.is_reduced_to(&Access::NOTHING));
    // A project without any board is kept only by a grant of that project.
    let before = access([on("read", "A", "")]);
    assert!(!before.is_reduced_to(&access([on("read", "A", "1")])));
    assert!(before.is_reduced_to(&access([on("read", "B", "*")])));
}

#[test]
fn all_is_more_than_every_key_that_has_a_name() {
    let all = access([grant("read", &[("project", "*")])]);
    let named = access([grant("read", &[("project", "A B C")])]);
    assert!(all.is_reduced_to(&named));
    assert!(!named.is_reduced_to(&all));
}

#[test]
fn grants_cover_together_what_none_covers_alone() {
    let before = access([on("read", "A B", "1 2")]);
    let halves = access([on("read", "A", "1 2"), on("read", "B", "1 2")]);
    assert!(!before.is_reduced_to(&halves));
    let corners = access([on("read", "A", "1 2"), on("read", "A B", "1")]);
    assert!(before.is_reduced_to(&corners), "B with 2 is missing");
}

#[test]
fn another_api_covers_nothing() {
    let here = access([grant("read", &[])]);
    let there = access([Grant {
        api: ApiId::from_bits(2),
        ..grant("read", &[])
    }]);
    assert!(here.is_reduced_to(&there));
    assert!(!here.lies_within(&there));
}

#[test]
fn nobody_hands_on_more_of_ostler_than_they_hold() {
    let on = |scopes: &str, organizations: &str| {
        role::ostler_grant(ScopeSet::parse(scopes).unwrap(), keys(organizations))
    };
    let caller = access([on("accounts:write introspect", "org_a org_b")]);
    for (handed_on, within) in [
        (access([on("accounts:read", "org_a")]), true),
        (access([on("accounts:read accounts:write", "org_b")]), true),
        (access([on("introspect", "")]), true),
        (access([]), true),
        (access([on("accounts:read", "org_c")]), false),
        (access([on("accounts:read", "*")]), false),
        (access([on("apis:read", "org_a")]), false),
        (access([on("apis:read", "")]), false),
    ] {
        assert_eq!(handed_on.lies_within(&caller), within, "{handed_on:?}");
    }
    assert!(caller.lies_within(&role::everything()));
    assert!(!role::everything().lies_within(&caller));
    // Elsewhere a name implies nothing.
    let write = access([grant("accounts:write", &[])]);
    assert!(!access([grant("accounts:read", &[])]).lies_within(&write));
}

#[test]
fn a_question_beyond_the_bound_gets_the_safe_answer() {
    // Diagonals: each key is in grants of its own, so nothing can be looked at together.
    let names: Vec<String> = (0..400).map(|n| format!("K{n}")).collect();
    let all = names.join(" ");
    let before = access([on("read", &all, &all)]);
    let cross = |name: &String| [on("read", name, &all), on("read", &all, name)];
    let after: Access = names[1..].iter().flat_map(cross).collect();
    assert!(before.is_reduced_to(&after));
    assert!(!before.lies_within(&after));
    let grants: Vec<&Grant> = after.grants().iter().collect();
    let scopes = ScopeSet::parse("read").unwrap();
    let types = [kind("board"), kind("project")];
    let found = shared_resources(&types, &grants, &scopes, &Restrictions::default());
    assert_eq!(found, Err(NoSharedResources::NoLargest));
}

/// The shared resources of `scopes` in these grants, as `projects / boards`.
fn shared(grants: &[Grant], scopes: &str, wanted: &[(&str, &str)]) -> String {
    let types = [kind("board"), kind("project")];
    let grants: Vec<&Grant> = grants.iter().collect();
    let scopes = ScopeSet::parse(scopes).unwrap();
    let shown = |identifiers: &Identifiers| match identifiers {
        Identifiers::All => "*".to_owned(),
        Identifiers::Listed(keys) => {
            let keys: Vec<_> = keys.iter().map(ResourceKey::as_str).collect();
            keys.join(" ")
        }
    };
    match shared_resources(&types, &grants, &scopes, &restrictions(wanted)) {
        Ok(details) => {
            assert_eq!(details[0].resource_type, types[0]);
            format!(
                "{} / {}",
                shown(&details[1].identifiers),
                shown(&details[0].identifiers)
            )
        }
        Err(why) => why.to_string(),
    }
}

#[test]
fn a_token_names_what_all_its_scopes_share() {
    let read_all = [on("read", "*", "*"), on("write", "A", "1 2")];
    let corners = [on("read", "A", "1 2 3"), on("read", "A B C", "1")];
    let apart = [on("read", "A", "1"), on("write", "B", "1")];
    let bare = [on("read", "A B", ""), on("write", "B", "")];
    let crossed = [on("read", "A", ""), on("read", "", "1")];
    for (grants, scopes, expected) in [
        (&read_all[..], "read", "* / *"),
        (&read_all, "write", "A / 1 2"),
        (&read_all, "read write", "A / 1 2"),
        (
            &corners,
            "read",
            "no single largest set of resources is shared",
        ),
        (&corners[..1], "read", "A / 1 2 3"),
        (&apart, "read", "A / 1"),
        (&apart, "read write", "the scopes share no resources"),
        // A type that no grant reaches is left out of the product.
        (&bare, "read", "A B / "),
        (&bare, "read write", "B / "),
        (
            &[on("read", "", ""), on("write", "", "")],
            "read write",
            " / ",
        ),
        (&crossed, "read", " / "),
        // All of one type beats any number of the other.
        (
            &[on("read", "*", "1"), on("read", "A B C", "1 2 3")],
            "read",
            "* / 1",
        ),
        // Grants that meet span a box that none of them is.
        (
            &[on("read", "A", "1 2"), on("read", "B", "1 2 3")],
            "read",
            "A B / 1 2",
        ),
    ] {
        assert_eq!(shared(grants, scopes, &[]), expected, "{scopes}");
    }
}

#[test]
fn what_is_wanted_comes_out_exactly_or_not_at_all() {
    let corners = [on("read", "A", "1 2 3"), on("read", "A B C", "1")];
    let whole = [on("read", "*", "1 2")];
    let not_together = "not every combination of the resources is held";
    for (grants, wanted, expected) in [
        (&corners[..], &[("project", "A")][..], "A / 1 2 3"),
        (&corners, &[("project", "B")], "B / 1"),
        (&corners, &[("project", "A B")], "A B / 1"),
        (&corners, &[("board", "1")], "A B C / 1"),
        (&corners, &[("project", "*")], "A B C / 1"),
        (&corners, &[("board", "*")], "A / 1 2 3"),
        (&corners, &[("project", "*"), ("board", "*")], not_together),
        (&corners, &[("project", "B"), ("board", "2")], not_together),
        (
            &corners,
            &[("project", "A D")],
            "the resource D of type project is not held",
        ),
        (&corners, &[("project", "")], " / 1 2 3"),
        (&corners, &[("project", ""), ("board", "3")], " / 3"),
        (&corners, &[("project", ""), ("board", "")], " / "),
        (&whole, &[("project", "X")], "X / 1 2"),
        (&whole, &[("project", "*")], "* / 1 2"),
        (&whole, &[("project", "X"), ("board", "2")], "X / 2"),
        (
            &[on("read", "A", "")],
            &[("board", "1")],
            "the resource 1 of type board is not held",
        ),
        (&[on("read", "A", "")], &[("board", "*")], "A / "),
    ] {
        assert_eq!(shared(grants, "read", wanted), expected, "{wanted:?}");
    }
}

#[test]
fn with_one_type_any_number_of_grants_is_one_list() {
    let names: Vec<String> = (0..2_000).map(|n| format!("K{n}")).collect();
    let each: Vec<Grant> = names
        .iter()
        .map(|name| grant("read", &[("project", name)]))
        .collect();
    let grants: Vec<&Grant> = each.iter().collect();
    let scopes = ScopeSet::parse("read").unwrap();
    let found = shared_resources(
        &[kind("project")],
        &grants,
        &scopes,
        &Restrictions::default(),
    );
    let all = Identifiers::listed(names.iter().map(String::as_str)).unwrap();
    assert_eq!(found.unwrap()[0].identifiers, all);
}

#[test]
fn an_api_without_resource_types_has_nothing_to_name() {
    let held = grant("read", &[]);
    let scopes = ScopeSet::parse("read").unwrap();
    for grants in [&[&held][..], &[&held, &held]] {
        let found = shared_resources(&[], grants, &scopes, &Restrictions::default());
        assert_eq!(found, Ok(Vec::new()));
    }
}
