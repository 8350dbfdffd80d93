//! Every route that changes something, walked: each change is one row of the audit trail, and without
//! that row it is not made.
//!
//! Security cases 164 and 165. The routes are those of the document: one that is not told of in
//! [`calls`] fails the test, so that no new one is forgotten.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::Administrator;
use super::actors::refusal;
use super::crossing::Things;
use super::crossing::filled;
use super::crossing::things;
use super::openapi::Told;
use super::openapi::document;
use super::openapi::routes;

/// What only reads, though it is posted; and a report, which changes what is found to be leaked.
const NO_CHANGES: [&str; 5] = [
    "audit_event.verify",
    "instance.verify_audit_events",
    "secret.report_leak",
    "token.inspect",
    "token.preview",
];

/// What changes something only after another of the changes.
const FOLLOWING: [&str; 4] = [
    "credential.enable",
    "group.remove_member",
    "organization.enable",
    "service_account.enable",
];

/// What is sent to each operation so that it changes something, in an order in which all of it can be
/// done: the operation, its query, and its body.
fn calls(token: &str) -> Vec<(&'static str, &'static str, Value)> {
    let named = |name: &str| json!({"name": name});
    let described = || json!({"description": "words"});
    let force = "?force=true";
    let grant = json!({"api": "api-of-ours", "scopes": ["read"], "resources": {"project": "*"}});
    let api = json!({"name": "another-api", "audience": "https://another.example.com"});
    let resource = json!({"type": "project", "key": "MOON"});
    let nothing = || json!({});
    vec![
        ("organization.create", "", named("another-one")),
        (
            "organization.update",
            "",
            json!({"max_service_accounts": 9}),
        ),
        ("service_account.create", "", named("another-account")),
        ("service_account.update", "", json!({"owner": "ops"})),
        (
            "service_account.update_access",
            "",
            json!({"access": [grant]}),
        ),
        (
            "service_account.update_roles",
            "",
            json!({"roles": ["auditor"]}),
        ),
        ("service_account.revoke_tokens", "", nothing()),
        ("service_account.disable", "", nothing()),
        ("service_account.enable", "", nothing()),
        ("credential.create", "", named("another")),
        (
            "credential.update",
            "",
            json!({"allowed_networks": ["10.0.0.0/8"]}),
        ),
        ("credential.disable", "", nothing()),
        ("credential.enable", "", nothing()),
        ("leak.dismiss", "", nothing()),
        ("credential.rotate", "", nothing()),
        ("secret.delete", force, nothing()),
        ("credential.revoke", "", nothing()),
        ("credential.delete", "", nothing()),
        ("api_token.create", "", named("another")),
        ("api_token.revoke", "", nothing()),
        ("token.revoke", "", json!({"token": token})),
        ("role.create", "", named("another-role")),
        ("role.update", "", described()),
        ("group.create", "", named("another-group")),
        ("group.update", "", described()),
        ("group.add_member", "", nothing()),
        ("group.remove_member", "", nothing()),
        ("group.delete", "", nothing()),
        ("role.delete", "", nothing()),
        ("api.create", "", api),
        ("api.update", "", json!({"token": {"lifetime_seconds": 60}})),
        ("scope.create", "", named("another")),
        ("scope.delete", force, nothing()),
        ("resource.create", "", resource),
        ("resource.update", "", named("Moon")),
        ("resource.delete", "", nothing()),
        ("api.delete", force, nothing()),
        ("service_account.delete", "", nothing()),
        ("organization.disable", "", nothing()),
        ("organization.enable", "", nothing()),
        ("signing_key.create", "", json!({"alg": "ES256"})),
        ("signing_key.activate", "", json!({"force": true})),
        ("signing_key.retire", "", json!({"force": true})),
        ("signing_key.revoke", "", nothing()),
        ("signing_key.rotate", "", json!({"alg": "EdDSA"})),
    ]
}

/// A server with something of everything, and who administers it.
pub struct Stage {
    pub server: TestServer,
    pub admin: Administrator,
    pub things: Things,
    pub told: Vec<Told>,
    token: String,
}

impl Stage {
    pub async fn start() -> Self {
        let server = TestServer::start().await;
        let admin = Administrator::first(&server).await;
        let made = admin.post("/organizations", json!({"name": "ours"})).await;
        assert_eq!(made.status, 201, "{}", made.wire());
        let nightly = server.client("nightly", "deploy:read").await;
        Self {
            things: things(&admin, "ours").await,
            told: routes(&document(&server).await),
            token: nightly.token("").await,
            server,
            admin,
        }
    }

    /// Each call, as its operation, method, path and body.
    pub fn calls(&self) -> Vec<(&'static str, String, String, Value)> {
        let calls = calls(&self.token).into_iter();
        let calls = calls.map(|(operation, query, body)| {
            let mut told = self.told.iter();
            let route = told.find(|route| name_of(route) == operation);
            let route = route.unwrap_or_else(|| panic!("there is no {operation}"));
            let path = filled(&route.path, &self.things) + query;
            (operation, route.method.clone(), path, body)
        });
        calls.collect()
    }

    /// Everything that can be read.
    pub async fn all(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let reads = self.told.iter().filter(|route| route.method == "GET");
        for route in reads.filter(|route| route.scope.is_some()) {
            let path = filled(&route.path, &self.things);
            let reply = self.admin.get(&path).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.wire());
            all.push((path, reply.text().to_owned()));
        }
        all
    }

    /// The actions and request ids of the changes that were made.
    pub async fn rows(&self) -> BTreeSet<String> {
        let query = "SELECT action || ' ' || coalesce(request_id, '-') || ' ' || id
                     FROM audit_event WHERE result = 'success'";
        self.server.rows(query).await.into_iter().collect()
    }
}

