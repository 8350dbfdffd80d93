//! What a body may be: JSON, strictly, whatever the route.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown_body;

const CANARY: &str = "canary-7f3a";

fn silent(reply: &Reply) {
    assert!(!reply.wire().contains(CANARY), "{}", reply.wire());
}

// Security cases 23, 113 and 147: error text never shows a value.
#[tokio::test]
async fn a_body_is_json_or_it_is_refused_without_being_shown() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let good = format!(r#"{{"name": "{CANARY}"}}"#);

    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/json; charset=utf-16"),
        Some("application/merge-patch+json"),
    ] {
        let target = format!("/admin/v1{ACCOUNTS}");
        let mut request = server.request("POST", &target).bearer(admin.token());
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
        }
        let reply = request.body(good.clone()).send().await;
        assert_eq!(
            refusal(&reply),
            (415, "validation_failed".into()),
            "{kind:?}"
        );
        silent(&reply);
    }
    for body in [
        CANARY.to_owned(),
        format!("{{\"name\": \"{CANARY}"),
        format!("{good}{good}"),
        format!("{{\"name\": \"{CANARY}\\ud800\"}}"),
        format!("{{\"name\": {CANARY}}}"),
        "{\"name\": 1e400}".to_owned(),
    ] {
        let reply = admin.send("POST", ACCOUNTS, body.clone()).await;
        assert_eq!(mistakes(&reply), [at("", "invalid_json")], "{body}");
        silent(&reply);
    }
    let reply = admin
        .send("POST", ACCOUNTS, b"{\"name\": \"\xff\xfe\"}".to_vec())
        .await;
    assert_eq!(mistakes(&reply), [at("", "invalid_json")]);
    let reply = admin.send("POST", ACCOUNTS, good.as_bytes()).await;
    assert_eq!(reply.status, 201);
}

// Security cases 24, 83 and 113.
#[tokio::test]
async fn a_body_is_read_strictly() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for (body, wrong) in [
        (
            r#"{"name": "nightly", "name": "nightly"}"#,
            at("/name", "duplicate"),
        ),
        (r#"{"name": "night\u0000ly"}"#, at("/name", "invalid")),
        (
            r#"{"name": "nightly", "a\u0000b": 1}"#,
            at("/a\0b", "invalid"),
        ),
        (
            r#"{"name": "nightly", "labels": {"a\u0000b": "c"}}"#,
            at("/labels/a\0b", "invalid"),
        ),
        (
            r#"{"name": "nightly", "labels": {"a": "b", "a": "b"}}"#,
            at("/labels/a", "duplicate"),
        ),
        ("[]", at("", "wrong_type")),
        (r#""nightly""#, at("", "wrong_type")),
        ("null", at("", "wrong_type")),
        (r#"{"name": ["nightly"]}"#, at("/name", "wrong_type")),
        (
            r#"{"name": "nightly", "id": "sa_1"}"#,
            at("/id", "read_only"),
        ),
        (
            r#"{"name": "nightly", "org_id": "org_1"}"#,
            at("/org_id", "unknown_field"),
        ),
        (
            r#"{"name": "nightly", "is_admin": true}"#,
            at("/is_admin", "unknown_field"),
        ),
        (
            r#"{"name": "nightly", "secret_hash": "x"}"#,
            at("/secret_hash", "unknown_field"),
        ),
    ] {
        let found = mistakes(&admin.send("POST", ACCOUNTS, body).await);
        assert_eq!(found, [wrong], "{body}");
    }
    assert_eq!(admin.get(&format!("{ACCOUNTS}/nightly")).await.status, 404);
}

/// Bodies that make things, with a text in every place where one may be.
fn good_bodies() -> Vec<(&'static str, serde_json::Value)> {
    let grant = json!({"api": "deploy", "scopes": ["deploy:read"],
        "resources": {"project": ["APOLLO"]}});
    let credential = json!({"name": "second", "allowed_networks": ["192.0.2.0/24"],
        "access": [grant]});
    vec![
        ("/organizations", json!({"name": "rival"})),
        (
            ACCOUNTS,
            json!({"name": "nightly-two", "description": "a bot", "owner": "ops",
                "labels": {"team": "ops"}, "expires_at": "2027-01-01T00:00:00Z",
                "access": [grant], "roles": ["auditor"], "credential": credential}),
        ),
        (
            "/organizations/default/service-accounts/nightly/credentials",
            credential,
        ),
        (
            "/organizations/default/apis",
            json!({"name": "wiki", "audience": "https://wiki.example.com",
                "scopes": [{"name": "read", "description": "to read"}],
                "resource_types": ["space"],
                "token": {"signing_alg": "ES256", "typ": "at+jwt"}}),
        ),
        (
            "/organizations/default/apis/deploy/scopes",
            json!({"name": "deploy:more", "description": "more"}),
        ),
        (
            "/organizations/default/apis/deploy/resources",
            json!({"type": "project", "key": "SATURN", "name": "Saturn"}),
        ),
        ("/keys", json!({"alg": "ES256"})),
    ]
}

/// The texts in a JSON value, names of members and values.
fn texts(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(items) => items.iter().flat_map(texts).collect(),
        serde_json::Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| [vec![name.clone()], texts(value)].concat())
            .collect(),
        _ => Vec::new(),
    }
}

