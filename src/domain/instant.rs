//! Instants as [RFC 3339 §5.6] writes them, and in no other form: what we read, every other reader of
//! that specification reads too.
//!
//! [RFC 3339 §5.6]: https://www.rfc-editor.org/rfc/rfc3339#section-5.6

use jiff::Timestamp;

/// A text that is no instant; the message says the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an instant as RFC 3339 writes it, such as `2030-01-31T12:00:00Z`")]
pub struct InvalidInstant;

/// Reads an instant.
pub fn parse(text: &str) -> Result<Timestamp, InvalidInstant> {
    // ISO 8601 has many more forms, and jiff reads most of them.
    if is_date_time(text) {
        text.parse().map_err(|_| InvalidInstant)
    } else {
        Err(InvalidInstant)
    }
}

/// Reads an instant that is kept to the second.
pub fn parse_second(text: &str) -> Result<Timestamp, InvalidInstant> {
    let second = parse(text)?.as_second();
    Timestamp::from_second(second).map_err(|_| InvalidInstant)
}

/// Whether the text follows the rule `date-time` of RFC 3339 §5.6.
fn is_date_time(text: &str) -> bool {
    let pattern = "0000-00-00T00:00:00";
    let Some((begin, rest)) = text.split_at_checked(pattern.len()) else {
        return false;
    };
    let offset = rest.strip_prefix('.').map_or(Some(rest), after_digits);
    fits(begin, pattern) && offset.is_some_and(is_offset)
}

/// What follows one digit or more.
fn after_digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

fn is_offset(text: &str) -> bool {
    let is_time = || &text[1..3] <= "23" && &text[4..] <= "59";
    fits(text, "Z") || ((fits(text, "+00:00") || fits(text, "-00:00")) && is_time())
}

/// Whether the text is like the pattern, in which `0` is any digit and a letter has no case.
fn fits(text: &str, pattern: &str) -> bool {
    let alike = |(one, like): (u8, u8)| match like {
        b'0' => one.is_ascii_digit(),
        other => one.eq_ignore_ascii_case(&other),
    };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 3339 §5.6 and §5.8.
    #[test]
    fn an_instant_is_written_in_one_grammar() {
        for (text, second) in [
            ("2030-01-01T00:00:00Z", 1_893_456_000),
            ("2030-01-01t00:00:00z", 1_893_456_000),
            ("2030-01-01T00:00:00.5Z", 1_893_456_000),
            ("2030-01-01T00:00:00.123456789+00:00", 1_893_456_000),
            ("2029-12-31T16:00:00-08:00", 1_893_456_000),
            ("2030-01-01T23:59:00+23:59", 1_893_456_000),
            ("2030-01-01T00:00:00-00:00", 1_893_456_000),
            ("1990-12-31T23:59:60Z", 662_687_999),
        ] {
            let parsed = parse(text).map(Timestamp::as_second);
            assert_eq!(parsed, Ok(second), "{text}");
        }
        for other in [
            "",
            "Z",
            "2030-01-01",
            "2030-01-01T00:00:00",
            "2030-01-01 00:00:00Z",
            "2030-01-01 00:00Z",
            "2030-01-01T00:00Z",
            "2030-01-01T00Z",
            "20300101T000000Z",
            "2030-01-01T00:00:00.Z",
            "2030-01-01T00:00:00,5Z",
            "2030-01-01T00:00:00+00:00[UTC]",
            "2030-01-01T00:00:00Z[UTC]",
            "2030-01-01T00:00:00-25:00",
            "2030-01-01T00:00:00+00:60",
            "2030-01-01T00:00:00+0000",
            "2030-01-01T00:00:00+00",
            "2030-01-01T00:00:00+00:00:00",
            "+002030-01-01T00:00:00Z",
            "2030-13-01T00:00:00Z",
            "2030-02-30T00:00:00Z",
            "2030-01-01T24:00:00Z",
            "2030-01-01T00:00:00Zé",
            "2030-01-01T00:00:0éZ",
            " 2030-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(other), Err(InvalidInstant), "{other}");
        }
    }
}
