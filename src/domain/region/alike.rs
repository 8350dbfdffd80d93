//! Scopes that are alike: of a grant, those that the same others hold.
//!
//! They reach the same and are covered by the same, so a question about them is asked once. There are
//! a thousand scopes in a large grant, and seldom more than a few kinds of them.

use std::collections::BTreeMap;

use super::super::access::Grant;
use super::super::access::Restrictions;
use super::super::scope::Scope;
use super::super::scope::ScopeSet;
use super::Budget;
use super::TooMuchWork;

/// Some scopes of a grant that the same others hold.
pub(in crate::domain) struct Alike<'a> {
    /// The scopes.
    pub(in crate::domain) scopes: ScopeSet,
    /// What the others reach that hold them.
    pub(in crate::domain) boxes: Vec<&'a Restrictions>,
}

/// The scopes of `grant` by those of `others` that hold them, in the order of the first of each.
pub(in crate::domain) fn alike<'a>(
    grant: &Grant,
    others: &[&'a Grant],
    holds: impl Fn(&Grant, &Scope) -> bool,
    budget: &mut Budget,
) -> Result<Vec<Alike<'a>>, TooMuchWork> {
    budget.spend(grant.scopes.len() * others.len())?;
    let mut sets: BTreeMap<Vec<bool>, Vec<Scope>> = BTreeMap::new();
    for scope in &grant.scopes {
        let holders = others.iter().map(|other| holds(other, scope)).collect();
        sets.entry(holders).or_default().push(scope.clone());
    }
    let mut sets: Vec<_> = sets.into_iter().collect();
    sets.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
    let alike = sets.into_iter().map(|(holders, scopes)| {
        let holding = others.iter().zip(holders).filter(|(_, holds)| *holds);
        Alike {
            scopes: scopes.into_iter().collect(),
            boxes: holding.map(|(other, _)| &other.resources).collect(),
        }
    });
    Ok(alike.collect())
}
