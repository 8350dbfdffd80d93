//! Boxes, unions of them, and the largest box in a union.
//!
//! The largest box is one of the *maximal* ones: those that no other box of the union contains.
//! They are found as the prime implicants of a Boolean function are, by consensus: two boxes that
//! meet in all types but one span a third, whose set of the last type is the union of theirs. When
//! this yields nothing new, every box of the union lies in one that was found (Quine's theorem, for
//! variables of many values).

use std::cmp::Reverse;

use super::super::access::Restrictions;
use super::super::resource::Identifiers;
use super::super::resource::ResourceKey;
use super::super::resource::ResourceType;
use super::Budget;
use super::NoSharedResources;
use super::TooMuchWork;

/// A box: every combination of one identifier of each type. None of its sets is empty, unless it
/// is [`Product::nothing`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Product(Vec<Identifiers>);

impl Product {
    /// What a grant reaches, of these types.
    pub(super) fn of(resources: &Restrictions, types: &[&ResourceType]) -> Self {
        let sets = types.iter().map(|kind| resources.of(kind).clone());
        Self(sets.collect())
    }

    /// No resource of any type.
    pub(super) fn nothing(types: usize) -> Self {
        Self(vec![Identifiers::NONE; types])
    }

    /// Its set of one type, which may be taken once.
    pub(super) fn take(&mut self, place: usize) -> Identifiers {
        std::mem::replace(&mut self.0[place], Identifiers::NONE)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().any(Identifiers::is_none)
    }

    fn is_within(&self, other: &Self) -> bool {
        let mut sets = self.0.iter().zip(&other.0);
        sets.all(|(own, others)| own.is_subset(others))
    }

    fn intersection(&self, other: &Self) -> Self {
        let sets = self.0.iter().zip(&other.0);
        Self(sets.map(|(own, others)| own.intersection(others)).collect())
    }

    /// The box that both span in the type at `place`; empty when they do not meet elsewhere.
    fn consensus(&self, other: &Self, place: usize) -> Self {
        let mut spanned = self.intersection(other);
        spanned.0[place] = self.0[place].union(&other.0[place]);
        spanned
    }

    /// How many keys it names.
    fn size(&self) -> usize {
        let sizes = self.0.iter().map(|set| match set {
            Identifiers::All => 1,
            Identifiers::Listed(keys) => keys.len(),
        });
        sizes.sum()
    }

    /// How large it is: first by the number of types with all resources, then by the number of
    /// combinations of the others.
    fn extent(&self) -> (usize, u128) {
        self.0.iter().fold((0, 1), |(alls, count), set| match set {
            Identifiers::All => (alls + 1, count),
            Identifiers::Listed(keys) => (alls, count.saturating_mul(keys.len() as u128)),
        })
    }
}

/// A union of boxes, none of them empty.
#[derive(Clone, Debug)]
pub(super) struct Union(Vec<Product>);

impl Union {
    pub(super) const EMPTY: Self = Self(Vec::new());

    /// The union of these boxes, kept as its maximal ones.
    pub(super) fn of(
        boxes: impl Iterator<Item = Product>,
        budget: &mut Budget,
    ) -> Result<Self, TooMuchWork> {
        let mut waiting: Vec<Product> = boxes.filter(|one| !one.is_empty()).collect();
        budget.spend(waiting.iter().map(Product::size).sum())?;
        // With one type, every two boxes span their union: say so at once.
        if waiting.first().is_some_and(|one| one.0.len() == 1) {
            let sets = waiting.into_iter().flat_map(|one| one.0);
            return Ok(Self(vec![Product(vec![Identifiers::union_of(sets)])]));
        }
        let mut maximal: Vec<Product> = Vec::new();
        while let Some(next) = waiting.pop() {
            budget.spend(next.size() * maximal.len())?;
            if maximal.iter().any(|one| next.is_within(one)) {
                continue;
            }
            maximal.retain(|one| !one.is_within(&next));
            for one in &maximal {
                let spanned = (0..next.0.len()).map(|place| next.consensus(one, place));
                waiting.extend(spanned.filter(|new| !new.is_empty() && !new.is_within(&next)));
                budget.spend(next.size() + one.size())?;
            }
            maximal.push(next);
        }
        Ok(Self(maximal))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether some combination has this key, of the type at `place`.
    pub(super) fn reaches(&self, place: usize, key: &ResourceKey) -> bool {
        self.0.iter().any(|one| one.0[place].contains(key))
    }

    /// What is in both.
    pub(super) fn intersection(
        &self,
        other: &Self,
        budget: &mut Budget,
    ) -> Result<Self, TooMuchWork> {
        let mut both = Vec::new();
        for one in &self.0 {
            for two in &other.0 {
                budget.spend(one.size() + two.size())?;
                both.push(one.intersection(two));
            }
        }
        Self::of(both.into_iter(), budget)
    }

    /// The largest box in it whose sets are exactly those that are wanted; a wanted *all* is all
    /// that the union reaches.
    pub(super) fn largest(
        self,
        wanted: &[Option<&Identifiers>],
        budget: &mut Budget,
    ) -> Result<Product, NoSharedResources> {
        let exact: Vec<Option<Identifiers>> = wanted
            .iter()
            .enumerate()
            .map(|(place, wanted)| match wanted {
                Some(Identifiers::All) => {
                    let sets = self.0.iter().map(|one| one.0[place].clone());
                    (!self.0.is_empty()).then(|| Identifiers::union_of(sets))
                }
                other => other.cloned(),
            })
            .collect();
        let fits = |one: &Product| {
            let mut sets = one.0.iter().zip(&exact);
            sets.all(|(set, exact)| exact.as_ref().is_none_or(|exact| set == exact))
        };
        let cut = self.0.into_iter().map(|mut one| {
            for (set, exact) in one.0.iter_mut().zip(&exact) {
                if let Some(exact) = exact {
                    *set = set.intersection(exact);
                }
            }
            one
        });
        let mut fitting = Self::of(cut, budget)?.0;
        fitting.retain(fits);
        fitting.sort_by_cached_key(|one| Reverse(one.extent()));
        match &fitting[..] {
            [] => Err(NoSharedResources::NotTogether),
            [one, two, ..] if one.extent() == two.extent() => Err(NoSharedResources::NoLargest),
            _ => Ok(fitting.swap_remove(0)),
        }
    }
}
