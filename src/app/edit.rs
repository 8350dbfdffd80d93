//! Edits: what a merge patch ([RFC 7396]) says of a thing. A member that it does not name stays as it
//! is, and `null` takes a member away.
//!
//! [RFC 7396]: https://www.rfc-editor.org/rfc/rfc7396

/// What an edit says of a member that the thing may be without.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Edit<T> {
    /// Nothing.
    #[default]
    Keep,
    /// It goes.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Edit<T> {
    /// Whether it says anything.
    pub fn is_said(&self) -> bool {
        !matches!(self, Self::Keep)
    }

    /// What becomes of a member that is `current` now.
    pub fn of(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays_and_null_takes_away() {
        for (edit, of_one, of_none) in [
            (Edit::Keep, Some(1), None),
            (Edit::Clear, None, None),
            (Edit::Set(2), Some(2), Some(2)),
        ] {
            assert_eq!(edit.clone().of(Some(1)), of_one);
            assert_eq!(edit.of(None), of_none);
        }
    }
}
