//! `.../service-accounts/{account}/credentials`

use std::collections::BTreeMap;
use std::time::Duration;

use insta::assert_snapshot;
use ostler::app::accounts;
use ostler::app::accounts::InlineMembers;
use ostler::app::accounts::NewAccount;
use ostler::app::authority::Caller;
use ostler::app::authority::Origin;
use ostler::app::credentials;
use ostler::app::credentials::NewCredential;
use ostler::app::credentials::RotationRequest;
use ostler::app::problem::Problem;
use ostler::app::tokens;
use ostler::domain::name::AccountName;
use ostler::domain::name::Label;
use ostler::domain::role::AdminScope;
use ostler::domain::rotation::Lifetime;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

const NIGHTLY: &str = "/organizations/default/service-accounts/nightly/credentials";

/// Another credential of `client`'s account, from the answer that made it.
fn another(client: &TestClient, made: &serde_json::Value) -> TestClient {
    let secret = made["client_secret"].as_str().unwrap();
    let id = made["client_id"].as_str().unwrap();
    client.with_id(id).with_secret(secret)
}

#[tokio::test]
async fn a_credential_shows_its_secret_in_the_answer_that_made_it_and_never_again() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;

    let body = json!({
        "name": "laptop",
        "expires_in_seconds": 3600,
        "allowed_networks": ["127.0.0.0/8", "2001:db8::/32"],
        "access": [deploy(&["deploy:read"], &json!(["APOLLO"]))],
    });
    let made = admin.post(NIGHTLY, body).await;
    assert_snapshot!(shown(&made), @r#"
    201 Created
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "cred_...-1"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "id": "cred_...",
      "name": "laptop",
      "kind": "client_secret",
      "client_id": "sac_...",
      "status": "active",
      "allowed_networks": [
        "127.0.0.0/8",
        "2001:db8::/32"
      ],
      "access": [
        {
          "api": "deploy",
          "scopes": [
            "deploy:read"
          ],
          "resources": {
            "project": [
              "APOLLO"
            ]
          }
        }
      ],
      "created_at": "2026-03-01T12:00:00Z",
      "expires_at": "2026-03-01T13:00:00Z",
      "last_used_at": null,
      "secrets": [
        {
          "id": "sec_...",
          "hint": "...",
          "status": "active",
          "created_at": "2026-03-01T12:00:00Z",
          "ends_at": "2026-03-01T13:00:00Z",
          "first_used_at": null,
          "last_used_at": null,
          "last_used_address": null,
          "last_used_user_agent": null
        }
      ],
      "client_secret": "ostler_cs_..."
    }
    "#);
    let made = made.json();
    assert_eq!(another(&client, &made).ask("").await.status, 200);

    // Security case 144.
    let mut expected = made.clone();
    let secret = expected
        .as_object_mut()
        .unwrap()
        .remove("client_secret")
        .unwrap();
    for name in [made["id"].as_str().unwrap(), "laptop"] {
        let found = admin.get(&format!("{NIGHTLY}/{name}")).await;
        assert!(!found.text().contains(secret.as_str().unwrap()));
        assert!(found.json().get("client_secret").is_none());
        assert_eq!(found.json()["access"], expected["access"]);
    }
    let listed = admin.get(NIGHTLY).await;
    assert_eq!(listed.json()["items"].as_array().unwrap().len(), 2);
    assert!(!listed.text().contains("ostler_cs_"));
}

#[tokio::test]
async fn a_secret_lives_for_ninety_days_unless_something_else_is_said() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    for (name, expires_in, end) in [
        ("default", None, json!("2026-05-30T12:00:00Z")),
        ("never", Some(json!(null)), json!(null)),
        ("short", Some(json!(1)), json!("2026-03-01T12:00:01Z")),
    ] {
        let mut body = json!({"name": name});
        if let Some(expires_in) = expires_in {
            body["expires_in_seconds"] = expires_in;
        }
        let made = admin.post(NIGHTLY, body).await.json();
        assert_eq!(made["expires_at"], end, "{name}");
        assert_eq!(made["secrets"][0]["ends_at"], end, "{name}");
    }
}

