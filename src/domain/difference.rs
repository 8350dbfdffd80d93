//! The difference of two accesses, in the words of their grants: what somebody who reviews a change
//! wants to read.
//!
//! A grant is a product (scopes on resources), and what is left of one product beyond others need
//! not be a product. So the difference is told as the smallest part of each grant that contains it:
//! the scopes that lose something, and of each list the keys that do.

use std::collections::HashSet;

use super::access::Access;
use super::access::Grant;
use super::access::Restrictions;
use super::region::Budget;
use super::region::TooMuchWork;
use super::region::alike;
use super::region::covered;
use super::resource::Identifiers;
use super::resource::ResourceType;
use super::resource_keys::ResourceKeys;

/// How much work a difference is worth, in keys and scopes looked at: some tenths of a second for
/// whoever asks, and a thousand times what everyday access takes. Past it whole grants are shown.
const MAX_WORK: usize = 4_000_000;

impl Access {
    /// What is lost when this access becomes `after`; nothing exactly when it
    /// [is not reduced](Access::is_reduced_to). The other way round it is what is gained.
    #[must_use]
    pub fn lost_in(&self, after: &Self) -> Self {
        if !self.is_reduced_to(after) {
            return Self::NOTHING;
        }
        let same: HashSet<&Grant> = after.grants().iter().collect();
        let changed = self.grants().iter().filter(|grant| !same.contains(grant));
        let changed: Vec<&Grant> = changed.collect();
        let mut budget = Budget::of(MAX_WORK);
        let parts = changed
            .iter()
            .map(|grant| lost_of(grant, after, &mut budget));
        match parts.collect::<Result<Vec<_>, TooMuchWork>>() {
            Ok(parts) => parts.into_iter().flatten().collect(),
            Err(TooMuchWork) => changed.into_iter().cloned().collect(),
        }
    }
}

/// The parts of one grant that are lost, scopes with the same resources together.
fn lost_of(grant: &Grant, after: &Access, budget: &mut Budget) -> Result<Vec<Grant>, TooMuchWork> {
    let others: Vec<&Grant> = after.at(grant.api).collect();
    let holds = |other: &Grant, scope: &_| other.scopes.contains(scope);
    let mut parts: Vec<Grant> = Vec::new();
    for alike in alike(grant, &others, holds, budget)? {
        let mut part = Part::of(&grant.resources);
        if part.is_covered(&alike.boxes, budget)? {
            continue;
        }
        part.leave_out_kept_keys(&alike.boxes, budget)?;
        let resources = part.into_restrictions();
        let same = parts.iter_mut().find(|other| other.resources == resources);
        match same {
            Some(other) => {
                let scopes = other.scopes.iter().chain(&alike.scopes).cloned();
                other.scopes = scopes.collect();
            }
            None => parts.push(Grant {
                api: grant.api,
                scopes: alike.scopes,
                resources,
            }),
        }
    }
    Ok(parts)
}

/// The resources of a grant, while the keys are left out of it that are not lost.
struct Part(Vec<(ResourceType, Identifiers)>);

impl Part {
    fn of(resources: &Restrictions) -> Self {
        let types = resources.iter();
        Self(
            types
                .map(|(kind, keys)| (kind.clone(), keys.clone()))
                .collect(),
        )
    }

    fn into_restrictions(self) -> Restrictions {
        self.0.into_iter().collect()
    }

    /// Types without a resource restrict nothing that the boxes would have to contain.
    fn is_covered(
        &self,
        boxes: &[&Restrictions],
        budget: &mut Budget,
    ) -> Result<bool, TooMuchWork> {
        let types = self.0.iter().filter(|(_, keys)| !keys.is_none());
        let types: Vec<_> = types.map(|(kind, keys)| (kind, keys)).collect();
        covered(&types, boxes, budget)
    }

    /// Leaves out of each list the keys of which nothing is lost.
    fn leave_out_kept_keys(
        &mut self,
        boxes: &[&Restrictions],
        budget: &mut Budget,
    ) -> Result<(), TooMuchWork> {
        // Where nobody holds the scopes, every key is lost.
        let listed = if boxes.is_empty() { 0 } else { self.0.len() };
        for place in 0..listed {
            let Identifiers::Listed(keys) = self.0[place].1.clone() else {
                continue;
            };
            let mut lost = Vec::new();
            for key in &keys {
                self.0[place].1 = Identifiers::Listed(ResourceKeys::from_iter([key.clone()]));
                if !self.is_covered(boxes, budget)? {
                    lost.push(key.clone());
                }
            }
            // What is lost may be the grant itself, without any of its keys.
            let left = if lost.is_empty() {
                keys
            } else {
                lost.into_iter().collect()
            };
            self.0[place].1 = Identifiers::Listed(left);
        }
        Ok(())
    }
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

    /// On two resource types, with these keys of each.
    fn on(scopes: &str, keys: &[String]) -> Grant {
        let listed = || Identifiers::listed(keys.iter().map(String::as_str)).unwrap();
        let types = ["board", "project"].map(|kind| ResourceType::parse(kind).unwrap());
        Grant {
            api: ApiId::from_bits(1),
            scopes: ScopeSet::parse(scopes).unwrap(),
            resources: types.into_iter().map(|kind| (kind, listed())).collect(),
        }
    }

    fn keys(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("K{n}")).collect()
    }

    #[test]
    fn a_large_difference_is_told_in_whole_grants() {
        let keys = keys(1_500);
        let all = access([on("read write", &keys)]);
        let without = |n: usize| on("read write", &[&keys[..n], &keys[n + 1..]].concat());
        let one_less: Access = (0..2).map(without).collect();
        assert_eq!(all.lost_in(&one_less), all);
    }

    #[test]
    fn grants_that_stay_as_they_are_are_no_part_of_a_large_difference() {
        let keys = keys(1_500);
        let kept = grant("admin", "*");
        let without = |n: usize| on("read write", &[&keys[..n], &keys[n + 1..]].concat());
        let after = (0..2).map(without).chain([kept.clone()]).collect();
        let all = access([kept, on("read write", &keys)]);
        assert_eq!(all.lost_in(&after).grants(), &all.grants()[1..]);
    }

    #[test]
    fn all_that_an_account_without_access_is_given_costs_little_to_tell() {
        let scopes: Vec<_> = (0..1_000).map(|n| format!("s{n}")).collect();
        let large: Access = (0..100)
            .map(|n| on(&scopes[n..].join(" "), &keys(1_000)))
            .collect();
        assert_eq!(large.lost_in(&Access::NOTHING), large);
        // Nobody is waited for: it is told with a thousandth of the work that a difference may take.
        let mut budget = Budget::of(MAX_WORK / 1_000);
        for grant in large.grants() {
            let told = lost_of(grant, &Access::NOTHING, &mut budget);
            assert_eq!(told, Ok(vec![grant.clone()]));
        }
    }
}
