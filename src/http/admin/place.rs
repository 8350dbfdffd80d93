//! A value in its place in a body: what is of another type or outside of its rule is noted there.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::app::edit::Edit;
use crate::app::problem::Mistakes;
use crate::app::problem::escaped;

use super::fields::Fields;
use super::sketch::Sketch;
use crate::domain::prose;

/// A text for people as a regular expression: no control characters but line ends.
pub(super) const PROSE: &str = r"^[^\u0000-\u0009\u000B-\u001F\u007F-\u009F]*$";

/// A value in its place.
pub(super) struct Place<'m> {
    pub(super) value: Value,
    pub(super) pointer: String,
    pub(super) mistakes: &'m RefCell<Mistakes>,
    /// Where it is noted what would be accepted here, when there is no value.
    pub(super) sketch: Option<Sketch>,
}

impl<'m> Place<'m> {
    /// The whole body.
    pub(super) fn root(value: Value, mistakes: &'m RefCell<Mistakes>) -> Self {
        Self {
            value,
            pointer: String::new(),
            mistakes,
            sketch: None,
        }
    }

    /// A place without a value, for a reader to say what it would accept.
    pub(super) fn sketched(mistakes: &'m RefCell<Mistakes>, sketch: &Sketch) -> Self {
        Self {
            sketch: Some(sketch.clone()),
            ..Self::root(Value::Null, mistakes)
        }
    }

    /// What is accepted here besides what the next step says; it costs nothing when a value is read.
    pub(super) fn like(self, schema: impl FnOnce() -> Value) -> Self {
        self.is_drawn(schema);
        self
    }

    /// In a sketch, notes what is accepted here: then there is nothing to read.
    pub(super) fn is_drawn(&self, schema: impl FnOnce() -> Value) -> bool {
        if let Some(sketch) = &self.sketch {
            sketch.add(schema());
        }
        self.sketch.is_some()
    }

    /// Notes that it is wrong, but for a text with U+0000 in it: that was noted when the body was read.
    pub(super) fn note(&self, code: &'static str, detail: impl Into<String>) {
        let is_noted = matches!(&self.value, Value::String(text) if text.contains('\0'));
        if !is_noted {
            self.mistakes.borrow_mut().add(&self.pointer, code, detail);
        }
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let found = match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.note(
            "wrong_type",
            format!("this has to be {expected}, not {found}"),
        );
        None
    }

    /// Whether it is this very text.
    pub(super) fn is(&self, text: &str) -> bool {
        self.value.as_str() == Some(text)
    }

    /// A text.
    pub(super) fn text(self) -> Option<String> {
        if self.is_drawn(|| json!({"type": "string"})) {
            return None;
        }
        match self.value {
            Value::String(text) => Some(text),
            _ => self.wrong_type("a text"),
        }
    }

