//! What reaches the endpoint at all: methods, media types, bodies and paths.

use insta::assert_snapshot;

use crate::harness::TestServer;

use super::GRANT;
use super::TOKEN;
use super::assert_refused;
use super::claims;
use super::post_as;

/// The largest body, in bytes.
const LIMIT: usize = 65_536;

// RFC 6749 §3.2: the client MUST use POST; RFC 9110 §15.5.6: 405 with Allow.
// protocol 1, protocol 12
#[tokio::test]
async fn no_method_but_post_gets_a_token() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let in_query = format!("{TOKEN}?{GRANT}");
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        for target in [TOKEN, &in_query] {
            let request = admin.request(method, target).form(GRANT);
            let reply = request.basic(&admin.id, &admin.secret).send().await;
            assert_eq!(reply.status, 405, "{method} {target}: {}", reply.wire());
            assert_eq!(reply.header("allow"), Some("POST"), "{method}");
            assert!(!reply.wire().contains("access_token"), "{method}");
        }
    }
    assert_snapshot!(server.get(&in_query).await.wire(), @r#"
    405 Method Not Allowed
    allow: POST
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_request","error_description":"this path does not answer that method; Allow names those it does"}
    "#);
}

// RFC 6749 §3.2: nothing is opened to scripts of foreign origins. protocol 12
#[tokio::test]
async fn a_preflight_of_a_browser_opens_nothing() {
    let server = TestServer::start().await;
    let preflight = server
        .request("OPTIONS", TOKEN)
        .header("Origin", "https://evil.example")
        .header("Access-Control-Request-Method", "POST");
    let reply = preflight.send().await;
    assert_eq!(reply.status, 405);
    assert!(!reply.wire().contains("access-control"), "{}", reply.wire());
}

// RFC 6749 §3.2, §4.4.2: the parameters are in the body. protocol 3
#[tokio::test]
async fn parameters_in_the_query_do_not_count() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    for query in [GRANT, "grant_type=client_credentials&scope=accounts%3Aread"] {
        let request = admin.request("POST", &format!("{TOKEN}?{query}"));
        let authenticated = request.basic(&admin.id, &admin.secret);
        assert_refused(
            &authenticated.clone().form("").send().await,
            400,
            "invalid_request",
            query,
        );

        // A query beside a good body changes nothing.
        let reply = authenticated
            .form(&format!("{GRANT}&scope=keys%3Aread"))
            .send()
            .await;
        assert_eq!(claims(&reply)["scope"], "keys:read");
    }
}

// RFC 6749 §2.3.1: the parameters MUST NOT be in the request URI.
// Security case 22.
#[tokio::test]
async fn a_secret_in_the_query_is_refused_although_the_body_is_good() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let target = format!(
        "{TOKEN}?client_id={}&client_secret={}",
        admin.id, admin.secret
    );
    for (target, case) in [
        (&*target, "both"),
        ("/oauth/token?client_secret=x", "a wrong one"),
    ] {
        let request = admin
            .request("POST", target)
            .basic(&admin.id, &admin.secret);
        let reply = request.form(GRANT).send().await;
        assert_refused(&reply, 400, "invalid_request", case);
        assert!(!reply.wire().contains(&admin.secret));
    }
}

