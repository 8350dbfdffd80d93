//! Every list can be asked for a part of itself: by how things stand, and by a part of what people call
//! them. Contract, section 3, *Lists*. Those of accounts and credentials are in [`filters`](super::filters)
//! and [`inventories`](super::inventories).

use serde_json::Value;
use serde_json::json;
use url::form_urlencoded;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::APIS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::refusal;

const ORGANIZATIONS: &str = "/organizations";

/// The values of `member` in the part of a list that is asked for, page by page.
async fn listed(
    admin: &Administrator,
    path: &str,
    member: &str,
    filters: &[(&str, &str)],
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(filters).append_pair("limit", "1");
    let query = query.finish();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{path}?{query}{cursor}");
        let reply = admin.get(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.wire());
        let page = reply.json();
        let items = page["items"].as_array().unwrap().iter();
        found.extend(items.map(|item| item[member].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else {
            // Those of one instant are in no order.
            found.sort_unstable();
            return found.join(" ");
        };
        cursor = format!("&cursor={next}");
    }
}

/// Somebody who administers, with something of everything in the first organization.
async fn stage(server: &TestServer) -> Administrator {
    server.ensure_deploy_api().await;
    let admin = Administrator::first(server).await;
    for (path, body) in [
        (ORGANIZATIONS, json!({"name": "acme"})),
        (ORGANIZATIONS, json!({"name": "bolt"})),
        (
            APIS,
            json!({"name": "wiki", "audience": "https://wiki.example.com/Pages"}),
        ),
        (
            ROLES,
            json!({"name": "reader", "description": "Liest im Büro ÉCOLE"}),
        ),
        (ROLES, json!({"name": "writer"})),
        (
            GROUPS,
            json!({"name": "crew", "description": "The Night shift, 100%_"}),
        ),
        (GROUPS, json!({"name": "staff"})),
        (
            ACCOUNTS,
            json!({"name": "First-Bot", "owner": "night-team"}),
        ),
        (ACCOUNTS, json!({"name": "second-bot"})),
    ] {
        let made = admin.post(path, body).await;
        assert_eq!(made.status, 201, "{}", made.wire());
    }
    for account in ["first-bot", "second-bot"] {
        let member = format!("{GROUPS}/crew/members/{account}");
        assert_eq!(admin.put(&member, json!({})).await.status, 200);
    }
    let disabled = admin.act("/organizations/bolt/disable").await;
    assert_eq!(disabled.status, 200, "{}", disabled.wire());
    admin
}

#[tokio::test]
async fn things_are_found_by_a_part_of_what_people_call_them() {
    let server = TestServer::start().await;
    let admin = stage(&server).await;
    let (members, scopes) = (
        format!("{GROUPS}/crew/members"),
        format!("{APIS}/deploy/scopes"),
    );
    for (path, text, expected) in [
        (ORGANIZATIONS, "AC", "acme"),
        (ORGANIZATIONS, "l", "bolt default"),
        (ORGANIZATIONS, "_", ""),
        (APIS, "WIK", "wiki"),
        (APIS, "pages", "wiki"),
        (APIS, "https://", "deploy wiki"),
        (ROLES, "READE", "reader"),
        (ROLES, "büro école", "reader"),
        (ROLES, "BÜRO ÉCOLE", "reader"),
        (ROLES, "ecole", ""),
        // Those that are built in are found too.
        (ROLES, "audit", "auditor"),
        (GROUPS, "night SHIFT", "crew"),
        (GROUPS, "100%_", "crew"),
        (GROUPS, "1__%_", ""),
        (GROUPS, "f", "crew staff"),
        (&members, "first", "First-Bot"),
        (&members, "FIRST-bot-", "First-Bot"),
        (&members, "-bot", "First-Bot second-bot"),
        // What is not told of a member is not what it is found by.
        (&members, "night-team", ""),
        (&scopes, "WRITE", "deploy:write"),
    ] {
        let found = listed(&admin, path, "name", &[("q", text)]).await;
        assert_eq!(found, expected, "{path} {text}");
    }
    for (path, name) in [
        ("/organizations/acme", ORGANIZATIONS),
        (&format!("{APIS}/wiki"), APIS),
        (&format!("{ROLES}/reader"), ROLES),
        (&format!("{ROLES}/auditor"), ROLES),
        (&format!("{GROUPS}/staff"), GROUPS),
    ] {
        let shown = admin.get(path).await.json();
        let (id, own) = (shown["id"].as_str().unwrap(), &shown["name"]);
        assert_eq!(
            listed(&admin, name, "name", &[("q", id)]).await,
            *own,
            "{path}"
        );
    }
    // What is edited is found as it is now.
    for path in [format!("{ROLES}/reader"), format!("{GROUPS}/crew")] {
        let edited = admin.patch(&path, json!({"description": "Tagsüber"})).await;
        assert_eq!(edited.status, 200, "{}", edited.wire());
    }
    for (path, text, expected) in [
        (ROLES, "école", ""),
        (ROLES, "TAGSÜBER", "reader"),
        (GROUPS, "night", ""),
        (GROUPS, "TAGSÜBER", "crew"),
    ] {
        let found = listed(&admin, path, "name", &[("q", text)]).await;
        assert_eq!(found, expected, "{path} {text}");
    }
}

#[tokio::test]
async fn resources_are_found_by_their_type_and_by_a_part_of_their_key_or_name() {
    let server = TestServer::start().await;
    let admin = stage(&server).await;
    let api = format!("{APIS}/deploy");
    let types = json!({"resource_types": ["project", "space"]});
    assert_eq!(admin.patch(&api, types).await.status, 200);
    let resources = format!("{api}/resources");
    for (kind, key, name) in [
        ("space", "APOLLO", json!("Apollo's SPÄCE")),
        ("space", "100%_", json!(null)),
    ] {
        let body = json!({"type": kind, "key": key, "name": name});
        assert_eq!(admin.post(&resources, body).await.status, 201);
    }
    let renamed = json!({"name": "Moonshot"});
    let apollo = format!("{resources}/project:APOLLO");
    assert_eq!(admin.patch(&apollo, renamed).await.status, 200);
    let found = async |filters: &[(&str, &str)]| {
        let keys = listed(&admin, &resources, "key", filters).await;
        let types = listed(&admin, &resources, "type", filters).await;
        format!("{types}: {keys}")
    };
    for (filters, expected) in [
        (&[("type", "space")][..], "space space: 100%_ APOLLO"),
        (&[("q", "apol")], "project space: APOLLO APOLLO"),
        (&[("q", "apol"), ("type", "project")], "project: APOLLO"),
        (&[("q", "späce")], "space: APOLLO"),
        (&[("q", "MOON")], "project: APOLLO"),
        (&[("q", "0%_")], "space: 100%_"),
        (&[("q", "moon"), ("type", "space")], ": "),
        (&[("type", "planet")], ": "),
    ] {
        assert_eq!(found(filters).await, expected, "{filters:?}");
    }
    let id = admin.get(&apollo).await.json()["id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(found(&[("q", id)]).await, "project: APOLLO");
}

#[tokio::test]
async fn organizations_and_keys_are_found_by_how_they_stand() {
    let server = TestServer::start().await;
    let admin = stage(&server).await;
    for (filters, expected) in [
        (&[("status", "active")][..], "acme default"),
        (&[("status", "disabled")], "bolt"),
        (&[("status", "disabled"), ("q", "ac")], ""),
    ] {
        let found = listed(&admin, ORGANIZATIONS, "name", filters).await;
        assert_eq!(found, expected, "{filters:?}");
    }
    let made = admin.post("/keys", json!({"alg": "EdDSA"})).await;
    let kid = made.json()["kid"].as_str().unwrap().to_owned();
    for (filters, expected) in [
        (&[("state", "active"), ("alg", "EdDSA")][..], "EdDSA"),
        (&[("alg", "EdDSA")], "EdDSA EdDSA"),
        (&[("state", "revoked")], ""),
    ] {
        let found = listed(&admin, "/keys", "alg", filters).await;
        assert_eq!(found, expected, "{filters:?}");
    }
    assert_eq!(
        listed(&admin, "/keys", "kid", &[("state", "pending")]).await,
        kid
    );
}

#[tokio::test]
async fn reports_of_leaks_are_found_by_whose_secret_it_is() {
    let server = TestServer::start().await;
    let admin = stage(&server).await;
    let policy = json!({"policy": {"leak_report": "finding"}});
    assert_eq!(
        admin.patch("/organizations/default", policy).await.status,
        200
    );
    let mut made = Vec::new();
    for (account, credential) in [("First-Bot", "Main KEY"), ("second-bot", "spare")] {
        let path = format!("{ACCOUNTS}/{account}/credentials");
        let credential = server.create(&path, json!({"name": credential})).await;
        let report = json!({"secret": credential["client_secret"]});
        assert_eq!(admin.post("/leaks", report).await.status, 202);
        made.push(credential);
    }
    let token = format!("{ACCOUNTS}/second-bot/api-tokens");
    let token = server.create(&token, json!({"name": "tool"})).await;
    let report = json!({"secret": token["token"]});
    assert_eq!(admin.post("/leaks", report).await.status, 202);
    let leaks = "/organizations/default/leaks";
    let of = |made: &Value| made["secrets"][0]["id"].as_str().unwrap().to_owned();
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    for (text, expected) in [
        ("FIRST-b", of(&made[0])),
        ("main k", of(&made[0])),
        ("spare", of(&made[1])),
        ("nobody", String::new()),
        (&of(&made[1]), of(&made[1])),
        (&id(&made[0]), of(&made[0])),
    ] {
        let found = listed(&admin, leaks, "secret", &[("q", text)]).await;
        assert_eq!(found, expected, "{text}");
    }
    let found = listed(&admin, leaks, "secret", &[("q", &id(&token))]).await;
    assert!(found.starts_with("sec_") && !found.contains(' '), "{found}");
}

#[tokio::test]
async fn what_a_list_cannot_be_asked_is_refused_by_name() {
    let server = TestServer::start().await;
    let admin = stage(&server).await;
    let resources = format!("{APIS}/deploy/resources");
    let tokens = format!("{ACCOUNTS}/first-bot/api-tokens");
    for (path, query, named) in [
        (ORGANIZATIONS, "status=revoked", "`status`"),
        (ORGANIZATIONS, "q=", "`q`"),
        (APIS, "q=%00", "`q`"),
        (APIS, "status=active", "`status`"),
        (ROLES, "q=a&q=b", "`q`"),
        (&resources, "type=", "`type`"),
        (&resources, "type=A%00", "`type`"),
        ("/keys", "state=disabled", "`state`"),
        ("/keys", "alg=none", "`alg`"),
        ("/keys", "q=x", "`q`"),
        ("/organizations/default/leaks", "status=active", "`status`"),
        // No API token is ever disabled.
        (&tokens, "status=disabled", "`status`"),
        (
            "/organizations/default/api-tokens",
            "status=disabled",
            "`status`",
        ),
    ] {
        let reply = admin.get(&format!("{path}?{query}")).await;
        let expected = (400, "validation_failed".to_owned());
        assert_eq!(refusal(&reply), expected, "{path}?{query}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(named), "{path}?{query}: {detail}");
    }
    // A cursor goes on with what was asked for, and with nothing else.
    let page = admin.get(&format!("{GROUPS}?limit=1&q=f")).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let other = admin.get(&format!("{GROUPS}?cursor={cursor}")).await;
    assert_eq!(refusal(&other), (400, "validation_failed".to_owned()));
}
