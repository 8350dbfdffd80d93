//! Guessing at clients and their secrets, at every endpoint that authenticates them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::log;
use crate::harness::server::ISSUER;

/// Where clients authenticate.
const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];

/// A good request to each of them, but for who asks.
const FORM: &str = "grant_type=client_credentials&token=x";

/// A server that slows nobody: here it is about what a guesser is told.
async fn server() -> TestServer {
    let unlimited = TestServer::with().set("limits.failed_auth_per_minute", "0");
    unlimited.start().await
}

/// An account with these further members, and a credential with those.
async fn client(server: &TestServer, name: &str, account: Value, credential: Value) -> TestClient {
    let mut body = json!({"name": name, "access": [], "credential": {"name": "first"}});
    let extend = |object: &mut Value, more: Value| {
        for (name, value) in more.as_object().unwrap() {
            object[name] = value.clone();
        }
    };
    extend(&mut body["credential"], credential);
    extend(&mut body, account);
    let path = "/organizations/default/service-accounts";
    server.client_of(&server.create(path, body).await)
}

/// The client's credentials in the body.
async fn post_in_body(client: &TestClient, path: &str) -> Reply {
    let secret = utf8_percent_encode(&client.secret, NON_ALPHANUMERIC);
    let form = format!("{FORM}&client_id={}&client_secret={secret}", client.id);
    client.request("POST", path).form(&form).send().await
}

/// These 53 characters and their checksum: a secret of the right form.
fn with_checksum(before: &str) -> String {
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32fast::hash(before.as_bytes()) as usize;
    let mut checksum = [0; 6];
    for digit in checksum.iter_mut().rev() {
        *digit = digits[rest % 62];
        rest /= 62;
    }
    format!("{before}{}", std::str::from_utf8(&checksum).unwrap())
}

/// Another secret of the right form, with the first 20 characters of this one.
fn with_the_same_beginning(secret: &str) -> String {
    let other = if secret.ends_with('x') { "y" } else { "x" };
    with_checksum(&format!("{}{}", &secret[..20], other.repeat(33)))
}

/// Everything that may be wrong with a client, or with what it says.
async fn nobodies(server: &TestServer) -> Vec<(&'static str, TestClient)> {
    let made =
        async |name: &str, account, credential| client(server, name, account, credential).await;
    let good = made("good-bot", json!({}), json!({})).await;
    let disabled = made("disabled-bot", json!({}), json!({})).await;
    let deleted = made("deleted-bot", json!({}), json!({})).await;
    let revoked = made("revoked-bot", json!({}), json!({})).await;
    let gone = made("gone-bot", json!({}), json!({})).await;
    let over = made("over-bot", json!({}), json!({"expires_in_seconds": 60})).await;
    let soon = (server.now() + Duration::from_mins(1)).to_string();
    let ended = made("ended-bot", json!({"expires_at": soon}), json!({})).await;
    let foreign = json!({"allowed_networks": ["192.0.2.0/24"]});
    let foreign = made("foreign-bot", json!({}), foreign).await;
    for client in [&good, &disabled, &deleted, &revoked, &gone, &over, &ended] {
        assert_eq!(client.introspect("x").await.status, 200, "{client:?}");
    }

    server
        .act(&format!("{}/disable", disabled.account_path()), json!({}))
        .await;
    server.delete(&deleted.account_path()).await;
    server
        .act(&format!("{}/revoke", revoked.credential_path()), json!({}))
        .await;
    server.delete(&gone.credential_path()).await;
    server.advance(Duration::from_mins(1));
    vec![
        ("unknown", good.with_id("sac_01hzzzzzzzzzzzzzzzzzzzzzzz")),
        ("unknown, and a secret of nobody", {
            let secret = with_the_same_beginning(&good.secret);
            good.with_id("sac_01hzzzzzzzzzzzzzzzzzzzzzzz")
                .with_secret(&secret)
        }),
        ("wrong secret", good.with_secret(&server.admin.secret)),
        (
            "the same beginning",
            good.with_secret(&with_the_same_beginning(&good.secret)),
        ),
        ("disabled", disabled.clone()),
        ("disabled, wrong secret", disabled.with_secret(&good.secret)),
        ("deleted account", deleted),
        ("revoked credential", revoked),
        ("deleted credential", gone),
        ("expired secret", over),
        ("expired account", ended),
        ("foreign network", foreign),
        (
            "wrong checksum",
            good.with_secret(&format!("ostler_cs_{}", "0".repeat(49))),
        ),
        ("no secret of ours", good.with_secret("hunter2")),
        ("no id of ours", good.with_id("nobody")),
    ]
}