// RFC 6749 §4.4.2: application/x-www-form-urlencoded. protocol 4, protocol 5
// Security case 23.
#[tokio::test]
async fn a_body_that_does_not_say_it_is_a_form_is_refused() {
    let server = TestServer::start().await;
    let json = r#"{"grant_type":"client_credentials"}"#;
    for (types, body) in [
        (&["application/json"][..], json),
        (&["application/json"], GRANT),
        (&["text/plain"], GRANT),
        (&["multipart/form-data; boundary=x"], "--x--"),
        (
            &["application/x-www-form-urlencoded; charset=iso-8859-1"],
            GRANT,
        ),
        (
            &["application/x-www-form-urlencoded", "application/json"],
            GRANT,
        ),
        (&[""], GRANT),
        (&[], GRANT),
        (&[], ""),
    ] {
        let request = types.iter().fold(post_as(&server.admin), |request, value| {
            request.header("Content-Type", value)
        });
        let reply = request.body(body).send().await;
        assert_refused(&reply, 400, "invalid_request", &format!("{types:?} {body}"));
    }
    let reply = post_as(&server.admin)
        .json(&serde_json::json!({}))
        .send()
        .await;
    assert_snapshot!(reply.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_request","error_description":"the body must be application/x-www-form-urlencoded in UTF-8, and Content-Type say so"}
    "#);
}

// RFC 9110 §8.3.1: neither case nor parameters matter. protocol 6
#[tokio::test]
async fn every_spelling_of_the_media_type_is_a_form() {
    let server = TestServer::start().await;
    for media_type in [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
        "Application/X-WWW-Form-Urlencoded;charset=\"utf-8\"",
        "APPLICATION/X-WWW-FORM-URLENCODED ; Charset=utf-8; x=y",
    ] {
        let request = post_as(&server.admin).header("Content-Type", media_type);
        assert_eq!(request.body(GRANT).send().await.status, 200, "{media_type}");
    }
}

/// A good form of exactly so many bytes, none of whose values is too long.
fn form_of(bytes: usize) -> String {
    let mut form = GRANT.to_owned();
    for n in 10.. {
        let name = format!("&x{n}=");
        let left = bytes - form.len();
        if left <= name.len() + 3_990 {
            form += &name;
            form += &"y".repeat(left - name.len());
            return form;
        }
        form += &name;
        form += &"y".repeat(3_900);
    }
    unreachable!("the loop returns")
}

// RFC 9110 §15.5.14. protocol 7
#[tokio::test]
async fn a_body_over_64_kib_is_too_large() {
    let server = TestServer::start().await;
    let largest = post_as(&server.admin).form(&form_of(LIMIT)).send().await;
    assert_eq!(largest.status, 200, "{}", largest.wire());

    let announced = post_as(&server.admin)
        .form(&form_of(LIMIT + 1))
        .send()
        .await;
    let chunks = format!("{:x}\r\n{}\r\n0\r\n\r\n", LIMIT + 1, form_of(LIMIT + 1));
    let unannounced = post_as(&server.admin)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Transfer-Encoding", "chunked")
        .body(chunks);
    assert_eq!(unannounced.send().await.wire(), announced.wire());
    assert_snapshot!(announced.wire(), @r#"
    413 Payload Too Large
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_request","error_description":"the request body is larger than 65536 bytes"}
    "#);
}

// RFC 6749 §B: UTF-8, then percent-encoding. protocol 7
#[tokio::test]
async fn a_body_that_cannot_be_decoded_is_refused() {
    let server = TestServer::start().await;
    for junk in [
        &b"%"[..],
        b"%4",
        b"%zz",
        b"\xff",
        b"%FF",
        b"%C0%AF",
        b"%00",
        b"\0",
    ] {
        for name in ["&scope=", "&x="] {
            let body = [GRANT.as_bytes(), name.as_bytes(), junk].concat();
            let request = post_as(&server.admin)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(body);
            let reply = request.send().await;
            assert_refused(&reply, 400, "invalid_request", &format!("{name}{junk:?}"));
        }
    }
}

// RFC 9112 §7.1. protocol 14
#[tokio::test]
async fn a_body_in_chunks_is_read() {
    let server = TestServer::start().await;
    let (half, rest) = GRANT.split_at(7);
    let chunks = format!(
        "{:x}\r\n{half}\r\n{:X};x=y\r\n{rest}\r\n0\r\n\r\n",
        half.len(),
        rest.len()
    );
    let request = post_as(&server.admin)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Transfer-Encoding", "chunked");
    assert_eq!(request.body(chunks).send().await.status, 200);
}

// RFC 9110 §15.5.5. protocol 16
#[tokio::test]
async fn no_other_path_is_the_token_endpoint() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    for path in [
        "/oauth/token/",
        "/oauth/tokens",
        "/oauth",
        "/OAuth/token",
        "//oauth/token",
        "/oauth%2Ftoken",
        "/token",
        "/rest/oauth2/latest/token",
    ] {
        let reply = admin.post(path, GRANT).await;
        assert_refused(&reply, 404, "not_found", path);
        assert_eq!(reply.header("server"), None);
    }
}

// RFC 9110 §15.5.5. protocol 16
#[tokio::test]
async fn each_answer_has_a_request_id_of_its_own() {
    let server = TestServer::start().await;
    let mut ids = Vec::new();
    for form in [GRANT, GRANT, "", "grant_type=password"] {
        let request = post_as(&server.admin).header("X-Request-Id", "mine");
        let reply = request.form(form).send().await;
        let id = reply.header("x-request-id").expect("an id").to_owned();
        assert!(
            id.starts_with("req_") && !ids.contains(&id),
            "{id} after {ids:?}"
        );
        ids.push(id);
    }
}

/// A switch adds the path of Atlassian Data Center, so that scripts need only a new host. It is led to by
/// another way than the usual one, and answers have the same header fields.
#[tokio::test]
async fn the_path_of_atlassian_is_the_same_endpoint_where_it_is_switched_on() {
    let server = TestServer::with()
        .set("server.atlassian_path", "true")
        .set("server.issuer", "https://tokens.example.com")
        .start()
        .await;
    let path = "/rest/oauth2/latest/token";
    let (admin, guesser) = (&server.admin, server.admin.with_secret("x"));
    for form in [
        GRANT,
        "",
        "grant_type=password",
        "grant_type=client_credentials&scope=x",
    ] {
        for client in [admin, &guesser] {
            let (there, here) = (
                client.post(path, form).await,
                client.post(TOKEN, form).await,
            );
            assert_eq!(there.status, here.status, "{form}");
            let insists = here.header("strict-transport-security");
            assert_eq!(insists, Some("max-age=31536000"), "{form}");
            if here.status == 200 {
                assert_eq!(super::wire(&there), super::wire(&here));
            } else {
                assert_eq!(there.wire(), here.wire());
            }
        }
    }
}
