//! Every reduction of access, by whichever way, ends the tokens of those whom it touches, and of
//! nobody else; no addition ends one.
//!
//! Contract, section 2; security cases 61 and 64.

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::APIS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::deploy;
use super::actors::refusal;

/// Accounts that hold `deploy:read` and `deploy:write` on everything, each by another way.
struct Stage {
    server: TestServer,
    admin: Administrator,
    /// By a role, by a group's role, and by a grant of its own besides a role.
    holders: [TestClient; 3],
}

const NAMES: [&str; 3] = ["by-role", "by-group", "by-itself"];

fn everything() -> Value {
    json!([deploy(&["deploy:read", "deploy:write"], &json!("*"))])
}

impl Stage {
    async fn set() -> Self {
        let server = TestServer::start().await;
        server.ensure_deploy_api().await;
        let admin = Administrator::first(&server).await;
        done(
            &admin
                .post(ROLES, json!({"name": "writer", "access": everything()}))
                .await,
        );
        done(&admin.post(ROLES, json!({"name": "other"})).await);
        done(
            &admin
                .post(GROUPS, json!({"name": "crew", "roles": ["writer"]}))
                .await,
        );
        let by_role = server.client_with(NAMES[0], json!([])).await;
        let by_group = server.client_with(NAMES[1], json!([])).await;
        let by_itself = server.client_with(NAMES[2], everything()).await;
        for name in [NAMES[0], NAMES[2]] {
            let roles = json!({"roles": ["writer"]});
            done(&admin.put(&format!("{ACCOUNTS}/{name}/roles"), roles).await);
        }
        done(
            &admin
                .call("PUT", &format!("{GROUPS}/crew/members/by-group"), None)
                .await,
        );
        Self {
            server,
            admin,
            holders: [by_role, by_group, by_itself],
        }
    }

    /// Makes a change, and tells which of the holders' tokens are alive after it.
    async fn alive_after(&self, method: &str, path: &str, body: Option<Value>) -> [bool; 3] {
        let mut tokens = Vec::new();
        for holder in &self.holders {
            tokens.push(holder.token("").await);
        }
        done(&self.admin.call(method, path, body.as_ref()).await);
        let mut alive = [false; 3];
        for (alive, token) in alive.iter_mut().zip(&tokens) {
            *alive = self.server.admin.sees_active(token).await;
        }
        alive
    }
}

#[track_caller]
fn done(reply: &Reply) {
    assert!(matches!(reply.status, 200 | 201 | 204), "{}", reply.wire());
}

#[tokio::test]
async fn an_edit_of_a_role_ends_the_tokens_of_those_who_lose_something() {
    let stage = Stage::set().await;
    let role = format!("{ROLES}/writer");
    let access = |grant: Value| Some(json!({"access": [grant]}));
    let fewer = deploy(&["deploy:read"], &json!("*"));
    let more = deploy(&["deploy:read", "deploy:write"], &json!("*"));
    for (what, grant, alive) in [
        ("the same", &more, [true, true, true]),
        // Who has it from elsewhere loses nothing.
        ("fewer scopes", &fewer, [false, false, true]),
        ("more scopes", &more, [true, true, true]),
    ] {
        let found = stage
            .alive_after("PATCH", &role, access(grant.clone()))
            .await;
        assert_eq!(found, alive, "{what}");
    }
    let description = Some(json!({"description": "words"}));
    let found = stage.alive_after("PATCH", &role, description).await;
    assert_eq!(found, [true, true, true]);
}

#[tokio::test]
async fn a_deleted_role_ends_the_tokens_of_those_who_had_it() {
    let stage = Stage::set().await;
    let found = stage
        .alive_after("DELETE", &format!("{ROLES}/writer?force=true"), None)
        .await;
    assert_eq!(found, [false, false, true]);
    assert_eq!(stage.holders[0].ask("").await.error(), "invalid_target");
    assert_eq!(stage.holders[1].ask("").await.error(), "invalid_target");
}

