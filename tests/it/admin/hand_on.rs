//! Nobody gains or hands on more of `ostler` than the token that they present holds.
//!
//! Security cases 80 to 82; protocol.md 186.

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::server::ISSUER;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::deploy;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown;

/// What the administrators of these tests hold: accounts of the first organization, no more.
const HELD: [&str; 3] = ["accounts:write", "credentials:write", "access:write"];

async fn manager(server: &TestServer) -> Administrator {
    let grant = ostler(&HELD, &json!(["default"]));
    Administrator::with(server, "account-manager", json!([grant])).await
}

fn account(name: &str) -> String {
    format!("{ACCOUNTS}/{name}")
}

#[track_caller]
fn is_forbidden(reply: &crate::harness::Reply, what: &str) {
    assert_eq!(
        refusal(reply),
        (403, "forbidden".into()),
        "{what}: {}",
        reply.wire()
    );
}

#[tokio::test]
async fn an_account_is_made_with_no_more_than_its_maker_holds() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let manager = manager(&server).await;
    let with = |access: Value| json!({"name": "a-new-account", "access": access});

    let beyond = [
        ostler(&["apis:read"], &json!(["default"])),
        ostler(&["accounts:write", "keys:write"], &json!(["default"])),
        ostler(&["accounts:write"], &json!("*")),
        ostler(&["introspect"], &json!(["default"])),
    ];
    for grant in beyond {
        let reply = manager.post(ACCOUNTS, with(json!([grant]))).await;
        is_forbidden(&reply, &grant.to_string());
    }
    for role in ["owner", "operator", "auditor"] {
        let body = json!({"name": "a-new-account", "roles": [role]});
        is_forbidden(&manager.post(ACCOUNTS, body).await, role);
    }
    assert_eq!(manager.get(&account("a-new-account")).await.status, 404);

    // As much as it holds, or less; and any access to other APIs of the organization.
    let within = json!([
        ostler(&HELD, &json!(["default"])),
        ostler(&["accounts:read"], &json!(["default"])),
        ostler(&["accounts:read"], &json!([])),
        deploy(&["deploy:read", "deploy:write"], &json!("*")),
    ]);
    assert_eq!(manager.post(ACCOUNTS, with(within)).await.status, 201);
}

#[tokio::test]
async fn the_refusal_says_what_would_reach_too_far() {
    let server = TestServer::start().await;
    let manager = manager(&server).await;
    let grants = ostler(
        &["accounts:read", "keys:read", "audit:read"],
        &json!(["default"]),
    );
    let body = json!({"name": "a-new-account", "access": [grants]});
    assert_snapshot!(shown(&manager.post(ACCOUNTS, body).await), @r#"
    403 Forbidden
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    www-authenticate: Bearer realm="ostler", error="insufficient_scope"
    x-content-type-options: nosniff

    {
      "type": "about:blank",
      "title": "Forbidden",
      "status": 403,
      "detail": "nobody hands on more of `ostler` than the presented token holds; this would reach further in: audit:read keys:read",
      "code": "forbidden",
      "request_id": "req_...",
      "errors": []
    }
    "#);
}

// The token counts, not what its account might do besides.
#[tokio::test]
async fn a_narrow_token_of_a_mighty_account_hands_on_little() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let scope = "access:write+accounts:write";
    let reply = server
        .admin
        .ask(&format!("resource={ISSUER}&scope={scope}"))
        .await;
    let narrow = admin.with_token(&reply.access_token());

    let with = |scope: &str| {
        let grant = ostler(&[scope], &json!(["default"]));
        json!({"name": "a-new-account", "access": [grant]})
    };
    is_forbidden(&narrow.post(ACCOUNTS, with("keys:read")).await, "keys:read");
    assert_eq!(
        narrow.post(ACCOUNTS, with("accounts:read")).await.status,
        201
    );
}

