//! Findings: what an administrator should look at, and from when on.
//!
//! A finding is not stored. It follows from how things stand and how they were used, and it is gone
//! when that changes.

use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// What ends within this time ends soon.
pub const EXPIRING_WITHIN: Duration = DAY.saturating_mul(14);

/// What was last used longer ago than this is unused.
pub const UNUSED_AFTER: Duration = DAY.saturating_mul(90);

/// What was made longer ago than this, and never used, is never used.
pub const NEVER_USED_AFTER: Duration = DAY.saturating_mul(7);

/// What was not used for this long is dormant, and wakes up when it is used.
pub const DORMANT_AFTER: Duration = DAY.saturating_mul(60);

/// A network that was not used from for longer than this is a new one.
pub const NETWORK_KNOWN_FOR: Duration = DAY.saturating_mul(30);

/// What happened once (a network that is new, something that woke up) is shown for this long.
pub const SHOWN_FOR: Duration = DAY.saturating_mul(30);

/// An hour is looked at for refusals this long after its beginning.
pub const REFUSALS_SHOWN_FOR: Duration = DAY;

/// Only more refusals in an hour than this are too many.
pub const MANY_REFUSALS: u64 = 20;

/// Only more refusals in an hour than this many times the usual are too many.
pub const TIMES_THE_HABIT: u64 = 5;

/// How many hours before an hour are its habit.
pub const HABIT_HOURS: u64 = 7 * 24;

/// Whether `refused` in one hour is far above the habit, when there were `before` in the
/// [`HABIT_HOURS`] before it.
pub fn is_above_habit(refused: u64, before: u64) -> bool {
    refused > MANY_REFUSALS
        && refused.saturating_mul(HABIT_HOURS) > before.saturating_mul(TIMES_THE_HABIT)
}

/// What is found.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FindingKind {
    /// A secret was reported as leaked, and the organization wants a person to look.
    LeakReported,
    /// A dormant account was used.
    DormantWokeUp,
    /// An account was used from where it was not used for a long time.
    NewNetwork,
    /// Far more requests of an account are refused than usually.
    RefusalsAboveHabit,
    /// A secret, an API token or an account ends soon.
    ExpiringSoon,
    /// The old secret is still used, and its overlap is more than half over.
    OverlapStillUsed,
    /// A signing key is active for longer than the policy wants.
    SigningKeyOld,
    /// An account may write to every resource of a type.
    WriteOnAllResources,
    /// A secret never ends.
    NeverExpires,
    /// An account, or a credential or API token of one that is used, was not used for a long time.
    Unused,
    /// One of these was made some time ago, and never used.
    NeverUsed,
    /// Nobody answers for an account.
    NoOwner,
}

/// How pressing a finding is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// When there is time.
    Info,
    /// Before something breaks.
    Warning,
    /// Now: it may be an attack.
    Critical,
}

impl Severity {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl FindingKind {
    /// All of them, the most pressing first: the order in which they are listed.
    pub const ALL: [Self; 12] = [
        Self::LeakReported,
        Self::DormantWokeUp,
        Self::NewNetwork,
        Self::RefusalsAboveHabit,
        Self::ExpiringSoon,
        Self::OverlapStillUsed,
        Self::SigningKeyOld,
        Self::WriteOnAllResources,
        Self::NeverExpires,
        Self::Unused,
        Self::NeverUsed,
        Self::NoOwner,
    ];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeakReported => "leak_reported",
            Self::DormantWokeUp => "dormant_woke_up",
            Self::NewNetwork => "new_network",
            Self::RefusalsAboveHabit => "refusals_above_habit",
            Self::ExpiringSoon => "expiring_soon",
            Self::OverlapStillUsed => "overlap_still_used",
            Self::SigningKeyOld => "signing_key_old",
            Self::WriteOnAllResources => "write_on_all_resources",
            Self::NeverExpires => "never_expires",
            Self::Unused => "unused",
            Self::NeverUsed => "never_used",
            Self::NoOwner => "no_owner",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// How pressing it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::LeakReported | Self::DormantWokeUp | Self::NewNetwork => Severity::Critical,
            Self::RefusalsAboveHabit
            | Self::ExpiringSoon
            | Self::OverlapStillUsed
            | Self::SigningKeyOld
            | Self::WriteOnAllResources => Severity::Warning,
            Self::NeverExpires | Self::Unused | Self::NeverUsed | Self::NoOwner => Severity::Info,
        }
    }
}

/// Whether a scope lets its holder change something, as far as its name tells: one of its words is
/// `write`, `admin`, `manage` or `delete`. The scopes of APIs are free texts.
pub fn is_writing(scope: &str) -> bool {
    scope
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| ["write", "admin", "manage", "delete"].contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_name() {
        for kind in FindingKind::ALL {
            assert_eq!(FindingKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(FindingKind::parse("harmless"), None);
    }

    #[test]
    fn refusals_are_too_many_when_they_are_many_and_far_more_than_usual() {
        for (refused, before, expected) in [
            (20, 0, false),
            (21, 0, true),
            // A mean of 4 an hour: 20 are five times as many, and 21 are more.
            (21, 4 * HABIT_HOURS, true),
            (25, 5 * HABIT_HOURS, false),
            (26, 5 * HABIT_HOURS, true),
            (u64::MAX, 1, true),
        ] {
            assert_eq!(
                is_above_habit(refused, before),
                expected,
                "{refused} {before}"
            );
        }
    }

    #[test]
    fn a_scope_that_writes_says_so() {
        for writing in [
            "write",
            "deploy:write",
            "repo.admin",
            "issues_delete",
            "a/manage",
        ] {
            assert!(is_writing(writing), "{writing}");
        }
        for reading in ["read", "deploy:read", "rewrite", "writer", ""] {
            assert!(!is_writing(reading), "{reading}");
        }
    }
}
