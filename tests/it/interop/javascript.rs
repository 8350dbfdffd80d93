//! The JavaScript libraries (protocol section 3).

use super::language::Language::JavaScript;
use super::trial::Trial;
use super::trial::Words;

#[tokio::test]
async fn oauth4webapi_is_a_client_and_an_api() {
    let (trial, mut library) = Trial::start(JavaScript, "oauth4webapi").await;
    let ways = ["oauth2 basic", "oauth2 body", "oidc basic", "oidc body"];
    let wrong_secret = "OAUTH_WWW_AUTHENTICATE_CHALLENGE";
    trial.gets_tokens(&mut library, &ways, wrong_secret).await;
    trial.is_told_why(&mut library, ways[0]).await;
    trial.introspects_and_revokes(&mut library).await;
    let words = Words {
        audience: "unexpected JWT \"aud\"",
        issuer: "unexpected JWT \"iss\"",
        expired: "\"exp\"",
        tampered: "signature verification failed",
    };
    trial.is_verified_by(&mut library, &words).await;
}

#[tokio::test]
async fn openid_client_is_a_client() {
    let (trial, mut library) = Trial::start(JavaScript, "openid-client").await;
    let ways = ["oauth2 basic", "oauth2 body", "oidc basic", "oidc body"];
    let wrong_secret = "OAUTH_WWW_AUTHENTICATE_CHALLENGE";
    trial.gets_tokens(&mut library, &ways, wrong_secret).await;
    trial.is_told_why(&mut library, ways[0]).await;
    trial.introspects_and_revokes(&mut library).await;
}

#[tokio::test]
async fn simple_oauth2_is_a_client() {
    let (trial, mut library) = Trial::start(JavaScript, "simple-oauth2").await;
    let ways = ["basic strict", "basic loose", "body"];
    trial
        .gets_tokens(&mut library, &ways, "invalid_client")
        .await;
    trial.is_told_why(&mut library, ways[0]).await;
    trial.revokes(&mut library).await;
}

#[tokio::test]
async fn jose_verifies_our_tokens() {
    let (trial, mut library) = Trial::start(JavaScript, "jose").await;
    let words = Words {
        audience: "unexpected \"aud\"",
        issuer: "unexpected \"iss\"",
        expired: "ERR_JWT_EXPIRED",
        tampered: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
    };
    trial.is_verified_by(&mut library, &words).await;
}

#[tokio::test]
async fn express_oauth2_jwt_bearer_verifies_our_tokens_strictly() {
    let (trial, mut library) = Trial::start(JavaScript, "express-oauth2-jwt-bearer").await;
    let words = Words {
        audience: "Unexpected 'aud'",
        issuer: "Unexpected 'iss'",
        expired: "'exp' claim timestamp check failed",
        tampered: "signature verification failed",
    };
    trial.is_verified_by(&mut library, &words).await;
}
