//! Requests of another method or kind than the OAuth endpoints take, from more than one client or from
//! none, with half a body, or with a secret where none belongs.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::endpoints::ENDPOINTS;
use super::endpoints::FORM;
use super::endpoints::assert_invalid;
use super::endpoints::number;
use super::endpoints::post;

// Security case 33; RFC 9110 §15.5.6, §9.3.8: only POST, and nothing is opened to scripts of foreign
// origins.
#[tokio::test]
async fn only_post_is_answered_and_no_origin_is_let_in() {
    let server = TestServer::start().await;
    let token = server.admin.token("").await;
    for path in ENDPOINTS {
        for method in [
            "GET", "PUT", "HEAD", "OPTIONS", "TRACE", "DELETE", "PATCH", "post", "BREW",
        ] {
            for target in [path.to_owned(), format!("{path}?{FORM}")] {
                let admin = &server.admin;
                let request = server
                    .request(method, &target)
                    .basic(&admin.id, &admin.secret)
                    .header("Origin", "https://evil.example")
                    .header("Access-Control-Request-Method", "POST")
                    .header("Access-Control-Request-Headers", "authorization");
                let reply = request.form(&format!("{FORM}{token}")).send().await;
                assert_eq!(reply.status, 405, "{method} {target}: {}", reply.wire());
                assert_eq!(reply.header("allow"), Some("POST"), "{method} {target}");
                assert_no_cors(&reply);
                // TRACE would show the request again (RFC 9110 §9.3.8).
                assert!(!reply.wire().contains("client_credentials"), "{method}");
            }
        }
        let request = post(&server, path).header("Origin", "https://evil.example");
        let reply = request.form(FORM).send().await;
        assert_eq!(reply.status, 200, "{path}");
        assert_no_cors(&reply);
    }
}

#[track_caller]
fn assert_no_cors(reply: &Reply) {
    let wire = reply.wire();
    assert!(!wire.contains("access-control-"), "{wire}");
}

/// gzip of `grant_type=client_credentials&token=x`, as far as anybody would look before unpacking.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x2f\x4a\xcc";

// Security case 23; RFC 6749 §4.4.2, RFC 9110 §8.3, §8.4: a body is a form, says so once, and is as it
// is: nothing is unpacked.
#[tokio::test]
async fn a_body_is_a_form_at_every_endpoint_and_is_never_unpacked() {
    let server = TestServer::start().await;
    for path in ENDPOINTS {
        for types in [
            &[][..],
            &[""],
            &["application/json"],
            &["text/plain"],
            &["multipart/form-data; boundary=x"],
            &["application/x-www-form-urlencoded; charset=utf-16"],
            &["application/x-www-form-urlencoded; charset=UTF-16LE"],
            &["application/x-www-form-urlencoded; charset=iso-8859-1"],
            &["application/x-www-form-urlencoded, application/json"],
            &["application/x-www-form-urlencodedx"],
            &[
                "application/x-www-form-urlencoded",
                "application/x-www-form-urlencoded",
            ],
            &["application/x-www-form-urlencoded", "application/json"],
        ] {
            let request = types.iter().fold(post(&server, path), |request, kind| {
                request.header("Content-Type", kind)
            });
            let reply = request.body(FORM).send().await;
            assert_invalid(&reply, &format!("{path}: {types:?}"));
        }
        for coding in [
            "gzip",
            "GZIP",
            "x-gzip",
            "deflate",
            "br",
            "zstd",
            "identity",
            "gzip, gzip",
            "",
        ] {
            for body in [FORM.as_bytes(), GZIP] {
                let request = post(&server, path)
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .header("Content-Encoding", coding);
                let reply = request.body(body).send().await;
                assert_invalid(&reply, &format!("{path}: {coding}"));
            }
        }
        let request =
            post(&server, path).header("Content-Type", "application/x-www-form-urlencoded");
        assert_invalid(&request.body(GZIP).send().await, path);
        for kind in [
            "Application/X-WWW-Form-URLEncoded",
            "application/x-www-form-urlencoded;CHARSET=\"Utf-8\"",
            "application/x-www-form-urlencoded ; x=y ; charset=UTF-8",
        ] {
            let request = post(&server, path).header("Content-Type", kind);
            assert_eq!(
                request.body(FORM).send().await.status,
                200,
                "{path}: {kind}"
            );
        }
    }
    let json = server.request("POST", "/admin/v1/organizations");
    let token = server.admin.token("").await;
    let json = json.bearer(&token).header("Content-Encoding", "gzip");
    let reply = json.json(&json!({"name": "compressed"})).send().await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (415, &json!("validation_failed"))
    );
}