#[tokio::test]
async fn inline_members_need_their_own_scope() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let reply = server
        .admin
        .ask(&format!("resource={ISSUER}&scope=accounts:write"))
        .await;
    let writer = admin.with_token(&reply.access_token());
    for (body, scope) in [
        (json!({"name": "nightly", "access": []}), "access:write"),
        (json!({"name": "nightly", "roles": []}), "access:write"),
        (
            json!({"name": "nightly", "credential": {"name": "x"}}),
            "credentials:write",
        ),
    ] {
        let reply = writer.post(ACCOUNTS, body.clone()).await;
        is_forbidden(&reply, scope);
        let challenge = reply.header("www-authenticate").unwrap();
        assert!(
            challenge.ends_with(&format!(r#"scope="{scope}""#)),
            "{challenge}"
        );
    }
    assert_eq!(
        writer
            .post(ACCOUNTS, json!({"name": "nightly"}))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn access_is_widened_no_further_than_the_caller_reaches() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let manager = manager(&server).await;
    let put = async |grants: Value| {
        let path = format!("{}/access", account("nightly"));
        manager.put(&path, json!({"access": grants})).await
    };
    for grant in [
        ostler(&["audit:read"], &json!(["default"])),
        ostler(&["accounts:read"], &json!("*")),
    ] {
        is_forbidden(&put(json!([grant])).await, "more of ostler");
    }
    let held = ostler(&["accounts:read"], &json!(["default"]));
    let other = deploy(&["deploy:read", "deploy:write"], &json!("*"));
    assert_eq!(put(json!([held, other])).await.status, 200);

    for role in ["owner", "operator", "auditor"] {
        let path = format!("{}/roles", account("nightly"));
        is_forbidden(&manager.put(&path, json!({"roles": [role]})).await, role);
    }
}

#[tokio::test]
async fn nobody_edits_their_own_access_or_roles() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let access = format!("{}/access", account("administrator"));
    let before = admin.get(&access).await.json();

    for (path, body) in [
        (access.clone(), json!({"access": []})),
        (access.clone(), before.clone()),
        (format!("{access}?dry_run=true"), json!({"access": []})),
        (
            format!("{}/roles", account("administrator")),
            json!({"roles": ["auditor"]}),
        ),
    ] {
        is_forbidden(&admin.put(&path, body).await, &path);
    }
    assert_eq!(admin.get(&access).await.json(), before);
}

// Security case 81: neither by a role, nor by a group, nor by a membership.
#[tokio::test]
async fn roles_groups_and_memberships_hand_on_no_more_than_is_held() {
    let server = TestServer::start().await;
    server.client_with("nightly", json!([])).await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let manager = manager(&server).await;
    let held = json!([ostler(&HELD, &json!(["default"]))]);
    let beyond = json!([ostler(&["keys:read"], &json!("*"))]);
    let deploying = json!([deploy(&["deploy:read", "deploy:write"], &json!("*"))]);
    for (name, access) in [("mighty", &beyond), ("usual", &held)] {
        let role = json!({"name": name, "access": access});
        assert_eq!(admin.post(ROLES, role).await.status, 201);
    }
    for (name, role) in [
        ("mighties", "mighty"),
        ("usuals", "usual"),
        ("empties", "owner"),
    ] {
        let group = json!({"name": name, "roles": [role]});
        assert_eq!(admin.post(GROUPS, group).await.status, 201);
    }
    let member = |group: &str| format!("{GROUPS}/{group}/members/nightly");

    let named = |access: &Value| json!({"name": "another", "access": access});
    is_forbidden(&manager.post(ROLES, named(&beyond)).await, "a new role");
    let edit = json!({"access": beyond});
    is_forbidden(
        &manager.patch(&format!("{ROLES}/usual"), edit).await,
        "a role",
    );
    for role in ["owner", "auditor", "mighty"] {
        let group = json!({"name": "another", "roles": [role]});
        is_forbidden(&manager.post(GROUPS, group).await, role);
        let edit = json!({"roles": ["usual", role]});
        is_forbidden(
            &manager.patch(&format!("{GROUPS}/usuals"), edit).await,
            role,
        );
    }
    for group in ["mighties", "empties"] {
        let put = manager.call("PUT", &member(group), None).await;
        is_forbidden(&put, group);
    }
    let roles = json!({"roles": ["mighty"]});
    is_forbidden(
        &manager
            .put(&format!("{}/roles", account("nightly")), roles)
            .await,
        "roles",
    );

    // What it holds, and what is no concern of `ostler`, it hands on.
    assert_eq!(manager.post(ROLES, named(&held)).await.status, 201);
    let edit = json!({"access": deploying});
    assert_eq!(
        manager
            .patch(&format!("{ROLES}/another"), edit)
            .await
            .status,
        200
    );
    let group = json!({"name": "another", "roles": ["another", "usual"]});
    assert_eq!(manager.post(GROUPS, group).await.status, 201);
    for group in ["another", "usuals"] {
        let put = manager.call("PUT", &member(group), None).await;
        assert_eq!(put.status, 200, "{}", put.wire());
    }
    // Taking away takes no more than the scope, and so do words.
    for (path, edit) in [
        (
            format!("{ROLES}/mighty"),
            json!({"description": "too much"}),
        ),
        (
            format!("{GROUPS}/mighties"),
            json!({"description": "too much"}),
        ),
        (format!("{GROUPS}/mighties"), json!({"roles": []})),
        (format!("{ROLES}/mighty"), json!({"access": []})),
    ] {
        assert_eq!(manager.patch(&path, edit).await.status, 200, "{path}");
    }
    assert_eq!(manager.delete(&format!("{ROLES}/mighty")).await.status, 204);
}

// What an account would be able to do in all counts, not what a group adds to it.
#[tokio::test]
async fn a_mightier_account_is_given_nothing_more_by_a_lesser_one() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let manager = manager(&server).await;
    let body = json!({"name": "the-owner", "roles": ["owner"]});
    assert_eq!(admin.post(ACCOUNTS, body).await.status, 201);
    let deploying = json!([deploy(&["deploy:read"], &json!("*"))]);
    admin
        .post(ROLES, json!({"name": "reader", "access": deploying}))
        .await;
    admin
        .post(GROUPS, json!({"name": "crew", "roles": ["reader"]}))
        .await;
    let member = format!("{GROUPS}/crew/members/the-owner");
    is_forbidden(&manager.call("PUT", &member, None).await, "a membership");
    assert_eq!(admin.call("PUT", &member, None).await.status, 200);
    // It is in it already, and may be taken out.
    assert_eq!(manager.call("PUT", &member, None).await.status, 200);
    assert_eq!(manager.delete(&member).await.status, 204);
}

