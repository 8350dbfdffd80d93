//! A JSON value as the text of one cell.

use serde_json::Map;
use serde_json::Value;

/// The value in one line; an absent one is empty.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) if parts.iter().any(Value::is_object) => lines(value).join("; "),
        Value::Array(parts) => join(parts, ","),
        Value::Object(members) => pairs(members, ","),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// The value with a line for each object of a list.
pub fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::Array(parts) if parts.iter().any(Value::is_object) => {
            parts.iter().map(object).collect()
        }
        value => vec![text(value)],
    }
}

/// The members of a thing, those of things inside it with the way to them: `credential.id`.
pub fn members(value: &Value) -> Vec<(String, &Value)> {
    let Value::Object(members) = value else {
        return Vec::new();
    };
    let mut flat = Vec::new();
    for (name, value) in members {
        let is_thing = matches!(value, Value::Object(parts) if parts.values().any(is_nested));
        if is_thing {
            let inner = self::members(value).into_iter();
            flat.extend(inner.map(|(part, value)| (format!("{name}.{part}"), value)));
        } else {
            flat.push((name.clone(), value));
        }
    }
    flat
}

fn is_nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

/// An object of a list in one line; a grant of access in words.
pub fn object(value: &Value) -> String {
    match value {
        Value::Object(grant) if grant.contains_key("scopes") && grant.contains_key("api") => {
            in_words(grant)
        }
        Value::Object(named)
            if named
                .keys()
                .all(|key| ["name", "description"].contains(&&**key)) =>
        {
            match text(&value["description"]) {
                none if none.is_empty() => text(&value["name"]),
                description => format!("{} ({description})", text(&value["name"])),
            }
        }
        Value::Object(members) => pairs(members, " "),
        value => text(value),
    }
}

/// A grant of access, in words: `demo: read, write on project APOLLO, GEMINI`.
fn in_words(grant: &Map<String, Value>) -> String {
    let member = |name| grant.get(name).unwrap_or(&Value::Null);
    let scopes = match member("scopes") {
        Value::Array(scopes) => join(scopes, ", "),
        other => text(other),
    };
    let words = format!("{}: {scopes}", text(member("api")));
    let Value::Object(types) = member("resources") else {
        return words;
    };
    let restrictions: Vec<String> = types
        .iter()
        .map(|(name, keys)| match keys {
            Value::Array(keys) if keys.is_empty() => format!("no {name}"),
            Value::Array(keys) => format!("{name} {}", join(keys, ", ")),
            Value::String(all) if all == "*" => format!("all {name}"),
            other => format!("{name} {}", text(other)),
        })
        .collect();
    match restrictions.as_slice() {
        [] => words,
        restrictions => format!("{words} on {}", restrictions.join(", ")),
    }
}

fn join(parts: &[Value], separator: &str) -> String {
    let parts: Vec<String> = parts.iter().map(text).collect();
    parts.join(separator)
}

/// The members that say something.
fn pairs(members: &Map<String, Value>, separator: &str) -> String {
    let pairs: Vec<String> = members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    pairs.join(separator)
}