/// What the document calls a route.
pub fn name_of(route: &Told) -> &str {
    route.operation["operationId"].as_str().unwrap()
}

pub fn request_id(reply: &Reply) -> &str {
    reply.header("x-request-id").expect("a request id")
}

#[tokio::test]
async fn no_route_that_changes_something_is_forgotten_here() {
    let server = TestServer::start().await;
    let told = routes(&document(&server).await);
    let changing = told.iter().filter(|route| route.method != "GET");
    let changing: BTreeSet<_> = changing.map(name_of).collect();
    let calls = calls("").into_iter().map(|(operation, ..)| operation);
    assert_eq!(changing, calls.chain(NO_CHANGES).collect());
}

// Security case 165: for every route, without its row there is no change.
#[tokio::test]
async fn no_change_is_made_whose_row_cannot_be_written() {
    let stage = Stage::start().await;
    let before = (stage.all().await, stage.rows().await);
    let condition = "NEW.sequence > 0";
    stage.server.refuse_inserts("audit_event", condition).await;
    for (operation, method, path, body) in stage.calls() {
        if FOLLOWING.contains(&operation) {
            continue;
        }
        let reply = stage.admin.call(&method, &path, Some(&body)).await;
        assert_eq!(refusal(&reply), (503, "unavailable".into()), "{operation}");
        assert!(reply.header("retry-after").is_some(), "{operation}");
    }
    stage.server.allow_inserts("audit_event").await;
    assert_eq!((stage.all().await, stage.rows().await), before);
}

// Security case 164, P7: for every route, a change is one row, and the row names the request.
#[tokio::test]
async fn every_change_is_one_row() {
    let stage = Stage::start().await;
    for (operation, method, path, body) in stage.calls() {
        let before = stage.rows().await;
        let reply = stage.admin.call(&method, &path, Some(&body)).await;
        assert!(reply.status < 300, "{operation}: {}", reply.wire());
        let after = stage.rows().await;
        let new: Vec<_> = after.difference(&before).collect();
        assert_eq!(new.len(), 1, "{operation}: {new:?}");
        let expected = format!("{operation} {} ", request_id(&reply));
        assert!(new[0].starts_with(&expected), "{operation}: {new:?}");
    }
}

// Security case 172: what an event tells of a change, by its action. A member that comes to this list has
// been looked at: it holds no secret, no hash of one and no private key, and no text that could.
#[tokio::test]
async fn the_members_that_an_event_tells_are_those_that_were_looked_at() {
    let stage = Stage::start().await;
    for (operation, method, path, body) in stage.calls() {
        let reply = stage.admin.call(&method, &path, Some(&body)).await;
        assert!(reply.status < 300, "{operation}: {}", reply.wire());
    }
    let query = "SELECT action || ' ' || changes FROM audit_event
                 WHERE result = 'success' AND request_id IS NOT NULL";
    let mut told = BTreeMap::<_, BTreeSet<_>>::new();
    for row in stage.server.rows(query).await {
        let (action, changes) = row.split_once(' ').unwrap();
        let changes: Value = serde_json::from_str(changes).unwrap();
        let members = changes.as_object().unwrap().keys().cloned();
        told.entry(action.to_owned()).or_default().extend(members);
    }
    let lines = told.into_iter().map(|(action, members)| {
        let members: Vec<_> = members.into_iter().collect();
        if members.is_empty() {
            return format!("{action}: nothing");
        }
        format!("{action}: {}", members.join(", "))
    });
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
    api.create: audience, lifetime_seconds, name, resource_types, scopes, signing_alg, typ
    api.delete: accounts_with_tokens_revoked, audience, name
    api.update: accounts_with_tokens_revoked, lifetime_seconds
    api_token.create: access, account, client_id, expires_at, name
    api_token.revoke: status
    credential.create: access, account, allowed_networks, client_id, expires_at, name
    credential.delete: client_id, name
    credential.disable: status
    credential.enable: status
    credential.revoke: status
    credential.rotate: expires_at, old_secrets, secret, tokens_revoked
    credential.update: allowed_networks
    group.add_member: member
    group.create: description, name, roles
    group.delete: accounts_with_tokens_revoked, member_count, members, name, roles
    group.remove_member: accounts_with_tokens_revoked, member
    group.update: description
    leak.dismiss: leak_reported
    organization.create: allow_never_expires, leak_report, max_service_accounts, max_token_lifetime_seconds, name
    organization.disable: status
    organization.enable: status
    organization.update: leak_report, max_service_accounts
    resource.create: key, name, type
    resource.delete: accounts_with_tokens_revoked, key, type
    resource.update: name
    role.create: access, description, name
    role.delete: access, accounts_with_tokens_revoked, name
    role.update: description
    scope.create: description, scope
    scope.delete: accounts_with_tokens_revoked, scope
    secret.delete: forced, status
    secret.report_leak: leak_reported
    service_account.create: access, credential, description, email, expires_at, labels, max_token_lifetime_seconds, name, owner, roles
    service_account.delete: access, credential_count, credentials, email, groups, name, roles, tokens_revoked
    service_account.disable: status
    service_account.enable: status
    service_account.revoke_tokens: tokens_revoked
    service_account.update: owner
    service_account.update_access: access
    service_account.update_roles: roles
    signing_key.activate: active_kid, state
    signing_key.create: alg, state
    signing_key.retire: active_kid, state
    signing_key.revoke: state
    signing_key.rotate: EdDSA
    token.revoke: account, expires_at, revoked
    ");
}
