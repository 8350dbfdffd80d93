//! `/leaks`: whoever holds a secret may report it, and is told nothing.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::attacks::secrets::with_checksum;
use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

const LEAKS: &str = "/admin/v1/leaks";
const FIRST: &str = "/organizations/default/service-accounts/nightly/credentials/first";

async fn report(server: &TestServer, secret: &str) -> Reply {
    let body = json!({"secret": secret});
    let request = server
        .request("POST", LEAKS)
        .header("User-Agent", "scanner/1");
    request.json(&body).send().await
}

async fn works(client: &TestClient) -> bool {
    client.ask("").await.status == 200
}

// Contract section 3, *leak report*.
#[tokio::test]
async fn a_live_secret_is_revoked_with_its_tokens_at_once() {
    let server = TestServer::start().await;
    let old = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let rotated = admin.act(&format!("{FIRST}/rotate")).await.json();
    let new = old.with_secret(rotated["client_secret"].as_str().unwrap());
    let (by_old, by_new) = (old.token("").await, new.token("").await);

    let reply = report(&server, &old.secret).await;
    assert_snapshot!(shown(&reply), @r#"
    202 Accepted
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {}
    "#);

    assert!(!works(&old).await);
    assert!(works(&new).await);
    // Tokens do not say with which secret of the credential they were got.
    assert!(!new.sees_active(&by_old).await);
    assert!(!new.sees_active(&by_new).await);
    let secrets = admin.get(FIRST).await.json()["secrets"].clone();
    assert_eq!(
        (&secrets[0]["status"], &secrets[1]["status"]),
        (&json!("revoked"), &json!("active"))
    );
    let events = server.audited("secret.report_leak").await;
    let id = secrets[0]["id"].as_str().unwrap();
    assert_eq!(events, [format!("anonymous  -> secret {id} success")]);
    let address = "SELECT actor_address || ' ' || actor_user_agent AS place FROM audit_event
                   WHERE action = 'secret.report_leak'";
    assert_eq!(server.rows(address).await, ["127.0.0.1 scanner/1"]);
}

#[tokio::test]
async fn an_api_token_is_revoked_with_what_it_was_exchanged_for() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let made = server.api_token(&client, "tool", json!({})).await;
    let token = made["token"].as_str().unwrap();
    let jwt = server.exchange(token, "").await.access_token();
    let by_secret = client.token("").await;

    assert_eq!(report(&server, token).await.status, 202);

    assert!(!client.sees_active(token).await);
    assert!(!client.sees_active(&jwt).await);
    assert!(client.sees_active(&by_secret).await);
    assert_eq!(server.audited("api_token.report_leak").await.len(), 1);
}

// The reporter learns nothing, and only a live secret has an effect.
#[tokio::test]
async fn every_report_has_the_same_answer() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let first = report(&server, &client.secret).await;
    let changes = server.rows("SELECT action FROM audit_event").await.len();
    let unknown = with_checksum(&format!("ostler_cs_{}", "x".repeat(43)));
    for secret in [
        client.secret.as_str(),
        &unknown,
        &client.secret[..58],
        "hunter2",
        "",
        &client.secret.replace("_cs_", "_at_"),
    ] {
        let reply = report(&server, secret).await;
        assert_eq!(shown(&reply), shown(&first), "{secret}");
    }
    assert_eq!(
        server.rows("SELECT action FROM audit_event").await.len(),
        changes
    );
}

// Security case 147: a mistake in the body, and never a word of the secret.
#[tokio::test]
async fn a_body_that_is_no_report_is_refused() {
    let server = TestServer::start().await;
    let secret = &server.admin.secret;
    for (body, wrong) in [
        (json!({}), at("/secret", "required")),
        (json!({"secret": [secret]}), at("/secret", "wrong_type")),
        (
            json!({"secret": secret, "where": "x"}),
            at("/where", "unknown_field"),
        ),
        (json!({"secret": null}), at("/secret", "wrong_type")),
    ] {
        let reply = server.request("POST", LEAKS).json(&body).send().await;
        assert_eq!(mistakes(&reply), [wrong], "{body}");
        assert!(!reply.text().contains("ostler_cs_"), "{body}");
    }
    let broken = server
        .request("POST", LEAKS)
        .header("Content-Type", "application/json");
    let reply = broken
        .body(format!("{{\"secret\": \"{secret}"))
        .send()
        .await;
    assert_eq!(refusal(&reply), (400, "validation_failed".into()));
    assert!(!reply.text().contains("ostler_cs_"));
    assert!(works(&server.admin).await || server.admin.ask("").await.status == 400);
}

// Security case 17 in spirit: a known secret is no way around the limit, or it would tell.
#[tokio::test]
async fn reports_are_throttled_whatever_they_are_of() {
    let in_memory = TestServer::with().redis("");
    let limited = in_memory.set("limits.failed_auth_per_minute", "3");
    let server = limited.start().await;
    let client = server.client("nightly", "deploy:read").await;
    for _ in 0..3 {
        assert_eq!(report(&server, "x").await.status, 202);
    }
    for secret in ["x", client.secret.as_str()] {
        let reply = report(&server, secret).await;
        assert_eq!(refusal(&reply), (429, "too_many_requests".into()));
        assert_eq!(reply.header("retry-after"), Some("60"));
    }
    assert!(works(&client).await);
    server.advance(Duration::from_mins(1));
    assert_eq!(report(&server, &client.secret).await.status, 202);
    assert!(!works(&client).await);
}

