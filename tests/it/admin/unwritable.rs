//! What no body may say, on every route of the document: members that are not the caller's to write, and
//! texts that are none.
//!
//! Security cases 24, 83, 147 and 168. The routes, what is sent to each and the places of texts are those of
//! the document, so that no new one is forgotten.

use ostler::domain::secret::Secret;
use ostler::domain::secret::SecretKind;
use serde_json::Value;
use serde_json::json;

use super::actors::at;
use super::actors::mistakes;
use super::actors::refusal;
use super::changes::Stage;
use super::changes::name_of;
use super::crossing::filled;
use super::openapi::Told;

/// What the server alone knows of a thing.
const READ_ONLY: [&str; 7] = [
    "id",
    "org_id",
    "created_at",
    "secret_hash",
    "status",
    "generation",
    "is_admin",
];

/// What the server alone knows of a caller.
const ABOUT_THE_CALLER: [&str; 5] = [
    "actor",
    "actor_id",
    "created_by",
    "on_behalf_of",
    "request_id",
];

/// Whether a route takes a body.
fn takes_a_body(stage: &Stage, operation: &str) -> bool {
    let mut told = stage.told.iter();
    told.any(|route| name_of(route) == operation && schema_of(route).is_some())
}

fn schema_of(route: &Told) -> Option<&Value> {
    let content = route.operation["requestBody"]["content"].as_object()?;
    content.values().next()?.get("schema")
}

// Security cases 83 and 168: nothing is mass-assigned, and nobody says who they are. The body would be
// good without the member.
#[tokio::test]
async fn no_route_takes_a_member_that_is_the_servers_own() {
    let stage = Stage::start().await;
    let before = (stage.all().await, stage.rows().await);
    let mut tried = 0;
    for (operation, method, path, body) in stage.calls() {
        if !takes_a_body(&stage, operation) {
            continue;
        }
        tried += 1;
        for member in READ_ONLY.iter().chain(&ABOUT_THE_CALLER) {
            let mut body = body.clone();
            body[*member] = json!("sa_01hzzzzzzzzzzzzzzzzzzzzzzz");
            let reply = stage.admin.call(&method, &path, Some(&body)).await;
            let found = mistakes(&reply);
            let known = ["read_only", "unknown_field"].map(|code| at(&format!("/{member}"), code));
            let is_named = found.len() == 1 && known.contains(&found[0]);
            assert!(is_named, "{operation}: {}", reply.wire());
        }
    }
    assert!(tried >= 24, "{tried} routes take a body");
    assert_eq!((stage.all().await, stage.rows().await), before);
}

/// A place in a body where a text may be: the way there, an index into a list as `0`.
type Place = Vec<String>;

/// Every place of a text in what `schema` says.
fn places(document: &Value, schema: &Value, way: &[String]) -> Vec<Place> {
    let below = |schema: &Value, step: &str| {
        let way = [way, &[step.to_owned()]].concat();
        places(document, schema, &way)
    };
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').expect("a reference of its own");
        return places(document, document.pointer(pointer).unwrap(), way);
    }
    let mut found = Vec::new();
    let is_text = |kind: &Value| kind == "string";
    let kinds = &schema["type"];
    if is_text(kinds)
        || kinds
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(is_text))
    {
        found.push(way.to_vec());
    }
    if schema["enum"].is_array() && found.is_empty() {
        found.push(way.to_vec());
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        for schema in schema[choice].as_array().into_iter().flatten() {
            found.extend(places(document, schema, way));
        }
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        found.extend(below(schema, name));
    }
    if schema["additionalProperties"].is_object() {
        found.extend(below(&schema["additionalProperties"], "any"));
    }
    if schema["items"].is_object() {
        found.extend(below(&schema["items"], "0"));
    }
    found.sort();
    found.dedup();
    found
}

/// The JSON with this text, which is JSON already, at this place and nothing else.
fn body_with(place: &[String], text: &str) -> String {
    place
        .iter()
        .rev()
        .fold(text.to_owned(), |inner, step| match step.as_str() {
            "0" => format!("[{inner}]"),
            name => format!("{{\"{name}\": {inner}}}"),
        })
}

// Security case 24: no NUL and no half of a character in any text of any body.
#[tokio::test]
async fn no_place_of_a_text_takes_what_is_none() {
    let stage = Stage::start().await;
    let document = super::openapi::document(&stage.server).await;
    let before = stage.rows().await;
    let mut tried = 0;
    for route in &stage.told {
        let Some(schema) = schema_of(route) else {
            continue;
        };
        let path = filled(&route.path, &stage.things);
        let operation = name_of(route);
        for place in places(&document, schema, &[]) {
            tried += 1;
            let pointer = format!("/{}", place.join("/"));
            let body = body_with(&place, r#""x\u0000""#);
            let reply = stage.admin.send(&route.method, &path, body).await;
            // Once: whatever else is wrong with it follows from that.
            let mut found = mistakes(&reply);
            found.retain(|(place, _)| *place == pointer);
            let expected = [at(&pointer, "invalid")];
            assert_eq!(found, expected, "{operation}: {}", reply.wire());
            for half in [r#""\ud800""#, r#""\udc00\ud800""#] {
                let reply = stage
                    .admin
                    .send(&route.method, &path, body_with(&place, half))
                    .await;
                let expected = (400, "validation_failed".to_owned());
                assert_eq!(refusal(&reply), expected, "{operation} {pointer}");
                let told = reply.text().to_lowercase();
                assert!(!told.contains("sql") && !told.contains("utf8"), "{told}");
            }
        }
    }
    assert!(tried >= 60, "{tried} places");
    assert_eq!(stage.rows().await, before);
}

// Security case 147: what is refused names the place, and nothing of what stood there; not in a header
// either. (That no line of the log has it is looked at wherever one is written: `harness::log`.)
#[tokio::test]
async fn a_secret_in_any_place_of_a_text_is_not_told_back() {
    let stage = Stage::start().await;
    let document = super::openapi::document(&stage.server).await;
    // It has the form of one, and is nobody's.
    let secret = Secret::from_random(SecretKind::ClientSecret, &[7; 32]);
    let secret = secret.expose();
    let mut refused = 0;
    for route in &stage.told {
        let Some(schema) = schema_of(route) else {
            continue;
        };
        let path = filled(&route.path, &stage.things);
        for place in places(&document, schema, &[]) {
            for value in [json!(secret), json!([secret]), json!({ secret: secret })] {
                let body = body_with(&place, &value.to_string());
                let reply = stage.admin.send(&route.method, &path, body).await;
                // Words of the caller's own, such as a description, are shown as they are.
                if reply.status < 300 && !path.starts_with("/tokens") {
                    continue;
                }
                refused += 1;
                let wire = reply.wire();
                assert!(!wire.contains(&secret[..20]), "{}: {wire}", name_of(route));
            }
        }
    }
    assert!(refused >= 120, "{refused}");
}
