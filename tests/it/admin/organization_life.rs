//! `/organizations/{org}`: edited, disabled, enabled.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

const ACME: &str = "/organizations/acme";

/// The organization `acme`, with an owner of its own.
async fn acme(server: &TestServer, admin: &Administrator) -> Administrator {
    let made = admin.post("/organizations", json!({"name": "acme"})).await;
    assert_eq!(made.status, 201);
    let body = json!({"name": "acme-owner", "roles": ["owner"], "credential": {"name": "first"}});
    let accounts = format!("{ACME}/service-accounts");
    let made = admin.post(&accounts, body).await.json();
    Administrator::of(&server.client_of(&made)).await
}

// RFC 7396 §2: what is not named stays, objects merge, `null` takes away.
#[tokio::test]
async fn an_edit_says_only_what_changes() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let policy = json!({"leak_report": "finding", "allow_never_expires": false});
    let body = json!({"name": "acme", "max_service_accounts": 5, "policy": policy});
    admin.post("/organizations", body).await;

    let edited = admin
        .patch(ACME, json!({"max_service_accounts": 250}))
        .await;
    assert_snapshot!(shown(&edited), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "org_...-2"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "id": "org_...",
      "name": "acme",
      "status": "active",
      "max_service_accounts": 250,
      "policy": {
        "leak_report": "finding",
        "allow_never_expires": false,
        "max_token_lifetime_seconds": null
      },
      "service_account_count": 0,
      "created_at": "2026-03-01T12:00:00Z"
    }
    "#);
    let mut expected = edited.json();
    for (edit, pointer, value) in [
        (
            json!({"policy": {"max_token_lifetime_seconds": 60}}),
            "/policy/max_token_lifetime_seconds",
            json!(60),
        ),
        (
            json!({"max_service_accounts": null}),
            "/max_service_accounts",
            Value::Null,
        ),
        (
            json!({"policy": {"leak_report": null}}),
            "/policy/leak_report",
            json!("revoke"),
        ),
        (
            json!({"policy": null}),
            "/policy",
            json!({
                "leak_report": "revoke",
                "allow_never_expires": true,
                "max_token_lifetime_seconds": null,
            }),
        ),
        (json!({}), "/name", json!("acme")),
    ] {
        *expected.pointer_mut(pointer).unwrap() = value;
        let edited = admin.patch(ACME, edit.clone()).await;
        assert_eq!(
            (edited.status, edited.json()),
            (200, expected.clone()),
            "{edit}"
        );
        assert_eq!(admin.get(ACME).await.json(), expected, "{edit}");
    }
    // An edit that changes nothing is no change: not even in the trail.
    assert_eq!(server.audited("organization.update").await.len(), 5);
}

#[tokio::test]
async fn an_edit_is_a_merge_patch_by_either_name() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let request = |kind: &str| {
        let target = "/admin/v1/organizations/default";
        let request = server.request("PATCH", target).bearer(admin.token());
        request.header("Content-Type", kind).body("{}")
    };
    for kind in ["application/json", "application/merge-patch+json"] {
        assert_eq!(request(kind).send().await.status, 200, "{kind}");
    }
    let other = request("application/json-patch+json").send().await;
    assert_eq!(refusal(&other), (415, "validation_failed".into()));
}

// Security case 83.
#[tokio::test]
async fn an_edit_that_cannot_be_made_is_refused_with_its_mistakes() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let before = admin.get("/organizations/default").await.json();
    let edit = json!({
        "name": "other",
        "id": "org_1",
        "status": "disabled",
        "generation": 9,
        "created_at": "2020-01-01T00:00:00Z",
        "max_service_accounts": -1,
        "policy": {"leak_report": "ignore", "allow_never_expires": "no", "is_admin": true},
    });
    let reply = admin.patch("/organizations/default", edit).await;
    assert_eq!(
        mistakes(&reply),
        [
            at("/max_service_accounts", "invalid"),
            at("/policy/leak_report", "invalid"),
            at("/policy/allow_never_expires", "wrong_type"),
            at("/policy/is_admin", "unknown_field"),
            at("/name", "unknown_field"),
            at("/id", "read_only"),
            at("/status", "read_only"),
            at("/generation", "unknown_field"),
            at("/created_at", "read_only"),
        ]
    );
    let policy = json!({"policy": {"max_token_lifetime_seconds": 3601}});
    let reply = admin.patch("/organizations/default", policy).await;
    assert_eq!(
        mistakes(&reply),
        [at("/policy/max_token_lifetime_seconds", "invalid")]
    );
    assert_eq!(admin.get("/organizations/default").await.json(), before);
}

