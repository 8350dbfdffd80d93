//! The document: it names every route and nothing else, and a checker that is not ours finds it right.
//!
//! That answers are as it says is checked wherever a test gets one: `harness::document`.

use std::collections::BTreeSet;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;
use crate::harness::document::DOCUMENT;
use crate::interpreters::Interpreter;

use super::actors::Administrator;
use super::actors::refusal;
use super::authority::ROUTES;
use super::crossing::filled;
use super::crossing::things;

/// The routes that are open to everybody (contract, section 6).
const OPEN: &[(&str, &str)] = &[
    ("POST", "/leaks"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
];

/// The document, as anybody reads it.
pub async fn document(server: &TestServer) -> Value {
    let reply = server.get(DOCUMENT).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

/// A route, as the document has it.
pub struct Told {
    pub method: String,
    /// Below `/admin/v1`.
    pub path: String,
    /// What opens it; `None` = it is open to everybody.
    pub scope: Option<String>,
    /// All that is said of it.
    pub operation: Value,
}

/// Every route of a document.
pub fn routes(document: &Value) -> Vec<Told> {
    let paths = document["paths"].as_object().expect("paths").iter();
    let told = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(move |(method, operation)| Told {
            method: method.to_ascii_uppercase(),
            path: path.strip_prefix("/admin/v1").expect("ours").to_owned(),
            scope: scope(&operation["security"]),
            operation: operation.clone(),
        })
    });
    told.collect()
}

fn scope(security: &Value) -> Option<String> {
    let ways = security.as_array().expect("a list");
    assert!(ways.len() <= 1, "{security}");
    let scopes = ways.first()?["ostler"].as_array().expect("the scheme");
    assert_eq!(scopes.len(), 1, "{security}");
    Some(scopes[0].as_str().expect("a scope").to_owned())
}

// Security case 92.
#[tokio::test]
async fn every_route_is_told_and_the_open_ones_are_those_that_may_be() {
    let server = TestServer::start().await;
    let told = routes(&document(&server).await);
    let with_scope = told.iter().filter_map(|route| {
        let scope = route.scope.as_deref()?;
        Some((route.method.as_str(), route.path.as_str(), scope))
    });
    let with_scope: BTreeSet<_> = with_scope.collect();
    assert_eq!(with_scope, ROUTES.iter().copied().collect());
    let open = told.iter().filter(|route| route.scope.is_none());
    let open: Vec<_> = open
        .map(|route| (route.method.as_str(), route.path.as_str()))
        .collect();
    assert_eq!(open, OPEN);
}

#[tokio::test]
async fn a_path_answers_the_methods_that_are_told_and_no_other() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let document = document(&server).await;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let told = methods.as_object().unwrap();
        let path = path
            .strip_prefix("/admin/v1")
            .unwrap()
            .replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if told.contains_key(&method.to_ascii_lowercase()) {
                continue;
            }
            let reply = admin.call(method, &path, None).await;
            assert_eq!(reply.status, 405, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn each_operation_is_told_apart_and_in_full() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    let told = routes(&document);
    let names: BTreeSet<_> = told
        .iter()
        .map(|route| route.operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), told.len(), "no two are called the same");
    for route in &told {
        let (method, path) = (&route.method, &route.path);
        let body = &route.operation["requestBody"]["content"]["application/json"]["schema"];
        if !body.is_null() {
            assert_strict(body, &format!("{method} {path}"));
        }
        let segments: Vec<_> = path
            .split('/')
            .filter(|part| part.starts_with('{'))
            .collect();
        let parameters = route.operation["parameters"].as_array();
        let parameters = parameters.into_iter().flatten();
        let in_path = parameters.filter(|parameter| parameter["in"] == "path");
        assert_eq!(segments.len(), in_path.count(), "{method} {path}");
    }
}

/// A schema of what is sent says of each member what it may be, and names all members.
fn assert_strict(schema: &Value, at: &str) {
    let what_it_may_be = ["type", "anyOf", "enum", "const"];
    assert!(
        what_it_may_be.iter().any(|says| schema.get(says).is_some()),
        "{at}: anything may stand there"
    );
    if let Some(kinds) = schema["type"].as_array() {
        assert!(kinds.iter().all(Value::is_string), "{at}: {schema}");
    }
    if let Some(members) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], json!(false), "{at}");
        for (name, member) in members {
            assert_strict(member, &format!("{at}/{name}"));
        }
    }
    if let Some(items) = schema.get("items") {
        assert!(schema.get("maxItems").is_some(), "{at}: a list without end");
        assert_strict(items, &format!("{at}/0"));
    }
}

// Security case 83: what is told is read, and nothing else.
#[tokio::test]
async fn each_member_and_parameter_that_is_told_is_known_and_no_other() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    admin.post("/organizations", json!({"name": "ours"})).await;
    let things = things(&admin, "ours").await;
    let member = "/organizations/{org}/groups/{group}/members/{account}";
    let reply = admin.put(&filled(member, &things), json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    for route in routes(&document(&server).await) {
        if route.scope.is_none() && route.method == "GET" {
            continue;
        }
        let at = format!("{} {}", route.method, route.path);
        let parameters = route.operation["parameters"]
            .as_array()
            .into_iter()
            .flatten();
        let in_query = parameters.filter(|parameter| parameter["in"] == "query");
        let query = in_query.map(|parameter| parameter["name"].as_str().unwrap());
        let query = query.map(|name| match name {
            // One that is not there would be told first.
            "organization" => "organization=default".to_owned(),
            other => format!("{other}=%C3%A4"),
        });
        let query = query.chain(["unheard_of=1".to_owned()]).collect::<Vec<_>>();
        let query = query.join("&");
        let path = format!("{}?{query}", filled(&route.path, &things));
        let reply = admin.call(&route.method, &path, None).await;
        assert_eq!(
            unknown(&reply),
            ["there is no parameter `unheard_of` here"],
            "{at}"
        );

        let content = &route.operation["requestBody"]["content"];
        let members = content["application/json"]["schema"]["properties"].as_object();
        let members = members.into_iter().flat_map(|members| members.keys());
        let named = members.map(|name| (name.clone(), json!([[]])));
        let mut body: Map<String, Value> = named.collect();
        body.insert("unheard_of".to_owned(), json!(1));
        let path = filled(&route.path, &things);
        let is_read = content.is_object() || route.method == "POST";
        if is_read {
            let reply = admin
                .call(&route.method, &path, Some(&Value::Object(body)))
                .await;
            assert_eq!(
                unknown(&reply),
                ["there is no member `unheard_of` here"],
                "{at}"
            );
        }
    }
}

