//! Names that people choose, and the rules that keep them apart from ids.

use std::fmt;

use super::id::looks_like_an_id;

/// A text that breaks the rule for a name; the message says the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(&'static str);

/// The name of an organization, API, role or group: `[a-z][a-z0-9-]{0,29}`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(Box<str>);

impl Name {
    /// The rule as a regular expression.
    pub const PATTERN: &'static str = "^[a-z][a-z0-9-]{0,29}$";

    /// Checks the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let rule = "a name is 1 to 30 of a-z, 0-9 and `-`, and begins with a letter";
        let mut bytes = text.bytes();
        let begins_well = bytes.next().is_some_and(|first| first.is_ascii_lowercase());
        let goes_on_well =
            bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if begins_well && goes_on_well && text.len() <= 30 {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName(rule))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a service account: 6 to 30 letters, digits or single inner hyphens. It keeps the
/// case it was given and is compared without it.
#[derive(Clone, Debug)]
pub struct AccountName(Box<str>);

impl AccountName {
    /// The rule as a regular expression, but for the length.
    pub const PATTERN: &'static str = "^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$";

    /// Checks the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let rule = "a service account's name is 6 to 30 letters, digits or single inner hyphens";
        let right = (6..=30).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--");
        right.then(|| Self(text.into())).ok_or(InvalidName(rule))
    }

    /// The text, in the case it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two names are compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name with no further meaning than to be read: a credential's or a resource's. 1 to 100
/// characters, none of them a control character, no blank at either end, and unlike any id.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Label(Box<str>);

impl Label {
    /// The longest, in characters.
    pub const MAX_CHARS: usize = 100;

    /// The rule as a regular expression, but for the length, characters beyond ASCII, and ids.
    pub const PATTERN: &'static str = r"^[^\u0000-\u0020\u007F-\u00A0]([^\u0000-\u001F\u007F-\u009F]*[^\u0000-\u0020\u007F-\u00A0])?$";

    /// Checks the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let readable = (1..=Self::MAX_CHARS).contains(&text.chars().count())
            && !text.chars().any(char::is_control)
            && text.trim() == text;
        if !readable {
            return Err(InvalidName(
                "a name is 1 to 100 characters, without control characters or blanks at its ends",
            ));
        }
        if looks_like_an_id(text) {
            return Err(InvalidName("a name may not look like an id (`cred_...`)"));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rules() {
        for good in ["a", "demo", "a-1", "x".repeat(30).as_str()] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "A",
            "1a",
            "-a",
            "a_b",
            "org_x",
            "é",
            "a b",
            "x".repeat(31).as_str(),
        ] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn account_names_follow_their_rule_and_fold_case() {
        for good in ["demo-bot", "CI-Bot", "abcdef", "123456"] {
            assert!(AccountName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "short", "-abcdef", "abcdef-", "ab--cdef", "ab_cdef", "abcdé1", "a b c d",
        ] {
            assert!(AccountName::parse(bad).is_err(), "{bad}");
        }
        assert!(AccountName::parse(&"x".repeat(31)).is_err());
        assert_eq!(AccountName::parse("CI-Bot").unwrap().folded(), "ci-bot");
    }

    #[test]
    fn a_label_is_readable_and_unlike_an_id() {
        for good in ["GitHub Actions", "x", "Ünïcode ☂"] {
            assert!(Label::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " x",
            "x ",
            "a\nb",
            "cred_1",
            "sac_",
            "x".repeat(101).as_str(),
        ] {
            assert!(Label::parse(bad).is_err(), "{bad}");
        }
    }
}