// Security case 22; RFC 6749 §2.3.1, RFC 6750 §5.3, RFC 7662 §4: a secret in a URL is in every log on
// its way; it is refused, counted, and not logged here (which the harness watches).
#[tokio::test]
async fn a_secret_in_the_query_is_refused_and_counted() {
    let server = TestServer::start().await;
    let (admin, token) = (&server.admin, server.admin.token("").await);
    let counted = || number(&server, "ostler_secrets_in_query_total");
    assert_eq!(counted(), 0);
    let mut expected = 0;
    for path in ENDPOINTS {
        for query in [
            format!("client_secret={}", admin.secret),
            format!("token={token}"),
            format!("client_assertion={token}"),
            format!("access_token={token}"),
            format!("a=b&client_id={}&client_secret={}", admin.id, admin.secret),
            format!("%74oken={token}"),
            "token=".to_owned(),
            "client_secret".to_owned(),
        ] {
            let target = format!("{path}?{query}");
            let reply = post(&server, &target).form(FORM).send().await;
            assert_invalid(&reply, &target);
            let reply = server.get(&target).await;
            assert_eq!(reply.status, 405, "{target}");
            for secret in [&admin.secret, &token] {
                assert!(!reply.wire().contains(secret), "{target}");
            }
            expected += 2;
            assert_eq!(counted(), expected, "{target}");
        }
        // Anything else may stand there, and means nothing (RFC 6749 §3.2).
        for query in ["scope=x", "Token=x", "xtoken=y", "x=token", "", "&&"] {
            let reply = post(&server, &format!("{path}?{query}"))
                .form(FORM)
                .send()
                .await;
            assert_eq!(reply.status, 200, "{path}?{query}: {}", reply.wire());
        }
    }
    assert_eq!(counted(), expected);
    let reply = server
        .get(&format!("/admin/v1/organizations?access_token={token}"))
        .await;
    assert_eq!((reply.status, counted()), (401, expected + 1));
}

// Security case 21; RFC 6749 §2.3: one mechanism in each request, at each endpoint.
#[tokio::test]
async fn one_request_authenticates_in_one_way() {
    let server = TestServer::start().await;
    let (id, secret) = (&server.admin.id, &server.admin.secret);
    let token = server.admin.token("").await;
    let in_body = format!("{FORM}&client_id={id}&client_secret={secret}");
    for path in ENDPOINTS {
        let anonymous = || server.request("POST", path);
        let basic = || post(&server, path);
        for (case, request) in [
            ("Basic and the body", basic().form(&in_body)),
            (
                "Basic and a secret",
                basic().form(&format!("{FORM}&client_secret={secret}")),
            ),
            (
                "Basic and an assertion",
                basic().form(&format!("{FORM}&client_assertion=a.b.c")),
            ),
            (
                "Basic and half of one",
                basic().form(&format!("{FORM}&client_assertion_type=x")),
            ),
            (
                "the body and an assertion",
                anonymous().form(&format!("{in_body}&client_assertion=x")),
            ),
            (
                "Bearer and the body",
                anonymous().bearer(&token).form(&in_body),
            ),
            (
                "Bearer and an assertion",
                anonymous()
                    .bearer(&token)
                    .form(&format!("{FORM}&client_assertion=a.b.c")),
            ),
            ("Basic twice", basic().basic(id, secret).form(FORM)),
            (
                "Basic and wrong Basic",
                basic().basic(id, "wrong").form(FORM),
            ),
            ("Basic and Bearer", basic().bearer(&token).form(FORM)),
            (
                "Bearer and Basic",
                anonymous().bearer(&token).basic(id, secret).form(FORM),
            ),
            (
                "an empty one first",
                anonymous()
                    .header("Authorization", "")
                    .basic(id, secret)
                    .form(FORM),
            ),
        ] {
            assert_invalid(&request.send().await, &format!("{case} at {path}"));
        }
    }
}

