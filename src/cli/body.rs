//! The body of a request, from what flags say. A member that nobody said is not in it.

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::failure::Failure;

/// The members that were said.
#[derive(Clone, Debug, Default)]
pub struct Body(Map<String, Value>);

impl Body {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A member, if it was said.
    pub fn say<T: Serialize>(&mut self, member: &str, value: Option<T>) {
        if let Some(value) = value {
            self.0.insert(member.to_owned(), json!(value));
        }
    }

    /// A member with these values, if there are any.
    pub fn say_all<T: Serialize>(&mut self, member: &str, values: &[T]) {
        self.say(member, (!values.is_empty()).then_some(values));
    }

    /// A text, if it was said; an empty one takes away the one that is there.
    pub fn say_text(&mut self, member: &str, text: Option<&String>) {
        self.say(
            member,
            text.map(|text| Some(text).filter(|text| !text.is_empty())),
        );
    }

    /// A flag that was set.
    pub fn say_set(&mut self, member: &str, flag: bool) {
        self.say(member, flag.then_some(true));
    }

    /// All of it.
    pub fn value(self) -> Value {
        Value::Object(self.0)
    }

    /// All of it, for an edit, which has to change something.
    pub fn some_change(self) -> Result<Value, Failure> {
        if self.0.is_empty() {
            return Err(Failure::usage("nothing is said that should change")
                .fix("say it with a flag; --help lists them"));
        }
        Ok(self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_what_was_said_and_an_empty_text_is_none() {
        let mut body = Body::new();
        body.say("name", Some("x"));
        body.say("owner", None::<String>);
        body.say_text("description", Some(&String::new()));
        body.say_all::<u8>("labels", &[]);
        body.say_set("force", false);
        assert_eq!(body.value(), json!({"name": "x", "description": null}));
        assert!(Body::new().some_change().is_err());
    }
}