#[tokio::test]
async fn an_edit_of_a_group_ends_the_tokens_of_its_members() {
    let stage = Stage::set().await;
    let group = format!("{GROUPS}/crew");
    for (roles, by_group) in [
        (json!(["writer", "other"]), true),
        (json!(["writer"]), true),
        (json!(["other", "auditor"]), false),
    ] {
        let body = Some(json!({"roles": roles}));
        let found = stage.alive_after("PATCH", &group, body).await;
        assert_eq!(found, [true, by_group, true], "{roles}");
    }
}

// Security case 61.
#[tokio::test]
async fn a_deleted_group_ends_the_tokens_of_its_members() {
    let stage = Stage::set().await;
    let found = stage
        .alive_after("DELETE", &format!("{GROUPS}/crew"), None)
        .await;
    assert_eq!(found, [true, false, true]);
}

#[tokio::test]
async fn who_leaves_a_group_loses_their_tokens_and_who_comes_does_not() {
    let stage = Stage::set().await;
    let member = |name: &str| format!("{GROUPS}/crew/members/{name}");
    for name in NAMES {
        let found = stage.alive_after("PUT", &member(name), None).await;
        assert_eq!(found, [true, true, true], "{name}");
    }
    // It has the same by its role.
    let found = stage.alive_after("DELETE", &member("by-role"), None).await;
    assert_eq!(found, [true, true, true]);
    let found = stage.alive_after("DELETE", &member("by-group"), None).await;
    assert_eq!(found, [true, false, true]);
    assert_eq!(stage.holders[1].ask("").await.error(), "invalid_target");
}

#[tokio::test]
async fn a_role_or_a_grant_that_an_account_has_by_a_group_as_well_may_go() {
    let stage = Stage::set().await;
    let account = |name: &str, rest: &str| format!("{ACCOUNTS}/{name}/{rest}");
    done(
        &stage
            .admin
            .call("PUT", &format!("{GROUPS}/crew/members/by-itself"), None)
            .await,
    );
    let path = account("by-itself", "access");
    let found = stage
        .alive_after("PUT", &path, Some(json!({"access": []})))
        .await;
    assert_eq!(found, [true, true, true]);
    let path = account("by-itself", "roles");
    let found = stage
        .alive_after("PUT", &path, Some(json!({"roles": []})))
        .await;
    assert_eq!(found, [true, true, true]);
    let path = account("by-role", "roles");
    let found = stage
        .alive_after("PUT", &path, Some(json!({"roles": ["other"]})))
        .await;
    assert_eq!(found, [false, true, true]);
}

// Contract, section 2: deletion of a scope, resource or API, and a resource type added.
#[tokio::test]
async fn what_goes_from_an_api_ends_the_tokens_of_all_who_held_it() {
    for (method, path, body) in [
        ("DELETE", "/scopes/deploy:write?force=true", None),
        ("DELETE", "?force=true", None),
        (
            "PATCH",
            "",
            Some(json!({"resource_types": ["project", "board"]})),
        ),
    ] {
        let stage = Stage::set().await;
        let without = stage.server.client_with("without", json!([])).await;
        let roles = json!({"roles": ["auditor"]});
        done(
            &stage
                .admin
                .put(&format!("{ACCOUNTS}/without/roles"), roles)
                .await,
        );
        let untouched = without.token("").await;
        let path = format!("{APIS}/deploy{path}");
        let found = stage.alive_after(method, &path, body).await;
        assert_eq!(found, [false, false, false], "{method} {path}");
        assert!(stage.server.admin.sees_active(&untouched).await, "{path}");
    }
}

