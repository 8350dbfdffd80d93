//! The access token: a JWT that any resource server can verify with the published keys alone
//! (RFC 9068).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use insta::assert_snapshot;
use ring::signature;
use ring::signature::RsaPublicKeyComponents;
use ring::signature::UnparsedPublicKey;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::harness::server::DEPLOY;
use crate::harness::server::ISSUER;

use super::APIS;
use super::api_with;
use super::assert_refused;
use super::claims;
use super::description;
use super::grant_at;

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(text)
        .expect("base64url without padding")
}

/// Whether the signature of a token is that of the published key: as a resource server checks it,
/// with nothing of ours.
fn is_signed_by(token: &str, jwk: &Value) -> bool {
    let (message, signature) = token.rsplit_once('.').expect("a signature");
    let (message, signature) = (message.as_bytes(), decode(signature));
    let member = |name: &str| decode(jwk[name].as_str().expect("a member"));
    let checked = match jwk["alg"].as_str().expect("an algorithm") {
        // RFC 7518 §3.4: R and S, 32 bytes each, and not DER.
        "ES256" => {
            assert_eq!(signature.len(), 64);
            let point = [&[4][..], &member("x"), &member("y")].concat();
            let key = UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
            key.verify(message, &signature)
        }
        "RS256" => {
            let key = RsaPublicKeyComponents {
                n: member("n"),
                e: member("e"),
            };
            key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, &signature)
        }
        "EdDSA" => {
            UnparsedPublicKey::new(&signature::ED25519, member("x")).verify(message, &signature)
        }
        other => panic!("{other}"),
    };
    checked.is_ok()
}

/// The published key that a token names.
async fn key_of(server: &TestServer, token: &str) -> Value {
    let kid = &jwt_part(token, 0)["kid"];
    let jwks = server.get("/.well-known/jwks.json").await.json();
    let keys = jwks["keys"].as_array().expect("keys");
    let named: Vec<_> = keys.iter().filter(|key| key["kid"] == *kid).collect();
    assert_eq!(named.len(), 1, "{kid} in {jwks}");
    named[0].clone()
}

// RFC 9068 §2.1; RFC 7518 §3.4; RFC 8725 §3.11. protocol 101, protocol 102, protocol 109
#[tokio::test]
async fn each_api_has_its_tokens_signed_and_typed_as_it_wants() {
    let server = TestServer::start().await;
    let usual = server.client("ci-deployer", "deploy:read").await;
    let token = usual.token("").await;
    let header = jwt_part(&token, 0);
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&json!("at+jwt"), &json!("ES256"))
    );

    let mut access = Vec::new();
    for (name, alg) in [("es", "ES256"), ("rs", "RS256"), ("ed", "EdDSA")] {
        for typ in ["at+jwt", "JWT"] {
            let name = format!("{name}-{}", typ.len());
            let settings = json!({"token": {"signing_alg": alg, "typ": typ}});
            api_with(&server, &name, "read", settings).await;
            access.push(grant_at(&name, "read", &json!({})));
        }
    }
    let client = server.client_with("busy-bot", access.into()).await;
    for (name, alg) in [("es", "ES256"), ("rs", "RS256"), ("ed", "EdDSA")] {
        for typ in ["at+jwt", "JWT"] {
            let resource = format!("resource=https://{name}-{}.example.com", typ.len());
            let token = client.ask(&resource).await.access_token();
            let jwk = key_of(&server, &token).await;
            let kid = &jwk["kid"];
            assert_eq!(
                jwt_part(&token, 0),
                json!({"typ": typ, "alg": alg, "kid": kid})
            );
            assert!(is_signed_by(&token, &jwk), "{alg} {typ}");
            assert!(!is_signed_by(&tampered(&token), &jwk), "{alg} {typ}");
        }
    }
}

/// The token with another `scope`, under the same signature.
fn tampered(token: &str) -> String {
    let mut claims = jwt_part(token, 1);
    claims["scope"] = json!("admin");
    let parts: Vec<&str> = token.split('.').collect();
    format!(
        "{}.{}.{}",
        parts[0],
        URL_SAFE_NO_PAD.encode(claims.to_string()),
        parts[2]
    )
}

// RFC 7518 §3.1, RFC 8725 §3.1: nothing in a request chooses. protocol 109
#[tokio::test]
async fn a_request_does_not_choose_how_its_token_is_signed() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let usual = jwt_part(&ci.token("").await, 0);
    for more in [
        "alg=none",
        "kid=x&typ=JWT&jwk={}",
        "signing_alg=HS256",
        "alg=RS256&crit=x",
    ] {
        let token = ci.ask(more).await.access_token();
        assert_eq!(jwt_part(&token, 0), usual, "{more}");
        assert!(is_signed_by(&token, &key_of(&server, &token).await));
    }
}

/// The claims as they were written, in their order, without what differs each time.
fn steady(token: &str, client: &TestClient) -> String {
    let mut claims = jwt_part(token, 1);
    assert_eq!(claims["sub"], *client.account);
    assert_eq!(claims["client_id"], *client.id);
    for name in ["sub", "client_id", "jti", "org", "epoch"] {
        claims[name] = json!(format!("<{name}>"));
    }
    claims.to_string()
}

