//! Regions: what a set of grants reaches inside one API, as combinations of resources.
//!
//! A grant reaches a *box*: every combination of one of its projects with one of its boards, and so
//! on through the resource types. Several grants reach the union of their boxes, which need not be a
//! box itself. Three questions are asked of such unions:
//!
//! - does one contain another ([`Access::is_reduced_to`], [`Access::lies_within`])?
//! - which part do several scopes share, and what is the largest box in it ([`shared_resources`])?
//!
//! All three are exact, and bounded in work. Past the bound each answers what is safe: *it is
//! reduced* (so older tokens die), *it does not lie within* (so nothing is handed on), *say which
//! resources you mean* (so no token is made).

mod alike;
mod cover;
#[cfg(test)]
mod model;
mod product;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::collections::HashSet;

use super::access::Access;
use super::access::Grant;
use super::access::Restrictions;
use super::resource::Identifiers;
use super::resource::ResourceKey;
use super::resource::ResourceType;
use super::scope::Scope;
use super::scope::ScopeSet;
use super::token::AuthorizationDetail;

pub(super) use alike::alike;
pub(super) use cover::covered;
use product::Product;
use product::Union;

/// The bound was reached: how much work a question may cost, in keys and scopes looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooMuchWork;

/// What is left of the bound.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// Some tens of milliseconds at the very most; everyday grants take a thousandth of it.
    pub const FULL: Self = Self(500_000);

    /// So many keys and scopes.
    pub(super) const fn of(keys: usize) -> Self {
        Self(keys)
    }

    /// Takes from it what one step costs.
    pub(super) fn spend(&mut self, keys: usize) -> Result<(), TooMuchWork> {
        self.0 = self.0.checked_sub(keys + 1).ok_or(TooMuchWork)?;
        Ok(())
    }
}

impl Access {
    /// Whether something is lost when this access becomes `after`: a scope, on a combination of
    /// resources, that is here and not there. A type of which a grant reaches no resource restricts
    /// nothing that `after` would have to contain, and the scopes of the grant count all the same.
    pub fn is_reduced_to(&self, after: &Self) -> bool {
        !self.is_covered_by(after, |grant, scope| grant.scopes.contains(scope))
    }

    /// Whether every scope on every combination of resources is also in `limit`, where a scope of
    /// `ostler` that is implied there counts as well: then handing on `self` gives nobody more than
    /// `limit`.
    pub fn lies_within(&self, limit: &Self) -> bool {
        self.is_covered_by(limit, |grant, scope| grant.opens(scope.as_str()))
    }

    fn is_covered_by(&self, other: &Self, holds: impl Fn(&Grant, &Scope) -> bool) -> bool {
        // What is the same on both sides costs nothing, however much it is.
        let same: HashSet<&Grant> = other.grants().iter().collect();
        let mut changed = self.grants().iter().filter(|grant| !same.contains(grant));
        let mut budget = Budget::FULL;
        changed.all(|grant| {
            let others: Vec<&Grant> = other.at(grant.api).collect();
            let covered = is_grant_covered(grant, &others, &holds, &mut budget);
            covered.unwrap_or(false)
        })
    }
}

