//! What tokens have in common, kept once: their issuer, their API, their key and their scopes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::domain::scope::InvalidScope;
use crate::domain::scope::ScopeSet;
use crate::shelf::Shelf;

/// What the tokens that were read have in common. Most often a token says nothing new: then nothing is read
/// twice, and nothing takes more room.
#[derive(Default)]
pub(super) struct Words {
    texts: Shelf<str>,
    /// By what their claim says.
    scopes: Mutex<HashMap<Box<str>, ScopeSet>>,
}

impl Words {
    /// The copy of this text that others have.
    pub(super) fn text(&self, text: &str) -> Arc<str> {
        self.texts.text(text)
    }

    /// The scopes of this text, as others have them.
    pub(super) fn scopes(&self, text: &str) -> Result<ScopeSet, InvalidScope> {
        if let Some(same) = self.known().get(text) {
            return Ok(same.clone());
        }
        let scopes = ScopeSet::parse(text)?;
        let mut known = self.known();
        if known.len() == known.capacity() {
            // As on a shelf: what nobody else holds goes first.
            known.retain(|_, kept| kept.is_shared());
            let room = known.len() + 1;
            known.reserve(room);
        }
        let same = known.entry(text.into()).or_insert(scopes);
        Ok(same.clone())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Box<str>, ScopeSet>> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scopes_are_one_and_unused_ones_go() {
        let words = Words::default();
        let one = words.scopes("read write").unwrap();
        let same = words.scopes("read write").unwrap();
        assert!(std::ptr::eq(one.iter().as_slice(), same.iter().as_slice()));
        assert_ne!(one, words.scopes("read").unwrap());
        assert!(words.scopes("read  write").is_err());

        for number in 0..10_000 {
            words.scopes(&number.to_string()).unwrap();
        }
        assert!(words.scopes.lock().unwrap().len() < 20);
        let same = words.scopes("read write").unwrap();
        assert!(std::ptr::eq(one.iter().as_slice(), same.iter().as_slice()));
    }
}