#[tokio::test]
async fn a_resource_that_goes_ends_the_tokens_of_those_who_name_it() {
    let stage = Stage::set().await;
    let narrowed = stage.server.client_with("narrowed", everything()).await;
    let body = json!({
        "name": "only-apollo",
        "access": [deploy(&["deploy:read"], &json!(["APOLLO", "GEMINI"]))],
    });
    let made = stage
        .admin
        .post(&format!("{ACCOUNTS}/narrowed/credentials"), body)
        .await;
    let made = made.json();
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    let client = narrowed
        .with_id(&text("client_id"))
        .with_secret(&text("client_secret"));
    let token = client.token("").await;

    let apollo = format!("{APIS}/deploy/resources/project:APOLLO");
    let refused = stage.admin.delete(&apollo).await;
    assert_eq!(refusal(&refused), (409, "in_use".into()));
    assert_eq!(refused.json()["holders"][0]["name"], "only-apollo");
    assert!(client.sees_active(&token).await);
    // Whoever holds all of them never named it.
    let found = stage
        .alive_after("DELETE", &format!("{apollo}?force=true"), None)
        .await;
    assert_eq!(found, [true, true, true]);
    assert!(!stage.server.admin.sees_active(&token).await);
    let token = client.ask("").await.json();
    assert_eq!(
        token["authorization_details"][0]["identifiers"],
        json!(["GEMINI"])
    );
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_says_what_would_be() {
    let stage = Stage::set().await;
    let path = format!("{ACCOUNTS}/by-itself/access");
    let events = events(&stage).await;
    let before = stage.admin.get(&path).await.json();
    let body = Some(json!({"access": []}));
    let found = stage
        .alive_after("PUT", &format!("{path}?dry_run=true"), body)
        .await;
    assert_eq!(found, [true, true, true]);
    assert_eq!(stage.admin.get(&path).await.json(), before);
    assert_eq!(events, self::events(&stage).await, "no event");

    // The role still gives it, so nothing would end.
    let body = json!({"access": []});
    let said = stage
        .admin
        .put(&format!("{path}?dry_run=true"), body.clone())
        .await
        .json();
    assert_eq!(said["access"], json!([]));
    assert_eq!(said["diff"], json!({"added": [], "removed": everything()}));
    assert_eq!(said["tokens_revoked"], false);
    let roles = json!({"roles": []});
    done(
        &stage
            .admin
            .put(&format!("{ACCOUNTS}/by-itself/roles"), roles)
            .await,
    );
    let said = stage
        .admin
        .put(&format!("{path}?dry_run=true"), body)
        .await
        .json();
    assert_eq!(said["tokens_revoked"], true);
    assert_eq!(stage.admin.get(&path).await.json(), before);
}

async fn events(stage: &Stage) -> usize {
    let rows = stage.server.rows("SELECT id FROM audit_event").await;
    rows.len()
}

// Contract, section 3: the last grant of all of `ostler` on `*` stays, wherever it is.
#[tokio::test]
async fn the_last_administrator_may_be_one_by_a_role_or_a_group() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let own = admin
        .get(&format!("{ACCOUNTS}/administrator/access"))
        .await
        .json();
    let role = json!({"name": "root", "access": own["access"]});
    done(&admin.post(ROLES, role).await);
    done(
        &admin
            .post(GROUPS, json!({"name": "roots", "roles": ["root"]}))
            .await,
    );
    let second = server.client_with("second", json!([])).await;
    let member = format!("{GROUPS}/roots/members/second");
    done(&admin.call("PUT", &member, None).await);

    // By its group the other account administers all, so the first one's grant may go.
    let second = Administrator::of(&second).await;
    let access = format!("{ACCOUNTS}/administrator/access");
    done(&second.put(&access, json!({"access": []})).await);
    let helper = json!([super::actors::ostler(
        &["access:write", "accounts:write", "accounts:read"],
        &json!("*")
    )]);
    let helper = server_account(&second, "helper-bot", helper, &server).await;
    let refused = (409, "last_administrator".to_owned());
    for reply in [
        helper.delete(&member).await,
        helper.delete(&format!("{GROUPS}/roots")).await,
        helper
            .patch(&format!("{GROUPS}/roots"), json!({"roles": []}))
            .await,
        helper
            .patch(&format!("{ROLES}/root"), json!({"access": []}))
            .await,
        helper.delete(&format!("{ROLES}/root?force=true")).await,
        helper.act(&format!("{ACCOUNTS}/second/disable")).await,
        helper.delete(&format!("{ACCOUNTS}/second")).await,
    ] {
        assert_eq!(refusal(&reply), refused);
    }
    assert_eq!(second.get("/organizations").await.status, 200);
}

/// An account that another administrator makes.
async fn server_account(
    maker: &Administrator,
    name: &str,
    access: Value,
    server: &TestServer,
) -> Administrator {
    let body = json!({"name": name, "access": access, "credential": {"name": "first"}});
    let made = maker.post(ACCOUNTS, body).await.json();
    Administrator::of(&server.client_of(&made)).await
}