// Security case 80: not through a role that they have, nor through a group that they are in.
#[tokio::test]
async fn nobody_edits_the_roles_and_groups_of_their_own_account() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let access = json!([ostler(&["access:write", "accounts:write"], &json!("*"))]);
    for name in ["mine", "by-group", "others"] {
        let role = json!({"name": name, "access": access});
        assert_eq!(admin.post(ROLES, role).await.status, 201);
    }
    for (name, role) in [("crew", "by-group"), ("strangers", "others")] {
        let group = json!({"name": name, "roles": [role]});
        assert_eq!(admin.post(GROUPS, group).await.status, 201);
    }
    let client = server.client_with("the-manager", access).await;
    let roles = json!({"roles": ["mine"]});
    admin
        .put(&format!("{}/roles", account("the-manager")), roles)
        .await;
    let own = |group: &str| format!("{GROUPS}/{group}/members/the-manager");
    assert_eq!(admin.call("PUT", &own("crew"), None).await.status, 200);
    let manager = Administrator::of(&client).await;

    for role in ["mine", "by-group"] {
        let path = format!("{ROLES}/{role}");
        for edit in [
            json!({"access": []}),
            json!({"description": "mine"}),
            json!({}),
        ] {
            is_forbidden(&manager.patch(&path, edit).await, role);
        }
        is_forbidden(&manager.delete(&format!("{path}?force=true")).await, role);
    }
    let crew = format!("{GROUPS}/crew");
    for edit in [json!({"roles": []}), json!({"description": "mine"})] {
        is_forbidden(&manager.patch(&crew, edit).await, "a group");
    }
    is_forbidden(&manager.delete(&crew).await, "a group");
    is_forbidden(&manager.delete(&own("crew")).await, "leaving");
    is_forbidden(&manager.call("PUT", &own("crew"), None).await, "staying");
    is_forbidden(
        &manager.call("PUT", &own("strangers"), None).await,
        "coming",
    );

    // Others, and their roles and groups, are no concern of its own account.
    server.client_with("nightly", json!([])).await;
    let other = format!("{GROUPS}/crew/members/nightly");
    assert_eq!(manager.call("PUT", &other, None).await.status, 200);
    let edit = json!({"description": "theirs"});
    assert_eq!(
        manager
            .patch(&format!("{ROLES}/others"), edit.clone())
            .await
            .status,
        200
    );
    assert_eq!(
        manager
            .patch(&format!("{GROUPS}/strangers"), edit)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn no_secret_of_somebody_mightier_is_handed_out() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let manager = manager(&server).await;
    let body = json!({
        "name": "the-owner",
        "roles": ["owner"],
        "credential": {"name": "first"},
    });
    assert_eq!(admin.post(ACCOUNTS, body).await.status, 201);
    let owner = account("the-owner");
    let credentials = format!("{owner}/credentials");

    let mine = json!({"name": "mine"});
    is_forbidden(&manager.post(&credentials, mine).await, "a credential");
    is_forbidden(
        &manager.act(&format!("{credentials}/first/rotate")).await,
        "a rotation",
    );
    // Nor is such an account brought back; but anybody who manages accounts may stop it.
    assert_eq!(manager.act(&format!("{owner}/disable")).await.status, 200);
    is_forbidden(&manager.act(&format!("{owner}/enable")).await, "enabling");
    assert_eq!(
        manager
            .act(&format!("{credentials}/first/revoke"))
            .await
            .status,
        200
    );

    // A credential that is narrowed to what the caller holds is no more than that.
    let narrowed = |access: Value| json!({"name": "narrow", "access": access});
    let wide = ostler(&["accounts:write", "keys:read"], &json!(["default"]));
    is_forbidden(
        &manager.post(&credentials, narrowed(json!([wide]))).await,
        "too wide",
    );
    let fits = ostler(&["accounts:write"], &json!(["default"]));
    assert_eq!(
        manager
            .post(&credentials, narrowed(json!([fits])))
            .await
            .status,
        201
    );
    let rotated = manager.act(&format!("{credentials}/narrow/rotate")).await;
    assert_eq!(rotated.status, 200);
}