// Security cases 2 and 3; RFC 6749 §5.2: the same bytes and header fields for all causes. That an
// unknown client costs as much as a known one is shown in `oauth::client_auth`, and measured in
// `benches/`.
#[tokio::test]
async fn whatever_is_wrong_with_a_client_is_told_in_the_same_bytes() {
    let server = server().await;
    let mut answers = BTreeMap::new();
    let mut reasons = Vec::new();
    for (cause, client) in nobodies(&server).await {
        for path in ENDPOINTS {
            let by_header = client.post(path, FORM).await;
            let by_body = post_in_body(&client, path).await;
            for reply in [&by_header, &by_body] {
                assert_eq!(
                    (reply.status, &*reply.error()),
                    (401, "invalid_client"),
                    "{cause}"
                );
                let bytes = reply.bytes_but_its_own();
                answers.entry(bytes).or_insert_with(Vec::new).push(cause);
            }
            if path == ENDPOINTS[0] {
                reasons.push(format!("{cause}: {}", reason_of(&by_header)));
            }
        }
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    // Only the log tells them apart; whoever guesses wrong is not even told there how the client is.
    insta::assert_snapshot!(reasons.join("\n"), @r"
    unknown: unknown client
    unknown, and a secret of nobody: unknown client
    wrong secret: wrong secret
    the same beginning: wrong secret
    disabled: the client is dead: the account is disabled
    disabled, wrong secret: wrong secret
    deleted account: unknown client
    revoked credential: the client is dead: the credential is disabled or revoked
    deleted credential: unknown client
    expired secret: the secret has expired
    expired account: the client is dead: the account has expired
    foreign network: not from a network that the credential allows
    wrong checksum: the credentials are malformed
    no secret of ours: the credentials are malformed
    no id of ours: the credentials are malformed
    ");
}

/// The reason that the log gives for a refusal.
fn reason_of(reply: &Reply) -> String {
    let lines = log::lines_of(reply);
    let mut reasons = lines.iter().filter_map(|line| line["reason"].as_str());
    reasons.next().expect("a reason").to_owned()
}

// Security case 4: who reads the database does not hold a secret.
#[tokio::test]
async fn what_is_stored_of_a_secret_is_not_one() {
    let server = server().await;
    let stored = server.rows("SELECT hmac FROM secret").await;
    let stored = stored.first().expect("the administrator's").clone();
    let bytes = URL_SAFE_NO_PAD.decode(&stored).expect("base64url");
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let own = &server.admin.secret;
    for secret in [
        stored.clone(),
        format!("ostler_cs_{stored}"),
        format!("ostler_cs_{stored}{}", &own[own.len() - 6..]),
        with_checksum(&format!("ostler_cs_{stored}")),
        with_checksum(&format!("ostler_cs_{}", stored.replace(['-', '_'], "0"))),
        STANDARD.encode(&bytes),
        hex.to_uppercase(),
        with_checksum(&format!("ostler_cs_{}", &hex[..43])),
        hex,
    ] {
        let thief = server.admin.with_secret(&secret);
        for path in ENDPOINTS {
            assert_refused(&thief.post(path, FORM).await, &secret);
            assert_refused(&post_in_body(&thief, path).await, &secret);
        }
    }
    // The bytes as they are, and each escaped.
    let raw: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let escaped = bytes.iter().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").unwrap();
        all
    });
    for secret in [raw, escaped] {
        assert_refused(&server.admin.with_secret(&secret).ask("").await, &secret);
    }
}

#[track_caller]
fn assert_refused(reply: &Reply, case: &str) {
    let wire = reply.wire();
    assert_eq!(
        (reply.status, &*reply.error()),
        (401, "invalid_client"),
        "{case}: {wire}"
    );
    assert_eq!(
        reply.header("www-authenticate"),
        Some("Basic realm=\"ostler\""),
        "{case}"
    );
}