// Security case 80: nobody widens their own quota.
#[tokio::test]
async fn a_quota_takes_every_organization() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let owner = acme(&server, &admin).await;
    admin.patch(ACME, json!({"max_service_accounts": 1})).await;

    for quota in [json!(null), json!(5), json!(1)] {
        let refused = owner
            .patch(ACME, json!({"max_service_accounts": quota}))
            .await;
        assert_eq!(refusal(&refused), (403, "forbidden".into()));
    }
    assert_eq!(admin.get(ACME).await.json()["max_service_accounts"], 1);
    // Its policy is its own.
    let policy = json!({"policy": {"allow_never_expires": false}});
    assert_eq!(owner.patch(ACME, policy).await.status, 200);
}

#[tokio::test]
async fn a_quota_counts_from_the_next_account() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    acme(&server, &admin).await;
    let accounts = format!("{ACME}/service-accounts");
    for quota in [1, 0] {
        let edited = admin
            .patch(ACME, json!({"max_service_accounts": quota}))
            .await;
        assert_eq!(edited.json()["service_account_count"], 1);
        let refused = admin.post(&accounts, json!({"name": "another"})).await;
        assert_eq!(refusal(&refused), (409, "quota_reached".into()));
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains(&format!("may have {quota} service accounts"))
                && detail.contains("`max_service_accounts`"),
            "{detail}"
        );
    }
    admin
        .patch(ACME, json!({"max_service_accounts": null}))
        .await;
    assert_eq!(
        admin
            .post(&accounts, json!({"name": "another"}))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn a_policy_counts_from_the_next_token_and_the_next_secret() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let old = client.token("").await;
    let default = "/organizations/default";
    let policy = json!({"max_token_lifetime_seconds": 60, "allow_never_expires": false});
    assert_eq!(
        admin.patch(default, json!({"policy": policy})).await.status,
        200
    );

    assert!(client.sees_active(&old).await);
    assert_eq!(client.ask("").await.json()["expires_in"], 60);
    let never = json!({"name": "forever", "expires_in_seconds": null});
    let credentials = format!("{ACCOUNTS}/nightly/credentials");
    let refused = admin.post(&credentials, never).await;
    assert_eq!(
        mistakes(&refused),
        [at("/expires_in_seconds", "not_allowed")]
    );
}

// Security case 61: as for an account, for all members.
#[tokio::test]
async fn a_disabled_organization_has_no_token_and_gets_none() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let owner = acme(&server, &admin).await;
    assert_eq!(owner.get(ACME).await.status, 200);
    assert!(server.admin.sees_active(owner.token()).await);

    let disabled = admin.act(&format!("{ACME}/disable")).await;
    assert_eq!(
        (disabled.status, disabled.json()["status"].as_str()),
        (200, Some("disabled"))
    );

    assert!(!server.admin.sees_active(owner.token()).await);
    for (method, path) in [("GET", ACME.to_owned()), ("POST", format!("{ACME}/enable"))] {
        let refused = owner.call(method, &path, None).await;
        assert_eq!(refusal(&refused), (401, "unauthorized".into()), "{path}");
    }
    assert_eq!(owner.ask().await.status, 401);
    // Others go on, and may look into it.
    assert_eq!(
        admin.get(&format!("{ACME}/service-accounts")).await.status,
        200
    );
    let again = admin.act(&format!("{ACME}/disable")).await;
    assert_eq!((again.status, again.json()), (200, disabled.json()));
    assert_eq!(server.audited("organization.disable").await.len(), 1);

    // Enabling revives nothing.
    server.advance(Duration::from_secs(1));
    let enabled = admin.act(&format!("{ACME}/enable")).await;
    assert_eq!(enabled.json()["status"], "active");
    assert!(!server.admin.sees_active(owner.token()).await);
    let renewed = owner.renewed().await;
    assert_eq!(renewed.get(ACME).await.status, 200);
    assert!(server.admin.sees_active(renewed.token()).await);
    let again = admin.act(&format!("{ACME}/enable")).await;
    assert_eq!(again.json(), enabled.json());
    assert!(server.admin.sees_active(renewed.token()).await);
}