// Nobody has to say who they are here: what they send is neither awaited nor read once they are turned
// away.
#[tokio::test]
async fn a_report_is_counted_before_anything_of_it_is_read() {
    let in_memory = TestServer::with().redis("");
    let limited = in_memory.set("limits.failed_auth_per_minute", "1");
    let server = limited.start().await;
    assert_eq!(report(&server, "x").await.status, 202);

    let head = "POST /admin/v1/leaks HTTP/1.1\r\nHost: ostler.test\r\nConnection: close\r\n\
                Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 429");
}

#[tokio::test]
async fn a_report_is_no_larger_than_a_secret_needs() {
    let server = TestServer::start().await;
    let secret = |length: usize| "x".repeat(length);
    assert_eq!(report(&server, &secret(4_000)).await.status, 202);
    let refused = report(&server, &secret(4_096)).await;
    assert_eq!(refusal(&refused), (413, "validation_failed".into()));
    assert!(refused.text().contains("4096 bytes"), "{}", refused.text());
}

// Contract, section 3: reports are throttled, and no setting says otherwise.
#[tokio::test]
async fn reports_are_throttled_also_where_guesses_are_not() {
    let in_memory = TestServer::with().redis("");
    let unlimited = in_memory.set("limits.failed_auth_per_minute", "0");
    let server = unlimited.start().await;
    for _ in 0..60 {
        assert_eq!(report(&server, "x").await.status, 202);
    }
    let refused = report(&server, "x").await;
    assert_eq!(refusal(&refused), (429, "too_many_requests".into()));
}

// Contract, section 3, *Retries*: a key is one on every POST.
#[tokio::test]
async fn a_report_may_have_a_key_that_is_one() {
    let server = TestServer::start().await;
    let with_key = async |key: &str| {
        let request = server.request("POST", LEAKS).header("Idempotency-Key", key);
        request.json(&json!({"secret": "x"})).send().await
    };
    for _ in 0..2 {
        assert_eq!(with_key("k").await.status, 202);
    }
    for bad in ["", &"x".repeat(300)] {
        let refused = with_key(bad).await;
        assert_eq!(mistakes(&refused), [at("", "invalid_header")], "{bad:?}");
    }
}

/// An organization in which a person decides, with an account.
async fn cautious(server: &TestServer) -> TestClient {
    let policy = json!({"name": "cautious", "policy": {"leak_report": "finding"}});
    server.create("/organizations", policy).await;
    let account = json!({"name": "nightly", "credential": {"name": "first"}});
    let path = "/organizations/cautious/service-accounts";
    server.client_of(&server.create(path, account).await)
}

async fn leaks(server: &TestServer) -> Vec<ostler::domain::leak::Leak> {
    use ostler::store::Lookup;
    use ostler::store::Page;
    let store = &server.app.store;
    let name = Lookup::Name("cautious".to_owned());
    let organization = store.find_organization(&name).await.unwrap().unwrap().id;
    let page = Page {
        limit: 201,
        after: None,
    };
    store
        .list_leaks(organization, None, server.now(), page)
        .await
        .unwrap()
}

// Contract section 3: `policy.leak_report: "finding"`.
#[tokio::test]
async fn where_a_person_decides_the_report_waits_for_one() {
    let server = TestServer::start().await;
    let client = cautious(&server).await;
    let token: Value = server
        .create(
            &format!(
                "/organizations/cautious/service-accounts/{}/api-tokens",
                client.account
            ),
            json!({"name": "tool"}),
        )
        .await;
    let token = token["token"].as_str().unwrap();
    server.advance(Duration::from_secs(10));
    for secret in [client.secret.as_str(), token, &client.secret] {
        assert_eq!(report(&server, secret).await.status, 202);
    }
    assert!(client.introspect(token).await.json()["active"] == true);

    let found = leaks(&server).await;
    assert_eq!(found.len(), 2);
    for leak in &found {
        assert_eq!(leak.account.to_string(), client.account);
        assert_eq!(leak.reported_at, server.now());
        assert_eq!(leak.address, Some("127.0.0.1".parse().unwrap()));
    }
    assert_eq!(server.audited("secret.report_leak").await.len(), 1);
    assert_eq!(server.audited("api_token.report_leak").await.len(), 1);

    // What has ended waits for nobody.
    let path = "/organizations/cautious/service-accounts/nightly/credentials/first/revoke";
    server.act(path, json!({})).await;
    assert_eq!(leaks(&server).await.len(), 1);
}

const WAITING: &str = "/organizations/cautious/leaks";

