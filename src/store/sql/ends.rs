//! The end of a credential, as its row has it.
//!
//! It is that of its newest secret until that has passed, and then the latest of the others. Both are
//! columns with an index each, and most credentials have theirs in the first, whatever the time: so
//! whoever walks credentials by their ends does so in two parts.
//!
//! The latest is 0 where every secret was taken back, so it tells as well until when one is live.

use std::fmt::Display;

/// What never ends, in the order of ends: the indexes say the same number.
pub(super) const NEVER: &str = "9223372036854775807";

/// That one of the secrets of `credential` is live at `now`, which is a number or a placeholder for one.
pub(super) fn has_live_secret(now: impl Display) -> String {
    format!("credential.last_end > {now}")
}

/// That none is.
pub(super) fn has_ended(now: impl Display) -> String {
    format!("credential.last_end <= {now}")
}

/// What is said besides by who asks for all active ones whose secrets have ended, or for all whose have not:
/// it always holds, and leads to the index of these.
pub(super) const BY_INDEX: &str = "credential.last_end >= 0";

/// In which column the end of a credential is.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// That of its newest secret.
    OfTheNewest,
    /// The latest of its secrets', once the newest has ended before.
    OfTheLast,
}

impl End {
    /// Both columns.
    pub(super) const ALL: [Self; 2] = [Self::OfTheNewest, Self::OfTheLast];

    /// The column.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::OfTheNewest => "credential.newest_end",
            Self::OfTheLast => "credential.last_end",
        }
    }

    /// That the end is in this column at `now`, which is a number or a placeholder for one.
    pub(super) fn holds(self, now: impl Display) -> String {
        // The second half is in the words of its index.
        let outlives = format!(
            "credential.newest_end <= {now} AND credential.last_end > credential.newest_end"
        );
        match self {
            Self::OfTheNewest => format!("NOT ({outlives})"),
            Self::OfTheLast => outlives,
        }
    }
}
