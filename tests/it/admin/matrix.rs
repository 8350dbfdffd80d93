//! The authorization matrix: every route of the document, by who calls it.
//!
//! The rows are the routes themselves, so none can be missing; what opens each is written down in
//! `authority::ROUTES`, which the document is compared with.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::ostler;
use super::actors::refusal;
use super::authority::ROUTES;
use super::authority::SCOPES;
use super::authority::path;
use super::authority::scoped;

/// A body that is wrong: whoever is told so was let in.
const WRONG: &str = "{";

/// How many changes were made.
async fn changes(server: &TestServer) -> usize {
    let all = "SELECT id FROM audit_event WHERE result = 'success'";
    server.rows(all).await.len()
}

fn challenge(reply: &Reply) -> &str {
    reply.header("www-authenticate").unwrap_or_default()
}

/// Administrators of everything whose tokens are no good any more, each by what became of them.
pub async fn former_administrators(server: &TestServer) -> Vec<(&'static str, String)> {
    let everything = json!([ostler(&SCOPES, &json!("*"))]);
    let make = async |name: &str| {
        let client = server.client_with(name, everything.clone()).await;
        (Administrator::of(&client).await.token().to_owned(), client)
    };
    let (expired, _) = make("expired").await;
    server.advance(Duration::from_mins(16));

    let (revoked, client) = make("revoked").await;
    assert_eq!(client.revoke(&revoked).await.status, 200);
    let (disabled, client) = make("disabled").await;
    let disable = format!("{}/disable", client.account_path());
    server.act(&disable, json!({})).await;
    let (deleted, client) = make("deleted").await;
    server.delete(&client.account_path()).await;
    let (without, client) = make("without-credential").await;
    server.delete(&client.credential_path()).await;
    let (reduced, client) = make("reduced").await;
    let less = json!([ostler(&["system:read"], &json!("*"))]);
    server.put_access(&client, &less).await;
    vec![
        ("expired", expired),
        ("revoked", revoked),
        ("of a disabled account", disabled),
        ("of a deleted account", deleted),
        ("of a deleted credential", without),
        ("of an account that may do less now", reduced),
    ]
}

// Security cases 50, 52, 53, 60 and 66.
#[tokio::test]
async fn a_token_that_is_no_good_opens_nothing() {
    let server = TestServer::start().await;
    let mut bearers = former_administrators(&server).await;
    let nightly = server.client("nightly", "deploy:read").await;
    bearers.push(("for another audience", nightly.token("deploy:read").await));
    let good = Administrator::first(&server).await.token().to_owned();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (first, rest) = signature.split_at(1);
    let other = if first == "A" { "B" } else { "A" };
    bearers.push(("tampered with", format!("{signed}.{other}{rest}")));
    bearers.push(("a secret", server.admin.secret.clone()));
    bearers.push(("nonsense", "nonsense".to_owned()));
    bearers.push(("of three parts", "a.b.c".to_owned()));
    let before = changes(&server).await;
    for (method, route, _) in ROUTES {
        let target = format!("/admin/v1{}", path(route, "default"));
        let request = server.request(method, &target);
        let request = request.header("Content-Type", "application/json");
        let reply = request.clone().body(WRONG).send().await;
        let nobody = (401, "unauthorized".to_owned());
        assert_eq!(refusal(&reply), nobody, "{method} {route}");
        assert_eq!(challenge(&reply), r#"Bearer realm="ostler""#);
        for (who, token) in &bearers {
            let reply = request.clone().bearer(token).body(WRONG).send().await;
            assert_eq!(refusal(&reply), nobody, "{method} {route}, a token {who}");
            let invalid = r#"Bearer realm="ostler", error="invalid_token""#;
            assert_eq!(challenge(&reply), invalid);
        }
    }
    assert_eq!(changes(&server).await, before);
}

// Security case 79; protocol.md 176; contract section 3: `x:write` implies `x:read`.
#[tokio::test]
async fn a_route_is_opened_by_its_scope_and_by_no_other() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let mut holders = Vec::new();
    for scope in SCOPES {
        holders.push((scope, scoped(&server, &admin, &[scope]).await));
    }
    let before = changes(&server).await;
    for (method, route, scope) in ROUTES {
        let write = scope.replace(":read", ":write");
        for (held, holder) in &holders {
            let at = format!("{method} {route} with {held}");
            let is_enough = held == scope || *held == write;
            if is_enough && *method == "DELETE" {
                // It would be gone for the next.
                continue;
            }
            let reply = holder.send(method, &path(route, "default"), WRONG).await;
            if is_enough {
                assert!(
                    ![401, 403].contains(&reply.status),
                    "{at}: {}",
                    reply.wire()
                );
                continue;
            }
            assert_eq!(refusal(&reply), (403, "forbidden".into()), "{at}");
            let missing = format!(r#"error="insufficient_scope", scope="{scope}""#);
            assert!(challenge(&reply).ends_with(&missing), "{at}");
        }
    }
    assert_eq!(changes(&server).await, before);
}

// Security cases 84 to 87: what is another organization's is not even there, whoever asks.
#[tokio::test]
async fn an_owner_finds_nothing_of_another_organization() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let other = json!({"name": "other"});
    assert_eq!(admin.post("/organizations", other).await.status, 201);
    let accounts = "/organizations/other/service-accounts";
    let body = json!({
        "name": "other-owner",
        "roles": ["owner"],
        "credential": {"name": "first"},
    });
    let made = admin.post(accounts, body).await.json();
    let owner = Administrator::of(&server.client_of(&made)).await;
    let default = server.id_of("/organizations/default").await;
    let account = server.id_of(&format!("{ACCOUNTS}/nightly")).await;

    let before = changes(&server).await;
    for (method, route, _) in ROUTES {
        let at = format!("{method} {route}");
        if route.contains("{org}") {
            let unknown = owner.send(method, &path(route, "nowhere"), WRONG).await;
            assert_eq!(refusal(&unknown), (404, "not_found".into()), "{at}");
            for org in ["default", &default] {
                let reply = owner.send(method, &path(route, org), WRONG).await;
                assert_eq!(steady(&reply), steady(&unknown), "{at}");
            }
        } else {
            let reply = owner.send(method, route, WRONG).await;
            for canary in [default.as_str(), account.as_str(), "nightly"] {
                assert!(!reply.text().contains(canary), "{at}: {}", reply.wire());
            }
        }
    }
    assert_eq!(changes(&server).await, before);
}

/// A refusal, without what differs each time.
fn steady(reply: &Reply) -> (u16, Value) {
    let mut body = reply.json();
    body["request_id"] = json!(null);
    (reply.status, body)
}
