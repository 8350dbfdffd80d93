//! What a body or a query names of another organization's is answered exactly like what names
//! nothing, also among names of the caller's own, and changes nothing.
//!
//! Security cases 82, 84, 86 and 87; ids in paths are in `crossing`. The routes, their members and
//! their parameters are those of the document: one of which nobody says here what it names fails the
//! test, so that no new one is forgotten.

mod places;
mod stage;

use std::collections::BTreeSet;

use places::PARAMETERS;
use places::PLACES;
use places::PLAIN;
use places::grant;
use places::right;
use serde_json::Value;
use serde_json::json;
use stage::Stage;
use stage::name_of;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::Reply;

use super::crossing::filled;
use super::crossing::owner;
use super::openapi::document;
use super::openapi::routes;

/// The pointers of all texts of a schema, and of all members that the caller names.
fn leaves(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    for way in schema["anyOf"].as_array().into_iter().flatten() {
        leaves(way, at, found);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        leaves(member, &format!("{at}/{name}"), found);
    }
    if schema.get("items").is_some() {
        leaves(&schema["items"], &format!("{at}/0"), found);
    }
    if schema["additionalProperties"].is_object() {
        let at = format!("{at}/*");
        found.insert(at.clone());
        leaves(&schema["additionalProperties"], &at, found);
    }
    let kinds = &schema["type"];
    let is_text = kinds == "string"
        || kinds
            .as_array()
            .is_some_and(|all| all.contains(&json!("string")));
    if is_text && schema.get("enum").is_none() && schema.get("const").is_none() {
        found.insert(at.to_owned());
    }
}

/// The name of the member that a pointer leads to.
fn member_at(leaf: &str) -> &str {
    let mut parts = leaf.rsplit('/');
    parts.find(|part| !["0", "*"].contains(part)).unwrap()
}

/// Puts a value into a body.
fn put(body: &mut Value, parents: &str, member: &str, value: Value) {
    let mut object = body;
    for parent in parents.split('/').skip(1) {
        object = &mut object[parent];
    }
    object[member] = value;
}

/// An answer without the name that was asked about and without what differs each time.
fn steady(reply: &Reply, name: &str) -> (u16, String) {
    let mut body = reply.json();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    (reply.status, body.to_string().replace(name, "NAME"))
}

// Security cases 82, 86 and 87.
#[tokio::test]
async fn a_body_that_names_what_is_not_ours_names_nothing() {
    let stage = Stage::start().await;
    let (changes, theirs) = (stage.changes().await, stage.all_of_theirs().await);
    let mut met = BTreeSet::new();
    for route in routes(&document(&stage.server).await) {
        let content = &route.operation["requestBody"]["content"];
        let mut all = BTreeSet::new();
        leaves(&content["application/json"]["schema"], "", &mut all);
        let path = filled(&route.path, &stage.ours);
        for leaf in all {
            let mut is_said = PLAIN.contains(&member_at(&leaf));
            for (number, place) in PLACES.iter().enumerate() {
                let Some(parents) = leaf.strip_suffix(place.leaf) else {
                    continue;
                };
                (is_said, _) = (true, met.insert(number));
                for pair in stage.of_kinds(&[place.kind]) {
                    let ask = async |name: &str| {
                        let mut body = stage.body(name_of(&route));
                        put(&mut body, parents, place.member, (place.value)(name));
                        let reply = stage.owner.call(&route.method, &path, Some(&body)).await;
                        steady(&reply, name)
                    };
                    let nothing = ask(&pair.nothing).await;
                    let at = format!("{} {path} {leaf}: {}", route.method, pair.foreign);
                    assert_eq!(ask(&pair.foreign).await, nothing, "{at}");
                    stage.is_about_nobody(&nothing.1, &at);
                    assert!(![201, 204].contains(&nothing.0), "{at}: {nothing:?}");
                }
            }
            assert!(is_said, "say what {leaf} of {} names", name_of(&route));
        }
    }
    assert_eq!(met.len(), PLACES.len(), "each of the places is somewhere");
    assert_eq!(stage.changes().await, changes);
    assert_eq!(stage.all_of_theirs().await, theirs);
}

