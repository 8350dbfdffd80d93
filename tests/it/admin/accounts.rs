//! `/organizations/{org}/service-accounts`

mod life;

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

#[tokio::test]
async fn an_account_is_made_with_its_access_and_its_first_credential() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;

    let reply = admin
        .post(
            ACCOUNTS,
            json!({
                "name": "CI-Deployer",
                "description": "deploys what is merged",
                "owner": "team-platform",
                "labels": {"env": "prod"},
                "expires_at": "2027-01-01T00:00:00+01:00",
                "max_token_lifetime_seconds": 600,
                "access": [deploy(&["deploy:read", "deploy:write"], &json!(["GEMINI", "APOLLO"]))],
                "roles": ["auditor"],
                "credential": {"name": "GitHub Actions"},
            }),
        )
        .await;
    assert_snapshot!(shown(&reply), @r#"
    201 Created
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "sa_...-3"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "id": "sa_...",
      "name": "CI-Deployer",
      "email": "ci-deployer-...@default.serviceaccount.127.0.0.1",
      "description": "deploys what is merged",
      "owner": "team-platform",
      "labels": {
        "env": "prod"
      },
      "status": "active",
      "expires_at": "2026-12-31T23:00:00Z",
      "max_token_lifetime_seconds": 600,
      "access": [
        {
          "api": "deploy",
          "scopes": [
            "deploy:read",
            "deploy:write"
          ],
          "resources": {
            "project": [
              "APOLLO",
              "GEMINI"
            ]
          }
        }
      ],
      "roles": [
        "auditor"
      ],
      "created_at": "2026-03-01T12:00:00Z",
      "updated_at": "2026-03-01T12:00:00Z",
      "last_used_at": null,
      "active_credentials": 1,
      "active_api_tokens": 0,
      "credential": {
        "id": "cred_...",
        "name": "GitHub Actions",
        "kind": "client_secret",
        "client_id": "sac_...",
        "status": "active",
        "allowed_networks": [],
        "access": null,
        "created_at": "2026-03-01T12:00:00Z",
        "expires_at": "2026-05-30T12:00:00Z",
        "last_used_at": null,
        "secrets": [
          {
            "id": "sec_...",
            "hint": "...",
            "status": "active",
            "created_at": "2026-03-01T12:00:00Z",
            "ends_at": "2026-05-30T12:00:00Z",
            "first_used_at": null,
            "last_used_at": null,
            "last_used_address": null,
            "last_used_user_agent": null
          }
        ],
        "client_secret": "ostler_cs_..."
      }
    }
    "#);

    // The credential works at once.
    let client = server.client_of(&reply.json());
    let token = client.token("deploy:write").await;
    assert!(client.sees_active(&token).await);
}

#[tokio::test]
async fn an_account_needs_nothing_but_a_name() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;

    let made = admin.post(ACCOUNTS, json!({"name": "nightly"})).await;
    assert_snapshot!(shown(&made), @r#"
    201 Created
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "sa_...-1"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "id": "sa_...",
      "name": "nightly",
      "email": "nightly-...@default.serviceaccount.127.0.0.1",
      "description": null,
      "owner": null,
      "labels": {},
      "status": "active",
      "expires_at": null,
      "max_token_lifetime_seconds": null,
      "access": [],
      "roles": [],
      "created_at": "2026-03-01T12:00:00Z",
      "updated_at": "2026-03-01T12:00:00Z",
      "last_used_at": null,
      "active_credentials": 0,
      "active_api_tokens": 0,
      "credential": null
    }
    "#);

    let mut made = made.json();
    made.as_object_mut().unwrap().remove("credential");
    let found = admin.get(&format!("{ACCOUNTS}/nightly")).await;
    assert_eq!(found.status, 200);
    assert_eq!(found.json(), made);
}