// Security case 5; RFC 6749 §2.3.1, RFC 7617 §2: only the whole secret is the secret.
#[tokio::test]
async fn a_secret_and_something_more_is_no_secret() {
    let server = server().await;
    let (admin, own) = (&server.admin, server.admin.secret.clone());
    let longest = "x".repeat(4_000 - own.len());
    for secret in [
        String::new(),
        format!("{own}0"),
        format!("{own}{}", &own[own.len() - 6..]),
        format!("0{own}"),
        format!("{own}{own}"),
        // As long as bcrypt looks at (72 bytes), and more.
        format!("{own}{}", "x".repeat(72 - own.len())),
        format!("{own}{}junk", "x".repeat(72 - own.len())),
        format!("{own}{longest}"),
        format!("{own} "),
        format!(" {own}"),
        format!("{own}\t"),
        format!("{own}\n"),
        format!("{own}:"),
        format!(":{own}"),
        format!("{own}:{own}"),
        format!("{own}é"),
        format!("{own}\u{200B}"),
        own.replace("ostler_cs_", "ostler_at_"),
        own.replace("ostler_cs_", "OSTLER_CS_"),
        own.replace("ostler_cs_", "ｏstler_cs_"),
        own.replace('_', "-"),
    ] {
        let guesser = admin.with_secret(&secret);
        for path in ENDPOINTS {
            assert_refused(&guesser.post(path, FORM).await, &secret);
            assert_refused(&post_in_body(&guesser, path).await, &secret);
        }
    }
    // What is not one secret after it was decoded once: `+`, `%`, escapes of escapes.
    let twice = own.replace('_', "%255F");
    for secret in [
        format!("{own}+"),
        format!("+{own}"),
        format!("{own}%"),
        format!("{own}%4"),
        format!("{own}%zz"),
        format!("{own}%00"),
        format!("%00{own}"),
        format!("{own}%FF"),
        format!("{own}%20"),
        twice,
        "x".repeat(10_000),
        format!("{own}{}", "x".repeat(10_000)),
    ] {
        assert_refused(
            &admin.with_secret(&secret).post(ENDPOINTS[0], FORM).await,
            &secret,
        );
    }
    // 10 kB in the body are longer than any value may be (contract section 2, *Parsing*).
    let long = post_in_body(&admin.with_secret(&"x".repeat(10_000)), ENDPOINTS[0]).await;
    assert_eq!((long.status, &*long.error()), (400, "invalid_request"));
    // And the secret itself, once encoded and split at the first colon only.
    for secret in [
        own.clone(),
        own.replace('_', "%5F"),
        own.replace('o', "%6f"),
    ] {
        assert_eq!(
            admin.with_secret(&secret).ask("").await.status,
            200,
            "{secret}"
        );
    }
    assert_eq!(post_in_body(admin, ENDPOINTS[0]).await.status, 200);
}

// Security case 6: nor is a part of it.
#[tokio::test]
async fn a_secret_without_its_end_is_none_however_much_is_left() {
    let server = server().await;
    let own = &server.admin.secret;
    for length in 0..own.len() {
        let cut = &own[..length];
        assert_refused(&server.admin.with_secret(cut).ask("").await, cut);
        assert_refused(
            &post_in_body(&server.admin.with_secret(cut), ENDPOINTS[0]).await,
            cut,
        );
        // With the checksum that it would have.
        let (cut, checked) = (
            &own[..length.min(53)],
            with_checksum(&own[..length.min(53)]),
        );
        if checked != *own {
            assert_refused(&server.admin.with_secret(&checked).ask("").await, cut);
        }
    }
}

// Security case 13; RFC 6749 §3.2.1: who is named twice has to be one.
#[tokio::test]
async fn a_client_that_names_another_beside_itself_is_nobody() {
    let server = server().await;
    let admin = &server.admin;
    let other = client(&server, "other-bot", json!({}), json!({})).await;
    let spaced = format!("+{}", admin.id);
    for id in [
        &*other.id,
        "nobody",
        "%20",
        &spaced,
        &admin.id.to_uppercase(),
        "sac_",
    ] {
        for path in ENDPOINTS {
            let reply = admin.post(path, &format!("{FORM}&client_id={id}")).await;
            assert_refused(&reply, id);
        }
    }
}

