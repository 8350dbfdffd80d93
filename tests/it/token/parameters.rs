//! The parameters: each once, empty is omitted, unknown is ignored, and a bound on each.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;

use super::GRANT;
use super::TOKEN;
use super::assert_refused;
use super::description;

// RFC 6749 §5.2. protocol 17, protocol 25, protocol 29
#[tokio::test]
async fn without_a_grant_type_a_request_is_invalid() {
    let server = TestServer::start().await;
    for form in [
        "",
        "grant_type=",
        "grant_type",
        "scope=accounts%3Aread",
        "Grant_Type=client_credentials",
        "GRANT_TYPE=client_credentials",
        "grant_type%20=client_credentials",
        "grant%5Ftype%5B%5D=client_credentials",
    ] {
        let reply = server.admin.post(TOKEN, form).await;
        assert_refused(&reply, 400, "invalid_request", form);
    }
    assert_snapshot!(server.admin.post(TOKEN, "").await.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_request","error_description":"grant_type is missing"}
    "#);
}

// RFC 6749 §5.2, §4.4.2, §A.10; RFC 9700 §2.4: no passwords. protocol 18, protocol 26
// Security case 32; that an empty one is omitted is the contract, section 2, *Parsing*.
#[tokio::test]
async fn no_grant_is_offered_but_client_credentials_and_token_exchange() {
    let server = TestServer::start().await;
    for form in [
        "grant_type=password&username=a&password=b",
        "grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fa.example",
        "grant_type=refresh_token&refresh_token=x",
        "grant_type=implicit",
        "grant_type=foo",
        "grant_type=CLIENT_CREDENTIALS",
        "grant_type=Client_Credentials",
        "grant_type=client_credentials+",
        "grant_type=+client_credentials",
        "grant_type=client-credentials",
        "grant_type=client_credentials%0A",
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=x",
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3AToken-Exchange&subject_token=x",
        "grant_type=token-exchange&subject_token=x",
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=x",
        // The grant type is looked at before what belongs to it.
        "grant_type=foo&scope=%22&resource=x&expires_in=x",
    ] {
        let reply = server.admin.post(TOKEN, form).await;
        assert_refused(&reply, 400, "unsupported_grant_type", form);
    }
    let metadata = server.get("/.well-known/oauth-authorization-server").await;
    let offered = &metadata.json()["grant_types_supported"];
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert_eq!(*offered, json!(["client_credentials", exchange]));
    let reply = server.admin.post(TOKEN, "grant_type=password").await;
    assert_snapshot!(reply.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"unsupported_grant_type","error_description":"the grant_type is not supported: this server offers client_credentials and token-exchange"}
    "#);
}

// RFC 6749 §3.2: parameters MUST NOT be included more than once. protocol 19, protocol 20
// Security case 20.
#[tokio::test]
async fn nothing_may_stand_there_twice() {
    let server = TestServer::start().await;
    for more in [
        "grant_type=client_credentials",
        "grant_type=",
        "scope=accounts%3Aread&scope=accounts%3Aread",
        "scope=&scope=accounts%3Aread",
        "scope=accounts%3Aread&sc%6Fpe=keys%3Aread",
        "audience=urn:a&audience=urn:a",
        "authorization_details=[]&authorization_details=[]",
        "expires_in=60&expires_in=60",
        "foo=1&foo=1",
        "foo=1&bar=2&foo=3",
        "token=a&token=a",
    ] {
        let reply = server.admin.ask(more).await;
        assert_refused(&reply, 400, "invalid_request", more);
    }
}

// RFC 6749 §3.2, §2.3. protocol 21
// Security case 20.
#[tokio::test]
async fn no_credential_may_stand_there_twice() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (id, secret) = (&admin.id, &admin.secret);
    let good = format!("{GRANT}&client_id={id}&client_secret={secret}");
    for more in [
        format!("client_id={id}"),
        format!("client_secret={secret}"),
        "client_secret=".to_owned(),
        "client_assertion=a&client_assertion=a".to_owned(),
        "client_assertion_type=a&client_assertion_type=a".to_owned(),
    ] {
        let request = admin.request("POST", TOKEN);
        let reply = request.form(&format!("{good}&{more}")).send().await;
        assert_refused(&reply, 400, "invalid_request", &more);
        assert!(!reply.wire().contains(secret.as_str()));
    }
    let reply = admin.request("POST", TOKEN).form(&good).send().await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
}

// RFC 6749 §3.2: unrecognized parameters are ignored, those without a value are omitted ones.
// protocol 23, protocol 24, protocol 29
#[tokio::test]
async fn what_is_unknown_or_empty_changes_nothing() {
    let server = TestServer::start().await;
    let plain = server.admin.ask("").await;
    for more in [
        "foo=bar",
        "foo=bar&Foo=baz&FOO",
        "Scope=nothing&SCOPE=%22",
        "scope=",
        "scope",
        "scope=&resource=&audience=&authorization_details=&expires_in=",
        "client_secret=&client_assertion=&client_assertion_type=",
        "&&",
        "redirect_uri=https%3A%2F%2Fevil.example&state=x&nonce=y",
        "username=a&password=b",
    ] {
        let reply = server.admin.ask(more).await;
        assert_eq!(super::wire(&reply), super::wire(&plain), "{more}");
    }
}

/// The contract's bounds: 4,000 bytes, but `token` 8 KiB and `authorization_details` 16 KiB.
// Security case 26.
#[tokio::test]
async fn each_value_has_a_bound() {
    let server = TestServer::start().await;
    for (name, limit) in [
        ("scope", 4_000),
        ("resource", 4_000),
        ("expires_in", 4_000),
        ("foo", 4_000),
        ("token", 8_192),
        ("authorization_details", 16_384),
    ] {
        let ask = async |length| {
            let form = format!("{name}={}", "x".repeat(length));
            server.admin.ask(&form).await
        };
        // What a value within its bound means is another question.
        let within = ask(limit).await;
        assert!(!within.wire().contains("long"), "{name}: {}", within.wire());
        let beyond = ask(limit + 1).await;
        assert_refused(&beyond, 400, "invalid_request", name);
        assert!(description(&beyond).contains("long"), "{}", beyond.wire());
    }
}

/// The form comes first, then authentication, then the rest: who is not known learns nothing more.
#[tokio::test]
async fn a_stranger_learns_nothing_of_grants() {
    let server = TestServer::start().await;
    let guesser = server.admin.with_secret("wrong");
    for form in [
        "",
        "grant_type=foo",
        "grant_type=client_credentials&scope=%22&resource=x",
    ] {
        let reply = guesser.post(TOKEN, form).await;
        assert_refused(&reply, 401, "invalid_client", form);
    }
    let reply = guesser.ask("foo=1&foo=2").await;
    assert_refused(&reply, 400, "invalid_request", "a repeated parameter");
}
