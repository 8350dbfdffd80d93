//! What the admin API says of itself, held against every answer that any test gets from it: its
//! status, its media type, and each member.

use std::net::SocketAddr;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::Reply;
use super::wire::Request;

/// Where the document is.
pub const DOCUMENT: &str = "/admin/v1/openapi.json";

/// An OpenAPI document.
#[derive(Debug)]
pub struct Document(pub Value);

impl Document {
    /// The one of the server that listens here. All servers have the same routes, so it is read once;
    /// `None` while nobody answers with it.
    async fn known(to: SocketAddr) -> Option<&'static Self> {
        static KNOWN: OnceCell<Document> = OnceCell::const_new();
        let read = KNOWN.get_or_try_init(async || {
            let reply = Request::new(to, "GET", DOCUMENT).exchange().await;
            let json = reply.filter(|reply| reply.status == 200);
            json.map(|reply| Document(reply.json())).ok_or(())
        });
        read.await.ok()
    }

    /// What it says of the operation that a request is for.
    fn operation(&self, method: &str, target: &str) -> Option<&Value> {
        let path = target.split('?').next()?;
        let fits = |template: &str| {
            let (parts, segments) = (template.split('/'), path.split('/'));
            parts.clone().count() == segments.clone().count()
                && parts.zip(segments).all(|(part, segment)| {
                    (part.starts_with('{') && !segment.is_empty()) || part == segment
                })
        };
        let templates = self.0["paths"].as_object()?.iter();
        // `/keys/rotate` is not a `/keys/{kid}`.
        let fitting = templates.filter(|(template, _)| fits(template));
        let (_, methods) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
        methods.get(method.to_ascii_lowercase())
    }

    /// What is wrong with a reply.
    fn complaint(&self, method: &str, target: &str, reply: &Reply) -> Option<String> {
        let operation = self.operation(method, target)?;
        let Some(response) = operation["responses"].get(reply.status.to_string()) else {
            return Some("the document does not name this status".to_owned());
        };
        let response = self.resolved(response);
        let Some(content) = response.get("content") else {
            let is_empty = reply.body.is_empty();
            return (!is_empty).then(|| "the document says that there is no body".to_owned());
        };
        let kind = reply.header("content-type").unwrap_or_default();
        let Some(media) = content.get(kind.split(';').next()?) else {
            return Some(format!("the document does not name {kind:?}"));
        };
        let schema = media.get("schema")?;
        self.check(schema, &reply.json(), "").err()
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("a reference of its own");
                let target = self.0.pointer(pointer);
                target.unwrap_or_else(|| panic!("{reference} leads nowhere"))
            }
            None => value,
        }
    }

    /// Whether `value` is what `schema` says. A keyword that is not known here fails, so that nothing
    /// goes unchecked unnoticed.
    pub fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let keywords = schema.as_object().expect("a schema is an object");
        for (keyword, says) in keywords {
            let holds = match keyword.as_str() {
                "$ref" => {
                    self.check(self.resolved(schema), value, at)?;
                    true
                }
                "type" => is_of(says, value),
                "enum" => says.as_array().unwrap().contains(value),
                "const" => says == value,
                "anyOf" => {
                    let mut any = says.as_array().unwrap().iter();
                    any.any(|schema| self.check(schema, value, at).is_ok())
                }
                "allOf" => {
                    for schema in says.as_array().unwrap() {
                        self.check(schema, value, at)?;
                    }
                    true
                }
                "required" => {
                    let mut names = says.as_array().unwrap().iter();
                    names.all(|name| value.get(name.as_str().unwrap()).is_some())
                }
                "properties" => {
                    for (name, schema) in says.as_object().unwrap() {
                        if let Some(member) = value.get(name) {
                            self.check(schema, member, &format!("{at}/{name}"))?;
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    for (name, member) in value.as_object().into_iter().flatten() {
                        let is_known = schema["properties"].get(name).is_some();
                        if !is_known && says.is_object() {
                            self.check(says, member, &format!("{at}/{name}"))?;
                        }
                    }
                    true
                }
                "items" => {
                    for (position, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(says, item, &format!("{at}/{position}"))?;
                    }
                    true
                }
                "minimum" => value.as_f64().is_none_or(|n| n >= says.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|n| n <= says.as_f64().unwrap()),
                "format" if says == "date-time" => value
                    .as_str()
                    .is_none_or(|text| text.ends_with('Z') && text.parse::<Timestamp>().is_ok()),
                "pattern" => value.as_str().is_none_or(|text| is_like(text, says)),
                "format" | "description" | "examples" | "default" | "title" => true,
                keyword => panic!("{keyword} is not checked here"),
            };
            if !holds {
                return Err(format!("at {at:?} {value} is not {keyword} {says}"));
            }
        }
        Ok(())
    }
}

/// Whether it is of one of these types.
fn is_of(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        name => panic!("the type {name}"),
    };
    match types.as_array() {
        Some(several) => several.iter().any(is),
        None => is(types),
    }
}

/// Whether a text is like a pattern of an id, the only patterns that answers have.
fn is_like(text: &str, pattern: &Value) -> bool {
    let pattern = pattern.as_str().unwrap();
    let (prefix, _) = pattern.split_once("_[").expect("the pattern of an id");
    let prefix = prefix.strip_prefix('^').expect("an anchored pattern");
    let ulid = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'));
    ulid.is_some_and(|ulid| ulid.len() == 26)
}

/// Fails the test when the reply to a request is not as the document says.
pub async fn check(to: SocketAddr, method: &str, target: &str, reply: &Reply) {
    // A head that could not be parsed is answered before there is a request with an id.
    if !target.starts_with("/admin/v1/") || reply.header("x-request-id").is_none() {
        return;
    }
    let Some(document) = Document::known(to).await else {
        return;
    };
    if let Some(complaint) = document.complaint(method, target, reply) {
        panic!("{method} {target}: {complaint}\n{}", reply.wire());
    }
}