// RFC 9068 §2.2, §2.2.3; RFC 8693 §4.2; RFC 9396 §9.1; RFC 7800 §3.
// protocol 103, protocol 105, protocol 106, protocol 107, protocol 108
#[tokio::test]
async fn the_claims_are_these_and_no_more() {
    let server = TestServer::start().await;
    let ci = server
        .client("ci-deployer", "deploy:write deploy:read")
        .await;
    let token = ci.token("").await;
    assert_snapshot!(steady(&token, &ci), @r#"{"iss":"http://127.0.0.1:8080","sub":"<sub>","client_id":"<client_id>","aud":"https://deploy.example.com","iat":1772366400,"exp":1772367300,"jti":"<jti>","scope":"deploy:read deploy:write","authorization_details":[{"type":"project","locations":["https://deploy.example.com"],"identifiers":["APOLLO","GEMINI"]}],"org":"<org>","epoch":"<epoch>","org_gen":1,"account_gen":1,"credential_gen":1}"#);

    let claims = jwt_part(&token, 1);
    assert!(claims["org"].as_str().unwrap().starts_with("org_"));
    assert_eq!(claims["epoch"].as_str().unwrap().len(), 8);
    // `iat` is now, so a resource server without leeway takes the token at once.
    assert_eq!(claims["iat"].as_i64(), Some(server.now().as_second()));
    for name in ["iat", "exp", "org_gen", "account_gen", "credential_gen"] {
        assert!(claims[name].is_i64(), "{name}");
    }
    // RFC 9068 §5: `sub` is an id of an account, which nobody else's is.
    assert!(claims["sub"].as_str().unwrap().starts_with("sa_"));
}

// RFC 9068 §2.2, RFC 8414 §2: byte for byte. protocol 104
#[tokio::test]
async fn the_issuer_is_that_of_the_metadata() {
    let server = TestServer::start().await;
    let claims = claims(&server.admin.ask("").await);
    let metadata = server
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(claims["iss"], metadata["issuer"]);
    assert_eq!(claims["iss"], ISSUER);
}

// RFC 9068 §2.2, RFC 7519 §4.1.7. protocol 103
#[tokio::test]
async fn no_two_tokens_have_the_same_jti() {
    let server = TestServer::start().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let claims = claims(&server.admin.ask("").await);
        let jti = claims["jti"].as_str().expect("a text").to_owned();
        // 128 random bits.
        assert_eq!(decode(&jti).len(), 16);
        assert!(seen.insert(jti));
    }
}

// RFC 9068 §6: nothing private; nginx and node take 8 KiB of header. protocol 111
#[tokio::test]
async fn a_token_is_small_and_says_nothing_private() {
    let server = TestServer::start().await;
    let scopes: Vec<String> = (10..30)
        .map(|n| format!("department:operation-{n}"))
        .collect();
    api_with(&server, "suite", &scopes.join(" "), json!({})).await;
    let access = json!([grant_at("suite", &scopes.join(" "), &json!({}))]);
    let private = json!({"name": "canary-name", "description": "canary-description",
        "owner": "canary@example.com", "labels": {"canary": "label"}, "access": access});
    let client = super::client_made_of(&server, "canary-name", private, json!({})).await;

    let reply = client.ask("").await;
    let token = reply.access_token();
    assert_eq!(
        claims(&reply)["scope"].as_str().unwrap().split(' ').count(),
        20
    );
    assert!(token.len() < 4096, "{} bytes", token.len());
    let text = jwt_part(&token, 1).to_string();
    for private in ["canary", &client.secret, &client.credential] {
        assert!(!text.contains(private), "{private} in {text}");
    }
}

/// `tokens.max_bytes`: a larger token is refused, and the answer says what to do.
#[tokio::test]
async fn a_token_that_would_be_too_large_is_refused() {
    let server = TestServer::with()
        .set("tokens.max_bytes", "2000")
        .start()
        .await;
    server.ensure_deploy_api().await;
    let keys: Vec<String> = (10..22).map(|n| format!("{}{n}", "x".repeat(98))).collect();
    for key in &keys {
        let resource = json!({"type": "project", "key": key});
        server
            .create(&format!("{APIS}/deploy/resources"), resource)
            .await;
    }
    let access = json!([grant_at("deploy", "deploy:read", &json!({"project": keys}))]);
    let client = server.client_with("ci-deployer", access).await;

    let reply = client.ask("").await;
    assert_refused(&reply, 400, "invalid_authorization_details", "too large");
    assert!(description(&reply).contains("fewer"), "{}", reply.wire());

    let fewer = json!([{"type": "project", "identifiers": &keys[..2]}]);
    let reply = client.ask(&format!("authorization_details={fewer}")).await;
    assert!(reply.access_token().len() <= 2000);
    assert_eq!(claims(&reply)["aud"], DEPLOY);
}