/// What a refused request holds that nobody knows.
fn unknown(reply: &Reply) -> Vec<String> {
    let problem = reply.json();
    assert_eq!(reply.status, 400, "{problem}");
    let errors = problem["errors"].as_array().unwrap().iter();
    let unknown = errors.filter(|error| {
        let codes = ["unknown_parameter", "unknown_field", "read_only"];
        codes.iter().any(|code| error["code"] == *code)
    });
    unknown
        .map(|error| error["detail"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_secret_that_was_made_can_be_followed_through_the_links() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    let path = "/admin/v1/organizations/{org}/service-accounts/{account}/credentials";
    let made = &document["paths"][path]["post"]["responses"]["201"];
    let links = made["links"].as_object().expect("links");
    for action in ["credential.read", "credential.rotate", "credential.delete"] {
        let expected = json!({
            "operationId": action,
            "parameters": {
                "org": "$request.path.org",
                "account": "$request.path.account",
                "credential": "$response.body#/id",
            },
        });
        assert_eq!(links[action], expected);
    }
}

#[tokio::test]
async fn a_checker_finds_nothing_wrong_with_the_document() {
    let server = TestServer::start().await;
    let document = document(&server).await.to_string();
    let program = "\
        import json, sys\n\
        from openapi_spec_validator import OpenAPIV31SpecValidator as Checker\n\
        for wrong in Checker(json.load(sys.stdin)).iter_errors():\n\
        \x20   print(list(wrong.absolute_path), wrong.message)\n";
    let said = Interpreter::Checkers.run(program, &[], &document).await;
    assert_eq!(said, Ok(String::new()));
}

#[tokio::test]
async fn the_document_is_open_to_read_and_to_nothing_else() {
    let server = TestServer::start().await;
    let request = server.request("GET", DOCUMENT).bearer("not-a-token");
    assert_eq!(request.send().await.status, 200);
    let reply = server.request("POST", DOCUMENT).send().await;
    assert_eq!(refusal(&reply).0, 405);
}

// Security case 100.
#[tokio::test]
async fn the_page_tells_every_operation_and_loads_nothing() {
    let server = TestServer::start().await;
    let reply = server.get("/admin/v1/docs").await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    let kind = reply.header("content-type");
    assert_eq!(kind, Some("text/html; charset=utf-8"));
    let policy = reply.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");

    let page = reply.text();
    for loads in [
        "<script", "<link", "<img", "<iframe", " src=", "@import", "url(",
    ] {
        assert!(!page.contains(loads), "{loads}");
    }
    for link in page.split(" href=\"").skip(1) {
        let to = link.split('"').next().unwrap();
        assert!(to.starts_with('#') || to == "openapi.json", "{to}");
        let named = format!(" id=\"{}\"", to.trim_start_matches('#'));
        assert!(
            to == "openapi.json" || page.contains(&named),
            "{to} leads nowhere"
        );
    }
    for route in routes(&document(&server).await) {
        let name = route.operation["operationId"].as_str().unwrap();
        assert!(page.contains(&format!("<article id=\"{name}\">")), "{name}");
    }
}

#[tokio::test]
async fn what_is_meant_by_nothing_is_told() {
    let server = TestServer::start().await;
    let told = routes(&document(&server).await);
    let member = |operation: &str, pointer: &str| {
        let route = told
            .iter()
            .find(|route| route.operation["operationId"] == operation);
        let body = &route.unwrap().operation["requestBody"]["content"]["application/json"];
        let member = body.pointer(&format!("/schema/properties/{pointer}"));
        member.unwrap().clone()
    };
    for (operation, pointer, default) in [
        ("credential.create", "expires_in_seconds", json!(7_776_000)),
        ("credential.rotate", "overlap_seconds", json!(86_400)),
        ("credential.rotate", "end_overlap", json!(false)),
        ("credential.rotate", "revoke_tokens", json!(false)),
        ("api_token.create", "expires_in_seconds", json!(7_776_000)),
        ("signing_key.activate", "force", json!(false)),
        (
            "organization.create",
            "policy/properties/leak_report",
            json!("revoke"),
        ),
        (
            "organization.create",
            "policy/properties/allow_never_expires",
            json!(true),
        ),
    ] {
        assert_eq!(
            member(operation, pointer)["default"],
            default,
            "{operation}"
        );
    }
    // In an edit, nothing changes nothing.
    let edited = member("organization.update", "policy/properties/leak_report");
    assert!(edited.get("default").is_none());
    // The new secret's is the old one's.
    let rotated = member("credential.rotate", "expires_in_seconds");
    assert!(rotated.get("default").is_none());
    assert!(rotated["description"].is_string());
}