// Security case 16: no leeway for secrets.
#[tokio::test]
async fn a_secret_dies_to_the_second() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "short", "expires_in_seconds": 60});
    let short = another(&client, &admin.post(NIGHTLY, body).await.json());

    server.advance(Duration::from_secs(59));
    assert_eq!(short.ask("").await.status, 200);
    server.advance(Duration::from_secs(1));
    assert_eq!(short.ask("").await.status, 401);
    let found = admin.get(&format!("{NIGHTLY}/short")).await.json();
    assert_eq!(found["status"], "expired");
    assert_eq!(found["secrets"][0]["status"], "expired");
    let account = admin.get(&format!("{ACCOUNTS}/nightly")).await.json();
    assert_eq!(account["active_credentials"], 1);
}

#[tokio::test]
async fn a_credential_is_narrowed_and_never_widened() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read deploy:write").await;
    let admin = Administrator::first(&server).await;
    // MERCURY is not the account's, so it is not the credential's either.
    let narrowing = json!([deploy(&["deploy:read"], &json!(["APOLLO", "MERCURY"]))]);
    let body = json!({"name": "reader", "access": narrowing});
    let reader = another(&client, &admin.post(NIGHTLY, body).await.json());

    assert_eq!(
        reader.ask("scope=deploy:write").await.error(),
        "invalid_scope"
    );
    let token = reader.ask("").await.json();
    assert_eq!(token["scope"], "deploy:read");
    assert_eq!(
        token["authorization_details"][0]["identifiers"],
        json!(["APOLLO"])
    );

    let body = json!({"name": "nothing", "access": []});
    let nothing = another(&client, &admin.post(NIGHTLY, body).await.json());
    assert_eq!(nothing.ask("").await.error(), "invalid_target");
}

#[tokio::test]
async fn the_names_of_a_credential_are_unique_in_its_account() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    server.client("weekly", "deploy:read").await;
    let admin = Administrator::first(&server).await;

    let reply = admin.post(NIGHTLY, json!({"name": "first"})).await;
    assert_snapshot!(shown_body(&reply), @r#"
    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "another credential of this account has this name",
      "code": "name_taken",
      "request_id": "req_...",
      "errors": []
    }
    "#);
    let weekly = format!("{ACCOUNTS}/weekly/credentials");
    let other = admin.post(&weekly, json!({"name": "first"})).await;
    assert_eq!(refusal(&other), (409, "name_taken".into()));
    let other = admin.post(&weekly, json!({"name": "second"})).await;
    assert_eq!(other.status, 201);
}

#[tokio::test]
async fn a_credential_that_cannot_be_made_is_refused_with_its_mistakes() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;

    let reply = admin
        .post(
            NIGHTLY,
            json!({
                "name": "cred_1",
                "expires_in_seconds": 0,
                "allowed_networks": ["10.0.0.0", "300.0.0.0/8", 7, "::ffff:10.0.0.0/104"],
                "status": "active",
                "generation": 9,
            }),
        )
        .await;
    assert_eq!(
        mistakes(&reply),
        [
            at("/name", "invalid"),
            at("/expires_in_seconds", "invalid"),
            at("/allowed_networks/0", "invalid"),
            at("/allowed_networks/1", "invalid"),
            at("/allowed_networks/2", "wrong_type"),
            at("/allowed_networks/3", "invalid"),
            at("/status", "read_only"),
            at("/generation", "unknown_field"),
        ]
    );
}

// Security case 64.
#[tokio::test]
async fn revoking_a_credential_kills_its_tokens_and_no_others() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let made = admin.post(NIGHTLY, json!({"name": "laptop"})).await.json();
    let laptop = another(&client, &made);
    let (own, other) = (laptop.token("").await, client.token("").await);

    let reply = admin.act(&format!("{NIGHTLY}/laptop/revoke")).await;
    assert_eq!(
        (reply.status, reply.json()["status"].as_str()),
        (200, Some("revoked"))
    );

    assert!(!client.sees_active(&own).await);
    assert!(client.sees_active(&other).await);
    assert_eq!(laptop.ask("").await.status, 401);
    // For good, and twice is once.
    let again = admin.act(&format!("{NIGHTLY}/laptop/revoke")).await;
    assert_eq!((again.status, again.json()), (200, reply.json()));
    let rotated = admin.act(&format!("{NIGHTLY}/laptop/rotate")).await;
    assert_eq!(refusal(&rotated), (409, "wrong_state".into()));
}

