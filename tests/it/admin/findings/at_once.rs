//! What is found as soon as it is so.

use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::super::actors::ACCOUNTS;
use super::super::actors::deploy;
use super::DAY;
use super::SECOND;
use super::account;
use super::client;
use super::full;
use super::none;
use super::the;

#[tokio::test]
async fn what_nobody_answers_for_never_ends_or_may_write_everywhere_is_found_at_once() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let owned = account(&server, "owned-bot", &json!({"owner": "team-a"})).await;
    let orphan = account(&server, "orphan-bot", &json!({})).await;
    none(&server, "no_owner", &owned).await;
    assert_eq!(
        the(&server, "no_owner", &orphan).await["action"]["method"],
        "PATCH"
    );

    let ending = client(&server, "ending-bot", &json!(60)).await;
    let endless = client(&server, "endless-bot", &json!(null)).await;
    none(&server, "never_expires", &ending.account).await;
    let finding = the(&server, "never_expires", &endless.account).await;
    assert_eq!(
        finding["subject"],
        json!({"type": "credential", "id": endless.credential, "name": "first"})
    );
    assert_eq!(
        finding["action"],
        json!({
            "method": "POST",
            "path": full(&server, &format!("{}/rotate", endless.credential_path())).await,
            "body": {"expires_in_seconds": 7_776_000},
        })
    );

    let access = |grant: Value| json!({"access": [grant]});
    let some = account(
        &server,
        "some-writer",
        &access(deploy(&["deploy:write"], &json!(["APOLLO"]))),
    )
    .await;
    let reader = account(
        &server,
        "all-reader",
        &access(deploy(&["deploy:read"], &json!("*"))),
    )
    .await;
    let every = account(
        &server,
        "all-writer",
        &access(deploy(&["deploy:read", "deploy:write"], &json!("*"))),
    )
    .await;
    none(&server, "write_on_all_resources", &some).await;
    none(&server, "write_on_all_resources", &reader).await;
    let finding = the(&server, "write_on_all_resources", &every).await;
    assert_eq!(finding["evidence"]["api"], "deploy");
    assert_eq!(finding["evidence"]["scopes"], json!(["deploy:write"]));
    assert_eq!(finding["evidence"]["resource_types"], json!(["project"]));
    assert_eq!(finding["action"]["method"], "PUT");
    let narrowed = deploy(&["deploy:read", "deploy:write"], &json!([]));
    assert_eq!(finding["action"]["body"], json!({"access": [narrowed]}));
    // What it names is a call that is understood, and changes nothing by itself. A type that the API
    // was given meanwhile is in it.
    let more = json!({"resource_types": ["project", "space"]});
    let api = "/organizations/default/apis/deploy";
    let edited = server.admin("PATCH", api, Some(&more)).await;
    assert_eq!(edited.status, 200, "{}", edited.wire());
    let finding = the(&server, "write_on_all_resources", &every).await;
    let path = finding["action"]["path"].as_str().unwrap();
    let path = path.strip_prefix("/admin/v1").unwrap();
    let reply = server
        .admin("PUT", path, Some(&finding["action"]["body"]))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    the(&server, "write_on_all_resources", &every).await;
}

#[tokio::test]
async fn a_role_that_may_write_everywhere_is_found_at_who_has_it() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let access = json!([deploy(&["deploy:write"], &json!("*"))]);
    let role = json!({"name": "deployers", "access": access});
    server.create("/organizations/default/roles", role).await;
    let by_role = account(&server, "by-role", &json!({"roles": ["deployers"]})).await;
    let finding = the(&server, "write_on_all_resources", &by_role).await;
    assert_eq!(finding["evidence"]["scopes"], json!(["deploy:write"]));
    let path = finding["action"]["path"].as_str().unwrap();
    let path = path.strip_prefix("/admin/v1").unwrap();
    assert_eq!(server.admin("GET", path, None).await.status, 200);
}

// From when on it is so is when the access became so, and no other edit of the account.
#[tokio::test]
async fn access_is_too_wide_since_it_was_last_changed() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let (roles, groups) = (
        "/organizations/default/roles",
        "/organizations/default/groups",
    );
    let wide = json!([deploy(&["deploy:write"], &json!("*"))]);
    let narrow = json!([deploy(&["deploy:write"], &json!(["APOLLO"]))]);
    server
        .create(roles, json!({"name": "deployer", "access": narrow}))
        .await;
    server.create(groups, json!({"name": "crew"})).await;
    let own = account(&server, "own-access", &json!({"access": wide})).await;
    let by_role = account(&server, "by-a-role", &json!({"roles": ["deployer"]})).await;
    let by_group = account(&server, "by-a-group", &json!({})).await;
    let since = async |account: &str| {
        let finding = the(&server, "write_on_all_resources", account).await;
        finding["since"].as_str().unwrap().to_owned()
    };
    let edit = async |method: &str, path: &str, body: Value| {
        server.advance(SECOND);
        let reply = server.admin(method, path, Some(&body)).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.wire());
    };
    let path = format!("{ACCOUNTS}/own-access");
    edit("PATCH", &path, json!({"owner": "me"})).await;
    assert_eq!(since(&own).await, "2026-03-01T12:00:00Z");
    edit("PUT", &format!("{path}/access"), json!({"access": narrow})).await;
    none(&server, "write_on_all_resources", &own).await;
    edit("PUT", &format!("{path}/access"), json!({"access": wide})).await;
    assert_eq!(since(&own).await, "2026-03-01T12:00:03Z");

    let role = format!("{roles}/deployer");
    none(&server, "write_on_all_resources", &by_role).await;
    edit("PATCH", &role, json!({"access": wide})).await;
    assert_eq!(since(&by_role).await, "2026-03-01T12:00:04Z");
    edit("PATCH", &role, json!({"description": "deploys"})).await;
    assert_eq!(since(&by_role).await, "2026-03-01T12:00:04Z");
    let given = format!("{ACCOUNTS}/by-a-role/roles");
    edit("PUT", &given, json!({"roles": ["auditor", "deployer"]})).await;
    assert_eq!(since(&by_role).await, "2026-03-01T12:00:06Z");

    let member = format!("{groups}/crew/members/by-a-group");
    edit("PUT", &member, json!({})).await;
    none(&server, "write_on_all_resources", &by_group).await;
    edit(
        "PATCH",
        &format!("{groups}/crew"),
        json!({"roles": ["deployer"]}),
    )
    .await;
    assert_eq!(since(&by_group).await, "2026-03-01T12:00:08Z");
    server.advance(SECOND);
    server.delete(&member).await;
    edit("PUT", &member, json!({})).await;
    assert_eq!(since(&by_group).await, "2026-03-01T12:00:10Z");
}

#[tokio::test]
async fn a_signing_key_that_is_active_for_longer_than_the_policy_wants_is_found() {
    let server = TestServer::with()
        .set("keys.rotation_days", "2")
        .start()
        .await;
    let old = async || {
        let reply = server
            .admin("GET", "/findings?kind=signing_key_old", None)
            .await;
        reply.json()["items"].as_array().unwrap().clone()
    };
    server.advance(2 * DAY);
    assert!(old().await.is_empty());
    server.advance(SECOND);
    let found = old().await;
    assert_eq!(found.len(), 3);
    assert_eq!(found[0]["subject"]["type"], "signing_key");
    assert_eq!(found[0]["since"], "2026-03-03T12:00:00Z");
    assert_eq!(found[0]["action"]["path"], "/admin/v1/keys/rotate");
}
