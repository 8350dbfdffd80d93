//! The difference of two accesses, in the words of their grants: what somebody who reviews a change
//! wants to read.
//!
//! A grant is a product (scopes on resources), and what is left of one product beyond others need
//! not be a product. So the difference is told as the smallest part of each grant that contains it:
//! the scopes that lose something, and of each list the keys that do.

use std::collections::BTreeSet;

use super::access::Access;
use super::access::Grant;
use super::access::Restrictions;
use super::resource::Identifiers;

/// The most comparisons that a difference is worth; past it whole grants are shown.
const MAX_COMPARISONS: usize = 4_000_000;

impl Access {
    /// What is lost when this access becomes `after`; nothing exactly when it
    /// [is not reduced](Access::is_reduced_to). The other way round it is what is gained.
    #[must_use]
    pub fn lost_in(&self, after: &Self) -> Self {
        let comparisons = self.size().saturating_mul(after.size());
        if comparisons > MAX_COMPARISONS {
            let grants = self.grants().iter();
            return grants
                .filter(|grant| is_lost(grant, after))
                .cloned()
                .collect();
        }
        self.grants()
            .iter()
            .flat_map(|grant| lost_of(grant, after))
            .collect()
    }

    fn size(&self) -> usize {
        self.grants().iter().map(Grant::size).sum()
    }
}

/// The parts of one grant that are lost, scopes with the same resources together.
fn lost_of(grant: &Grant, after: &Access) -> Vec<Grant> {
    let mut parts: Vec<Grant> = Vec::new();
    for part in grant.by_scope() {
        if !is_lost(&part, after) {
            continue;
        }
        let part = without_kept_keys(part, after);
        let same = parts
            .iter_mut()
            .find(|other| other.resources == part.resources);
        match same {
            Some(other) => {
                let scopes = other.scopes.iter().chain(&part.scopes).cloned();
                other.scopes = scopes.collect();
            }
            None => parts.push(part),
        }
    }
    parts
}

/// Leaves out of each list the keys of which nothing is lost.
fn without_kept_keys(mut part: Grant, after: &Access) -> Grant {
    let types: Vec<_> = part
        .resources
        .iter()
        .map(|(kind, _)| kind.clone())
        .collect();
    for kind in types {
        let Identifiers::Listed(keys) = part.resources.of(&kind).clone() else {
            continue;
        };
        let with = |keys: BTreeSet<_>| -> Restrictions {
            let others = part.resources.iter().filter(|(own, _)| **own != kind);
            let others = others.map(|(own, identifiers)| (own.clone(), identifiers.clone()));
            others
                .chain([(kind.clone(), Identifiers::Listed(keys))])
                .collect()
        };
        let lost: BTreeSet<_> = keys
            .into_iter()
            .filter(|key| is_lost(&part.on(with(BTreeSet::from([key.clone()]))), after))
            .collect();
        // What is lost may be the grant itself, without any of its keys.
        if !lost.is_empty() {
            part.resources = with(lost);
        }
    }
    part
}

fn is_lost(part: &Grant, after: &Access) -> bool {
    Access::from_iter([part.clone()]).is_reduced_to(after)
}

impl Grant {
    /// The same, one scope at a time.
    pub fn by_scope(&self) -> impl Iterator<Item = Self> {
        self.scopes.iter().map(|scope| Self {
            api: self.api,
            scopes: [scope.clone()].into_iter().collect(),
            resources: self.resources.clone(),
        })
    }

    /// The same scopes on other resources.
    fn on(&self, resources: Restrictions) -> Self {
        Self {
            api: self.api,
            scopes: self.scopes.clone(),
            resources,
        }
    }

    /// How much there is to compare in it.
    fn size(&self) -> usize {
        let keys = self
            .resources
            .iter()
            .map(|(_, identifiers)| match identifiers {
                Identifiers::All => 1,
                Identifiers::Listed(keys) => keys.len(),
            });
        (1 + keys.sum::<usize>()).saturating_mul(self.scopes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::ApiId;
    use super::super::resource::ResourceType;
    use super::super::scope::ScopeSet;
    use super::*;

    fn grant(scopes: &str, projects: &str) -> Grant {
        let projects = match projects {
            "*" => Identifiers::All,
            list => Identifiers::listed(list.split_ascii_whitespace()).unwrap(),
        };
        Grant {
            api: ApiId::from_bits(1),
            scopes: ScopeSet::parse(scopes).unwrap(),
            resources: [(ResourceType::parse("project").unwrap(), projects)]
                .into_iter()
                .collect(),
        }
    }

    fn access<const N: usize>(grants: [Grant; N]) -> Access {
        grants.into_iter().collect()
    }

    #[test]
    fn a_difference_names_the_scopes_and_the_keys_that_it_is_about() {
        let before = access([grant("read write", "A B")]);
        let cases = [
            (access([grant("read write", "A B")]), access([])),
            (access([grant("write read", "*")]), access([])),
            (access([]), access([grant("read write", "A B")])),
            (
                access([grant("read", "A B")]),
                access([grant("write", "A B")]),
            ),
            (
                access([grant("read write", "A")]),
                access([grant("read write", "B")]),
            ),
            (
                access([grant("read", "A B"), grant("write", "A")]),
                access([grant("write", "B")]),
            ),
            (
                access([grant("read", "A")]),
                access([grant("read", "B"), grant("write", "A B")]),
            ),
        ];
        for (after, lost) in cases {
            assert_eq!(before.lost_in(&after), lost, "{after:?}");
            assert_eq!(before.is_reduced_to(&after), !lost.grants().is_empty());
        }
    }

    #[test]
    fn an_explicit_all_is_lost_as_such() {
        let all = access([grant("read", "*")]);
        assert_eq!(all.lost_in(&access([grant("read", "A")])), all);
    }

    #[test]
    fn a_grant_without_any_resource_is_something_to_lose() {
        let scope_only = access([grant("read", "")]);
        assert_eq!(scope_only.lost_in(&Access::NOTHING), scope_only);
    }

    #[test]
    fn a_large_difference_is_told_in_whole_grants() {
        let keys: Vec<_> = (0..MAX_COMPARISONS.isqrt())
            .map(|n| format!("K{n}"))
            .collect();
        let all = access([grant("read write", &keys.join(" "))]);
        let one_less = access([grant("read write", &keys[1..].join(" "))]);
        assert_eq!(all.lost_in(&one_less), all);
    }
}
