//! Versions: how a change is made on top of what its maker saw, and on nothing else.
//!
//! Every change of a thing raises its version, and use never does. An answer shows it as a strong
//! entity tag ([RFC 9110 §8.8.3]); a caller who sends it back in `If-Match` ([RFC 9110 §13.1.1])
//! changes that version or nothing.
//!
//! [RFC 9110 §8.8.3]: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3
//! [RFC 9110 §13.1.1]: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1

use std::fmt;

/// How many times a thing has been written.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Version(pub i64);

impl Version {
    /// The version of what was just made.
    pub const FIRST: Self = Self(1);
}

/// What tells one version of one thing from all others, on the wire.
///
/// Invariant: printable ASCII without `"`, so that it stands in a header field.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct EntityTag(String);

impl EntityTag {
    /// The tag of a thing with this id. The id is part of it since names move: what a path names
    /// may have been deleted and made anew, and its version begins at one again.
    pub fn of(id: impl fmt::Display, version: Version) -> Self {
        Self(format!("{id}-{}", version.0))
    }

    /// A tag that was made before, as it was kept.
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    /// The tag without its quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// In its quotes, as a header field holds it.
impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Something that answers show with its version.
pub trait Versioned {
    /// The tag of this version of it.
    fn tag(&self) -> EntityTag;
}

/// A text that `If-Match` cannot be; the message says the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`If-Match` is `*`, or a list of entity tags in double quotes, such as an ETag said")]
pub struct InvalidIfMatch;

/// What a caller wants to change: `If-Match`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum IfMatch {
    /// Whatever is there.
    Any,
    /// One of these versions. Weak tags are not among them: they match nothing here.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// Reads the values of all fields of that name; `None` when there are none.
    pub fn parse<'a>(
        fields: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Option<Self>, InvalidIfMatch> {
        let mut listed = None;
        for field in fields {
            let field = std::str::from_utf8(field).map_err(|_| InvalidIfMatch)?;
            match (field.trim_matches(BLANKS), &mut listed) {
                ("*", None) => listed = Some(Self::Any),
                (_, Some(Self::Any)) => return Err(InvalidIfMatch),
                (tags, None) => listed = Some(Self::OneOf(parse_tags(tags)?)),
                (tags, Some(Self::OneOf(others))) => others.extend(parse_tags(tags)?),
            }
        }
        Ok(listed)
    }

    /// Whether a thing at this version is what the caller wants to change, by the strong comparison
    /// of [RFC 9110 §8.8.3.2].
    ///
    /// [RFC 9110 §8.8.3.2]: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3.2
    pub fn holds_for(&self, tag: &EntityTag) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|wanted| wanted == tag.as_str()),
        }
    }
}

/// Optional white space.
const BLANKS: [char; 2] = [' ', '\t'];

/// `"a", W/"b"`: at least one, with commas between them. What is in quotes may hold a comma too.
fn parse_tags(mut rest: &str) -> Result<Vec<String>, InvalidIfMatch> {
    let mut strong = Vec::new();
    loop {
        let quoted = rest.strip_prefix("W/");
        let is_weak = quoted.is_some();
        let opened = quoted.unwrap_or(rest).strip_prefix('"');
        let (tag, after) = opened
            .and_then(|opened| opened.split_once('"'))
            .ok_or(InvalidIfMatch)?;
        if tag.contains(|c: char| c == ' ' || c.is_control()) {
            return Err(InvalidIfMatch);
        }
        if !is_weak {
            strong.push(tag.to_owned());
        }
        let after = after.trim_start_matches(BLANKS);
        if after.is_empty() {
            return Ok(strong);
        }
        let next = after.strip_prefix(',').ok_or(InvalidIfMatch)?;
        rest = next.trim_start_matches(BLANKS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: &[&str]) -> Result<Option<IfMatch>, InvalidIfMatch> {
        IfMatch::parse(fields.iter().map(|field| field.as_bytes()))
    }

    #[test]
    fn a_tag_names_the_thing_and_its_version() {
        let tag = EntityTag::of("sa_1", Version(7));
        assert_eq!(tag.to_string(), r#""sa_1-7""#);
        assert_ne!(tag, EntityTag::of("sa_2", Version(7)));
    }

    #[test]
    fn only_the_very_version_matches() {
        let tag = EntityTag::of("sa_1", Version(7));
        for (fields, holds) in [
            (&["*"][..], true),
            (&[r#""sa_1-7""#], true),
            (&[r#"  "x" ,  "sa_1-7"  "#], true),
            (&[r#""x""#, r#""sa_1-7""#], true),
            (&[r#""a,b","sa_1-7""#], true),
            (&[r#""sa_1-6""#], false),
            (&[r#""""#], false),
            // The weak comparison is not for changes.
            (&[r#"W/"sa_1-7""#], false),
        ] {
            let found = parse(fields).unwrap().unwrap();
            assert_eq!(found.holds_for(&tag), holds, "{fields:?}");
        }
        assert_eq!(parse(&[]), Ok(None));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for fields in [
            &[""][..],
            &["sa_1-7"],
            &["\"sa_1-7"],
            &["\"a\" \"b\""],
            &["\"a\","],
            &[",\"a\""],
            &["*, \"a\""],
            &["*", "\"a\""],
            &["\"a\"", "*"],
            &["*", "*"],
            &["\"a b\""],
            &["w/\"a\""],
        ] {
            assert_eq!(parse(fields), Err(InvalidIfMatch), "{fields:?}");
        }
        assert_eq!(IfMatch::parse([&b"\"\xff\""[..]]), Err(InvalidIfMatch));
    }
}