// A finding that waits for a person: who may say *no* as well as *revoke*.
#[tokio::test]
async fn a_report_is_listed_and_dismissed() {
    let server = TestServer::start().await;
    let client = cautious(&server).await;
    assert_eq!(report(&server, &client.secret).await.status, 202);
    let admin = Administrator::first(&server).await;
    let listed = admin.get(WAITING).await;
    assert_snapshot!(shown_body(&listed), @r#"
    {
      "items": [
        {
          "secret": "sec_...",
          "subject": {
            "type": "credential",
            "id": "cred_..."
          },
          "account": "sa_...",
          "reported_at": "2026-03-01T12:00:00Z",
          "address": "127.0.0.1"
        }
      ],
      "next_cursor": null
    }
    "#);
    let listed = listed.json()["items"][0].clone();
    assert_eq!(listed["subject"]["id"], json!(client.credential));
    let secret = listed["secret"].as_str().unwrap().to_owned();
    let finding = || async {
        let path = "/findings?kind=leak_reported&organization=cautious";
        admin.get(path).await.json()["items"].clone()
    };
    let found = finding().await;
    assert_eq!(found[0]["evidence"]["secret"], json!(secret));
    assert_eq!(found[0]["evidence"]["reported_from"], "127.0.0.1");

    let path = format!("{WAITING}/{secret}");
    let reply = admin.delete(&path).await;
    assert_eq!(
        (reply.status, reply.body.len()),
        (204, 0),
        "{}",
        reply.wire()
    );
    // It may do nothing, and still proves who it is.
    assert_eq!(client.ask("").await.status, 400);
    assert_eq!(finding().await, json!([]));
    assert_eq!(admin.get(WAITING).await.json()["items"], json!([]));
    let events = server.audited("leak.dismiss").await;
    let event = format!("service_account administrator -> secret {secret} success");
    assert_eq!(events, [event]);
    // There is nothing to dismiss any more.
    let again = admin.delete(&path).await;
    assert_eq!(refusal(&again), (404, "not_found".into()));
    assert_eq!(server.audited("leak.dismiss").await.len(), 1);
    // Whoever reports it once more has it: it waits once more.
    assert_eq!(report(&server, &client.secret).await.status, 202);
    assert_eq!(finding().await[0]["evidence"]["secret"], json!(secret));
}

#[tokio::test]
async fn only_a_report_that_waits_is_dismissed() {
    let server = TestServer::start().await;
    let client = cautious(&server).await;
    let admin = Administrator::first(&server).await;
    report(&server, &client.secret).await;
    let listed = admin.get(WAITING).await.json();
    let secret = listed["items"][0]["secret"].as_str().unwrap();
    for unknown in [
        "sec_00000000000000000000000000",
        "first",
        client.credential.as_str(),
        &format!("{secret}%00"),
    ] {
        let reply = admin.delete(&format!("{WAITING}/{unknown}")).await;
        assert_eq!(refusal(&reply), (404, "not_found".into()), "{unknown}");
        assert_eq!(reply.json()["detail"], "there is no such leak report");
    }
    // In another organization it is as unknown.
    let foreign = format!("/organizations/default/leaks/{secret}");
    let reply = admin.delete(&foreign).await;
    assert_eq!(refusal(&reply), (404, "not_found".into()));
    let odd = format!("{WAITING}/{secret}?force=true");
    assert_eq!(mistakes(&admin.delete(&odd).await).len(), 1);
    assert_eq!(
        admin.get(WAITING).await.json()["items"][0]["secret"],
        secret
    );
    let path = "/organizations/cautious/service-accounts/nightly/credentials/first/revoke";
    server.act(path, json!({})).await;
    let reply = admin.delete(&format!("{WAITING}/{secret}")).await;
    assert_eq!(refusal(&reply), (404, "not_found".into()));
}

// Security case 80: that a secret goes on working is decided by nobody who may do less than it.
#[tokio::test]
async fn nobody_dismisses_the_report_of_a_secret_that_may_do_more_than_they() {
    let server = TestServer::start().await;
    let policy = json!({"policy": {"leak_report": "finding"}});
    let admin = Administrator::first(&server).await;
    assert_eq!(
        admin.patch("/organizations/default", policy).await.status,
        200
    );
    let own = server.id_of("/organizations/default").await;
    let held = |scopes: &[&str]| json!([ostler(scopes, &json!([own]))]);
    let strong = server
        .client_with("strong-bot", held(&["accounts:write", "keys:read"]))
        .await;
    let weak = held(&["accounts:read", "credentials:write"]);
    let weak = Administrator::with(&server, "weak-bot", weak).await;
    report(&server, &strong.secret).await;
    let listed = weak.get("/organizations/default/leaks").await.json();
    let secret = listed["items"][0]["secret"].as_str().unwrap();
    let path = format!("/organizations/default/leaks/{secret}");
    assert_eq!(
        refusal(&weak.delete(&path).await),
        (403, "forbidden".into())
    );
    assert_eq!(server.audited("leak.dismiss").await.len(), 0);
    assert_eq!(admin.delete(&path).await.status, 204);
}
