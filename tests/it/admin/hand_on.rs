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
