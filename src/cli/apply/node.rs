//! The text of a declaration as a tree, each value with the line that it stands on.
//!
//! YAML, and with it JSON, which is a part of it.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Number;
use serde_json::Value;
use serde_saphyr::Spanned;

/// A value and its line; the lines of what is inside it are there too.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands, from 1.
    pub line: u64,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text, a number, true, false or null.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// Members by name, in their order.
    Members(Vec<(String, Node)>),
}

/// Why a text is no tree: a line, and what is wrong there. It quotes nothing of the text.
#[derive(Debug)]
pub struct Unreadable {
    /// Where, if that is known.
    pub line: Option<u64>,
    /// What.
    pub what: String,
}

impl Node {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        serde_saphyr::from_str(text).map_err(|error| Unreadable {
            line: error.location().map(|at| at.line()),
            what: error.without_snippet().to_string(),
        })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned {
            value, referenced, ..
        } = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Self {
            line: referenced.line(),
            kind: value,
        })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::Scalar(
            Number::from_f64(value).map_or(Value::Null, Value::Number),
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kind, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Kind::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Kind::Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_knows_its_line_in_yaml_and_in_json() {
        for text in [
            "accounts:\n  ci-bot:\n    owner: me\n    roles:\n      - a\n      - b\n",
            "{\"accounts\":\n{\"ci-bot\":\n{\"owner\": \"me\", \"roles\":\n[\n\"a\",\n\"b\"]}}}",
        ] {
            let root = Node::parse(text).unwrap();
            let inner = |node: &Node, at: usize| match &node.kind {
                Kind::Members(members) => members[at].1.clone(),
                Kind::List(list) => list[at].clone(),
                Kind::Scalar(_) => panic!("nothing is in it"),
            };
            let account = inner(&inner(&root, 0), 0);
            assert_eq!(inner(&account, 0).line, 3, "{text}");
            assert_eq!(inner(&inner(&account, 1), 1).line, 6, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_line_and_not_quoted() {
        for text in [
            "a: 1\nb: [hidden\n",
            "a: hidden\na: hidden\n",
            "a: 1\n\tb: hidden\n",
        ] {
            let unreadable = Node::parse(text).unwrap_err();
            assert!(unreadable.line.is_some(), "{text}");
            assert!(!unreadable.what.contains("hidden"), "{}", unreadable.what);
        }
    }

    #[test]
    fn a_name_is_the_text_that_stands_there() {
        // Of YAML 1.1 some would be a boolean, a number in base 60, or a date.
        for name in [
            "NO",
            "yes",
            "on",
            "12",
            "1:30",
            "007",
            "1e3",
            "2027-01-31",
            "0x1f",
        ] {
            let Kind::Members(members) = Node::parse(&format!("{name}: a")).unwrap().kind else {
                panic!("{name} is no member");
            };
            assert_eq!(members[0].0, name);
        }
    }

    #[test]
    fn what_means_something_else_to_somebody_else_is_refused() {
        for text in [
            "a: 1\na: 2\n",
            "a: 1\n---\nb: 2\n",
            "a: &x [1]\nb: *y\n",
            "null: 1\n",
        ] {
            assert!(Node::parse(text).is_err(), "{text}");
        }
        // A file that says nothing declares nothing.
        for text in ["", "# nothing\n", "---\n", "\u{feff}"] {
            let node = Node::parse(text).unwrap();
            assert!(matches!(node.kind, Kind::Scalar(Value::Null)), "{text:?}");
        }
        // Aliases stand for what they name, so often only as is harmless.
        let node = Node::parse("a: &x [b]\nc: *x\n").unwrap();
        assert!(matches!(node.kind, Kind::Members(members) if members.len() == 2));
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..9 {
            let before = format!("*a{}, ", n - 1).repeat(9);
            laughs.extend([format!("a{n}: &a{n} [{before}]\n")]);
        }
        assert!(Node::parse(&laughs).is_err());
    }
}
