//! Scopes: what a token may do at an API.
//!
//! A set is kept sorted, so the `scope` claim and every answer name the same scopes in the same
//! order ([RFC 6749 §3.3] gives the order no meaning).
//!
//! [RFC 6749 §3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::Serializer;

/// The longest scope, in bytes.
pub const MAX_SCOPE_LEN: usize = 128;

/// A text that is not a scope, or not a list of them.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidScope {
    /// RFC 6749 appendix A.4: `%x21 / %x23-5B / %x5D-7E`.
    #[error("a scope is printable ASCII without blanks, quotes and backslashes")]
    Alphabet,
    /// Two blanks in a row, or one at an end (RFC 6749 section 3.3 has single spaces between).
    #[error("scopes are separated by single spaces")]
    Separator,
    /// Longer than [`MAX_SCOPE_LEN`].
    #[error("a scope has at most 128 characters")]
    TooLong,
}

/// One scope: a `scope-token` of [RFC 6749 §3.3].
///
/// [RFC 6749 §3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Scope(Arc<str>);

impl Scope {
    /// The grammar as a regular expression, but for the length.
    pub const PATTERN: &'static str = r"^[!#-\[\]-~]+$";

    /// Checks the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        check(text)?;
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str) -> Result<(), InvalidScope> {
    let right = !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
    if !right {
        return Err(InvalidScope::Alphabet);
    }
    if text.len() > MAX_SCOPE_LEN {
        return Err(InvalidScope::TooLong);
    }
    Ok(())
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A set of scopes, sorted, each once. A copy shares them: a token says what a grant says.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ScopeSet(Arc<[Scope]>);

impl ScopeSet {
    /// Reads scopes between single spaces. The same scope twice counts once.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        tokens(text).map(|token| Scope::parse(token?)).collect()
    }

    /// Whether `scope` is in it.
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.binary_search(scope).is_ok()
    }

    /// Whether a scope of this text is in it.
    pub fn has(&self, scope: &str) -> bool {
        self.named(scope).is_some()
    }

    /// The scope of this text, if it is in it.
    pub fn named(&self, scope: &str) -> Option<&Scope> {
        let place = self.0.binary_search_by(|own| own.as_str().cmp(scope));
        place.ok().map(|place| &self.0[place])
    }

    /// Whether every scope of `self` is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().all(|scope| other.contains(scope))
    }

    /// The scopes that both hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(
            self.0
                .iter()
                .filter(|scope| other.contains(scope))
                .cloned()
                .collect(),
        )
    }

    /// The same scopes, as copies of those of `known` where that has them: a copy shares its text.
    #[must_use]
    pub fn in_words_of(self, known: &Self) -> Self {
        let word = |own: Scope| match known.0.binary_search(&own) {
            Ok(place) => known.0[place].clone(),
            Err(_) => own,
        };
        Self(self.0.iter().cloned().map(word).collect())
    }

    /// The same set, as the copy of it that `share` knows, which may be one that others have.
    #[must_use]
    pub fn shared(self, share: impl FnOnce(Arc<[Scope]>) -> Arc<[Scope]>) -> Self {
        Self(share(self.0))
    }

    /// Whether there is another copy of it.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The scopes in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes.into())
    }
}

impl<'a> IntoIterator for &'a ScopeSet {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The `scope` claim: one string, single spaces between.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_spaced(f, self.0.iter().map(Scope::as_str))
    }
}

fn write_spaced<'a>(
    f: &mut fmt::Formatter<'_>,
    scopes: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    for (position, scope) in scopes.enumerate() {
        if position > 0 {
            f.write_str(" ")?;
        }
        f.write_str(scope)?;
    }
    Ok(())
}

/// What stands between single spaces.
fn tokens(text: &str) -> impl Iterator<Item = Result<&str, InvalidScope>> {
    text.split(' ').map(|token| match token {
        "" => Err(InvalidScope::Separator),
        token => Ok(token),
    })
}

/// The `scope` parameter of a request: names of scopes, sorted, each once. Whether anybody has them is
/// asked later, and those that are granted are there already: so nothing is copied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScopeNames<'a>(Vec<&'a str>);

impl<'a> ScopeNames<'a> {
    /// Reads scopes between single spaces. The same scope twice counts once.
    pub fn parse(text: &'a str) -> Result<Self, InvalidScope> {
        let mut names = Vec::with_capacity(text.bytes().filter(|byte| *byte == b' ').count() + 1);
        for token in tokens(text) {
            let token = token?;
            check(token)?;
            names.push(token);
        }
        names.sort_unstable();
        names.dedup();
        Ok(Self(names))
    }

    /// The names in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a str> {
        self.0.iter().copied()
    }
}

impl fmt::Display for ScopeNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_spaced(f, self.iter())
    }
}

/// Like its text form: RFC 8693 section 4.2 wants one string.
impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_sorted_and_counts_each_scope_once() {
        let set = ScopeSet::parse("write read write").unwrap();
        assert_eq!(set.to_string(), "read write");
        assert_eq!(set.len(), 2);
        assert!(set.has("read") && !set.has("admin"));
    }

    #[test]
    fn what_is_not_the_grammar_is_refused() {
        use InvalidScope::{Alphabet, Separator, TooLong};
        let long = "x".repeat(MAX_SCOPE_LEN + 1);
        for (text, why) in [
            ("", Separator),
            (" read", Separator),
            ("read ", Separator),
            ("read  write", Separator),
            ("re\"ad", Alphabet),
            ("re\\ad", Alphabet),
            ("réad", Alphabet),
            ("read\twrite", Alphabet),
            ("read\u{7f}", Alphabet),
            (long.as_str(), TooLong),
        ] {
            assert_eq!(ScopeSet::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn subsets_and_intersections() {
        let all = ScopeSet::parse("a b c").unwrap();
        let some = ScopeSet::parse("b d").unwrap();
        assert!(!some.is_subset(&all));
        assert_eq!(some.intersection(&all), ScopeSet::parse("b").unwrap());
        assert!(ScopeSet::default().is_subset(&some));
    }
}
