//! Lifetimes on the command line: `90d`, `24h`, `15m`, `30s`, `never`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use super::terminal::printable;

/// The units, with their seconds.
const UNITS: &[(char, u64)] = &[
    ('s', 1),
    ('m', 60),
    ('h', 3600),
    ('d', 86_400),
    ('w', 604_800),
];

/// A length of time: a whole number with its unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span(pub Duration);

impl Span {
    /// In seconds.
    pub fn as_secs(self) -> u64 {
        self.0.as_secs()
    }
}

/// As the API takes it in a query: `90d`, or seconds.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.as_secs();
        match secs % 86_400 {
            0 => write!(f, "{}d", secs / 86_400),
            _ => write!(f, "{secs}s"),
        }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "say a number and its unit: 30s, 15m, 24h, 90d or 2w".to_owned();
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let unit = text.chars().last().ok_or_else(wrong)?;
        let (_, unit_secs) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let secs = number.checked_mul(*unit_secs).ok_or("that is too long")?;
        Ok(Self(Duration::from_secs(secs)))
    }
}

/// How long something lives from now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lifetime {
    /// Without an end.
    Never,
    /// For this long.
    For(Span),
}

impl Lifetime {
    /// The member of the API, in seconds: `null` is never.
    pub fn as_secs(self) -> Option<u64> {
        match self {
            Self::Never => None,
            Self::For(span) => Some(span.as_secs()),
        }
    }
}

impl FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "never" => Ok(Self::Never),
            text => text
                .parse()
                .map(Self::For)
                .map_err(|error| format!("{error}, or `never`")),
        }
    }
}

/// An end: after some time, at an instant, or none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Counted from when the command runs, or without an end.
    After(Lifetime),
    /// At this instant.
    At(Timestamp),
}

impl End {
    /// The instant, for something that begins at `now`; `None` is never.
    pub fn instant(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(instant) => Some(instant),
            Self::After(Lifetime::Never) => None,
            Self::After(Lifetime::For(span)) => {
                let end = now.as_second().saturating_add_unsigned(span.as_secs());
                Some(Timestamp::from_second(end).unwrap_or(Timestamp::MAX))
            }
        }
    }
}

impl FromStr for End {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(instant) => Ok(Self::At(instant)),
            Err(_) => text
                .parse()
                .map(Self::After)
                .map_err(|error| format!("{error}, or an instant such as 2027-01-31T12:00:00Z")),
        }
    }
}

/// A length of time in words, as exact as one needs to decide: `14m58s`, `23h`, `89d`.
pub fn in_words(secs: i64) -> String {
    let secs = secs.max(0);
    match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{}m{:02}s", secs / 60, secs % 60),
        3600..172_800 => format!("{}h{:02}m", secs / 3600, secs % 3600 / 60),
        _ => format!("{}d", secs / 86_400),
    }
}

/// An instant as an answer tells it, with how long ago that is, or how soon.
pub fn told(instant: &str, now: Timestamp) -> String {
    let shown = printable(instant);
    let Ok(at) = instant.parse::<Timestamp>() else {
        return shown.into_owned();
    };
    match at.as_second() - now.as_second() {
        left @ 0.. => format!("{shown} (in {})", in_words(left)),
        past => format!("{shown} ({} ago)", in_words(-past)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_a_number_and_a_unit() {
        for (text, secs) in [
            ("30s", 30),
            ("15m", 900),
            ("24h", 86_400),
            ("90d", 7_776_000),
            ("2w", 1_209_600),
            ("0", 0),
            ("0s", 0),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.as_secs(), secs, "{text}");
        }
        assert_eq!("never".parse(), Ok(Lifetime::Never));
        assert_eq!(Lifetime::Never.as_secs(), None);
    }

    #[test]
    fn what_is_no_lifetime_is_refused() {
        for text in [
            "",
            "d",
            "90",
            "-1d",
            "+1d",
            "1.5h",
            "90 d",
            "90D",
            "1y",
            "90d ",
            "9ü",
            "99999999999999999999d",
            "9999999999999999999w",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
        assert!("Never".parse::<Lifetime>().is_err());
    }

    #[test]
    fn an_end_is_a_lifetime_or_an_instant() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let end = |text: &str| text.parse::<End>().unwrap().instant(now);
        assert_eq!(end("1d"), Some("2026-01-02T00:00:00Z".parse().unwrap()));
        assert_eq!(end("never"), None);
        let instant = "2027-01-31T12:00:00Z";
        assert_eq!(end(instant), Some(instant.parse().unwrap()));
        assert!("tomorrow".parse::<End>().is_err());
    }

    #[test]
    fn an_instant_is_told_with_its_distance() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        for (instant, shown) in [
            ("2026-01-01T06:00:00Z", "2026-01-01T06:00:00Z (6h00m ago)"),
            ("2026-01-01T12:15:00Z", "2026-01-01T12:15:00Z (in 15m00s)"),
            ("some\u{1b} day", "some\\u{1b} day"),
        ] {
            assert_eq!(told(instant, now), shown);
        }
    }

    #[test]
    fn time_is_told_in_two_units_at_most() {
        for (secs, words) in [
            (-5, "0s"),
            (59, "59s"),
            (898, "14m58s"),
            (3600, "1h00m"),
            (86_399, "23h59m"),
            (90 * 86_400 - 1, "89d"),
        ] {
            assert_eq!(in_words(secs), words);
        }
    }
}
