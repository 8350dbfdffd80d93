//! JSON of the hot path, written without a detour: the claims of a token, and the answer that carries
//! them. A serializer that must be ready for anything looks at every byte of every text; most of ours
//! have nothing to escape, and that can be seen sixteen bytes at a time.

use serde::Serialize;

use super::located::LocatedDetails;
use super::resource::Identifiers;

/// A JSON object, written member by member at the end of a buffer.
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    separator: u8,
}

impl<'a> Object<'a> {
    /// Begins an object. It is whole once [`end`](Self::end) is called.
    pub fn begin(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            separator: b'{',
        }
    }

    /// A member that is a text.
    pub fn text(&mut self, name: &'static str, value: &str) -> &mut Self {
        text(self.member(name), value);
        self
    }

    /// A member that is a whole number.
    pub fn number(&mut self, name: &'static str, value: i64) -> &mut Self {
        // Writing to a vector cannot fail, and neither can a number.
        let _ = serde_json::to_writer(self.member(name), &value);
        self
    }

    /// A member that is anything else, as it serializes.
    pub fn value(
        &mut self,
        name: &'static str,
        value: &impl Serialize,
    ) -> serde_json::Result<&mut Self> {
        serde_json::to_writer(self.member(name), value)?;
        Ok(self)
    }

    /// The member `authorization_details`; none when the API declares no resource types.
    pub fn details(&mut self, details: LocatedDetails<'_>) -> &mut Self {
        if !details.is_empty() {
            located(self.member("authorization_details"), details);
        }
        self
    }

    /// Ends the object.
    pub fn end(self) {
        if self.separator == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }

    /// Begins a member; its name has nothing to escape. What is pushed next is its value.
    fn member(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.out.push(std::mem::replace(&mut self.separator, b','));
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }
}

/// Writes a text, with its quotes.
pub fn text(out: &mut Vec<u8>, value: &str) {
    if must_be_escaped(value) {
        // Writing to a vector cannot fail, and neither can a text.
        let _ = serde_json::to_writer(out, value);
        return;
    }
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

#[expect(
    clippy::needless_bitwise_bool,
    reason = "without an early end the compiler looks at many bytes at once"
)]
fn must_be_escaped(value: &str) -> bool {
    value.bytes().fold(false, |found, byte| {
        found | (byte < b' ') | (byte == b'"') | (byte == b'\\')
    })
}

fn located(out: &mut Vec<u8>, located: LocatedDetails<'_>) {
    for (position, detail) in located.details.iter().enumerate() {
        out.push(if position == 0 { b'[' } else { b',' });
        out.extend_from_slice(b"{\"type\":");
        text(out, detail.resource_type.as_str());
        out.extend_from_slice(b",\"locations\":[");
        text(out, located.audience);
        out.extend_from_slice(b"],\"identifiers\":");
        match &detail.identifiers {
            Identifiers::All => out.extend_from_slice(b"\"*\""),
            listed @ Identifiers::Listed(_) => keys(out, listed),
        }
        out.push(b'}');
    }
    out.push(b']');
}

fn keys(out: &mut Vec<u8>, listed: &Identifiers) {
    out.push(b'[');
    for (position, key) in listed.keys().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        text(out, key.as_str());
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::json;

    use super::*;
    use crate::domain::resource::ResourceType;
    use crate::domain::token::AuthorizationDetail;

    #[test]
    fn an_object_reads_as_it_was_written() {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        object.text("a", "b").number("n", -7);
        object.value("list", &[1, 2]).unwrap();
        object.end();
        assert_eq!(out, br#"{"a":"b","n":-7,"list":[1,2]}"#);

        let mut empty = Vec::new();
        Object::begin(&mut empty).end();
        assert_eq!(empty, b"{}");
    }

    #[test]
    fn details_are_written_as_they_serialize() {
        let detail = |kind: &str, identifiers| AuthorizationDetail {
            resource_type: ResourceType::parse(kind).unwrap(),
            identifiers,
        };
        let some = detail("project", Identifiers::listed(["A", "B\"\\"]).unwrap());
        let all = detail("board", Identifiers::All);
        let none = detail("page", Identifiers::NONE);
        for details in [vec![], vec![all.clone()], vec![some, all, none]] {
            let details = LocatedDetails {
                details: &details,
                audience: "https://a.example/\"",
            };
            let mut out = Vec::new();
            let mut object = Object::begin(&mut out);
            object.details(details);
            object.end();
            let read: Value = serde_json::from_slice(&out).unwrap();
            let expected = if details.is_empty() {
                json!({})
            } else {
                json!({"authorization_details": details})
            };
            assert_eq!(read, expected);
        }
    }

    proptest! {
        #[test]
        fn every_text_is_written_as_serde_json_does(value in "\\PC*|[\\x00-\\x7f]*") {
            let mut out = Vec::new();
            text(&mut out, &value);
            prop_assert_eq!(out, serde_json::to_vec(&value).unwrap());
        }
    }
}
