//! The metadata documents (RFC 8414), the stub of an authorization endpoint, and the guide.

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::server::ISSUER;
use crate::interpreters::Interpreter;

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

// RFC 8414 §2, §3.2: protocol 123, 126 to 130, 133.
#[tokio::test]
async fn the_whole_document_is_the_same_under_both_names() {
    let server = TestServer::start().await;
    let reply = server.get(OAUTH).await;
    assert_snapshot!(reply.wire().replace(',', ",\n"), @r#"
    200 OK
    access-control-allow-origin: *
    cache-control: public,
     max-age=300
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "wIksq-wlpdwT58XWG8nung"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"issuer":"http://127.0.0.1:8080",
    "authorization_endpoint":"http://127.0.0.1:8080/oauth/authorize",
    "token_endpoint":"http://127.0.0.1:8080/oauth/token",
    "jwks_uri":"http://127.0.0.1:8080/.well-known/jwks.json",
    "scopes_supported":["accounts:read",
    "accounts:write",
    "credentials:write",
    "access:write",
    "apis:read",
    "apis:write",
    "keys:read",
    "keys:write",
    "audit:read",
    "organizations:read",
    "organizations:write",
    "system:read",
    "introspect"],
    "response_types_supported":["none"],
    "grant_types_supported":["client_credentials",
    "urn:ietf:params:oauth:grant-type:token-exchange"],
    "token_endpoint_auth_methods_supported":["client_secret_basic",
    "client_secret_post"],
    "service_documentation":"http://127.0.0.1:8080/",
    "revocation_endpoint":"http://127.0.0.1:8080/oauth/revoke",
    "revocation_endpoint_auth_methods_supported":["client_secret_basic",
    "client_secret_post"],
    "introspection_endpoint":"http://127.0.0.1:8080/oauth/introspect",
    "introspection_endpoint_auth_methods_supported":["client_secret_basic",
    "client_secret_post",
    "Bearer"],
    "authorization_details_types_supported":["api",
    "organization"],
    "id_token_signing_alg_values_supported":["ES256",
    "RS256",
    "EdDSA"],
    "subject_types_supported":["public"]}
    "#);
    assert_eq!(server.get(OPENID).await.wire(), reply.wire());

    // It names no tenant's scopes, types or audiences.
    server.client("ci-deployer", "deploy:read").await;
    assert_eq!(server.get(OAUTH).await.wire(), reply.wire());
}

// RFC 8414 §3, §3.1, §5: protocol 124.
#[tokio::test]
async fn an_issuer_with_a_path_is_found_wherever_clients_look() {
    for (issuer, base) in [
        ("http://127.0.0.1:8080/p", "http://127.0.0.1:8080/p"),
        ("http://127.0.0.1:8080/p/", "http://127.0.0.1:8080/p"),
        ("http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080/a/b"),
    ] {
        let server = TestServer::with().issuer(issuer).start().await;
        let path = base.strip_prefix(ISSUER).unwrap();
        let first = server.get(&format!("{OAUTH}{path}")).await;
        let document = first.json();
        // RFC 8414 §3.3: identical to the issuer, byte for byte.
        assert_eq!(document["issuer"], issuer);
        assert_eq!(document["token_endpoint"], format!("{base}/oauth/token"));
        for place in [
            format!("{OPENID}{path}"),
            format!("{path}{OAUTH}"),
            format!("{path}{OPENID}"),
        ] {
            assert_eq!(server.get(&place).await.wire(), first.wire(), "{place}");
        }

        let asked = server
            .request("POST", &format!("{path}/oauth/token"))
            .basic(&server.admin.id, &server.admin.secret)
            .form("grant_type=client_credentials")
            .send()
            .await;
        let token = asked.access_token();
        assert!(server.admin.sees_active(&token).await);
        let answer = server.admin.introspect(&token).await.json();
        assert_eq!(
            (&answer["iss"], &answer["aud"]),
            (&json!(issuer), &json!(issuer))
        );
    }
}

// Protocol section 4: MCP clients take a 4xx for "try the next", and a 5xx for the end.
#[tokio::test]
async fn an_unknown_well_known_path_is_a_plain_404() {
    let server = TestServer::start().await;
    let unknown = server.get("/.well-known/oauth-protected-resource").await;
    assert_snapshot!(unknown.wire(), @r#"
    404 Not Found
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"not_found","error_description":"there is nothing at this path"}
    "#);
    for path in [
        format!("{OAUTH}/tenant"),
        format!("{OPENID}/tenant"),
        format!("/tenant{OPENID}"),
        format!("{OAUTH}/"),
        format!("{OAUTH}/%ff%00"),
    ] {
        let reply = server.get(&path).await;
        assert!(
            (400..500).contains(&reply.status),
            "{path}: {}",
            reply.wire()
        );
    }
}