#[tokio::test]
async fn taking_away_takes_no_more_than_the_scope() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let manager = manager(&server).await;
    let mighty = json!([
        ostler(&["keys:write", "accounts:read"], &json!("*")),
        ostler(&["audit:read"], &json!(["default"])),
    ]);
    let body = json!({"name": "mighty-one", "access": mighty, "roles": ["owner", "auditor"]});
    assert_eq!(admin.post(ACCOUNTS, body).await.status, 201);

    let path = account("mighty-one");
    let less = json!({"access": [ostler(&["keys:write"], &json!("*"))]});
    assert_eq!(
        manager.put(&format!("{path}/access"), less).await.status,
        200
    );
    let fewer = json!({"roles": ["auditor"]});
    assert_eq!(
        manager.put(&format!("{path}/roles"), fewer).await.status,
        200
    );
    // What only looks like less is not.
    let other = json!({"access": [ostler(&["keys:read"], &json!("*"))], });
    assert_eq!(
        manager.put(&format!("{path}/access"), other).await.status,
        200
    );
    let more = json!({"access": [ostler(&["keys:read", "accounts:read"], &json!("*"))]});
    is_forbidden(
        &manager.put(&format!("{path}/access"), more).await,
        "more again",
    );
}

// Security case 65: a disabled client cannot enable itself.
#[tokio::test]
async fn a_disabled_administrator_does_nothing_any_more() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let manager = manager(&server).await;
    admin
        .act(&format!("{}/disable", account("account-manager")))
        .await;

    let reply = manager
        .act(&format!("{}/enable", account("account-manager")))
        .await;
    assert_eq!(refusal(&reply), (401, "unauthorized".into()));
}

// Whatever its accounts hold comes back with an organization that is started again.
#[tokio::test]
async fn an_organization_is_enabled_by_whoever_holds_what_its_accounts_do() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let access = format!("{ACCOUNTS}/administrator/access");
    let everything = admin.get(&access).await.json()["access"].clone();
    admin.post("/organizations", json!({"name": "bravo"})).await;
    let accounts = "/organizations/bravo/service-accounts";
    let grant = ostler(&["organizations:write"], &json!(["bravo"]));
    let delegate = Administrator::with(&server, "the-delegate", json!([grant])).await;
    let enable = "/organizations/bravo/enable";
    let disable = async || {
        let reply = admin.act("/organizations/bravo/disable").await;
        assert_eq!(reply.json()["status"], "disabled");
    };

    let group = json!({"name": "readers", "roles": ["auditor"]});
    admin.post("/organizations/bravo/groups", group).await;
    for (number, (with, by_group)) in [
        (json!({"access": everything}), false),
        (json!({"roles": ["owner"]}), false),
        (json!({}), true),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("holder-{number}");
        let mut body = with.clone();
        body["name"] = json!(name);
        assert_eq!(admin.post(accounts, body).await.status, 201, "{with}");
        if by_group {
            let member = format!("/organizations/bravo/groups/readers/members/{name}");
            assert_eq!(admin.put(&member, json!({})).await.status, 200);
        }
        disable().await;
        is_forbidden(&delegate.act(enable).await, &name);
        let shown = admin.get("/organizations/bravo").await.json();
        assert_eq!(shown["status"], "disabled");
        assert_eq!(admin.act(enable).await.json()["status"], "active");

        // Starting again what works already brings nothing back, nor do accounts that are stopped.
        assert_eq!(delegate.act(enable).await.status, 200);
        let stop = format!("{accounts}/{name}/disable");
        assert_eq!(admin.act(&stop).await.status, 200);
        disable().await;
        assert_eq!(delegate.act(enable).await.json()["status"], "active");
    }
}
