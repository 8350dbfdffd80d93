//! The `scope` parameter ([RFC 6749 §3.3]).
//!
//! [RFC 6749 §3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3

use std::collections::BTreeSet;

use ostler::domain::scope::MAX_SCOPE_LEN;
use ostler::domain::scope::Scope;
use ostler::domain::scope::ScopeSet;

/// What is accepted is exactly what the grammar says, and its text means the same set.
pub fn check(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    let tokens: Vec<&str> = text.split(' ').collect();
    let right = tokens.iter().all(|token| is_scope(token));
    let parsed = ScopeSet::parse(text);
    assert_eq!(parsed.is_ok(), right);
    let Ok(set) = parsed else {
        return false;
    };

    let expected: BTreeSet<&str> = tokens.into_iter().collect();
    assert!(set.iter().map(Scope::as_str).eq(expected.iter().copied()));
    assert_eq!(ScopeSet::parse(&set.to_string()), Ok(set.clone()));
    assert!(expected.iter().all(|scope| set.has(scope)));
    check_halves(&set);
    true
}

/// RFC 6749 appendix A.4: `1*( %x21 / %x23-5B / %x5D-7E )`.
fn is_scope(token: &str) -> bool {
    let allowed = |c: char| ('!'..='~').contains(&c) && c != '"' && c != '\\';
    (1..=MAX_SCOPE_LEN).contains(&token.len()) && token.chars().all(allowed)
}

/// Both halves of a set lie within it, share nothing, and are together what it is.
fn check_halves(set: &ScopeSet) {
    let half = |odd: usize| {
        let scopes = set.iter().enumerate();
        let of_half = scopes.filter(|(position, _)| position % 2 == odd);
        of_half
            .map(|(_, scope)| scope.clone())
            .collect::<ScopeSet>()
    };
    let (one, other) = (half(0), half(1));
    assert!(one.is_subset(set) && other.is_subset(set));
    assert!(one.intersection(&other).is_empty());
    assert_eq!(set.intersection(&one), one);
    let together: ScopeSet = one.iter().chain(&other).cloned().collect();
    assert_eq!(&together, set);
    assert_eq!(set.is_subset(&one), other.is_empty());
}
