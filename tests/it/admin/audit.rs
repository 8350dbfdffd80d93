//! The audit trail of administration: one row per change, in its transaction, and none for anything
//! else.
//!
//! These tests read the table: what its endpoint says of it is in `audit_events`.

use serde_json::Value;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::Connection;
use sqlx::Row;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::APIS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::deploy;

/// A row of the audit trail.
#[derive(Debug)]
struct Event {
    chain: String,
    sequence: i64,
    actor: [String; 3],
    address: Option<String>,
    action: String,
    target: [String; 3],
    result: String,
    request_id: Option<String>,
    changes: String,
    previous_hash: String,
    hash: String,
}

async fn connect(server: &TestServer) -> AnyConnection {
    use secrecy::ExposeSecret;
    sqlx::any::install_default_drivers();
    let url = server.app.config.database.url.expose_secret();
    AnyConnection::connect(url).await.unwrap()
}

/// Every event but those of `init`, in the order of the changes.
async fn events(server: &TestServer) -> Vec<Event> {
    let mut db = connect(server).await;
    let query = "SELECT * FROM audit_event WHERE action NOT LIKE 'instance.%'
                 ORDER BY chain, sequence";
    let rows = sqlx::query(query).fetch_all(&mut db).await.unwrap();
    rows.iter()
        .map(|row| Event {
            chain: row.get("chain"),
            sequence: row.get("sequence"),
            actor: ["actor_type", "actor_id", "actor_name"].map(|column| row.get(column)),
            address: row.get("actor_address"),
            action: row.get("action"),
            target: ["target_type", "target_id", "target_name"].map(|column| row.get(column)),
            result: row.get("result"),
            request_id: row.get("request_id"),
            changes: row.get("changes"),
            previous_hash: row.get("previous_hash"),
            hash: row.get("hash"),
        })
        .collect()
}

/// A call that changes something, and the action that its event names.
pub type Step = (&'static str, String, Option<Value>, &'static str);

/// Every kind of change but those of accounts.
pub fn changes_of_apis_and_more() -> Vec<Step> {
    let api = json!({
        "name": "deploy",
        "audience": "https://deploy.example.com",
        "resource_types": ["project"],
    });
    let scope = json!({"name": "read"});
    let resource = json!({"type": "project", "key": "APOLLO"});
    let (scopes, resources) = (
        format!("{APIS}/deploy/scopes"),
        format!("{APIS}/deploy/resources"),
    );
    let organization = json!({"name": "acme"});
    vec![
        (
            "POST",
            "/organizations".into(),
            Some(organization),
            "organization.create",
        ),
        ("POST", APIS.into(), Some(api), "api.create"),
        ("POST", scopes, Some(scope), "scope.create"),
        ("POST", resources, Some(resource), "resource.create"),
    ]
}

/// Every kind of change of an account and its credentials.
pub fn changes_of_an_account() -> Vec<Step> {
    let account = json!({
        "name": "nightly",
        "roles": ["auditor"],
        "credential": {"name": "first"},
    });
    let access = json!({"access": [deploy(&["read"], &json!("*"))]});
    let (roles, second) = (json!({"roles": []}), json!({"name": "second"}));
    let at = |path: &str| format!("{ACCOUNTS}/nightly{path}");
    let first = |path: &str| format!("{ACCOUNTS}/nightly/credentials/first{path}");
    vec![
        (
            "POST",
            ACCOUNTS.into(),
            Some(account),
            "service_account.create",
        ),
        (
            "PUT",
            at("/access"),
            Some(access),
            "service_account.update_access",
        ),
        (
            "PUT",
            at("/roles"),
            Some(roles),
            "service_account.update_roles",
        ),
        (
            "POST",
            at("/credentials"),
            Some(second),
            "credential.create",
        ),
        (
            "PATCH",
            first(""),
            Some(json!({"allowed_networks": ["127.0.0.0/8"]})),
            "credential.update",
        ),
        ("POST", first("/disable"), None, "credential.disable"),
        ("POST", first("/enable"), None, "credential.enable"),
        (
            "POST",
            at("/api-tokens"),
            Some(json!({"name": "tool"})),
            "api_token.create",
        ),
        ("DELETE", at("/api-tokens/tool"), None, "api_token.revoke"),
        ("POST", first("/rotate"), None, "credential.rotate"),
        ("POST", first("/revoke"), None, "credential.revoke"),
        ("DELETE", first(""), None, "credential.delete"),
        (
            "PATCH",
            at(""),
            Some(json!({"owner": "ops"})),
            "service_account.update",
        ),
        (
            "POST",
            at("/revoke-tokens"),
            None,
            "service_account.revoke_tokens",
        ),
        ("POST", at("/disable"), None, "service_account.disable"),
        ("POST", at("/enable"), None, "service_account.enable"),
        ("DELETE", at(""), None, "service_account.delete"),
    ]
}