#[tokio::test]
async fn an_account_is_found_by_its_id_and_by_its_name_in_any_case() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let made = admin
        .post(ACCOUNTS, json!({"name": "Nightly-Job"}))
        .await
        .json();
    let id = made["id"].as_str().unwrap();

    for name in [id, "Nightly-Job", "nightly-job", "NIGHTLY-JOB"] {
        let found = admin.get(&format!("{ACCOUNTS}/{name}")).await.json();
        assert_eq!(found["id"], id, "{name}");
    }
    let unknown = admin.get(&format!("{ACCOUNTS}/unknown-job")).await;
    assert_snapshot!(shown(&unknown), @r#"
    404 Not Found
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "type": "about:blank",
      "title": "Not Found",
      "status": 404,
      "detail": "there is no such service account",
      "code": "not_found",
      "request_id": "req_...",
      "errors": []
    }
    "#);
    for nothing in [
        "%00",
        "a%00bcdef",
        "x",
        "org_1",
        "sa_01",
        &id.to_uppercase(),
    ] {
        let reply = admin.get(&format!("{ACCOUNTS}/{nothing}")).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()), "{nothing}");
    }
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_case() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    assert_eq!(
        admin
            .post(ACCOUNTS, json!({"name": "nightly"}))
            .await
            .status,
        201
    );

    let reply = admin.post(ACCOUNTS, json!({"name": "Nightly"})).await;
    assert_snapshot!(shown(&reply), @r#"
    409 Conflict
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "another service account of this organization has this name",
      "code": "name_taken",
      "request_id": "req_...",
      "errors": []
    }
    "#);
}

#[tokio::test]
async fn all_mistakes_of_a_body_are_told_at_once() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;

    let reply = admin
        .post(
            ACCOUNTS,
            json!({
                "name": "ci",
                "description": 7,
                "labels": {"a b": "x", "ok": 1},
                "expires_at": "tomorrow",
                "max_token_lifetime_seconds": 0,
                "email": "me@example.com",
                "descripton": "x",
                "credential": {"expires_in_seconds": 1.5, "allowed_networks": ["10.0.0.1/8"]},
            }),
        )
        .await;
    assert_snapshot!(shown_body(&reply), @r#"
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "detail": "the request has 11 mistakes",
      "code": "validation_failed",
      "request_id": "req_...",
      "errors": [
        {
          "pointer": "/name",
          "code": "invalid",
          "detail": "a service account's name is 6 to 30 letters, digits or single inner hyphens",
          "hint": null
        },
        {
          "pointer": "/description",
          "code": "wrong_type",
          "detail": "this has to be a text, not a number",
          "hint": null
        },
        {
          "pointer": "/labels/a b",
          "code": "invalid",
          "detail": "the name of a label is 1 to 63 of A-Z, a-z, 0-9, `-`, `_`, `.` and `/`",
          "hint": null
        },
        {
          "pointer": "/labels/ok",
          "code": "wrong_type",
          "detail": "this has to be a text, not a number",
          "hint": null
        },
        {
          "pointer": "/expires_at",
          "code": "invalid",
          "detail": "an instant as RFC 3339 writes it, such as `2030-01-31T12:00:00Z`",
          "hint": null
        },
        {
          "pointer": "/max_token_lifetime_seconds",
          "code": "invalid",
          "detail": "a whole number from 1 to 4294967295",
          "hint": null
        },
        {
          "pointer": "/credential/name",
          "code": "required",
          "detail": "`name` is required",
          "hint": null
        },
        {
          "pointer": "/credential/expires_in_seconds",
          "code": "invalid",
          "detail": "a whole number from 1 to 316224000",
          "hint": null
        },
        {
          "pointer": "/credential/allowed_networks/0",
          "code": "invalid",
          "detail": "the address has bits beyond the prefix; `10.0.0.0/8` is meant",
          "hint": null
        },
        {
          "pointer": "/email",
          "code": "read_only",
          "detail": "`email` is set by the server, not by the caller",
          "hint": null
        },
        {
          "pointer": "/descripton",
          "code": "unknown_field",
          "detail": "there is no member `descripton` here",
          "hint": "did you mean `description`?"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn what_the_form_allows_may_still_not_make_sense() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;

    let reply = admin
        .post(
            ACCOUNTS,
            json!({
                "name": "nightly",
                "expires_at": "2026-03-01T12:00:00Z",
                "max_token_lifetime_seconds": 3601,
                "roles": ["owner", "adminn"],
                "access": [{"api": "depoy", "scopes": ["x"]}],
            }),
        )
        .await;
    assert_eq!(
        mistakes(&reply),
        [
            at("/expires_at", "invalid"),
            at("/max_token_lifetime_seconds", "invalid"),
            at("/roles/1", "unknown_role"),
            at("/access/0/api", "unknown_api"),
        ]
    );
    // Nothing of it was stored.
    let found = admin.get(&format!("{ACCOUNTS}/nightly")).await;
    assert_eq!(found.status, 404);
}
