//! Client authentication: HTTP Basic, the body, and one answer to everything else.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use insta::assert_snapshot;
use ostler::telemetry::log;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::transport::harness::is_apart;
use crate::transport::harness::run_apart;

use super::ACCOUNTS;
use super::GRANT;
use super::TOKEN;
use super::administer;
use super::assert_refused;
use super::client_made_of;
use super::credential_path;

/// Asks for a token with this `Authorization` and this body.
async fn ask(client: &TestClient, authorization: &str, form: &str) -> Reply {
    let request = client.request("POST", TOKEN);
    request
        .header("Authorization", authorization)
        .form(form)
        .send()
        .await
}

/// Asks with the credentials in the body.
async fn ask_by_body(client: &TestClient) -> Reply {
    let (id, secret) = (&client.id, &client.secret);
    let form = format!("{GRANT}&client_id={id}&client_secret={secret}");
    client.request("POST", TOKEN).form(&form).send().await
}

/// Every character as a percent-escape.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").unwrap();
        all
    })
}

// RFC 6749 §2.3.1, §B; RFC 7617 §2; RFC 9110 §11.1; RFC 3986 §2.3.
// protocol 30, protocol 35, protocol 36, protocol 39
// Security case 1.
#[tokio::test]
async fn basic_is_understood_in_every_spelling_that_clients_use() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (id, secret) = (&admin.id, &admin.secret);
    let raw = format!("{id}:{secret}");
    let basic = |scheme: &str, text: &str| format!("{scheme} {}", STANDARD.encode(text));
    for authorization in [
        // curl, Authlib, requests-oauthlib
        basic("Basic", &raw),
        basic("basic", &raw),
        basic("BASIC", &raw),
        // oauth4webapi encodes even `-_.~`
        basic("Basic", &raw.replace('_', "%5F")),
        basic("Basic", &raw.replace('_', "%5f")),
        basic("Basic", &format!("{}:{}", escaped(id), escaped(secret))),
        format!("Basic {}", STANDARD_NO_PAD.encode(&raw)),
        format!("Basic   {}", STANDARD.encode(&raw)),
    ] {
        let reply = ask(admin, &authorization, GRANT).await;
        assert_eq!(reply.status, 200, "{authorization}: {}", reply.wire());
    }
}

// RFC 6749 §2.3.1. protocol 42
// Security case 1.
#[tokio::test]
async fn a_secret_in_the_body_is_as_good_as_one_in_the_header() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    assert_eq!(ask_by_body(admin).await.status, 200);
    let (id, secret) = (escaped(&admin.id), escaped(&admin.secret));
    let form = format!("client_secret={secret}&{GRANT}&client_id={id}");
    assert_eq!(
        admin.request("POST", TOKEN).form(&form).send().await.status,
        200
    );
}

// RFC 6749 §5.2: 401 with a challenge; nothing tells whether the id exists.
// protocol 31, protocol 32, protocol 33, protocol 40, protocol 43
// Security cases 1, 5 and 13; 14 (no assertion is a method of this server).
#[tokio::test]
async fn every_failure_to_authenticate_has_one_answer() {
    // So many failures in a row would be slowed.
    let unlimited = TestServer::with().set("limits.failed_auth_per_minute", "0");
    let server = unlimited.start().await;
    let admin = &server.admin;
    let (id, secret) = (&admin.id, &admin.secret);
    let foreign = server.client_with("somebody-else", json!([])).await;
    let unknown = "sac_01hzzzzzzzzzzzzzzzzzzzzzzz";
    let last = if secret.ends_with('0') { '1' } else { '0' };
    let mistyped = format!("{}{last}", &secret[..secret.len() - 1]);
    let encoded = |text: &str| Some(format!("Basic {}", STANDARD.encode(text)));
    let basic = |id: &str, secret: &str| encoded(&format!("{id}:{secret}"));
    let body = |id: &str, secret: &str| format!("&client_id={id}&client_secret={secret}");

    let expected = ask(admin, &basic(id, "wrong").unwrap(), GRANT).await;
    assert_snapshot!(expected.wire(), @r#"
    401 Unauthorized
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    www-authenticate: Basic realm="ostler"
    x-content-type-options: nosniff

    {"error":"invalid_client","error_description":"client authentication failed"}
    "#);

    for (authorization, more) in [
        // Nothing, or half of it.
        (None, String::new()),
        (None, format!("&client_id={id}")),
        (None, format!("&client_secret={secret}")),
        (None, format!("&client_id={id}&client_secret=")),
        (basic(id, ""), String::new()),
        (basic("", secret), String::new()),
        // Another's secret, an unknown id, no secret of ours, a wrong checksum.
        (basic(id, &foreign.secret), String::new()),
        (basic(unknown, secret), String::new()),
        (basic("nobody", secret), String::new()),
        (basic(id, &mistyped), String::new()),
        (basic(id, &secret.to_uppercase()), String::new()),
        (basic(&id.to_uppercase(), secret), String::new()),
        (None, body(id, "wrong")),
        (None, body(id, &foreign.secret)),
        (None, body(unknown, secret)),
        (None, body("nobody", "wrong")),
        // The first colon is the only one that divides.
        (basic(id, &format!("{secret}:")), String::new()),
        (basic(id, &format!(":{secret}")), String::new()),
        (basic(id, &format!("{secret}%")), String::new()),
        // What cannot be read, and other schemes.
        (Some("Basic".to_owned()), String::new()),
        (Some("Basic !!!".to_owned()), String::new()),
        (encoded("no colon"), String::new()),
        (Some(format!("Bearer {secret}")), String::new()),
        (Some(format!("Digest username={id}")), String::new()),
        (Some(String::new()), String::new()),
        // Assertions are no method of this server.
        (
            None,
            "&client_assertion=a.b.c&client_assertion_type=x".to_owned(),
        ),
        // Two names for one client: which of them would it be?
        (basic(id, secret), format!("&client_id={}", foreign.id)),
        (basic(id, secret), "&client_id=nobody".to_owned()),
    ] {
        let request = admin.request("POST", TOKEN).form(&format!("{GRANT}{more}"));
        let request = match &authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        };
        let reply = request.send().await;
        assert_refused(&reply, 401, "invalid_client", &more);
        assert_eq!(reply.wire(), expected.wire(), "{authorization:?} {more}");
    }
}

