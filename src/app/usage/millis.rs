//! Instants in half the room.

use jiff::Timestamp;

/// An instant as the store keeps it, in unix milliseconds. So a stamp is the same in every place, and
/// two of them compare alike wherever they come from.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Millis(i64);

impl Millis {
    /// Before every instant.
    pub(super) const MIN: Self = Self(i64::MIN);

    /// The millisecond that `at` is in.
    pub(super) fn of(at: Timestamp) -> Self {
        Self(at.as_millisecond())
    }

    /// Its beginning.
    pub(super) fn instant(self) -> Timestamp {
        // It was made of one, so it is within the range of them.
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::MIN)
    }
}
