//! The members of an object in a body, taken one by one: what is missing or unknown is noted with
//! its place, so that one answer tells all that is wrong.

use std::cell::RefCell;

use serde_json::Map;
use serde_json::Value;

use crate::app::edit::Edit;
use crate::app::problem::Mistake;
use crate::app::problem::Mistakes;
use crate::app::problem::escaped;
use crate::app::problem::nearest;
use crate::app::problem::quoted;

use super::place::Place;
use super::sketch::SketchedObject;

/// Members that answers show and nobody writes.
const READ_ONLY: [&str; 20] = [
    "active_api_tokens",
    "active_credentials",
    "client_id",
    "client_secret",
    "created_at",
    "email",
    "expires_at",
    "hint",
    "id",
    "kid",
    "kind",
    "last_used_at",
    "member_count",
    "published_at",
    "secrets",
    "service_account_count",
    "state",
    "status",
    "token",
    "updated_at",
];

/// The members of an object, each taken by its name.
pub(super) struct Fields<'m> {
    members: Map<String, Value>,
    known: Vec<&'static str>,
    pointer: String,
    mistakes: &'m RefCell<Mistakes>,
    sketch: Option<SketchedObject>,
}

/// A member that may be `null`, which says something else than leaving it out.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Nullable<T> {
    /// It is not there.
    Absent,
    /// It is `null`.
    Null,
    /// It is something.
    Value(T),
}

impl<'m> Fields<'m> {
    pub(super) fn new(
        members: Map<String, Value>,
        pointer: String,
        mistakes: &'m RefCell<Mistakes>,
    ) -> Self {
        Self {
            members,
            known: Vec::new(),
            pointer,
            mistakes,
            sketch: None,
        }
    }

    /// Those of a sketch: whatever is asked for is there, and is noted.
    pub(super) fn sketched(mistakes: &'m RefCell<Mistakes>) -> Self {
        Self {
            sketch: Some(SketchedObject::default()),
            ..Self::new(Map::new(), String::new(), mistakes)
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Place<'m>> {
        if let Some(object) = &mut self.sketch {
            return Some(Place::sketched(self.mistakes, &object.member(name)));
        }
        self.known.push(name);
        let value = self.members.shift_remove(name)?;
        Some(Place {
            value,
            pointer: format!("{}/{name}", self.pointer),
            mistakes: self.mistakes,
            sketch: None,
        })
    }

    /// A member that has to be there.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Place<'m>) -> Option<T>,
    ) -> Option<T> {
        if let Some(place) = self.take(name) {
            let read = read(place);
            if let Some(object) = &mut self.sketch {
                object.require_last();
            }
            return read;
        }
        let at = format!("{}/{name}", self.pointer);
        let detail = format!("`{name}` is required");
        self.mistakes.borrow_mut().add(&at, "required", detail);
        None
    }