// Security case 46; RFC 7662 §2.1, RFC 7009 §2.1: who asks comes before what is asked about.
#[tokio::test]
async fn who_is_nobody_is_told_the_same_whatever_the_token_is() {
    let server = TestServer::start().await;
    let token = server.admin.token("").await;
    let guesser = server.admin.with_secret("wrong");
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        let mut told = Vec::new();
        for form in [
            format!("token={token}"),
            "token=garbage".to_owned(),
            format!("token={}", "x".repeat(8_000)),
            "token=".to_owned(),
            String::new(),
        ] {
            for request in [
                server.request("POST", path),
                server
                    .request("POST", path)
                    .basic(&guesser.id, &guesser.secret),
            ] {
                let reply = request.form(&form).send().await;
                assert_eq!((reply.status, &*reply.error()), (401, "invalid_client"));
                told.push(reply.bytes_but_its_own());
            }
            // A bearer whose token is another's, or no token, is nobody as well.
            let request = server.request("POST", path).bearer("garbage");
            assert_eq!(
                request.form(&form).send().await.status,
                401,
                "{path}: {form}"
            );
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{path}: {told:#?}");
    }
    assert!(server.admin.sees_active(&token).await);
}

// Security case 34; RFC 9112 §6.3, RFC 9110 §10.1.1: a body that is missing, or not all there, is
// refused, and its connection is free again. (That a slow one is a 408 is shown in `transport`.)
#[tokio::test]
async fn half_a_body_is_refused_and_its_connection_is_freed() {
    let server = TestServer::start().await;
    for path in ENDPOINTS {
        let head = |more: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nHost: ostler.test\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n{more}\r\n"
            )
        };
        let length = |length: usize| head(&format!("Content-Length: {length}\r\n"));
        let expects = head("Content-Length: 40\r\nExpect: 100-continue\r\n");
        for (case, bytes, and_then) in [
            ("less than it says", length(100) + FORM, ""),
            ("nothing of what it says", length(100), ""),
            (
                "half a chunk",
                head("Transfer-Encoding: chunked\r\n") + "ff\r\ngrant",
                "",
            ),
            (
                "no last chunk",
                head("Transfer-Encoding: chunked\r\n") + "5\r\ngrant\r\n",
                "",
            ),
            ("less than it was asked for", expects, "grant_type"),
        ] {
            let answer = exchange(&server, &bytes, and_then).await;
            assert!(
                answer.starts_with("HTTP/1.1 400 "),
                "{case} at {path}: {answer}"
            );
            assert!(
                answer.contains(r#"{"error":"invalid_request""#),
                "{case}: {answer}"
            );
        }
        // An empty body is a whole one, and says nothing.
        for request in [
            post(&server, path).form(""),
            server.request("POST", path).form(""),
        ] {
            let reply = request.send().await;
            assert!(
                [400, 401].contains(&reply.status),
                "{path}: {}",
                reply.wire()
            );
        }
        let reply = post(&server, path).header("Content-Type", "application/x-www-form-urlencoded");
        assert_invalid(&reply.send().await, path);
    }
    let freed = async {
        while number(&server, "ostler_connections") != 0 {
            tokio::task::yield_now().await;
        }
    };
    let freed = tokio::time::timeout(Duration::from_secs(20), freed).await;
    freed.expect("every connection is closed");
}

/// Sends these bytes, and no more; all that comes back.
async fn exchange(server: &TestServer, bytes: &str, and_then: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let reading = async {
        if !and_then.is_empty() {
            let mut go_on = [0; 25];
            stream.read_exact(&mut go_on).await.unwrap();
            assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
            stream.write_all(and_then.as_bytes()).await.unwrap();
        }
        stream.shutdown().await.unwrap();
        stream.read_to_end(&mut all).await.unwrap();
    };
    let read = tokio::time::timeout(Duration::from_secs(20), reading).await;
    read.expect("the server closes the connection");
    String::from_utf8(all).unwrap()
}
