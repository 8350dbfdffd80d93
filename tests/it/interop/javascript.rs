//! The JavaScript libraries (protocol section 3).

use ostler::domain::signing_key::Algorithm;

use super::language::Language::JavaScript;
use super::trial::Trial;
use super::trial::Words;

/// Both kinds of discovery, both kinds of client authentication.
const WAYS: [&str; 4] = ["oauth2 basic", "oauth2 body", "oidc basic", "oidc body"];

/// What oauth4webapi and openid-client call a 401 with `WWW-Authenticate`.
const CHALLENGE: &str = "OAUTH_WWW_AUTHENTICATE_CHALLENGE";

#[tokio::test]
async fn oauth4webapi_is_a_client_and_an_api() {
    let mut library = Trial::start(JavaScript, "oauth4webapi").await;
    library.gets_tokens(&WAYS, CHALLENGE).await;
    library.is_told_why(WAYS[0]).await;
    library.introspects().await;
    library.revokes().await;
    let words = Words {
        audience: "unexpected JWT \"aud\"",
        issuer: "unexpected JWT \"iss\"",
        expired: "\"exp\"",
        tampered: "signature verification failed",
    };
    library.verifies(&words).await;
    library.takes(&Algorithm::ALL).await;
}

#[tokio::test]
async fn openid_client_is_a_client() {
    let mut library = Trial::start(JavaScript, "openid-client").await;
    library.gets_tokens(&WAYS, CHALLENGE).await;
    library.is_told_why(WAYS[0]).await;
    library.introspects().await;
    library.revokes().await;
}

#[tokio::test]
async fn simple_oauth2_is_a_client() {
    let mut library = Trial::start(JavaScript, "simple-oauth2").await;
    let ways = ["basic strict", "basic loose", "body"];
    library.gets_tokens(&ways, "invalid_client").await;
    library.is_told_why(ways[0]).await;
    library.revokes().await;
}

#[tokio::test]
async fn jose_verifies_our_tokens() {
    let mut library = Trial::start(JavaScript, "jose").await;
    let words = Words {
        audience: "unexpected \"aud\"",
        issuer: "unexpected \"iss\"",
        expired: "ERR_JWT_EXPIRED",
        tampered: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
    };
    library.verifies(&words).await;
    library.takes(&Algorithm::ALL).await;
}

#[tokio::test]
async fn express_oauth2_jwt_bearer_verifies_our_tokens_strictly() {
    let mut library = Trial::start(JavaScript, "express-oauth2-jwt-bearer").await;
    let words = Words {
        audience: "Unexpected 'aud'",
        issuer: "Unexpected 'iss'",
        expired: "'exp' claim timestamp check failed",
        tampered: "signature verification failed",
    };
    library.verifies(&words).await;
    library.takes(&Algorithm::ALL).await;
}