    /// A member that may be left out, and is something where it is there: not `null`.
    pub(super) fn given<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Place<'m>) -> Option<T>,
    ) -> Option<T> {
        self.take(name).and_then(read)
    }

    /// A member that may be left out, or be `null`, which says the same.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Place<'m>) -> Option<T>,
    ) -> Option<T> {
        match self.nullable(name, read) {
            Nullable::Value(value) => Some(value),
            Nullable::Absent | Nullable::Null => None,
        }
    }

    /// A member that may be left out, or be `null`, which says something else. One that is wrong
    /// counts as left out: the body is refused anyhow.
    pub(super) fn nullable<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Place<'m>) -> Option<T>,
    ) -> Nullable<T> {
        match self.take(name) {
            None => Nullable::Absent,
            Some(place) if place.sketch.is_some() => {
                read(place);
                if let Some(object) = &self.sketch {
                    object.allow_null_as_last();
                }
                Nullable::Absent
            }
            Some(place) if place.value.is_null() => Nullable::Null,
            Some(place) => read(place).map_or(Nullable::Absent, Nullable::Value),
        }
    }

    /// What was drawn of them, if this is a sketch.
    pub(super) fn drawn(&self) -> Option<Value> {
        self.sketch.as_ref().map(SketchedObject::schema)
    }

    /// A member of an edit that the thing may be without: `null` takes it away ([RFC 7396]).
    ///
    /// [RFC 7396]: https://www.rfc-editor.org/rfc/rfc7396
    pub(super) fn edited<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Place<'m>) -> Option<T>,
    ) -> Edit<T> {
        match self.nullable(name, read) {
            Nullable::Absent => Edit::Keep,
            Nullable::Null => Edit::Clear,
            Nullable::Value(value) => Edit::Set(value),
        }
    }

    /// Notes the members that nobody took.
    pub(super) fn end(self) {
        let mut mistakes = self.mistakes.borrow_mut();
        // A name with U+0000 in it was noted when the body was read.
        let unknown = self.members.keys().filter(|name| !name.contains('\0'));
        for name in unknown {
            if mistakes.is_full() {
                return;
            }
            let shown = quoted(name);
            let read_only = READ_ONLY.contains(&name.as_str());
            let (code, detail) = if read_only {
                (
                    "read_only",
                    format!("{shown} is set by the server, not by the caller"),
                )
            } else {
                ("unknown_field", format!("there is no member {shown} here"))
            };
            let known = self.known.iter().copied();
            let nearest = nearest(name, known).filter(|_| !read_only);
            mistakes.note(Mistake {
                pointer: Some(format!("{}/{}", self.pointer, escaped(name))),
                code,
                detail,
                hint: nearest.map(|best| format!("did you mean `{best}`?")),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Found = Vec<(String, &'static str)>;

    fn read<T>(body: Value, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> (Option<T>, Found) {
        let mistakes = RefCell::default();
        let value = Place::root(body, &mistakes).object(read);
        let found = match mistakes.into_inner().check() {
            Ok(()) => Vec::new(),
            Err(problem) => problem
                .mistakes()
                .iter()
                .map(|mistake| (mistake.pointer.clone().unwrap(), mistake.code))
                .collect(),
        };
        (value, found)
    }

    fn at(pointer: &str, code: &'static str) -> (String, &'static str) {
        (pointer.to_owned(), code)
    }

    #[test]
    fn all_mistakes_of_a_body_are_found_at_once() {
        let body = json!({"nmae": "x", "id": 1, "age": "old", "tags": ["a", 1, 2]});
        let (value, found) = read(body, |fields| {
            let name = fields.required("name", Place::text);
            let age = fields.optional("age", |place| place.whole_number(0..=200));
            let tags = fields.optional("tags", |place| place.list(9, Place::text));
            Some((name?, age, tags))
        });
        assert_eq!(value, None);
        assert_eq!(
            found,
            [
                at("/name", "required"),
                at("/age", "wrong_type"),
                at("/tags/1", "wrong_type"),
                at("/tags/2", "wrong_type"),
                at("/nmae", "unknown_field"),
                at("/id", "read_only"),
            ]
        );
    }

    #[test]
    fn null_and_absent_are_told_apart_where_it_matters() {
        let nullable = |body| read(body, |f| Some(f.nullable("a", Place::boolean))).0;
        assert_eq!(nullable(json!({})), Some(Nullable::Absent));
        assert_eq!(nullable(json!({"a": null})), Some(Nullable::Null));
        assert_eq!(nullable(json!({"a": true})), Some(Nullable::Value(true)));
        let (value, found) = read(json!({"a": null}), |f| f.required("a", Place::text));
        assert_eq!((value, found), (None, vec![at("/a", "wrong_type")]));
    }

    #[test]
    fn numbers_are_whole_and_in_range() {
        let number = |value| {
            let take =
                |fields: &mut Fields<'_>| fields.required("n", |place| place.whole_number(1..=10));
            read(json!({"n": value}), take).0
        };
        assert_eq!(number(json!(10)), Some(10));
        for wrong in [
            json!(0),
            json!(11),
            json!(-1),
            json!(1.5),
            json!(1e3),
            json!("1"),
        ] {
            assert_eq!(number(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in [json!([]), json!("x"), json!(null), json!(1)] {
            let (_, found) = read(body, |_| Some(()));
            assert_eq!(found, [at("", "wrong_type")]);
        }
    }
}