// Security case 17; contract section 2, *Throttling*: one bucket for every spelling of a client's id,
// and its owner is not locked out.
#[tokio::test]
async fn a_guesser_has_no_more_tries_by_spelling_the_id_otherwise() {
    let limited = TestServer::with().redis("");
    let server = limited
        .set("limits.failed_auth_per_minute", "8")
        .start()
        .await;
    let (admin, id) = (&server.admin, server.admin.id.clone());
    let upper = id.to_uppercase();
    let of_one_client = [
        id.clone(),
        upper.clone(),
        id.replace("sac_", "Sac_"),
        format!("+{id}"),
        format!("{id}++"),
        format!("%09{upper}"),
        id.replace('a', "%61"),
        id.replace('_', "%5f"),
    ];
    let guess = async |id: &str| {
        let form = format!(
            "{FORM}&client_id={id}&client_secret={}x",
            &admin.secret[..58]
        );
        let request = admin.request("POST", ENDPOINTS[0]);
        request.form(&form).send().await.status
    };
    for id in &of_one_client {
        assert_eq!(guess(id).await, 401, "{id}");
    }
    for id in &of_one_client {
        assert_eq!(guess(id).await, 429, "{id}");
        assert_eq!(admin.ask("").await.status, 200, "its owner, after {id}");
    }
    // What can be nobody's id is one more bucket, however it is written: NFC, NFD, escapes of escapes.
    let of_nobody = [
        "caf%C3%A9",
        "cafe%CC%81",
        "%2573ac_",
        "sac_%2500",
        "nobody",
        "%EF%BD%93ac_",
        "sac%E2%80%8B_",
    ];
    let mut statuses = Vec::new();
    for id in of_nobody.iter().cycle().take(3 * of_nobody.len()) {
        statuses.push(guess(id).await);
    }
    let tries = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(tries, 8, "{statuses:?}");
}

// Security case 18: what a caller says about itself changes neither what it is called in limits and in
// the audit trail, nor what this server calls itself.
#[tokio::test]
async fn headers_of_a_proxy_that_nobody_trusts_say_nothing() {
    let limited = TestServer::with().redis("");
    let server = limited
        .set("limits.failed_auth_per_minute", "2")
        .start()
        .await;
    let guesser = server
        .admin
        .with_secret(&with_the_same_beginning(&server.admin.secret));
    let claiming = |client: &TestClient, path: &str, number: usize| {
        client
            .request("POST", path)
            .header(
                "X-Forwarded-For",
                &format!("192.0.2.{number}, 198.51.100.{number}"),
            )
            .header(
                "Forwarded",
                &format!("for=203.0.113.{number};host=evil.example;proto=https"),
            )
            .header("X-Real-IP", "not-an-ip")
            .header("X-Client-IP", "localhost")
            .header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Port", "443")
            .header("Host", "evil.example")
            .basic(&client.id, &client.secret)
    };
    let mut statuses = Vec::new();
    for number in 0..5 {
        let request = claiming(&guesser, ENDPOINTS[0], number);
        statuses.push(request.form(FORM).send().await.status);
    }
    assert_eq!(statuses, [401, 401, 429, 429, 429]);

    let reply = claiming(&server.admin, ENDPOINTS[0], 9)
        .form(FORM)
        .send()
        .await;
    let token = reply.access_token();
    assert_eq!(crate::harness::client::jwt_part(&token, 1)["iss"], ISSUER);
    let form = format!("token={token}");
    let revoked = claiming(&server.admin, ENDPOINTS[2], 9)
        .form(&form)
        .send()
        .await;
    assert_eq!(revoked.status, 200);
    let addresses = "SELECT actor_address FROM audit_event WHERE action = 'token.revoke'";
    assert_eq!(server.rows(addresses).await, ["127.0.0.1"]);

    let metadata = server.request("GET", "/.well-known/oauth-authorization-server");
    let metadata = metadata.header("X-Forwarded-Host", "evil.example");
    let reply = metadata.header("Host", "evil.example").send().await;
    assert_eq!(reply.json()["issuer"], ISSUER);
    assert!(!reply.text().contains("evil.example"), "{}", reply.text());
}
