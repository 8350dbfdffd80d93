//! Schemas in words, and text as it may stand in HTML.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value;

/// A text as it may stand anywhere in HTML.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe.into()
}

/// Sentences in HTML: what stands between backquotes is code, a blank line begins a paragraph.
pub(super) fn prose(text: &str) -> String {
    let mut html = String::new();
    for paragraph in text.split("\n\n") {
        let _ = write!(html, "<p>{}</p>", inline(paragraph));
    }
    html
}

/// One sentence in HTML.
pub(super) fn inline(text: &str) -> String {
    let mut html = String::new();
    for (position, part) in text.split('`').enumerate() {
        let part = escaped(part);
        let _ = match position % 2 {
            0 => write!(html, "{part}"),
            _ => write!(html, "<code>{part}</code>"),
        };
    }
    html
}

/// What a value may be, in HTML: `text, at most 100 characters`.
pub(super) fn shape(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escaped(name));
    }
    let either = schema["anyOf"].as_array().or(schema["allOf"].as_array());
    if let Some(either) = either {
        let parts: Vec<_> = either.iter().map(shape).collect();
        return parts.join(" or ");
    }
    if let Some(only) = schema["const"].as_str() {
        return format!("<code>{}</code>", escaped(only));
    }
    let mut said = kinds(schema).join(" or ");
    let bounds = bounds(schema);
    if !bounds.is_empty() {
        let _ = write!(said, ", {}", bounds.join(", "));
    }
    said
}

/// The name of the schema that a reference leads to.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"]
        .as_str()?
        .strip_prefix("#/components/schemas/")
}

fn kinds(schema: &Value) -> Vec<String> {
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().map(|word| match word.as_str() {
            Some(word) => format!("<code>{}</code>", escaped(word)),
            None => "null".to_owned(),
        });
        return words.collect();
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let named = types
        .into_iter()
        .map(|kind| match (kind, &schema["format"]) {
            ("string", Value::String(format)) if format == "date-time" => "instant".to_owned(),
            ("string", Value::String(format)) if format == "uri" => "URI".to_owned(),
            ("string", _) => "text".to_owned(),
            ("integer", _) => "whole number".to_owned(),
            ("array", _) => format!("list of {}", shape(&schema["items"])),
            ("object", _) if schema["additionalProperties"].is_object() => {
                format!(
                    "object, by name: {}",
                    shape(&schema["additionalProperties"])
                )
            }
            (other, _) => other.to_owned(),
        });
    named.collect()
}

fn bounds(schema: &Value) -> Vec<String> {
    let number = |keyword: &str| schema[keyword].as_u64();
    let mut said = Vec::new();
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => said.push(format!("{least} to {most}")),
        (Some(0) | None, None) => {}
        (Some(least), None) => said.push(format!("at least {least}")),
        (None, Some(most)) => said.push(format!("at most {most}")),
    }
    match (number("minLength"), number("maxLength")) {
        (Some(least), Some(most)) => said.push(format!("{least} to {most} characters")),
        (_, Some(most)) => said.push(format!("at most {most} characters")),
        _ => {}
    }
    if let Some(most) = number("maxItems").or(number("maxProperties")) {
        said.push(format!("at most {most} of them"));
    }
    if let Some(default) = schema.get("default") {
        said.push(format!("<code>{default}</code> unless said otherwise"));
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Security case 97.
    #[test]
    fn nothing_in_a_text_becomes_markup() {
        let text = "<b a='1' c=\"2\"> & `<i>`";
        let safe = "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt; &amp; <code>&lt;i&gt;</code>";
        assert_eq!(inline(text), safe);
    }

    #[test]
    fn a_schema_is_said_in_words() {
        for (schema, words) in [
            (
                json!({"type": "string", "maxLength": 9}),
                "text, at most 9 characters",
            ),
            (
                json!({"type": ["integer", "null"], "minimum": 1, "maximum": 5}),
                "whole number or null, 1 to 5",
            ),
            (
                json!({"type": "array", "items": {"type": "boolean"}, "maxItems": 3}),
                "list of boolean, at most 3 of them",
            ),
            (json!({"enum": ["a", null]}), "<code>a</code> or null"),
            (
                json!({"anyOf": [{"$ref": "#/components/schemas/Api"}, {"type": "null"}]}),
                "<a href=\"#schema-Api\">Api</a> or null",
            ),
        ] {
            assert_eq!(shape(&schema), words);
        }
    }
}
