//! `/organizations/{org}/groups`

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown_body;

const CREW: &str = "/organizations/default/groups/crew";

fn member(account: &str) -> String {
    format!("{CREW}/members/{account}")
}

#[tokio::test]
async fn a_group_is_made_shown_edited_and_deleted() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "crew", "description": "On call.", "roles": ["auditor"]});

    let made = admin.post(GROUPS, body).await;
    assert_eq!(made.status, 201);
    assert_snapshot!(shown_body(&made), @r#"
    {
      "id": "grp_...",
      "name": "crew",
      "description": "On call.",
      "roles": [
        "auditor"
      ],
      "member_count": 0
    }
    "#);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(admin.get(CREW).await.json(), made.json());
    assert_eq!(
        admin.get(&format!("{GROUPS}/{id}")).await.json(),
        made.json()
    );
    assert_eq!(
        admin.get(GROUPS).await.json()["items"],
        json!([made.json()])
    );

    let edited = admin
        .patch(CREW, json!({"roles": ["owner", "auditor"]}))
        .await;
    assert_eq!(edited.json()["roles"], json!(["owner", "auditor"]));
    assert_eq!(edited.json()["description"], "On call.");
    let edited = admin
        .patch(CREW, json!({"description": null, "roles": []}))
        .await;
    assert_eq!(edited.json()["description"], Value::Null);
    assert_eq!(admin.get(CREW).await.json(), edited.json());

    let taken = admin.post(GROUPS, json!({"name": "crew"})).await;
    assert_eq!(refusal(&taken), (409, "name_taken".into()));
    assert_eq!(admin.delete(CREW).await.status, 204);
    for reply in [admin.get(CREW).await, admin.delete(CREW).await] {
        assert_eq!(refusal(&reply), (404, "not_found".into()));
    }
}

#[tokio::test]
async fn accounts_come_into_a_group_and_leave_it() {
    let server = TestServer::start().await;
    let one = server.client_with("nightly", json!([])).await;
    // Lists are in the order of ids, which is that of time.
    server.advance(Duration::from_millis(1));
    let two = server.client_with("weekly", json!([])).await;
    let admin = Administrator::first(&server).await;
    admin.post(GROUPS, json!({"name": "crew"})).await;

    for account in ["nightly", &two.account, "nightly"] {
        let put = admin.call("PUT", &member(account), None).await;
        assert_eq!(put.status, 200, "{}", put.wire());
    }
    assert_eq!(admin.get(CREW).await.json()["member_count"], 2);
    let listed = admin.get(&format!("{CREW}/members")).await;
    assert_snapshot!(shown_body(&listed), @r#"
    {
      "items": [
        {
          "id": "sa_...",
          "name": "nightly",
          "email": "nightly-...@default.serviceaccount.127.0.0.1"
        },
        {
          "id": "sa_...",
          "name": "weekly",
          "email": "weekly-...@default.serviceaccount.127.0.0.1"
        }
      ],
      "next_cursor": null
    }
    "#);
    let first = admin.get(&format!("{CREW}/members?limit=1")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = admin
        .get(&format!("{CREW}/members?limit=1&cursor={cursor}"))
        .await;
    assert_eq!(rest.json()["items"][0]["id"], json!(two.account));

    assert_eq!(admin.delete(&member(&one.account)).await.status, 204);
    let again = admin.delete(&member("nightly")).await;
    assert_eq!(refusal(&again), (404, "not_found".into()));
    admin.delete(&format!("{ACCOUNTS}/weekly")).await;
    assert_eq!(admin.get(CREW).await.json()["member_count"], 0);
    for path in [
        member("nobody-here"),
        "/organizations/default/groups/none/members/nightly".into(),
    ] {
        let reply = admin.call("PUT", &path, None).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()));
    }
}

#[tokio::test]
async fn unknown_roles_and_members_of_a_body_are_refused_by_name() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "crew", "roles": ["auditor", "auditer", "role_x"]});
    let reply = admin.post(GROUPS, body).await;
    assert_eq!(
        mistakes(&reply),
        [
            at("/roles/1", "unknown_role"),
            at("/roles/2", "unknown_role")
        ]
    );
    assert_eq!(reply.json()["errors"][0]["hint"], "did you mean `auditor`?");
    let body = json!({"name": "crew", "member_count": 3});
    assert_eq!(
        mistakes(&admin.post(GROUPS, body).await),
        [at("/member_count", "read_only")]
    );
    admin.post(GROUPS, json!({"name": "crew"})).await;
    let reply = admin.patch(CREW, json!({"roles": ["ownr"]})).await;
    assert_eq!(mistakes(&reply), [at("/roles/0", "unknown_role")]);
}

#[tokio::test]
async fn a_member_has_what_the_roles_of_its_groups_grant() {
    let server = TestServer::start().await;
    let client = server.client_with("nightly", json!([])).await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let grant = deploy(&["deploy:read"], &json!(["APOLLO"]));
    admin
        .post(ROLES, json!({"name": "reader", "access": [grant]}))
        .await;
    admin
        .post(GROUPS, json!({"name": "crew", "roles": ["reader"]}))
        .await;
    assert_eq!(client.ask("").await.error(), "invalid_target");

    admin.call("PUT", &member("nightly"), None).await;
    let token = client.ask("").await.json();
    assert_eq!(token["scope"], "deploy:read");
    assert_eq!(
        token["authorization_details"][0]["identifiers"],
        json!(["APOLLO"])
    );

    // What the role gets, its holders have at once, and no token dies of it.
    let token = client.token("").await;
    let grants = json!([grant, deploy(&["deploy:write"], &json!("*"))]);
    admin
        .patch(&format!("{ROLES}/reader"), json!({"access": grants}))
        .await;
    client.token("deploy:write").await;
    assert!(server.admin.sees_active(&token).await);
}