/// Every kind of change of roles and groups, and every edit and deletion of an API and what is in it.
pub fn changes_of_roles_groups_and_apis() -> Vec<Step> {
    let name = |name: &str| Some(json!({"name": name}));
    let described = Some(json!({"description": "words"}));
    let role = format!("{ROLES}/reader");
    let group = format!("{GROUPS}/crew");
    let member = format!("{group}/members/nightly");
    let api = format!("{APIS}/deploy");
    let deleted = format!("{api}?force=true");
    let (scope, resource) = (
        format!("{api}/scopes/read?force=true"),
        format!("{api}/resources/project:APOLLO"),
    );
    let token = Some(json!({"token": {"lifetime_seconds": 60}}));
    vec![
        ("POST", ROLES.into(), name("reader"), "role.create"),
        ("PATCH", role.clone(), described.clone(), "role.update"),
        ("POST", GROUPS.into(), name("crew"), "group.create"),
        ("PATCH", group.clone(), described, "group.update"),
        ("PUT", member.clone(), None, "group.add_member"),
        ("DELETE", member, None, "group.remove_member"),
        ("DELETE", group, None, "group.delete"),
        ("DELETE", role, None, "role.delete"),
        ("PATCH", api, token, "api.update"),
        ("PATCH", resource.clone(), name("Moon"), "resource.update"),
        ("DELETE", resource, None, "resource.delete"),
        ("DELETE", scope, None, "scope.delete"),
        ("DELETE", deleted, None, "api.delete"),
    ]
}

/// Makes every kind of change once, and returns the actions in the order of [`events`].
async fn change_everything(admin: &Administrator) -> Vec<&'static str> {
    let key = admin.post("/keys", json!({"alg": "ES256"})).await.json();
    let activate = format!("/keys/{}/activate", key["kid"].as_str().unwrap());
    let force = Some(json!({"force": true}));
    let mut steps = vec![("POST", activate, force, "signing_key.activate")];
    steps.extend(changes_of_apis_and_more());
    let mut of_account = changes_of_an_account();
    let end_of_account = of_account.pop();
    steps.extend(of_account);
    steps.extend(changes_of_roles_groups_and_apis());
    steps.extend(end_of_account);

    let mut done = vec!["signing_key.create"];
    for (method, path, body, action) in steps {
        let reply = admin.call(method, &path, body.as_ref()).await;
        assert!(reply.status < 300, "{method} {path}: {}", reply.wire());
        done.push(action);
    }
    // The instance's chain comes first: `instance` sorts before `org_...`.
    done.sort_by_key(|action| !["signing_key", "organization"].contains(&kind_of(action)));
    done
}

fn kind_of(action: &str) -> &str {
    action.split_once('.').map_or(action, |(kind, _)| kind)
}

// Security case 164; protocol.md 185.
#[tokio::test]
async fn every_change_is_one_row_that_says_who_and_what() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let organization = admin.get("/organizations/default").await.json();
    let id = organization["id"].as_str().unwrap();

    let done = change_everything(&admin).await;

    let events = events(&server).await;
    let actions: Vec<_> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, done);
    let account = admin.get(&format!("{ACCOUNTS}/administrator")).await.json();
    let administrator = [
        "service_account",
        account["id"].as_str().unwrap(),
        "administrator",
    ];
    for event in &events {
        let instance = ["signing_key", "organization"].contains(&event.target[0].as_str());
        assert_eq!(
            event.chain,
            if instance { "instance" } else { id },
            "{event:?}"
        );
        assert_eq!(event.actor, administrator, "{event:?}");
        assert_eq!(event.address.as_deref(), Some("127.0.0.1"), "{event:?}");
        assert_eq!(event.result, "success", "{event:?}");
        let request = event.request_id.as_deref().unwrap();
        assert!(request.starts_with("req_"), "{event:?}");
        assert!(event.action.starts_with(&event.target[0]), "{event:?}");
        assert!(
            event.target.iter().all(|part| !part.is_empty()),
            "{event:?}"
        );
        let changes: Value = serde_json::from_str(&event.changes).unwrap();
        assert!(!changes.as_object().unwrap().is_empty(), "{event:?}");
    }
    for pair in events
        .windows(2)
        .filter(|pair| pair[0].chain == pair[1].chain)
    {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        assert_eq!(pair[1].previous_hash, pair[0].hash);
    }
}

