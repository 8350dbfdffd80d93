//! The Python libraries (protocol section 3).

use super::language::Language::Python;
use super::trial::Trial;
use super::trial::Words;

#[tokio::test]
async fn authlib_is_a_client_and_an_api() {
    let (trial, mut library) = Trial::start(Python, "authlib_both").await;
    let ways = ["basic", "body"];
    trial
        .gets_tokens(&mut library, &ways, "invalid_client")
        .await;
    trial.is_told_why(&mut library, ways[0]).await;
    trial.introspects_and_revokes(&mut library).await;
    let words = Words {
        audience: "Invalid claim: 'aud'",
        issuer: "Invalid claim: 'iss'",
        expired: "ExpiredTokenError",
        tampered: "BadSignatureError",
    };
    trial.is_verified_by(&mut library, &words).await;
}

#[tokio::test]
async fn requests_oauthlib_is_a_client() {
    let (trial, mut library) = Trial::start(Python, "requests_oauthlib_client").await;
    let ways = ["basic", "basic and client_id", "body"];
    trial
        .gets_tokens(&mut library, &ways, "invalid_client")
        .await;
    trial.is_told_why(&mut library, ways[0]).await;
}

#[tokio::test]
async fn httpx_auth_is_a_client() {
    let (trial, mut library) = Trial::start(Python, "httpx_auth_client").await;
    let ways = ["basic"];
    trial
        .gets_tokens(&mut library, &ways, "invalid_client")
        .await;
    trial.is_told_why(&mut library, ways[0]).await;
}

#[tokio::test]
async fn pyjwt_verifies_our_tokens() {
    let (trial, mut library) = Trial::start(Python, "pyjwt_api").await;
    let words = Words {
        audience: "InvalidAudienceError",
        issuer: "InvalidIssuerError",
        expired: "ExpiredSignatureError",
        tampered: "InvalidSignatureError",
    };
    trial.is_verified_by(&mut library, &words).await;
}

#[tokio::test]
async fn joserfc_verifies_our_tokens() {
    let (trial, mut library) = Trial::start(Python, "joserfc_api").await;
    let words = Words {
        audience: "Invalid claim: 'aud'",
        issuer: "Invalid claim: 'iss'",
        expired: "ExpiredTokenError",
        tampered: "BadSignatureError",
    };
    trial.is_verified_by(&mut library, &words).await;
}