// RFC 8414 §2: protocol 131: every URL is of the issuer's origin and answers.
#[tokio::test]
async fn every_url_in_the_document_is_there() {
    for below in ["", "/p"] {
        let issuer = format!("{ISSUER}{below}");
        let server = TestServer::with().issuer(&issuer).start().await;
        every_url_is_there(&server).await;
    }
}

async fn every_url_is_there(server: &TestServer) {
    let document = server.get(OAUTH).await.json();
    for (member, value) in document.as_object().unwrap() {
        let Some(url) = value.as_str().filter(|text| text.starts_with("http")) else {
            continue;
        };
        let path = url.strip_prefix(ISSUER).expect("the issuer's origin");
        if member == "issuer" {
            continue;
        }
        let reply = server.get(path).await;
        let expected = match member.as_str() {
            "jwks_uri" | "service_documentation" => 200,
            "authorization_endpoint" => 400,
            _ => 405,
        };
        assert_eq!(reply.status, expected, "{member}");
    }
}

// RFC 8414 §2, RFC 7591 §2: protocol 128, 129: what is listed works, and nothing else does.
#[tokio::test]
async fn the_listed_authentication_methods_are_those_that_work() {
    let server = TestServer::start().await;
    let document = server.get(OAUTH).await.json();
    let admin = &server.admin;
    let bearer = admin
        .ask(&format!("resource={ISSUER}"))
        .await
        .access_token();
    for (endpoint, form) in [
        ("token", "grant_type=client_credentials"),
        ("introspection", "token=x"),
        ("revocation", "token=x"),
    ] {
        let listed = &document[format!("{endpoint}_endpoint_auth_methods_supported")];
        let url = document[format!("{endpoint}_endpoint")].as_str().unwrap();
        let post = |form: &str| server.request("POST", &url[ISSUER.len()..]).form(form);
        let in_body = format!(
            "{form}&client_id={}&client_secret={}",
            admin.id, admin.secret
        );
        let by_assertion = format!(
            "{form}&client_id={}&client_assertion=x&client_assertion_type=y",
            admin.id
        );
        for (method, request) in [
            (
                "client_secret_basic",
                post(form).basic(&admin.id, &admin.secret),
            ),
            ("client_secret_post", post(&in_body)),
            ("Bearer", post(form).bearer(&bearer)),
            ("private_key_jwt", post(&by_assertion)),
            ("none", post(&format!("{form}&client_id={}", admin.id))),
        ] {
            let works = request.send().await.status == 200;
            let is_listed = listed.as_array().unwrap().contains(&json!(method));
            assert_eq!(works, is_listed, "{method} at {endpoint}");
        }
    }
}

// RFC 9110 §9.3.2, §13.1.2, §15.5.6: protocol 133.
#[tokio::test]
async fn it_may_be_kept_and_only_be_read() {
    let server = TestServer::start().await;
    let usual = server.get(OAUTH).await;
    let etag = usual.header("etag").unwrap();
    let again = server.request("GET", OAUTH).header("If-None-Match", etag);
    assert_eq!(again.send().await.status, 304);

    let head = server.request("HEAD", OAUTH).send().await;
    assert_eq!((head.status, head.header("etag")), (200, Some(etag)));
    assert!(head.body.is_empty());
    for method in ["POST", "PUT", "DELETE"] {
        let reply = server.request(method, OAUTH).form("").send().await;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some("GET,HEAD"))
        );
    }
}

// RFC 8414 §2: protocol 134: a validator that is not ours finds nothing wrong.
#[tokio::test]
async fn authlib_finds_the_document_valid() {
    const VALIDATE: &str = "\
import json, sys
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
AuthorizationServerMetadata(json.load(sys.stdin)).validate()
print('valid')
";
    // Authlib wants https for every URL.
    let issuer = "https://auth.example.com";
    let server = TestServer::with().issuer(issuer).start().await;
    let document = server.get(OAUTH).await.json();
    let validate = async |document: &Value| {
        let document = document.to_string();
        Interpreter::Python.run(VALIDATE, &[], &document).await
    };
    let valid = validate(&document).await;
    assert_eq!(valid, Ok("valid\n".to_owned()));

    let mut without_grants = document;
    without_grants["grant_types_supported"] = json!("client_credentials");
    let invalid = validate(&without_grants).await;
    assert!(invalid.is_err(), "the validator validates");
}

// Contract section 2, RFC 6749 §4.1.2.1: nobody logs in here interactively.
#[tokio::test]
async fn the_authorization_endpoint_always_refuses() {
    let server = TestServer::start().await;
    let reply = server.get("/oauth/authorize").await;
    assert_snapshot!(reply.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: text/plain; charset=utf-8
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    unsupported_response_type: no identity of this server logs in interactively; use grant_type=client_credentials
    "#);
    // Nobody is ever sent elsewhere (RFC 9700 §4.11).
    let query = "response_type=code&client_id=x&redirect_uri=https%3A%2F%2Fevil.example&state=s";
    let asked = server.get(&format!("/oauth/authorize?{query}")).await;
    assert_eq!(asked.wire(), reply.wire());
}