// Security case 24: no NUL and no half of a character in any field, as far as any database.
#[tokio::test]
async fn no_field_takes_what_is_no_text() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    for (path, body) in good_bodies() {
        let good = body.to_string();
        for text in texts(&body) {
            for junk in [r"\u0000", r"\ud800", r"\udc00\ud800"] {
                let bad = good.replace(&format!("\"{text}\""), &format!("\"{text}{junk}\""));
                let reply = admin.send("POST", path, bad.clone()).await;
                assert_eq!(
                    refusal(&reply),
                    (400, "validation_failed".into()),
                    "{path}: {bad}"
                );
                let told = reply.text().to_lowercase();
                assert!(!told.contains("sql") && !told.contains("utf8"), "{told}");
            }
        }
        let reply = admin.send("POST", path, good).await;
        assert_eq!(reply.status, 201, "{path}: {}", reply.wire());
    }
}

// Security case 113.
#[tokio::test]
async fn a_body_has_bounds() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let deep = "[".repeat(10_000);
    let members: Vec<_> = (0..60_000).map(|n| format!("\"m{n}\":1")).collect();
    for body in [
        deep.clone(),
        format!("{{\"labels\": {deep}"),
        format!("{{{}}}", members.join(",")),
        format!("{{\"roles\": [{}0]}}", "0,".repeat(400_000)),
        format!("{{\"labels\": {{{}}}}}", members.join(",")),
    ] {
        let reply = admin.send("POST", ACCOUNTS, body).await;
        assert_eq!(refusal(&reply), (400, "validation_failed".into()));
        assert!(reply.body.len() < 50_000);
    }
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
    let reply = admin.send("POST", ACCOUNTS, large).await;
    assert_eq!(refusal(&reply), (413, "validation_failed".into()));
}

#[tokio::test]
async fn an_action_needs_no_body_and_takes_no_other_than_its_own() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let disable = format!("{ACCOUNTS}/nightly/disable");
    assert_eq!(admin.act(&disable).await.status, 200);
    assert_eq!(admin.post(&disable, json!({})).await.status, 200);

    let reply = admin
        .post(&disable, json!({"reason": "left the team"}))
        .await;
    assert_snapshot!(shown_body(&reply), @r#"
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "detail": "/reason: there is no member `reason` here",
      "code": "validation_failed",
      "request_id": "req_...",
      "errors": [
        {
          "pointer": "/reason",
          "code": "unknown_field",
          "detail": "there is no member `reason` here",
          "hint": null
        }
      ]
    }
    "#);
    let reply = admin.act(&format!("{disable}?force=true")).await;
    assert_eq!(refusal(&reply), (400, "validation_failed".into()));
    let nightly = format!("{ACCOUNTS}/nightly");
    let reply = admin.call("DELETE", &nightly, Some(&json!({"x": 1}))).await;
    assert_eq!(mistakes(&reply), [at("/x", "unknown_field")]);
    assert_eq!(admin.get(&nightly).await.status, 200);
}

// Contract, section 3: an unknown id is answered before a mistake in the body.
#[tokio::test]
async fn a_mistake_in_the_body_hides_no_unknown_id() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    for (method, path) in [
        ("POST", "/organizations/nowhere/service-accounts"),
        (
            "POST",
            "/organizations/default/service-accounts/unknown/disable",
        ),
        (
            "PUT",
            "/organizations/default/service-accounts/unknown/access",
        ),
        (
            "PUT",
            "/organizations/default/service-accounts/unknown/roles",
        ),
        (
            "POST",
            "/organizations/default/service-accounts/unknown/credentials",
        ),
        (
            "POST",
            "/organizations/default/service-accounts/nightly/credentials/unknown/rotate",
        ),
        (
            "POST",
            "/organizations/default/service-accounts/nightly/credentials/unknown/revoke",
        ),
        ("POST", "/organizations/default/apis/unknown/scopes"),
        ("POST", "/organizations/default/apis/unknown/resources"),
        ("POST", "/keys/unknown/activate"),
    ] {
        let reply = admin.send(method, path, "{").await;
        assert_eq!(
            refusal(&reply),
            (404, "not_found".into()),
            "{method} {path}"
        );
    }
}

// Security case 147, in every place of a text: `unwritable`.
#[tokio::test]
async fn a_secret_in_the_wrong_place_is_not_shown_again() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let grant = json!({"api": client.secret, "scopes": [client.secret]});
    let access = format!("{ACCOUNTS}/nightly/access");
    let member = json!({ client.secret.as_str(): 1 });
    for (path, body) in [
        (access, json!({"access": [grant]})),
        (ACCOUNTS.to_owned(), member),
    ] {
        let method = if path == ACCOUNTS { "POST" } else { "PUT" };
        let reply = admin.call(method, &path, Some(&body)).await;
        assert_eq!(reply.status, 400);
        assert!(!reply.wire().contains(&client.secret), "{}", reply.wire());
    }
}
