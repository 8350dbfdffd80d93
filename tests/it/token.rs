//! The token endpoint, as a client sees it (RFC 6749 section 4.4).
//!
//! One file per subject. A comment says what a test is for: the section of the specification, and
//! the line of our checklist of the protocol (`protocol 44`).

mod access_token;
mod client_auth;
mod exchange;
mod lifetime;
mod parameters;
mod request;
mod resources;
mod response;
mod scope;
mod secrets;
mod target;
mod throttling;

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::harness::wire::Request;

/// The endpoint.
const TOKEN: &str = "/oauth/token";

/// The smallest request for a token.
const GRANT: &str = "grant_type=client_credentials";

/// Where the organization's service accounts and APIs are.
const ACCOUNTS: &str = "/organizations/default/service-accounts";
const APIS: &str = "/organizations/default/apis";

/// A POST to the endpoint by `client`, with HTTP Basic and no body yet.
fn post_as(client: &TestClient) -> Request {
    client
        .request("POST", TOKEN)
        .basic(&client.id, &client.secret)
}

/// The claims of the token in a reply.
#[track_caller]
fn claims(reply: &Reply) -> Value {
    jwt_part(&reply.access_token(), 1)
}

/// The whole reply, with `<token>` for the token, which differs each time.
#[track_caller]
fn wire(reply: &Reply) -> String {
    reply.wire().replace(&reply.access_token(), "<token>")
}

/// Checks that a reply is this error, in the form that every error has.
#[track_caller]
fn assert_refused(reply: &Reply, status: u16, error: &str, case: &str) {
    let wire = reply.wire();
    assert_eq!(
        (reply.status, &*reply.error()),
        (status, error),
        "{case}: {wire}"
    );
    // RFC 6749 §5.2, protocol 8 and 11: one JSON object, not to be kept by anybody.
    assert_eq!(
        reply.header("content-type"),
        Some("application/json"),
        "{case}"
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{case}");
    let body = reply.json();
    let members: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["error", "error_description"], "{case}");
    // RFC 6749 §5.2: the alphabet of a description.
    let text = body["error_description"].as_str().expect("a text");
    let is_allowed = |c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
    assert!(
        !text.is_empty() && text.chars().all(is_allowed),
        "{case}: {wire}"
    );
    // RFC 9110 §11.6.1: a 401 asks for authentication, and nothing else does.
    let is_challenged = reply.header("www-authenticate").is_some();
    assert_eq!(is_challenged, status == 401, "{case}: {wire}");
}

/// What a reply says in words.
#[track_caller]
fn description(reply: &Reply) -> String {
    let body = reply.json();
    body["error_description"]
        .as_str()
        .expect("a text")
        .to_owned()
}

/// A client of the API `deploy` whose account has `account` as further members, and whose credential
/// has `credential`.
async fn client_made_of(
    server: &TestServer,
    name: &str,
    account: Value,
    credential: Value,
) -> TestClient {
    server.ensure_deploy_api().await;
    let access = json!([grant_at(
        "deploy",
        "deploy:read",
        &json!({"project": ["APOLLO"]})
    )]);
    let mut body = json!({"name": name, "access": access, "credential": {"name": "first"}});
    extend(&mut body["credential"], credential);
    extend(&mut body, account);
    server.client_of(&server.create(ACCOUNTS, body).await)
}

fn extend(object: &mut Value, more: Value) {
    let Value::Object(more) = more else {
        panic!("no object: {more}");
    };
    object.as_object_mut().expect("an object").extend(more);
}

/// A grant at an API; `scopes` as in a request.
fn grant_at(api: &str, scopes: &str, resources: &Value) -> Value {
    let scopes: Vec<&str> = scopes.split(' ').collect();
    json!({"api": api, "scopes": scopes, "resources": resources})
}

/// An API without resource types and with these scopes.
async fn plain_api(server: &TestServer, name: &str, scopes: &str) {
    api_with(server, name, scopes, json!({})).await;
}

/// An API with these scopes and further members; its audience is `https://<name>.example.com`.
async fn api_with(server: &TestServer, name: &str, scopes: &str, members: Value) {
    let scopes: Vec<Value> = scopes
        .split(' ')
        .map(|name| json!({"name": name}))
        .collect();
    let audience = format!("https://{name}.example.com");
    let mut body =
        json!({"name": name, "audience": audience, "scopes": scopes, "resource_types": []});
    extend(&mut body, members);
    server.create(APIS, body).await;
}

/// Where a client's credential is.
fn credential_path(client: &TestClient) -> String {
    format!(
        "{ACCOUNTS}/{}/credentials/{}",
        client.account, client.credential
    )
}

/// Does something to a thing through the admin API.
async fn administer(server: &TestServer, method: &str, path: &str, body: Option<Value>) -> Value {
    let reply = server.admin(method, path, body.as_ref()).await;
    let answer = reply.wire();
    assert!(
        [200, 204].contains(&reply.status),
        "{method} {path}: {answer}"
    );
    if reply.body.is_empty() {
        return Value::Null;
    }
    reply.json()
}