fn is_grant_covered(
    grant: &Grant,
    others: &[&Grant],
    holds: impl Fn(&Grant, &Scope) -> bool,
    budget: &mut Budget,
) -> Result<bool, TooMuchWork> {
    for alike in alike(grant, others, holds, budget)? {
        if !cover::is_covered(&grant.resources, &alike.boxes, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Why a set of scopes has no resources that a token could name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoSharedResources {
    /// Each scope is held on some resources, and no combination is common to all.
    #[error("the scopes share no resources")]
    NotShared,
    /// Several boxes are the largest, or there are too many to look at.
    #[error("no single largest set of resources is shared")]
    NoLargest,
    /// A wanted resource is not one on which every scope is held.
    #[error("the resource {1} of type {0} is not held")]
    NotHeld(ResourceType, ResourceKey),
    /// Every wanted resource is held, but not in every combination.
    #[error("not every combination of the resources is held")]
    NotTogether,
}

impl From<TooMuchWork> for NoSharedResources {
    fn from(TooMuchWork: TooMuchWork) -> Self {
        Self::NoLargest
    }
}

/// The resources that a token with `scopes` is for: the largest product of identifiers in which
/// every combination is granted for every scope. `types` are those of the API, and `grants` its
/// grants; of each type in the answer there is one set.
///
/// `wanted` mentions types that must come out exactly: a list as it is, [`Identifiers::All`] as all
/// that the scopes share.
///
/// Types of which no grant of these scopes reaches anything are left out of the product and come out
/// empty, so that an account is not cut off when its API gets another resource type.
pub fn shared_resources(
    types: &[ResourceType],
    grants: &[&Grant],
    scopes: &ScopeSet,
    wanted: &Restrictions,
) -> Result<Vec<AuthorizationDetail>, NoSharedResources> {
    let mut budget = Budget::FULL;
    shared_resources_within(&mut budget, types, grants, scopes, wanted)
}

/// The same where several are asked for: all of them together are as bounded as one.
pub fn shared_resources_within(
    budget: &mut Budget,
    types: &[ResourceType],
    grants: &[&Grant],
    scopes: &ScopeSet,
    wanted: &Restrictions,
) -> Result<Vec<AuthorizationDetail>, NoSharedResources> {
    let opens_any = |grant: &&&Grant| scopes.iter().any(|scope| grant.opens(scope.as_str()));
    let holders: Vec<&Grant> = grants.iter().filter(opens_any).copied().collect();
    if let ([only], true) = (&holders[..], wanted.is_empty()) {
        let whole = types.iter().map(|kind| only.resources.of(kind).clone());
        return Ok(details(types, whole));
    }
    let live: Vec<&ResourceType> = types
        .iter()
        .filter(|kind| wanted.mentioned(kind).is_none_or(|keys| !keys.is_none()))
        .filter(|kind| {
            holders
                .iter()
                .any(|grant| !grant.resources.of(kind).is_none())
        })
        .collect();
    let wanted_alive: Vec<Option<&Identifiers>> =
        live.iter().map(|kind| wanted.mentioned(kind)).collect();

    let shared = shared_union(&live, &holders, scopes, budget)?;
    refuse_what_is_not_held(&live, &shared, wanted)?;
    let mut largest = if shared.is_empty() {
        Product::nothing(live.len())
    } else {
        shared.largest(&wanted_alive, budget)?
    };
    let of_type = |kind| match live.iter().position(|alive| *alive == kind) {
        Some(place) => largest.take(place),
        None => Identifiers::NONE,
    };
    Ok(details(types, types.iter().map(of_type)))
}

fn details(
    types: &[ResourceType],
    identifiers: impl Iterator<Item = Identifiers>,
) -> Vec<AuthorizationDetail> {
    types
        .iter()
        .zip(identifiers)
        .map(|(kind, identifiers)| AuthorizationDetail {
            resource_type: kind.clone(),
            identifiers,
        })
        .collect()
}

/// The combinations on which every scope is held. None at all is an answer only when no scope alone
/// is held on any.
fn shared_union(
    types: &[&ResourceType],
    holders: &[&Grant],
    scopes: &ScopeSet,
    budget: &mut Budget,
) -> Result<Union, NoSharedResources> {
    budget.spend(scopes.len() * holders.len())?;
    // Scopes that the same grants hold reach the same.
    let sets: BTreeSet<Vec<bool>> = scopes
        .iter()
        .map(|scope| {
            holders
                .iter()
                .map(|grant| grant.opens(scope.as_str()))
                .collect()
        })
        .collect();

    let mut unions = sets.iter().map(|set| {
        let held = holders.iter().zip(set).filter(|(_, holds)| **holds);
        let boxes = held.map(|(grant, _)| Product::of(&grant.resources, types));
        Union::of(boxes, budget)
    });
    let Some(first) = unions.next().transpose()? else {
        return Ok(Union::EMPTY);
    };
    let rest: Vec<Union> = unions.collect::<Result<_, _>>()?;
    let some_held = std::iter::once(&first)
        .chain(&rest)
        .any(|one| !one.is_empty());
    let mut shared = first;
    for other in &rest {
        shared = shared.intersection(other, budget)?;
    }
    if shared.is_empty() && some_held {
        return Err(NoSharedResources::NotShared);
    }
    Ok(shared)
}

/// Names the first wanted resource that is not in `shared` at all.
fn refuse_what_is_not_held(
    live: &[&ResourceType],
    shared: &Union,
    wanted: &Restrictions,
) -> Result<(), NoSharedResources> {
    for (kind, identifiers) in wanted.iter() {
        let Identifiers::Listed(keys) = identifiers else {
            continue;
        };
        let place = live.iter().position(|alive| *alive == kind);
        let is_held = |key: &&ResourceKey| place.is_some_and(|at| shared.reaches(at, key));
        if let Some(key) = keys.iter().find(|key| !is_held(key)) {
            return Err(NoSharedResources::NotHeld(kind.clone(), key.clone()));
        }
    }
    Ok(())
}
