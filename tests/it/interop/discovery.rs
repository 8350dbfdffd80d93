//! An issuer with a path, which each library looks for at other places (protocol section 4).

use ostler::domain::signing_key::Algorithm;

use super::language::Language;
use super::language::Language::JavaScript;
use super::language::Language::Python;
use super::language::Language::Rust;
use super::stage::Servers;
use super::trial::Trial;

const PATH: &str = "/ostler";

async fn start(language: Language, program: &str) -> Trial {
    let servers = Servers::start_below(PATH).await;
    Trial::with(servers, language, program).await
}

// RFC 8414 §3.1, §5: the path comes after the well-known part, or before it.
#[tokio::test]
async fn clients_find_an_issuer_with_a_path() {
    let (challenge, ways) = ("CHALLENGE", ["oauth2 basic", "oidc basic"]);
    for program in ["oauth4webapi", "openid-client"] {
        let mut library = start(JavaScript, program).await;
        library.gets_tokens(&ways, challenge).await;
    }
    let mut library = start(Rust, "openidconnect").await;
    library.gets_tokens(&["basic"], "invalid_client").await;
    library.takes(&[Algorithm::Es256]).await;
}

#[tokio::test]
async fn an_api_finds_an_issuer_with_a_path() {
    let mut library = start(JavaScript, "express-oauth2-jwt-bearer").await;
    library.takes(&[Algorithm::Es256]).await;
}

#[tokio::test]
async fn agents_find_an_issuer_with_a_path() {
    for (language, program, words) in [
        (JavaScript, "mcp", "InvalidClientError"),
        (Python, "mcp_both", "invalid_client"),
    ] {
        let servers = Servers::start_below(PATH).await;
        let mut sdk = Trial::with_resource(servers, language, program).await;
        sdk.gets_tokens(&["basic"], words).await;
    }
}
