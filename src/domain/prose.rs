//! Texts for people: what a thing is for, who answers for it.

/// The most characters of a description.
pub const MAX_DESCRIPTION: usize = 1_000;

/// The most characters of an owner.
pub const MAX_OWNER: usize = 200;

/// The most characters of the value of a label.
pub const MAX_LABEL_VALUE: usize = 255;

/// A text that is too long, or cannot be shown; the message says the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a text of at most {max_chars} characters, without control characters")]
pub struct InvalidProse {
    max_chars: usize,
}

/// A text of at most `max_chars` characters, without control characters but line ends.
pub fn parse(text: &str, max_chars: usize) -> Result<String, InvalidProse> {
    let is_odd = |character: char| character.is_control() && character != '\n';
    if text.chars().any(is_odd) || text.chars().count() > max_chars {
        return Err(InvalidProse { max_chars });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_so_many_characters_and_no_control_characters_but_line_ends() {
        for good in ["", "two\nlines", "\u{e4}\u{f6}\u{fc}!"] {
            assert_eq!(parse(good, 9).as_deref(), Ok(good));
        }
        for bad in ["ten of 10.", "a\tb", "a\u{7f}"] {
            assert_eq!(parse(bad, 9), Err(InvalidProse { max_chars: 9 }), "{bad:?}");
        }
    }
}
