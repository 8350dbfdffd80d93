//! The MCP SDKs (protocol sections 3 and 4): an agent that is given the URL of an MCP server and a
//! credential, and finds its way from there; and the server, which verifies by our keys.

use serde_json::json;

use super::language::Language;
use super::language::Language::JavaScript;
use super::language::Language::Python;
use super::trial::Servers;
use super::trial::Words;

/// Protected-resource metadata (RFC 9728) leads the agent from a 401 to us; it names the server as
/// the `resource` (RFC 8707), and its token opens the server.
async fn finds_its_way(
    language: Language,
    program: &str,
    ways: &[&str],
    wrong_secret: &str,
    words: &Words,
) {
    let servers = Servers::start().await;
    let mut sdk = servers.run(language, program).await;
    let resource = sdk.ask(&json!({"do": "resource"})).await.unwrap();
    let trial = servers.open(resource.as_str().unwrap()).await;
    trial.gets_tokens(&mut sdk, ways, wrong_secret).await;
    trial.is_verified_by(&mut sdk, words).await;
}

#[tokio::test]
async fn the_javascript_sdk_finds_its_way() {
    let words = Words {
        audience: "unexpected \\\"aud\\\"",
        issuer: "unexpected \\\"iss\\\"",
        expired: "\\\"exp\\\"",
        tampered: "signature verification failed",
    };
    finds_its_way(JavaScript, "mcp", &["basic"], "InvalidClientError", &words).await;
}

#[tokio::test]
async fn the_python_sdk_finds_its_way() {
    let words = Words {
        audience: "InvalidAudienceError",
        issuer: "InvalidIssuerError",
        expired: "ExpiredSignatureError",
        tampered: "InvalidSignatureError",
    };
    let ways = ["basic", "body"];
    finds_its_way(Python, "mcp_both", &ways, "invalid_client", &words).await;
}