// Security cases 143 and 172.
#[tokio::test]
async fn no_secret_is_in_the_audit_trail() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let rotate = format!("{ACCOUNTS}/nightly/credentials/first/rotate");
    let rotated = admin.act(&rotate).await.json();
    let second = json!({"name": "second"});
    let second = admin
        .post(&format!("{ACCOUNTS}/nightly/credentials"), second)
        .await
        .json();

    let trail = format!("{:?}", events(&server).await);
    assert!(trail.contains("credential.rotate"));
    for secret in [
        client.secret.as_str(),
        rotated["client_secret"].as_str().unwrap(),
        second["client_secret"].as_str().unwrap(),
        "ostler_cs_",
        "hmac",
        "PRIVATE KEY",
    ] {
        assert!(!trail.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_changes_nothing_leaves_no_row() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let nightly = format!("{ACCOUNTS}/nightly");
    let access = admin.get(&format!("{nightly}/access")).await.json();
    admin
        .act(&format!("{nightly}/credentials/first/revoke"))
        .await;
    let before = events(&server).await.len();

    for (method, path, body, status) in [
        ("GET", nightly.clone(), None, 200),
        ("POST", format!("{nightly}/enable"), None, 200),
        (
            "POST",
            format!("{nightly}/credentials/first/revoke"),
            None,
            200,
        ),
        (
            "POST",
            format!("{nightly}/credentials/first/rotate"),
            None,
            409,
        ),
        ("PUT", format!("{nightly}/access"), Some(access), 200),
        (
            "PUT",
            format!("{nightly}/access?dry_run=true"),
            Some(json!({"access": []})),
            200,
        ),
        (
            "PUT",
            format!("{nightly}/roles"),
            Some(json!({"roles": []})),
            200,
        ),
        (
            "PUT",
            format!("{nightly}/roles"),
            Some(json!({"roles": ["x"]})),
            400,
        ),
        (
            "POST",
            ACCOUNTS.to_owned(),
            Some(json!({"name": "nightly"})),
            409,
        ),
        ("POST", ACCOUNTS.to_owned(), Some(json!({"name": "x"})), 400),
        ("DELETE", format!("{ACCOUNTS}/unknown"), None, 404),
        (
            "POST",
            format!("{ACCOUNTS}/administrator/disable"),
            None,
            409,
        ),
    ] {
        let reply = admin.call(method, &path, body.as_ref()).await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.wire());
    }
    assert_eq!(events(&server).await.len(), before);
}

// Security case 165: without its row there is no change.
#[tokio::test]
async fn a_change_whose_row_cannot_be_written_is_not_made() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let token = client.token("").await;
    let mut db = connect(&server).await;
    let sqlite = server.app.config.database.engine == ostler::config::DatabaseEngine::Sqlite;
    let refuse = if sqlite {
        "CREATE TRIGGER refuse BEFORE INSERT ON audit_event
         BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
    } else {
        "CREATE TRIGGER refuse BEFORE INSERT ON audit_event
         FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    };
    sqlx::query(refuse).execute(&mut db).await.unwrap();
    server.may_fail();

    let disable = format!("{ACCOUNTS}/nightly/disable");
    for (method, path, body) in [
        ("POST", disable.as_str(), None),
        ("POST", ACCOUNTS, Some(json!({"name": "another"}))),
        (
            "DELETE",
            "/organizations/default/service-accounts/nightly",
            None,
        ),
    ] {
        let reply = admin.call(method, path, body.as_ref()).await;
        assert_eq!(
            super::actors::refusal(&reply),
            (503, "unavailable".into()),
            "{path}"
        );
        assert!(reply.header("retry-after").is_some());
    }
    assert!(client.sees_active(&token).await);
    assert_eq!(admin.get(&format!("{ACCOUNTS}/another")).await.status, 404);

    let drop = if sqlite {
        "DROP TRIGGER refuse"
    } else {
        "DROP TRIGGER refuse ON audit_event"
    };
    sqlx::query(drop).execute(&mut db).await.unwrap();
    assert_eq!(admin.act(&disable).await.status, 200);
    assert!(!server.admin.sees_active(&token).await);
}

// Security case 168: nothing that a caller sends makes its actor.
#[tokio::test]
async fn the_actor_is_who_the_server_knows_it_to_be() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let target = format!("/admin/v1{ACCOUNTS}");
    let request = server
        .request("POST", &target)
        .bearer(admin.token())
        .header("X-Forwarded-For", "203.0.113.9")
        .header("Forwarded", "for=203.0.113.9")
        .header("X-Request-Id", "req_mine")
        .header("User-Agent", "curl/8 \u{1F40E}")
        .json(&json!({"name": "nightly"}));
    let reply = request.send().await;
    assert_eq!(reply.status, 201);

    let event = events(&server).await.pop().unwrap();
    assert_eq!(event.address.as_deref(), Some("127.0.0.1"));
    assert_eq!(event.request_id.as_deref(), reply.header("x-request-id"));
    assert_eq!(event.actor[2], "administrator");
}
