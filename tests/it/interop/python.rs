//! The Python libraries (protocol section 3).

use ostler::domain::signing_key::Algorithm;

use super::language::Language::Python;
use super::trial::Trial;
use super::trial::Words;

/// What joserfc says, and Authlib, which rests on it.
const JOSERFC: Words = Words {
    audience: "Invalid claim: 'aud'",
    issuer: "Invalid claim: 'iss'",
    expired: "ExpiredTokenError",
    tampered: "BadSignatureError",
};

#[tokio::test]
async fn authlib_is_a_client_and_an_api() {
    let mut library = Trial::start(Python, "authlib_both").await;
    library
        .gets_tokens(&["basic", "body"], "invalid_client")
        .await;
    library.is_told_why("basic").await;
    library.introspects().await;
    library.revokes().await;
    library.verifies(&JOSERFC).await;
    // It finds `EdDSA` too wide a name since RFC 9864.
    library.takes(&[Algorithm::Es256, Algorithm::Rs256]).await;
}

#[tokio::test]
async fn requests_oauthlib_is_a_client() {
    let mut library = Trial::start(Python, "requests_oauthlib_client").await;
    let ways = ["basic", "basic and client_id", "body"];
    library.gets_tokens(&ways, "invalid_client").await;
    library.is_told_why("basic").await;
}

#[tokio::test]
async fn httpx_auth_is_a_client() {
    let mut library = Trial::start(Python, "httpx_auth_client").await;
    library.gets_tokens(&["basic"], "invalid_client").await;
    library.is_told_why("basic").await;
}

#[tokio::test]
async fn pyjwt_verifies_our_tokens() {
    let mut library = Trial::start(Python, "pyjwt_api").await;
    let words = Words {
        audience: "InvalidAudienceError",
        issuer: "InvalidIssuerError",
        expired: "ExpiredSignatureError",
        tampered: "InvalidSignatureError",
    };
    library.verifies(&words).await;
    library.takes(&Algorithm::ALL).await;
}

#[tokio::test]
async fn joserfc_verifies_our_tokens() {
    let mut library = Trial::start(Python, "joserfc_api").await;
    library.verifies(&JOSERFC).await;
    library.takes(&Algorithm::ALL).await;
}
