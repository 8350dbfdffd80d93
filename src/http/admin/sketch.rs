//! What a reader of bodies accepts, found out by letting it read nothing.
//!
//! A schema that is written down beside a reader says something else one day. So there is one
//! description only, the reader: run on a *sketch*, where there is no value, each step notes what it
//! would have accepted. A reader therefore asks for all of its members before it gives up.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::fields::Fields;
use super::place::Place;

/// The schema of the object that `read` reads.
pub(super) fn schema_of<T>(read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Value {
    let (mistakes, sketch) = (RefCell::default(), Sketch::default());
    Place::sketched(&mistakes, &sketch).object(read);
    sketch.schema()
}

/// The schema of one place, while it is drawn.
#[derive(Clone, Default)]
pub(super) struct Sketch(Rc<RefCell<Map<String, Value>>>);

impl Sketch {
    /// Adds the keywords of `schema`; what is there already stays.
    pub(super) fn add(&self, schema: Value) {
        let Value::Object(keywords) = schema else {
            return;
        };
        let mut own = self.0.borrow_mut();
        for (keyword, value) in keywords {
            own.entry(keyword).or_insert(value);
        }
    }

    /// Accepts `null` as well.
    pub(super) fn add_null(&self) {
        let mut own = self.0.borrow_mut();
        if let Some(Value::Array(words)) = own.get_mut("enum") {
            words.push(Value::Null);
        }
        if let Some(kind) = own.get_mut("type") {
            match kind {
                Value::Array(kinds) => kinds.push(json!("null")),
                one => *one = json!([one.take(), "null"]),
            }
        } else {
            let rest = std::mem::take(&mut *own);
            own.insert("anyOf".to_owned(), json!([rest, {"type": "null"}]));
        }
    }

    /// What was drawn.
    pub(super) fn schema(&self) -> Value {
        Value::Object(self.0.borrow().clone())
    }
}

/// The members of an object, while it is drawn.
#[derive(Default)]
pub(super) struct SketchedObject {
    members: Vec<(&'static str, Sketch)>,
    required: Vec<&'static str>,
}

impl SketchedObject {
    /// One more member.
    pub(super) fn member(&mut self, name: &'static str) -> Sketch {
        let sketch = Sketch::default();
        self.members.push((name, sketch.clone()));
        sketch
    }

    /// The last member has to be there.
    pub(super) fn require_last(&mut self) {
        self.required
            .extend(self.members.last().map(|(name, _)| name));
    }

    /// The last member may be `null`.
    pub(super) fn allow_null_as_last(&self) {
        if let Some((_, sketch)) = self.members.last() {
            sketch.add_null();
        }
    }

    /// What was drawn.
    pub(super) fn schema(&self) -> Value {
        let members = self.members.iter();
        let properties: Map<String, Value> = members
            .map(|(name, sketch)| ((*name).to_owned(), sketch.schema()))
            .collect();
        let mut schema = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_one_more_of_several_types() {
        let drawn = schema_of(|fields| {
            fields.optional("details", |place| {
                place.like(|| json!({"type": ["string", "array"]})).text()
            })
        });
        let kinds = json!(["string", "array", "null"]);
        assert_eq!(drawn["properties"]["details"]["type"], kinds);
    }

    #[test]
    fn a_schema_says_what_its_reader_accepts() {
        let drawn = schema_of(|fields| {
            let name = fields.required("name", |place| place.prose(9));
            let count = fields.optional("count", |place| place.whole_number(1..=5));
            let kind = fields.nullable("kind", |place| place.one_of(&["a", "b"], |_| Some(())));
            let inner = fields.optional("inner", |place| {
                place.object(|inner| inner.required("on", Place::boolean))
            });
            let tags = fields.optional("tags", |place| place.list(3, Place::text));
            let labels = fields.optional("labels", |place| place.entries(|_, place| place.text()));
            Some((name?, count, kind, inner, tags, labels))
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 9, "pattern": super::super::place::PROSE},
                "count": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
                "kind": {"type": ["string", "null"], "enum": ["a", "b", null]},
                "inner": {
                    "type": ["object", "null"],
                    "properties": {"on": {"type": "boolean"}},
                    "additionalProperties": false,
                    "required": ["on"],
                },
                "tags": {"type": ["array", "null"], "maxItems": 3, "items": {"type": "string"}},
                "labels": {
                    "type": ["object", "null"],
                    "additionalProperties": {"type": "string"},
                },
            },
            "additionalProperties": false,
            "required": ["name"],
        });
        assert_eq!(drawn, expected);
    }
}