// Security cases 61 and 62: by whatever path its members have come to their tokens. A secret and an API
// token are no token of the older generation: they work again, and what they had been given does not.
#[tokio::test]
async fn every_member_of_a_disabled_organization_is_out_by_every_path() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    acme(&server, &admin).await;
    let accounts = format!("{ACME}/service-accounts");
    let body = json!({"name": "acme-bot", "roles": ["auditor"], "credential": {"name": "first"}});
    let made = server.create(&accounts, body).await;
    let first = server.client_of(&made);
    let account = format!("{accounts}/acme-bot");
    let credentials = format!("{account}/credentials");
    let second = server.create(&credentials, json!({"name": "second"})).await;
    let second = server.client_of(&json!({"id": first.account, "credential": second}));
    let api_tokens = format!("{account}/api-tokens");
    let api_token = server.create(&api_tokens, json!({"name": "tool"})).await;
    let api_token = api_token["token"].as_str().unwrap();
    let exchanged = server.exchange(api_token, "").await.access_token();
    let jwts = [first.token("").await, second.token("").await, exchanged];
    for token in jwts.iter().map(String::as_str).chain([api_token]) {
        assert!(server.admin.sees_active(token).await);
    }

    server.act(&format!("{ACME}/disable"), json!({})).await;
    for token in jwts.iter().map(String::as_str).chain([api_token]) {
        assert!(!server.admin.sees_active(token).await);
    }
    for client in [&first, &second] {
        assert_eq!(client.ask("").await.error(), "invalid_client");
        assert_eq!(client.introspect("x").await.error(), "invalid_client");
    }
    let refused = server.exchange(api_token, "").await;
    // RFC 8693 §2.2.2.
    assert_eq!(
        (refused.status, &*refused.error()),
        (400, "invalid_request")
    );
    let administration = server.request("GET", "/admin/v1/organizations");
    for token in &jwts {
        let refused = administration.clone().bearer(token).send().await;
        assert_eq!(refusal(&refused), (401, "unauthorized".into()));
    }

    server.act(&format!("{ACME}/enable"), json!({})).await;
    for token in &jwts {
        assert!(!server.admin.sees_active(token).await, "an old token");
    }
    assert!(server.admin.sees_active(api_token).await);
    let renewed = [
        first.token("").await,
        second.token("").await,
        server.exchange(api_token, "").await.access_token(),
    ];
    for token in &renewed {
        assert!(server.admin.sees_active(token).await);
    }
}

#[tokio::test]
async fn the_organization_of_the_last_administrator_is_not_disabled() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let owner = acme(&server, &admin).await;
    let default = "/organizations/default";

    let refused = admin.act(&format!("{default}/disable")).await;
    assert_snapshot!(shown_body(&refused), @r#"
    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "nobody else holds all of `ostler` on every organization: grant it to another account first",
      "code": "last_administrator",
      "request_id": "req_...",
      "errors": []
    }
    "#);
    assert_eq!(admin.get(default).await.json()["status"], "active");

    // A second one in the same organization does not help; one elsewhere does.
    let everything = admin.get(&format!("{ACCOUNTS}/administrator/access")).await;
    let everything = everything.json()["access"].clone();
    Administrator::with(&server, "second-admin", everything.clone()).await;
    let refused = admin.act(&format!("{default}/disable")).await;
    assert_eq!(refusal(&refused), (409, "last_administrator".into()));
    let access = format!("{ACME}/service-accounts/{}/access", owner.account());
    assert_eq!(
        admin
            .put(&access, json!({"access": everything}))
            .await
            .status,
        200
    );
    assert_eq!(admin.act(&format!("{default}/disable")).await.status, 200);
    assert_eq!(admin.get(default).await.status, 401);

    let elsewhere = owner.renewed().await;
    assert_eq!(elsewhere.get(default).await.json()["status"], "disabled");
    let refused = elsewhere.act(&format!("{ACME}/disable")).await;
    assert_eq!(refusal(&refused), (409, "last_administrator".into()));
    assert_eq!(
        elsewhere.act(&format!("{default}/enable")).await.status,
        200
    );
}

#[tokio::test]
async fn an_organization_is_edited_by_those_it_is_visible_to() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    acme(&server, &admin).await;
    let grant = ostler(&["organizations:write"], &json!(["default"]));
    let other = Administrator::with(&server, "default-only", json!([grant])).await;
    let id = admin.get(ACME).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = admin.get(ACME).await.json();
    for path in [
        ACME,
        &format!("/organizations/{id}"),
        "/organizations/nowhere",
    ] {
        let reply = other.patch(path, json!({"policy": null})).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()));
        for action in ["disable", "enable"] {
            let reply = other.act(&format!("{path}/{action}")).await;
            assert_eq!(refusal(&reply), (404, "not_found".into()));
        }
    }
    assert_eq!(admin.get(ACME).await.json(), before);
}
