//! Equal values kept once: what thousands of things in memory have in common.
//!
//! Each value is compared with those that are in use, and the one that is there already is shared. That
//! saves its room, and it is warm when the next one asks for it.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Values of one type, each of them once.
#[derive(Debug)]
pub struct Shelf<T: ?Sized>(Mutex<HashSet<Arc<T>>>);

impl<T: ?Sized> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Eq + Hash + ?Sized> Shelf<T> {
    /// The copy of this value that is in use already, or else this one from now on.
    pub fn share(&self, value: Arc<T>) -> Arc<T> {
        self.share_or(&*Arc::clone(&value), || value)
    }

    fn share_or(&self, value: &T, own: impl FnOnce() -> Arc<T>) -> Arc<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = known.get(value) {
            return Arc::clone(same);
        }
        let value = own();
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

impl Shelf<str> {
    /// The copy of this text that is in use already, or else one from now on.
    pub fn text(&self, text: &str) -> Arc<str> {
        self.share_or(text, || text.into())
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
        assert!(Arc::ptr_eq(&one, &shelf.text("read")));

        for number in 0..10_000 {
            shelf.share(number.to_string().into());
        }
        assert!(shelf.0.lock().unwrap().len() < 20);
        assert!(Arc::ptr_eq(&one, &shelf.share("read".into())));
    }
}
