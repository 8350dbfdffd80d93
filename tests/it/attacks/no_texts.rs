//! Bytes that are no text, and the one character that databases do not agree on.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::harness::TestServer;

use super::endpoints::ENDPOINTS;
use super::endpoints::FORM;
use super::endpoints::PARAMETERS;
use super::endpoints::assert_error;
use super::endpoints::assert_invalid;
use super::endpoints::assert_no_sql;
use super::endpoints::form_without;
use super::endpoints::post;

/// What is no text, or a text with a NUL, in a form.
const NO_TEXTS: [&[u8]; 8] = [
    b"%00",
    b"a%00b",
    b"\0",
    b"%ED%A0%80",
    b"%ed%a0%80%ed%b0%80",
    b"\xED\xA0\x80",
    b"%C0%80",
    b"%FF",
];

// Security case 24; RFC 6749 §B, RFC 3629 §3: no NUL and no half of a character gets as far as a
// database, of either kind, in any parameter.
#[tokio::test]
async fn what_is_no_text_is_refused_in_every_parameter() {
    let server = TestServer::start().await;
    for path in ENDPOINTS {
        for name in PARAMETERS.iter().chain(&["resource"]) {
            for bytes in NO_TEXTS {
                let rest = form_without(name);
                let case = format!("{path}: {name}={}", bytes.escape_ascii());
                for form in [
                    [rest.as_bytes(), name.as_bytes(), b"=", bytes].concat(),
                    [rest.as_bytes(), name.as_bytes(), bytes, b"=x"].concat(),
                ] {
                    let request = post(&server, path);
                    let form = request
                        .header("Content-Type", "application/x-www-form-urlencoded")
                        .body(form);
                    assert_invalid(&form.send().await, &case);
                }
            }
        }
        // As six characters they are a text, and nobody's.
        for text in [
            "%5Cu0000",
            "%5Cud800",
            "%EF%BF%BD",
            "%EF%BB%BF",
            "%E2%80%AE",
        ] {
            for name in ["scope", "resource", "audience", "client_id", "token", "foo"] {
                let form = format!("{FORM}&{name}={text}").replace("&token=x&token", "&token");
                let reply = post(&server, path).form(&form).send().await;
                assert!(reply.status < 500, "{path}: {form}: {}", reply.wire());
                // In the random letters of a token there may be any word.
                if reply.status != 200 {
                    assert_no_sql(&reply, &form);
                }
            }
        }
    }
    for details in [
        r#"[{"type":"a\u0000b","identifiers":"*"}]"#,
        r#"[{"type":"project","identifiers":["\u0000"]}]"#,
        r#"[{"type":"project","identifiers":["\ud800"]}]"#,
        r#"[{"type":"\udc00","identifiers":"*"}]"#,
        r#"[{"type":"project","identifiers":"*","locations":["\u0000"]}]"#,
        r#"[{"\u0000":"project"}]"#,
    ] {
        let reply = server
            .admin
            .ask(&format!("authorization_details={details}"))
            .await;
        assert_error(&reply, 400, "invalid_authorization_details", details);
    }
}

// Security case 24: nor in a header field or a path.
#[tokio::test]
async fn what_is_no_text_is_refused_in_every_header_and_path() {
    // So many failures would be slowed, in Redis those of other servers with the same issuer too.
    let unlimited = TestServer::with().set("limits.failed_auth_per_minute", "0");
    let server = unlimited.start().await;
    let (id, secret) = (&server.admin.id, &server.admin.secret);
    let token = server.admin.token("").await;
    for bytes in NO_TEXTS {
        for (before, after) in [(&**id, &**secret), ("", ""), ("nobody", "")] {
            for user_pass in [
                [before.as_bytes(), bytes, b":", after.as_bytes()].concat(),
                [before.as_bytes(), b":", after.as_bytes(), bytes].concat(),
            ] {
                let basic = format!("Basic {}", STANDARD.encode(user_pass));
                for path in ENDPOINTS {
                    let request = server.request("POST", path).header("Authorization", &basic);
                    let reply = request.form(FORM).send().await;
                    assert_error(&reply, 401, "invalid_client", &basic);
                }
            }
        }
        let escaped = escaped(bytes);
        for path in [
            format!("/organizations/{escaped}"),
            format!("/organizations/default{escaped}/service-accounts"),
            format!("/organizations/default/service-accounts/{escaped}"),
            format!("/organizations/default/service-accounts/administrator/credentials/a{escaped}"),
            format!("/organizations/default/apis/{escaped}"),
            format!("/organizations/default/apis/deploy/scopes/{escaped}"),
            format!("/organizations/default/apis/deploy/resources/project:{escaped}"),
            format!("/keys/{escaped}/activate"),
        ] {
            for method in ["GET", "POST", "DELETE", "PUT"] {
                let request = server.request(method, &format!("/admin/v1{path}"));
                let reply = request.bearer(&token).send().await;
                assert!(
                    [404, 405].contains(&reply.status),
                    "{method} {path}: {}",
                    reply.wire()
                );
                assert_no_sql(&reply, &path);
            }
        }
        for query in [
            format!("limit={escaped}"),
            format!("cursor={escaped}"),
            format!("{escaped}=x"),
        ] {
            let target = format!("/admin/v1/organizations?{query}");
            let reply = server.request("GET", &target).bearer(&token).send().await;
            assert_eq!(reply.status, 400, "{target}: {}", reply.wire());
            assert_eq!(reply.json()["code"], "validation_failed", "{target}");
            assert_no_sql(&reply, &target);
        }
        let reply = server
            .request("GET", &format!("/oauth/{escaped}"))
            .send()
            .await;
        assert_error(&reply, 404, "not_found", &escaped);
    }
    // A raw NUL makes the head itself none (RFC 9110 §5.5), before there is a request.
    for field in [
        "Authorization",
        "Content-Type",
        "User-Agent",
        "X-Forwarded-For",
    ] {
        let request = server.request("POST", ENDPOINTS[0]).header(field, "a\0b");
        assert_eq!(request.form(FORM).send().await.status, 400, "{field}");
    }
    for field in [
        "User-Agent",
        "X-Forwarded-For",
        "X-Request-Id",
        "Accept",
        "Cookie",
    ] {
        let request = post(&server, ENDPOINTS[0]).header(field, "\u{d7ff}\u{fffd}\u{202e}");
        assert_eq!(request.form(FORM).send().await.status, 200, "{field}");
    }
}

/// Every byte as a percent-escape.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02x}").unwrap();
        all
    })
}