#[tokio::test]
async fn deleting_a_credential_kills_its_tokens_and_no_others() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let made = admin.post(NIGHTLY, json!({"name": "laptop"})).await.json();
    let laptop = another(&client, &made);
    let (own, other) = (laptop.token("").await, client.token("").await);

    assert_eq!(admin.delete(&format!("{NIGHTLY}/laptop")).await.status, 204);

    assert!(!client.sees_active(&own).await);
    assert!(client.sees_active(&other).await);
    assert_eq!(laptop.ask("").await.status, 401);
    for method in ["GET", "DELETE"] {
        let reply = admin.call(method, &format!("{NIGHTLY}/laptop"), None).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()));
    }
}

#[tokio::test]
async fn a_credential_is_found_in_its_own_account_only() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    server.client("weekly", "deploy:read").await;
    let admin = Administrator::first(&server).await;

    let foreign = format!("{ACCOUNTS}/weekly/credentials/{}", client.credential);
    for (method, path) in [
        ("GET", foreign.clone()),
        ("DELETE", foreign.clone()),
        ("POST", format!("{foreign}/rotate")),
        ("POST", format!("{foreign}/revoke")),
    ] {
        let reply = admin.call(method, &path, None).await;
        assert_eq!(
            refusal(&reply),
            (404, "not_found".into()),
            "{method} {path}"
        );
    }
    assert_eq!(client.ask("").await.status, 200);
}

#[tokio::test]
async fn an_organization_may_want_every_secret_to_end() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let policy = json!({"allow_never_expires": false});
    let body = json!({"name": "strict", "policy": policy});
    assert_eq!(admin.post("/organizations", body).await.status, 201);

    let accounts = "/organizations/strict/service-accounts";
    let never = json!({"name": "forever", "expires_in_seconds": null});
    let body = json!({"name": "nightly", "credential": never});
    let reply = admin.post(accounts, body).await;
    assert_eq!(
        mistakes(&reply),
        [at("/credential/expires_in_seconds", "not_allowed")]
    );

    let body = json!({"name": "nightly", "credential": {"name": "first"}});
    assert_eq!(admin.post(accounts, body).await.status, 201);
    for (path, body) in [
        (format!("{accounts}/nightly/credentials"), never),
        (
            format!("{accounts}/nightly/credentials/first/rotate"),
            json!({"expires_in_seconds": null}),
        ),
    ] {
        let reply = admin.post(&path, body).await;
        assert_eq!(mistakes(&reply), [at("/expires_in_seconds", "not_allowed")]);
    }
}

// The policy counts that is in force when the change is made.
#[tokio::test]
async fn a_policy_that_changes_after_a_caller_was_let_in_counts() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    server.client("nightly", "deploy:read").await;
    let app = &server.app;
    let token = tokens::check_bearer(app, admin.token()).await.unwrap();
    let within = async |scope| {
        let caller = Caller::bearer(token.clone(), Origin::default());
        caller.in_organization(app, "default", scope).await.unwrap()
    };
    let (first, second, third) = (
        within(AdminScope::CredentialsWrite).await,
        within(AdminScope::CredentialsWrite).await,
        within(AdminScope::AccountsWrite).await,
    );
    let policy = json!({"policy": {"allow_never_expires": false}});
    let reply = admin.patch("/organizations/default", policy).await;
    assert_eq!(reply.status, 200);

    let forever = NewCredential {
        name: Label::parse("forever").unwrap(),
        lifetime: Lifetime::Never,
        allowed_networks: Vec::new(),
        access: None,
    };
    let refused = |problem: Problem| problem.mistakes()[0].code;
    let made = credentials::create(first, "nightly".into(), Ok(forever.clone())).await;
    assert_eq!(refused(made.unwrap_err()), "not_allowed");
    let mut request = RotationRequest::default();
    request.rotation.lifetime = Lifetime::Never;
    let rotated = credentials::rotate(second, "nightly".into(), "first".into(), Ok(request));
    assert_eq!(refused(rotated.await.unwrap_err()), "not_allowed");
    let account = NewAccount {
        name: AccountName::parse("another").unwrap(),
        description: None,
        owner: None,
        labels: BTreeMap::new(),
        expires_at: None,
        max_token_lifetime: None,
        access: None,
        roles: None,
        credential: Some(forever),
    };
    let made = accounts::create(third, InlineMembers::default(), Ok(account)).await;
    assert_eq!(refused(made.unwrap_err()), "not_allowed");
}
