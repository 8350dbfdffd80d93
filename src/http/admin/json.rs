//! A JSON body, read strictly.
//!
//! What JSON libraries let pass is refused here, with its place: the same member twice (the last one
//! would win, and two readers may disagree), nesting without end, U+0000 in a text, and more values than
//! any body of ours has: a megabyte of them would take a tenth of a second to read.

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;

use crate::app::problem::Mistakes;
use crate::app::problem::escaped;
use crate::app::problem::quoted;

/// How deep a body may nest; ours need five levels.
const MAX_DEPTH: usize = 16;

/// How many values a body may have, names of members among them. The largest of ours is an account with
/// an access and a credential's, each of 128 KiB of keys, and has fewer.
const MAX_VALUES: usize = 50_000;

/// Reads a body. What is wrong with single values is noted; `None` when it is not JSON at all, which
/// is noted too. No message shows a value.
pub(super) fn read(body: &[u8], mistakes: &RefCell<Mistakes>) -> Option<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let left = Cell::new(Some(MAX_VALUES));
    let root = Tree {
        path: Path::Root,
        depth: 0,
        left: &left,
        mistakes,
    };
    let read = root
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            // The words of the library could quote the body.
            let place = format!("line {}, column {}", error.line(), error.column());
            let detail = if left.get().is_none() {
                format!("the body has more than {MAX_VALUES} values: see {place}")
            } else if error.is_data() {
                format!("the body nests deeper than {MAX_DEPTH} levels, at {place}")
            } else {
                format!("the body is not JSON: see {place}")
            };
            mistakes.borrow_mut().add("", "invalid_json", detail);
            None
        }
    }
}

/// The way to a value; written down only when there is something to say about it.
#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(parent, name) => write!(f, "{parent}/{}", escaped(name)),
            Self::Item(parent, position) => write!(f, "{parent}/{position}"),
        }
    }
}

/// Reads one value and all that is in it.
struct Tree<'a> {
    path: Path<'a>,
    depth: usize,
    /// How many more values there may be; `None` when there were too many.
    left: &'a Cell<Option<usize>>,
    mistakes: &'a RefCell<Mistakes>,
}

impl Tree<'_> {
    fn text(&self, text: String) -> Value {
        self.check_text(&text);
        Value::String(text)
    }

    fn check_text(&self, text: &str) {
        if text.contains('\0') {
            self.note("invalid", || "U+0000 is not allowed in a text".to_owned());
        }
    }

    fn note(&self, code: &'static str, detail: impl FnOnce() -> String) {
        let mut mistakes = self.mistakes.borrow_mut();
        if !mistakes.is_full() {
            mistakes.add(&self.path.to_string(), code, detail());
        }
    }

    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        let left = self.left.get().and_then(|left| left.checked_sub(1));
        self.left.set(left);
        left.map(drop).ok_or_else(|| E::custom("too many values"))
    }

    fn inner<'b>(&'b self, path: Path<'b>) -> Tree<'b> {
        Tree {
            path,
            depth: self.depth + 1,
            left: self.left,
            mistakes: self.mistakes,
        }
    }

    fn check_depth<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth < MAX_DEPTH {
            Ok(())
        } else {
            Err(E::custom("nests too deep"))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(self.text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(self.text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut values = Vec::new();
        loop {
            let item = self.inner(Path::Item(&self.path, values.len()));
            match items.next_element_seed(item)? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let member = self.inner(Path::Member(&self.path, &name));
            member.count()?;
            member.check_text(&name);
            if values.contains_key(&name) {
                member.note("duplicate", || {
                    format!("the member {} stands here twice", quoted(&name))
                });
            }
            let value = members.next_value_seed(member)?;
            values.insert(name, value);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mistakes(body: &str) -> Vec<(String, &'static str)> {
        let mistakes = RefCell::default();
        read(body.as_bytes(), &mistakes);
        let Err(problem) = mistakes.into_inner().check() else {
            return Vec::new();
        };
        let found = problem.mistakes().iter();
        found
            .map(|mistake| (mistake.pointer.clone().unwrap(), mistake.code))
            .collect()
    }

    #[test]
    fn json_is_read_as_it_is() {
        let body = r#" {"b": [1, -2, 1.5, true, null, "ä\u00e4"], "a": {}} "#;
        let mistakes = RefCell::default();
        let value = read(body.as_bytes(), &mistakes).unwrap();
        assert_eq!(value, json!({"b": [1, -2, 1.5, true, null, "ää"], "a": {}}));
        assert!(mistakes.into_inner().is_empty());
    }

    #[test]
    fn a_member_twice_and_a_nul_are_found_where_they_stand() {
        let found = |pointer: &str, code| vec![(pointer.to_owned(), code)];
        assert_eq!(mistakes(r#"{"a": 1, "a": 1}"#), found("/a", "duplicate"));
        assert_eq!(
            mistakes(r#"{"a": [{"b/~": 1, "b/~": 2}]}"#),
            found("/a/0/b~1~0", "duplicate")
        );
        assert_eq!(mistakes(r#"{"a": ["x\u0000"]}"#), found("/a/0", "invalid"));
        assert_eq!(mistakes(r#"{"a\u0000": 1}"#), found("/a\0", "invalid"));
    }

    #[test]
    fn what_is_not_json_is_refused_without_being_shown() {
        for body in [
            "",
            "secret",
            "{",
            "{} {}",
            "{'a': 1}",
            r#"{"a": 1e400}"#,
            r#"{"a": NaN}"#,
            r#"{"a": "\ud800"}"#,
            r#"{"a": 01}"#,
            "\u{feff}{}",
        ] {
            assert_eq!(
                mistakes(body),
                [(String::new(), "invalid_json")],
                "{body:?}"
            );
        }
        let mistakes = RefCell::default();
        assert_eq!(read(b"{\"a\": \"\xff\"}", &mistakes), None);
    }

    #[test]
    fn nesting_ends_somewhere() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(mistakes(&nested(MAX_DEPTH)), []);
        for depth in [MAX_DEPTH + 1, 10_000, 500_000] {
            assert_eq!(mistakes(&nested(depth)).len(), 1, "{depth}");
            assert_eq!(mistakes(&r#"{"a":"#.repeat(depth)).len(), 1, "{depth}");
        }
    }

    #[test]
    fn values_end_somewhere() {
        // The list is one itself, and a member is two.
        let list = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
        let object = |members: usize| {
            let members: Vec<_> = (0..members).map(|n| format!("\"{n}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        let most = MAX_VALUES - 1;
        assert_eq!(mistakes(&list(most)), []);
        assert_eq!(mistakes(&object(most / 2)), []);
        for body in [list(most + 1), object(most / 2 + 1), list(500_000)] {
            assert_eq!(mistakes(&body), [(String::new(), "invalid_json")]);
        }
    }

    #[test]
    fn a_body_full_of_mistakes_costs_a_bounded_answer() {
        let body = format!("[{}0]", r#"{"a":1,"a":1},"#.repeat(50_000));
        assert_eq!(mistakes(&body).len(), 100);
    }
}
