//! What the events of changes tell of what was done, where nobody can look it up afterwards: whose tokens
//! died, and what went with what was deleted (contract section 4; security case 164).

use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::deploy;
use super::audit_events::EVENTS;
use super::audit_events::events;

/// The changes of the last event with this action.
async fn changes(admin: &Administrator, action: &str) -> Value {
    let found = events(admin, &format!("{EVENTS}?action={action}")).await;
    found.first().expect("an event")["changes"].clone()
}

async fn make(admin: &Administrator, path: &str, body: Value) -> Value {
    let reply = admin.post(path, body).await;
    assert_eq!(reply.status, 201, "{path}: {}", reply.wire());
    reply.json()
}

#[tokio::test]
async fn an_event_says_whether_tokens_died_of_it() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let nightly = server.client("nightly", "deploy:read").await;
    let (read, both) = (["deploy:read"], ["deploy:read", "deploy:write"]);
    let access = |scopes: &[&str]| json!({"access": [deploy(scopes, &json!("*"))]});
    let (account, credential) = (nightly.account_path(), nightly.credential_path());
    for (method, path, body, action, kills) in [
        ("PUT", "/access", access(&both), "update_access", false),
        ("PUT", "/access", access(&read), "update_access", true),
        (
            "PUT",
            "/roles",
            json!({"roles": ["auditor"]}),
            "update_roles",
            false,
        ),
        ("PUT", "/roles", json!({"roles": []}), "update_roles", true),
        (
            "PATCH",
            "",
            json!({"expires_at": "2027-01-01T00:00:00Z"}),
            "update",
            true,
        ),
        (
            "PATCH",
            "",
            json!({"expires_at": "2028-01-01T00:00:00Z"}),
            "update",
            false,
        ),
        ("PATCH", "", json!({"owner": "ops"}), "update", false),
    ] {
        let token = nightly.token("").await;
        let reply = admin
            .call(method, &format!("{account}{path}"), Some(&body))
            .await;
        assert_eq!(reply.status, 200, "{body}: {}", reply.wire());
        let told = changes(&admin, &format!("service_account.{action}")).await;
        let expected = kills.then(|| json!({"before": false, "after": true}));
        assert_eq!(told.get("tokens_revoked"), expected.as_ref(), "{body}");
        assert_eq!(server.admin.sees_active(&token).await, !kills, "{body}");
    }
    for (body, kills) in [
        (json!({"access": []}), true),
        (json!({"access": null}), false),
        (json!({"allowed_networks": ["127.0.0.0/8"]}), false),
    ] {
        let reply = admin.patch(&credential, body.clone()).await;
        assert_eq!(reply.status, 200, "{body}: {}", reply.wire());
        let told = changes(&admin, "credential.update").await;
        let expected = kills.then(|| json!({"before": false, "after": true}));
        assert_eq!(told.get("tokens_revoked"), expected.as_ref(), "{body}");
    }
}

// Security case 63: the audit trail is all that is left of it.
#[tokio::test]
async fn of_a_deleted_account_all_is_told_that_went_with_it() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let nightly = server.client("nightly", "deploy:read").await;
    let second = server.second_credential(&nightly).await;
    let token = server
        .api_token(&nightly, "tool", json!({"access": []}))
        .await;
    let account = nightly.account_path();
    let roles = format!("{account}/roles");
    let given = admin.put(&roles, json!({"roles": ["auditor"]})).await;
    assert_eq!(given.status, 200);
    make(&admin, GROUPS, json!({"name": "crew"})).await;
    let member = format!("{GROUPS}/crew/members/nightly");
    assert_eq!(admin.put(&member, json!({})).await.status, 200);
    let access = admin.get(&format!("{account}/access")).await.json()["access"].clone();
    let email = admin.get(&account).await.json()["email"].clone();

    assert_eq!(admin.delete(&account).await.status, 204);
    let gone = |before: Value| json!({"before": before, "after": null});
    let mut credentials = [
        json!(nightly.credential),
        json!(second.credential),
        token["id"].clone(),
    ];
    credentials.sort_by_key(|id| id.as_str().unwrap().rsplit_once('_').unwrap().1.to_owned());
    assert_eq!(
        changes(&admin, "service_account.delete").await,
        json!({
            "name": gone(json!("nightly")),
            "email": gone(email),
            "access": gone(access),
            "roles": gone(json!(["auditor"])),
            "groups": gone(json!(["crew"])),
            "credentials": gone(json!(credentials)),
            "credential_count": gone(json!(3)),
            "tokens_revoked": {"before": false, "after": true},
        })
    );
}

#[tokio::test]
async fn of_a_deleted_group_it_is_told_who_was_in_it() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    make(&admin, ROLES, json!({"name": "reader"})).await;
    make(&admin, GROUPS, json!({"name": "crew", "roles": ["reader"]})).await;
    let mut members = Vec::new();
    for name in ["one-bot", "two-bot"] {
        members.push(make(&admin, ACCOUNTS, json!({"name": name})).await["id"].clone());
        let member = format!("{GROUPS}/crew/members/{name}");
        assert_eq!(admin.put(&member, json!({})).await.status, 200);
    }
    make(&admin, ACCOUNTS, json!({"name": "another-bot"})).await;
    assert_eq!(admin.delete(&format!("{GROUPS}/crew")).await.status, 204);
    let told = changes(&admin, "group.delete").await;
    members.sort_by_key(ToString::to_string);
    assert_eq!(told["members"], json!({"before": members, "after": null}));
    assert_eq!(told["member_count"]["before"], 2);
    assert_eq!(told["roles"]["before"], json!(["reader"]));
}

#[tokio::test]
async fn a_revoked_token_is_told_with_its_account_and_found_by_its_client() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let nightly = server.client("nightly", "deploy:read").await;
    let (own, other) = (nightly.token("").await, nightly.token("").await);
    assert_eq!(nightly.revoke(&own).await.status, 200);
    let revoked = admin.post("/tokens/revoke", json!({"token": other})).await;
    assert_eq!(revoked.status, 200, "{}", revoked.wire());

    let path = format!("{EVENTS}?action=token.revoke&target={}", nightly.id);
    let found = events(&admin, &path).await;
    for (event, token) in found.iter().zip([&other, &own]) {
        assert_eq!(event["target"]["id"], jwt_part(token, 1)["jti"]);
        assert_eq!(
            event["changes"],
            json!({
                "revoked": {"before": false, "after": true},
                "account": {"before": null, "after": nightly.account},
                "expires_at": {"before": null, "after": "2026-03-01T12:15:00Z"},
            })
        );
    }
    assert_eq!(found.len(), 2);
}