    /// A text that `parse` accepts; its error says the rule.
    pub(super) fn parsed<T, E: Display>(
        self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self.is_drawn(|| json!({"type": "string"})) {
            return None;
        }
        let Value::String(text) = &self.value else {
            return self.wrong_type("a text");
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.note("invalid", error.to_string());
                None
            }
        }
    }

    /// One of these words.
    pub(super) fn one_of<T>(self, words: &[&str], parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let listed = words.join("`, `");
        self.like(|| json!({"type": "string", "enum": words}))
            .parsed(|text| parse(text).ok_or_else(|| format!("this has to be one of `{listed}`")))
    }

    /// A text for people, of at most `max_chars`, without control characters but line ends.
    pub(super) fn prose(self, max_chars: usize) -> Option<String> {
        let drawn = || json!({"type": "string", "maxLength": max_chars, "pattern": PROSE});
        self.like(drawn)
            .parsed(|text| prose::parse(text, max_chars))
    }

    /// What `read` reads, or `null`, which in an edit takes it away.
    pub(super) fn or_null<T>(self, read: impl FnOnce(Self) -> Option<T>) -> Option<Edit<T>> {
        if let Some(sketch) = self.sketch.clone() {
            read(self);
            sketch.add_null();
            return None;
        }
        if self.value.is_null() {
            return Some(Edit::Clear);
        }
        read(self).map(Edit::Set)
    }

    /// `true` or `false`.
    pub(super) fn boolean(self) -> Option<bool> {
        if self.is_drawn(|| json!({"type": "boolean"})) {
            return None;
        }
        match self.value {
            Value::Bool(value) => Some(value),
            _ => self.wrong_type("true or false"),
        }
    }

    /// `true` or `false`, of which one is meant when nothing is said.
    pub(super) fn flag(self, default: bool, told: &str) -> Option<bool> {
        self.like(|| json!({"default": default, "description": told}))
            .boolean()
    }

    /// A whole number in a range.
    pub(super) fn whole_number(self, range: RangeInclusive<u64>) -> Option<u64> {
        let (least, most) = (range.start(), range.end());
        if self.is_drawn(|| json!({"type": "integer", "minimum": least, "maximum": most})) {
            return None;
        }
        let Value::Number(number) = &self.value else {
            return self.wrong_type("a whole number");
        };
        let found = number.as_u64().filter(|number| range.contains(number));
        if found.is_none() {
            self.note("invalid", format!("a whole number from {least} to {most}"));
        }
        found
    }

    /// A number of whole seconds in a range.
    pub(super) fn seconds(self, range: RangeInclusive<u64>) -> Option<Duration> {
        self.whole_number(range).map(Duration::from_secs)
    }

    /// A list, item by item; `None` when any of them is wrong.
    pub(super) fn list<T>(
        self,
        max_items: usize,
        mut read: impl FnMut(Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        if let Some(sketch) = &self.sketch {
            let item = Sketch::default();
            read(Self::sketched(self.mistakes, &item));
            sketch.add(json!({"type": "array", "maxItems": max_items, "items": item.schema()}));
            return None;
        }
        let items = match self.value {
            Value::Array(items) if items.len() > max_items => {
                let detail = format!("a list of at most {max_items} items");
                let mut mistakes = self.mistakes.borrow_mut();
                mistakes.add(&self.pointer, "too_many", detail);
                return None;
            }
            Value::Array(items) => items,
            _ => return self.wrong_type("a list"),
        };
        let places = items.into_iter().enumerate().map(|(position, value)| Self {
            value,
            pointer: format!("{}/{position}", self.pointer),
            mistakes: self.mistakes,
            sketch: None,
        });
        // Each is read before any is given up, so that all mistakes are found.
        let read: Vec<_> = places.map(read).collect();
        read.into_iter().collect()
    }

    /// An object whose members have names of the caller's choice.
    pub(super) fn entries<T>(
        self,
        mut read: impl FnMut(&str, Self) -> Option<T>,
    ) -> Option<Vec<(String, T)>> {
        if let Some(sketch) = &self.sketch {
            let entry = Sketch::default();
            read("", Self::sketched(self.mistakes, &entry));
            sketch.add(json!({"type": "object", "additionalProperties": entry.schema()}));
            return None;
        }
        let Value::Object(members) = self.value else {
            return self.wrong_type("an object");
        };
        let entries = members.into_iter().map(|(name, value)| {
            let place = Self {
                value,
                pointer: format!("{}/{}", self.pointer, escaped(&name)),
                mistakes: self.mistakes,
                sketch: None,
            };
            read(&name, place).map(|value| (name, value))
        });
        let read: Vec<_> = entries.collect();
        read.into_iter().collect()
    }

    /// An object with the members that `read` takes, and no others.
    pub(super) fn object<T>(self, read: impl FnOnce(&mut Fields<'m>) -> Option<T>) -> Option<T> {
        if let Some(sketch) = &self.sketch {
            let mut fields = Fields::sketched(self.mistakes);
            read(&mut fields);
            sketch.add(fields.drawn().unwrap_or_default());
            return None;
        }
        let Value::Object(members) = self.value else {
            return self.wrong_type("an object");
        };
        let mut fields = Fields::new(members, self.pointer, self.mistakes);
        let read = read(&mut fields);
        fields.end();
        read
    }
}
