//! Equal values kept once.
//!
//! Ten thousand clients are remembered at a time, and most of them have one of a few kinds of access
//! to the same few APIs. Each value is compared with those that are in use, and the one that is there
//! already is shared.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::api::Api;
use crate::domain::scope::Scope;

/// What clients share.
#[derive(Default)]
pub(super) struct Interned {
    access: Shelf<Access>,
    scopes: Shelf<[Scope]>,
    api: Shelf<Api>,
    apis: Shelf<[Arc<Api>]>,
}

impl Interned {
    /// The shared copy of this access to these APIs, in their words.
    pub(super) fn access(&self, access: Access, apis: &[Arc<Api>]) -> Arc<Access> {
        let in_words = |grant: Grant| match apis.iter().find(|api| api.id == grant.api) {
            Some(api) => grant.in_words_of(api),
            None => grant,
        };
        let shared = |grant: Grant| Grant {
            scopes: grant.scopes.shared(|scopes| self.scopes.share(scopes)),
            ..grant
        };
        let grants = access.into_grants().map(in_words).map(shared);
        self.access.share(Arc::new(grants.collect()))
    }

    /// The shared copy of this list of APIs, each of which is shared too.
    pub(super) fn apis(&self, apis: Vec<Api>) -> Arc<[Arc<Api>]> {
        let apis = apis.into_iter().map(|api| self.api(api));
        self.apis.share(apis.collect())
    }

    /// The shared copy of this API.
    pub(super) fn api(&self, api: Api) -> Arc<Api> {
        self.api.share(Arc::new(api))
    }
}

/// Values of one type.
struct Shelf<T: ?Sized>(Mutex<HashSet<Arc<T>>>);

impl<T: ?Sized> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Eq + Hash + ?Sized> Shelf<T> {
    fn share(&self, value: Arc<T>) -> Arc<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = known.get(&value) {
            return Arc::clone(same);
        }
        if known.len() == known.capacity() {
            // Full: what nobody else holds goes, before there is more room. So it costs O(1) on
            // average, and there is at most twice the room for what is in use.
            known.retain(|kept| Arc::strong_count(kept) > 1);
            let room = known.len() + 1;
            known.reserve(room);
        }
        known.insert(Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_unused_ones_go() {
        let shelf = Shelf::<str>::default();
        let one = shelf.share("read".into());
        assert!(Arc::ptr_eq(&one, &shelf.share("read".into())));
        assert!(!Arc::ptr_eq(&one, &shelf.share("write".into())));

        for number in 0..10_000 {
            shelf.share(number.to_string().into());
        }
        assert!(shelf.0.lock().unwrap().len() < 20);
        assert!(Arc::ptr_eq(&one, &shelf.share("read".into())));
    }
}