// Security cases 84 and 87: filters and cursors find nothing of another organization.
#[tokio::test]
async fn a_query_that_names_what_is_not_ours_names_nothing() {
    let stage = Stage::start().await;
    let (changes, theirs) = (stage.changes().await, stage.all_of_theirs().await);
    let mut met = BTreeSet::new();
    for route in routes(&document(&stage.server).await) {
        let path = filled(&route.path, &stage.ours);
        let parameters = route.operation["parameters"].as_array();
        let texts = parameters.into_iter().flatten().filter(|parameter| {
            let schema = &parameter["schema"];
            parameter["in"] == "query" && schema["type"] == "string" && schema.get("enum").is_none()
        });
        for parameter in texts {
            let parameter = parameter["name"].as_str().unwrap();
            let mut known = PARAMETERS.iter();
            let (known, kinds) = known
                .find(|(name, _)| *name == parameter)
                .unwrap_or_else(|| panic!("say what {parameter} of {} names", name_of(&route)));
            met.insert(*known);
            for pair in stage.of_kinds(kinds) {
                let ask = async |name: &str| {
                    let path = format!("{path}?{parameter}={name}");
                    let reply = stage.owner.call(&route.method, &path, None).await;
                    steady(&reply, name)
                };
                let nothing = ask(&pair.nothing).await;
                let at = format!("{} {path}?{parameter}={}", route.method, pair.foreign);
                assert_eq!(ask(&pair.foreign).await, nothing, "{at}");
                stage.is_about_nobody(&nothing.1, &at);
            }
        }
    }
    assert_eq!(met.len(), PARAMETERS.len(), "each of them is somewhere");
    assert_eq!(stage.changes().await, changes);
    assert_eq!(stage.all_of_theirs().await, theirs);
}

// Security case 87: whatever is listed, counted or searched is the caller's own.
#[tokio::test]
async fn nothing_that_is_read_tells_of_another_organization() {
    let stage = Stage::start().await;
    for route in routes(&document(&stage.server).await) {
        if route.method != "GET" || route.scope.is_none() {
            continue;
        }
        let path = filled(&route.path, &stage.ours);
        let reply = stage.owner.get(&path).await;
        // Signing keys and the instance's own trail are for who reaches every organization.
        let is_ours = route.path.contains("{org}");
        assert!(!is_ours || reply.status == 200, "{path}: {}", reply.wire());
        assert!(!reply.text().contains("theirs"), "{}", reply.wire());
        stage.is_about_nobody(reply.text(), &path);
    }
    let listed = stage.owner.get("/organizations").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    // An account, its owner, and its client.
    assert_eq!(listed["items"][0]["service_account_count"], 3);
}

// Security case 86: what stands there twice counts once.
#[tokio::test]
async fn names_that_are_repeated_count_once() {
    let stage = Stage::start().await;
    let account = filled(
        "/organizations/{org}/service-accounts/{account}",
        &stage.ours,
    );
    let role = &stage.ours["role"];
    let roles = json!({"roles": ["role-of-ours", role, "role-of-ours"]});
    let put = stage.owner.put(&format!("{account}/roles"), roles).await;
    assert_eq!(
        put.json()["roles"],
        json!(["role-of-ours"]),
        "{}",
        put.wire()
    );
    let mut twice = grant("read", &json!({"project": ["KEY-ours", "KEY-ours"]}));
    twice["scopes"] = json!(["read", "read"]);
    let access = json!({"access": [twice]});
    let put = stage.owner.put(&format!("{account}/access"), access).await;
    assert_eq!(put.json()["access"], json!([right()]), "{}", put.wire());
    let group = json!({"name": "twice", "roles": ["role-of-ours", role]});
    let made = stage.owner.post("/organizations/ours/groups", group).await;
    assert_eq!(made.json()["roles"], json!(["role-of-ours"]));
    let member = format!(
        "/organizations/ours/groups/twice/members/{}",
        stage.ours["account"]
    );
    for _ in 0..2 {
        assert_eq!(stage.owner.put(&member, json!({})).await.status, 200);
    }
    let group = stage.owner.get("/organizations/ours/groups/twice").await;
    assert_eq!(group.json()["member_count"], 1);
}

// Security case 86: on one connection, each request is its own caller's.
#[tokio::test]
async fn requests_of_two_organizations_on_one_connection_stay_apart() {
    let stage = Stage::start().await;
    let of_theirs = owner(&stage.server, &stage.admin, "theirs").await;
    let callers = [("ours", &stage.owner), ("theirs", &of_theirs)];
    let mut bytes = String::new();
    let mut expected = Vec::new();
    for turn in 0..24_usize {
        // Also where an owner asks for the other's.
        let (asked, _) = callers[turn % 2];
        let (own, by) = callers[turn / 2 % 2];
        let end = if turn == 23 { "close" } else { "keep-alive" };
        bytes.extend([format!(
            "GET /admin/v1/organizations/{asked}/service-accounts HTTP/1.1\r\nHost: ostler.test\r\n\
             Authorization: Bearer {}\r\nConnection: {end}\r\n\r\n",
            by.token()
        )]);
        expected.push((own, own == asked));
    }
    let mut stream = TcpStream::connect(stage.server.address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    let replies: Vec<_> = all.split("HTTP/1.1 ").skip(1).collect();
    assert_eq!(replies.len(), expected.len(), "{all}");
    for (reply, (own, is_own)) in replies.iter().zip(expected) {
        let status = if is_own { "200" } else { "404" };
        assert!(reply.starts_with(status), "{own}: {reply}");
        for org in ["ours", "theirs"] {
            let name = format!("\"account-of-{org}\"");
            let is_told = reply.contains(&name);
            assert_eq!(is_told, is_own && org == own, "{own}: {reply}");
        }
    }
}