// RFC 6749 §2.3, §5.2: not more than one mechanism. protocol 44
// Security case 21.
#[tokio::test]
async fn two_ways_of_authenticating_at_once_are_refused() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (id, secret) = (&admin.id, &admin.secret);
    for more in [
        format!("client_secret={secret}"),
        format!("client_id={id}&client_secret={secret}"),
        "client_secret=wrong".to_owned(),
        "client_assertion=a.b.c".to_owned(),
        "client_assertion_type=x".to_owned(),
    ] {
        let reply = admin.ask(&more).await;
        assert_refused(&reply, 400, "invalid_request", &more);
    }
    let bearer = format!("{GRANT}&client_id={id}&client_secret={secret}");
    let reply = ask(admin, "Bearer x", &bearer).await;
    assert_refused(&reply, 400, "invalid_request", "bearer and body");

    let two = admin
        .request("POST", TOKEN)
        .basic(id, secret)
        .basic(id, secret);
    let reply = two.form(GRANT).send().await;
    assert_refused(&reply, 400, "invalid_request", "two headers");
    assert_snapshot!(admin.ask("client_secret=x").await.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_request","error_description":"the request authenticates in more than one way"}
    "#);
}

// RFC 6749 §2.3, §3.2.1. protocol 45
#[tokio::test]
async fn a_client_may_name_itself_beside_basic() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    for id in [admin.id.clone(), escaped(&admin.id), String::new()] {
        let reply = admin.ask(&format!("client_id={id}")).await;
        assert_eq!(reply.status, 200, "{id}: {}", reply.wire());
    }
}

// RFC 6749 §5.2, §10.2: whoever may not come in is nobody. protocol 50
// Security case 3.
#[tokio::test]
async fn a_right_secret_of_what_is_disabled_deleted_or_revoked_is_like_a_wrong_one() {
    let server = TestServer::start().await;
    let nobody = server.admin.with_secret("wrong").ask("").await;
    let account = |client: &TestClient| format!("{ACCOUNTS}/{}", client.account);
    for (name, method, path, tail) in [
        (
            "disabled-account",
            "POST",
            &account as &dyn Fn(&_) -> _,
            "/disable",
        ),
        ("deleted-account", "DELETE", &account, ""),
        ("revoked-credential", "POST", &credential_path, "/revoke"),
        ("deleted-credential", "DELETE", &credential_path, ""),
    ] {
        let client = client_made_of(&server, name, json!({}), json!({})).await;
        assert_eq!(client.ask("").await.status, 200, "{name}");
        administer(&server, method, &format!("{}{tail}", path(&client)), None).await;
        assert_eq!(client.ask("").await.wire(), nobody.wire(), "{name}");
        assert_eq!(ask_by_body(&client).await.wire(), nobody.wire(), "{name}");
    }
}

