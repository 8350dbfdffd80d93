//! What a create refuses, an edit refuses too, for the same reason: security case 82.
//!
//! The routes are those of the document. Whoever edits meets each member's rule that whoever made the
//! thing met.

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::Administrator;
use super::crossing::filled;
use super::crossing::things;
use super::openapi::Told;
use super::openapi::document;
use super::openapi::routes;

/// Values that are wrong in one member or another: by their type, their form, their size, their time,
/// or what they name.
fn odd_values() -> Vec<Value> {
    let deep = json!({"api": "nowhere", "scopes": ["read"], "resources": {"project": ["A"]}});
    let own = json!({"api": "api-of-ours", "scopes": ["raed"], "resources": {"projct": ["A"]}});
    vec![
        json!(true),
        json!(7),
        json!(-1),
        json!(100_000),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("a name\u{7}"),
        json!("ostler"),
        json!("owner"),
        json!("sa_01arz3ndektsv4rrffq69g5fav"),
        json!("x".repeat(2_000)),
        json!("2020-01-01T00:00:00Z"),
        json!("tomorrow"),
        json!([]),
        json!([7]),
        json!(["nowhere", "owner", "nowhere"]),
        json!(["10.0.0.1/8", "10.0.0.0/33"]),
        json!(vec!["x"; 5_000]),
        json!([deep, own]),
        json!([{"api": "api-of-ours"}]),
        json!({"a b": "x", "ok": 7}),
        json!({"lifetime_seconds": 0, "signing_alg": "HS256", "typ": "jwt", "other": 1}),
        json!({"leak_report": "ignore", "max_token_lifetime_seconds": 0, "other": 1}),
    ]
}

/// What a new thing needs besides, with a name that nothing has.
fn body(operation: &str, number: usize) -> Value {
    let name = format!("thing-number-{number}");
    match operation {
        "api.create" => {
            let audience = format!("https://{name}.example.com");
            json!({"name": name, "audience": audience})
        }
        "resource.create" => json!({"type": "project", "key": name}),
        _ => json!({"name": name}),
    }
}

fn members(route: &Told) -> Vec<&str> {
    let content = &route.operation["requestBody"]["content"]["application/json"];
    let members = content["schema"]["properties"].as_object();
    let members = members.into_iter().flat_map(|members| members.keys());
    members.map(String::as_str).collect()
}

fn name_of(route: &Told) -> &str {
    route.operation["operationId"].as_str().unwrap()
}

/// Everything that is wrong with a member, by its place and its code, or how else it was refused.
pub fn judgement(reply: &Reply) -> (u16, Vec<(Value, Value)>) {
    if reply.status < 300 {
        return (200, Vec::new());
    }
    let errors = reply.json()["errors"].as_array().cloned();
    let errors = errors.unwrap_or_default().into_iter();
    let errors = errors.map(|error| (error["pointer"].clone(), error["code"].clone()));
    (reply.status, errors.collect())
}

// Security case 82.
#[tokio::test]
async fn an_edit_is_judged_as_a_create_is() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let made = admin.post("/organizations", json!({"name": "ours"})).await;
    assert_eq!(made.status, 201, "{}", made.wire());
    let things = things(&admin, "ours").await;
    let told = routes(&document(&server).await);
    let (mut number, mut compared) = (0, 0);
    for edit in told.iter().filter(|route| route.method == "PATCH") {
        let (collection, _) = edit.path.rsplit_once('/').unwrap();
        let create = told
            .iter()
            .find(|route| route.method == "POST" && route.path == collection)
            .unwrap_or_else(|| panic!("nothing makes what {} edits", edit.path));
        let (at, collection) = (filled(&edit.path, &things), filled(collection, &things));
        let shared = members(edit).into_iter();
        for member in shared.filter(|member| members(create).contains(member)) {
            for value in odd_values() {
                number += 1;
                let mut new = body(name_of(create), number);
                new[member] = value.clone();
                let created = admin.post(&collection, new).await;
                let edited = admin.patch(&at, json!({member: value})).await;
                let (created, edited) = (judgement(&created), judgement(&edited));
                // A conflict is with what else there is by now, and no rule of the member's.
                if created.0 == 200 && edited.0 == 409 {
                    continue;
                }
                assert_eq!(edited, created, "{} {member}: {value}", edit.path);
                compared += usize::from(edited.0 != 200);
            }
        }
        // What the organization may have by now would be in the way of what comes next.
        let free = json!({"max_service_accounts": null, "policy": null});
        assert_eq!(admin.patch("/organizations/ours", free).await.status, 200);
    }
    // Nearly all of them are refused.
    assert!(compared > 200, "{compared}");
}
