//! Whether a box lies in a union of boxes.

use std::collections::BTreeSet;

use super::super::access::Restrictions;
use super::super::resource::Identifiers;
use super::super::resource::ResourceType;
use super::Budget;
use super::TooMuchWork;

/// Whether every combination of `target` is in one of `boxes`.
///
/// Types of which `target` reaches nothing are not looked at: it is contained in whatever the boxes
/// say about them. With none left, a single box is enough: the scope as such is there.
pub(super) fn is_covered(
    target: &Restrictions,
    boxes: &[&Restrictions],
    budget: &mut Budget,
) -> Result<bool, TooMuchWork> {
    let types: Vec<_> = target
        .iter()
        .filter(|(_, wanted)| !wanted.is_none())
        .collect();
    covered(&types, boxes, budget)
}

/// Takes the types one by one. Each key of the first type is in some of the boxes, and those must
/// cover the other types; keys that are in the same boxes are looked at once.
pub(in crate::domain) fn covered(
    types: &[(&ResourceType, &Identifiers)],
    boxes: &[&Restrictions],
    budget: &mut Budget,
) -> Result<bool, TooMuchWork> {
    let Some(((kind, wanted), others)) = types.split_first() else {
        return Ok(!boxes.is_empty());
    };
    if boxes.is_empty() {
        return Ok(false);
    }
    budget.spend(boxes.len() * types.iter().map(|(_, wanted)| size(wanted)).sum::<usize>())?;
    let contains_all = |one: &&Restrictions| {
        let mut types = types.iter();
        types.all(|(kind, wanted)| wanted.is_subset(one.of(kind)))
    };
    if boxes.iter().any(contains_all) {
        return Ok(true);
    }
    let sets: BTreeSet<Vec<usize>> = match wanted {
        // Among all keys are those that nobody has named yet. They are only in boxes with all of
        // them, and these boxes have every other key too.
        Identifiers::All => BTreeSet::from([places(boxes, |one| {
            matches!(one.of(kind), Identifiers::All)
        })]),
        Identifiers::Listed(keys) => keys
            .iter()
            .map(|key| places(boxes, |one| one.of(kind).contains(key)))
            .collect(),
    };
    for set in sets {
        let boxes: Vec<_> = set.into_iter().map(|place| boxes[place]).collect();
        if !covered(others, &boxes, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn places(boxes: &[&Restrictions], which: impl Fn(&Restrictions) -> bool) -> Vec<usize> {
    (0..boxes.len())
        .filter(|place| which(boxes[*place]))
        .collect()
}

fn size(identifiers: &Identifiers) -> usize {
    match identifiers {
        Identifiers::All => 1,
        Identifiers::Listed(keys) => keys.len(),
    }
}