/// An account that is enabled again gets tokens again.
#[tokio::test]
async fn a_client_that_is_enabled_again_is_let_in_again() {
    let server = TestServer::start().await;
    let client = client_made_of(&server, "ci-deployer", json!({}), json!({})).await;
    let account = format!("{ACCOUNTS}/{}", client.account);
    administer(&server, "POST", &format!("{account}/disable"), None).await;
    assert_refused(&client.ask("").await, 401, "invalid_client", "disabled");
    administer(&server, "POST", &format!("{account}/enable"), None).await;
    assert_eq!(client.ask("").await.status, 200);
}

/// Who has the secret and is elsewhere is told no more than who has not.
#[tokio::test]
async fn a_credential_is_good_from_its_networks_only() {
    let server = TestServer::start().await;
    let nobody = server.admin.with_secret("wrong").ask("").await;
    for (name, networks, is_within) in [
        ("everywhere", json!([]), true),
        ("this-host", json!(["192.0.2.0/24", "127.0.0.1/32"]), true),
        ("this-network", json!(["127.0.0.0/8"]), true),
        ("another-network", json!(["192.0.2.0/24"]), false),
        ("another-family", json!(["2001:db8::/32"]), false),
    ] {
        let credential = json!({"allowed_networks": networks});
        let client = client_made_of(&server, name, json!({}), credential).await;
        let reply = client.ask("").await;
        if is_within {
            assert_eq!(reply.status, 200, "{name}: {}", reply.wire());
        } else {
            assert_eq!(reply.wire(), nobody.wire(), "{name}");
        }
    }
}

/// Every place in which somebody may put a secret by mistake.
async fn misplace(client: &TestClient) -> Vec<Reply> {
    let secret = &client.secret;
    let mut replies = Vec::new();
    for more in [
        format!("scope={secret}"),
        format!("resource={secret}"),
        format!("resource=https%3A%2F%2Fa.example%2F{secret}"),
        format!("audience={secret}"),
        format!("expires_in={secret}"),
        format!("authorization_details={secret}"),
        format!("authorization_details=[{{\"type\":\"{secret}\",\"identifiers\":\"*\"}}]"),
        format!("client_id={secret}"),
        format!("client_secret={secret}"),
        format!("{secret}=a&{secret}=b"),
        format!("grant_type={secret}"),
        format!("scope=a%00{secret}"),
    ] {
        replies.push(client.ask(&more).await);
    }
    replies.push(client.post(TOKEN, &format!("grant_type={secret}")).await);
    let in_query = format!("{TOKEN}?client_secret={secret}");
    for method in ["GET", "POST"] {
        let request = client.request(method, &in_query).form(GRANT);
        replies.push(request.send().await);
    }
    replies.push(ask(client, secret, GRANT).await);
    replies.push(ask(client, &format!("Bearer {secret}"), GRANT).await);
    replies.push(client.with_id(secret).ask("").await);
    replies.push(ask_by_body(&client.with_id(secret)).await);
    replies
}

// RFC 6749 §10.3. protocol 53
// Security case 22.
#[tokio::test]
async fn neither_an_answer_nor_the_log_repeats_a_secret() {
    if is_apart() {
        let _log = log::begin().unwrap();
        let server = TestServer::start().await;
        let replies = misplace(&server.admin).await;
        for reply in replies {
            assert!((400..=401).contains(&reply.status) || reply.status == 405);
            assert!(!reply.wire().contains("ostler_cs_"));
        }
        server.admin.ask("").await.access_token();
        return;
    }
    let name = "token::client_auth::neither_an_answer_nor_the_log_repeats_a_secret";
    let stderr = run_apart(name, "OSTLER_LOG=trace");
    assert!(stderr.contains("refused:"), "{stderr}");
    for mark in ["ostler_cs_", "eyJ"] {
        let line = stderr.lines().find(|line| line.contains(mark));
        assert_eq!(line, None);
    }
}

// RFC 6749 §10.10: the probability of guessing is at most 2^-128. protocol 54
#[tokio::test]
async fn a_secret_is_of_256_bits_and_no_two_are_alike() {
    let server = TestServer::start().await;
    let mut seen = vec![server.admin.secret.clone()];
    for name in ["first-bot", "second-bot", "third-bot"] {
        seen.push(server.client_with(name, json!([])).await.secret);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4);
    for secret in seen {
        let body = secret.strip_prefix("ostler_cs_").expect("the prefix");
        // 43 characters of 62 carry more than 256 bits; 6 more are the checksum.
        assert_eq!(body.len(), 49);
        assert!(body.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let (before, checksum) = secret.split_at(secret.len() - 6);
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let digit = |c: u8| digits.iter().position(|own| *own == c).expect("a digit");
        let value = checksum.bytes().fold(0, |sum, c| sum * 62 + digit(c));
        assert_eq!(value, crc32fast::hash(before.as_bytes()) as usize);
    }
}
