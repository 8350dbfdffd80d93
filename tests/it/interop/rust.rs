//! The Rust libraries (protocol section 3).

use ostler::domain::signing_key::Algorithm;

use super::language::Language::Rust;
use super::trial::Trial;
use super::trial::Words;

#[tokio::test]
async fn oauth2_is_a_client() {
    let mut library = Trial::start(Rust, "oauth2").await;
    library
        .gets_tokens(&["basic", "body"], "invalid_client")
        .await;
    library.is_told_why("basic").await;
    library.introspects().await;
    library.revokes().await;
}

#[tokio::test]
async fn openidconnect_is_a_client_and_an_api() {
    let mut library = Trial::start(Rust, "openidconnect").await;
    library.gets_tokens(&["basic"], "invalid_client").await;
    library.is_told_why("basic").await;
    let words = Words {
        audience: "Invalid audiences",
        issuer: "Invalid issuer",
        expired: "Expired",
        tampered: "Crypto error",
    };
    library.verifies(&words).await;
    library.takes(&Algorithm::ALL).await;
}

#[tokio::test]
async fn jsonwebtoken_verifies_our_tokens() {
    let mut library = Trial::start(Rust, "jsonwebtoken").await;
    let words = Words {
        audience: "InvalidAudience",
        issuer: "InvalidIssuer",
        expired: "ExpiredSignature",
        tampered: "InvalidSignature",
    };
    library.verifies(&words).await;
    library.takes(&Algorithm::ALL).await;
}
