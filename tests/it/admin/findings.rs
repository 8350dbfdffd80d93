//! Findings, each at its exact threshold. Contract, section 5.

mod at_once;
mod ending;
mod reach;
mod unused;
mod unusual;

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::deploy;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// The findings of a kind that are about this account, or something of it.
async fn found(server: &TestServer, kind: &str, account: &str) -> Vec<Value> {
    let path = format!("/findings?kind={kind}&limit=200");
    let reply = server.admin("GET", &path, None).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    let answer = reply.json();
    let items = answer["items"].as_array().unwrap().iter();
    let about = |finding: &&Value| finding["evidence"]["service_account"] == account;
    items.filter(about).cloned().collect()
}

/// The only one.
async fn the(server: &TestServer, kind: &str, account: &str) -> Value {
    let mut found = found(server, kind, account).await;
    assert_eq!(found.len(), 1, "{kind}: {found:?}");
    found.remove(0)
}

async fn none(server: &TestServer, kind: &str, account: &str) {
    let found = found(server, kind, account).await;
    assert!(found.is_empty(), "{kind}: {found:?}");
}

/// A path of the harness, as findings write it: with the id of the organization.
async fn full(server: &TestServer, path: &str) -> String {
    let organization = server.id_of("/organizations/default").await;
    format!("/admin/v1{path}").replace(
        "/organizations/default/",
        &format!("/organizations/{organization}/"),
    )
}

/// An account without credential and access.
async fn account(server: &TestServer, name: &str, more: &Value) -> String {
    let mut body = json!({"name": name});
    for (member, value) in more.as_object().unwrap() {
        body[member] = value.clone();
    }
    let made = server.create(ACCOUNTS, body).await;
    made["id"].as_str().unwrap().to_owned()
}

/// A client whose secret lives for so long.
async fn client(server: &TestServer, name: &str, expires_in_seconds: &Value) -> TestClient {
    server.ensure_deploy_api().await;
    let body = json!({
        "name": name,
        "access": [deploy(&["deploy:read"], &json!(["APOLLO"]))],
        "credential": {"name": "first", "expires_in_seconds": expires_in_seconds},
    });
    let made = server.create(ACCOUNTS, body).await;
    server.client_of(&made)
}
