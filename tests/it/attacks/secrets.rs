//! Guessing at a secret, by somebody who knows a part of it, more than it, or what is stored of it.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;

use super::endpoints::ENDPOINTS;
use super::endpoints::FORM;

/// A server that slows nobody: here it is about what a guesser is told.
pub async fn unlimited() -> TestServer {
    let unlimited = TestServer::with().set("limits.failed_auth_per_minute", "0");
    unlimited.start().await
}

/// The client's credentials in the body.
pub async fn post_in_body(client: &TestClient, path: &str) -> Reply {
    let secret = utf8_percent_encode(&client.secret, NON_ALPHANUMERIC);
    let form = format!("{FORM}&client_id={}&client_secret={secret}", client.id);
    client.request("POST", path).form(&form).send().await
}

/// These 53 characters and their checksum: a secret of the right form.
pub fn with_checksum(before: &str) -> String {
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
pub fn with_the_same_beginning(secret: &str) -> String {
    let other = if secret.ends_with('x') { "y" } else { "x" };
    with_checksum(&format!("{}{}", &secret[..20], other.repeat(33)))
}

/// Checks that a reply is the one to everybody who does not authenticate.
#[track_caller]
pub fn assert_refused(reply: &Reply, case: &str) {
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

// Security case 4: who reads the database does not hold a secret.
#[tokio::test]
async fn what_is_stored_of_a_secret_is_not_one() {
    let server = unlimited().await;
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

// Security case 5; RFC 6749 §2.3.1, RFC 7617 §2: only the whole secret is the secret.
#[tokio::test]
async fn a_secret_and_something_more_is_no_secret() {
    let server = unlimited().await;
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
    let server = unlimited().await;
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

// Security case 6: nor of an API token, where it is asked about and where it is exchanged.
#[tokio::test]
async fn an_api_token_without_its_end_is_none_however_much_is_left() {
    let server = unlimited().await;
    let client = server.client("nightly", "deploy:read").await;
    let made = server.api_token(&client, "tool", json!({})).await;
    let own = made["token"].as_str().unwrap();
    for length in 1..own.len() {
        let cut = &own[..length];
        let checked = with_checksum(&own[..length.min(53)]);
        for token in [cut, checked.as_str()] {
            if token == own {
                continue;
            }
            assert!(!server.admin.sees_active(token).await, "{length}");
            let refused = server.exchange(token, "").await;
            let told = (refused.status, &*refused.error());
            assert_eq!(told, (400, "invalid_request"), "{length}");
        }
    }
    assert!(server.admin.sees_active(own).await);
    assert_eq!(server.exchange(own, "").await.status, 200);
}
