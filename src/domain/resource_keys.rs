//! A set of resource keys.
//!
//! It is a sorted list that is shared: a token says what a grant says, and ten thousand clients are
//! remembered, most of them with one key or a few. One alone is not in a list.

use std::sync::Arc;

use super::resource::ResourceKey;

/// Some resource keys, sorted, each once. A copy shares them.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ResourceKeys(Keys);

/// Of each number of keys there is one form, so that equal sets are equal.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Keys {
    None,
    One(ResourceKey),
    Several(Arc<[ResourceKey]>),
}

impl ResourceKeys {
    /// No key at all.
    pub const NONE: Self = Self(Keys::None);

    /// The keys in order.
    pub fn iter(&self) -> std::slice::Iter<'_, ResourceKey> {
        self.as_slice().iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Keys::None)
    }

    /// Whether a key of this text is among them.
    pub fn contains(&self, key: &str) -> bool {
        let found = self
            .as_slice()
            .binary_search_by(|own| own.as_str().cmp(key));
        found.is_ok()
    }

    /// Whether every one of them is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|key| other.contains(key.as_str()))
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let shared = self.iter().filter(|key| other.contains(key.as_str()));
        shared.cloned().collect()
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).cloned().collect()
    }

    fn as_slice(&self) -> &[ResourceKey] {
        match &self.0 {
            Keys::None => &[],
            Keys::One(key) => std::slice::from_ref(key),
            Keys::Several(keys) => keys,
        }
    }
}

impl FromIterator<ResourceKey> for ResourceKeys {
    fn from_iter<I: IntoIterator<Item = ResourceKey>>(keys: I) -> Self {
        let mut keys: Vec<ResourceKey> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        Self(match keys.pop() {
            None => Keys::None,
            Some(only) if keys.is_empty() => Keys::One(only),
            Some(last) => {
                keys.push(last);
                Keys::Several(keys.into())
            }
        })
    }
}

impl<'a> IntoIterator for &'a ResourceKeys {
    type Item = &'a ResourceKey;
    type IntoIter = std::slice::Iter<'a, ResourceKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn keys(texts: &[u8]) -> (ResourceKeys, BTreeSet<ResourceKey>) {
        let keys = texts
            .iter()
            .map(|text| ResourceKey::parse(&format!("K{}", text % 16)).unwrap());
        (keys.clone().collect(), keys.collect())
    }

    proptest! {
        #[test]
        fn it_is_a_set(one: Vec<u8>, other: Vec<u8>) {
            let ((own, model), (others, their_model)) = (keys(&one), keys(&other));
            prop_assert!(own.iter().eq(&model));
            prop_assert_eq!((own.len(), own.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(own.is_subset(&others), model.is_subset(&their_model));
            prop_assert!(own.intersection(&others).iter().eq(model.intersection(&their_model)));
            prop_assert!(own.union(&others).iter().eq(model.union(&their_model)));
            prop_assert_eq!(own == others, model == their_model);
            for key in &their_model {
                prop_assert_eq!(own.contains(key.as_str()), model.contains(key));
            }
        }
    }
}
