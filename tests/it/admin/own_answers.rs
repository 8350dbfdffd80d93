//! A change is answered with what it came to, whatever somebody else does a moment later.
//!
//! Several administrators change the same thing at once, again and again: every answer has to be of
//! the change that was asked for, and of the version that this one has made.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::APIS;
use super::actors::Administrator;

const NIGHTLY: &str = "/organizations/default/service-accounts/nightly";

/// How many change one thing at once, and how often.
const AT_ONCE: usize = 8;
const ROUNDS: usize = 12;

/// Edits what is at `path`, each time otherwise: `edit` says a value, which the answer has to have at
/// `member`.
async fn each_is_answered_with_its_own(
    admin: &Administrator,
    path: &str,
    member: &str,
    edit: fn(usize) -> (Value, Value),
) {
    let mut tags = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut edits = JoinSet::new();
        for one in 0..AT_ONCE {
            let (admin, path) = (admin.clone(), path.to_owned());
            let (body, value) = edit(round * AT_ONCE + one);
            edits.spawn(async move { (admin.patch(&path, body).await, value) });
        }
        for (reply, value) in edits.join_all().await {
            assert_eq!(reply.status, 200, "{}", reply.wire());
            assert_eq!(reply.json().pointer(member), Some(&value), "{path}");
            let tag = reply.header("etag").expect("a version").to_owned();
            assert!(tags.insert(tag), "two changes of {path} have one version");
        }
    }
}

#[tokio::test]
async fn an_edit_is_answered_with_what_it_came_to() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    each_is_answered_with_its_own(&admin, NIGHTLY, "/owner", |n| {
        let owner = format!("owner-{n}");
        (json!({"owner": owner}), json!(owner))
    })
    .await;
    let id = server.id_of(&format!("{NIGHTLY}/credentials/first")).await;
    let credential = format!("{NIGHTLY}/credentials/{id}");
    each_is_answered_with_its_own(&admin, &credential, "/name", |n| {
        let name = format!("name {n}");
        (json!({"name": name}), json!(name))
    })
    .await;
    let api = format!("{APIS}/deploy");
    each_is_answered_with_its_own(&admin, &api, "/token/lifetime_seconds", |n| {
        (
            json!({"token": {"lifetime_seconds": 60 + n}}),
            json!(60 + n),
        )
    })
    .await;
}

/// Edits a thing and deletes it, at once.
async fn edited_and_deleted(admin: &Administrator, path: &str, edit: Value) -> Reply {
    let (other, gone) = (admin.clone(), format!("{path}?force=true"));
    let gone = if path.contains("/apis/") {
        gone
    } else {
        path.to_owned()
    };
    let deleted = tokio::spawn(async move { other.delete(&gone).await });
    let edited = admin.patch(path, edit).await;
    let deleted = deleted.await.expect("a reply");
    assert_eq!(deleted.status, 204, "{}", deleted.wire());
    edited
}

/// Makes a thing of this kind, and an edit of it.
async fn made_with_an_edit(server: &TestServer, kind: &str, name: &str) -> (String, Value) {
    if kind == "api" {
        let body = json!({"name": name, "audience": format!("urn:x:{name}")});
        server.create(APIS, body).await;
        let edit = json!({"token": {"lifetime_seconds": 60}});
        return (format!("{APIS}/{name}"), edit);
    }
    let body = json!({"name": name, "credential": {"name": "first"}});
    server.create(ACCOUNTS, body).await;
    let account = format!("{ACCOUNTS}/{name}");
    if kind == "account" {
        return (account, json!({"owner": "me"}));
    }
    let edit = json!({"allowed_networks": ["10.0.0.0/8"]});
    (format!("{account}/credentials/first"), edit)
}

// What was committed is in the trail; what is answered 404 has never been.
#[tokio::test]
async fn an_edit_that_was_made_is_not_answered_with_the_deletion_after_it() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for (kind, action) in [
        ("account", "service_account.update"),
        ("credential", "credential.update"),
        ("api", "api.update"),
    ] {
        let mut answered = 0;
        for n in 0..AT_ONCE * ROUNDS {
            let name = format!("{kind}-{n}");
            let (path, edit) = made_with_an_edit(&server, kind, &name).await;
            match edited_and_deleted(&admin, &path, edit).await {
                reply if reply.status == 200 => answered += 1,
                reply => assert_eq!(reply.status, 404, "{}", reply.wire()),
            }
        }
        assert_eq!(server.audited(action).await.len(), answered, "{action}");
    }
}
