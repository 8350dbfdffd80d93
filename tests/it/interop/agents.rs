//! The MCP SDKs (protocol sections 3 and 4): an agent that is given the URL of an MCP server and a
//! credential, and finds its way from there; and the server, which verifies by our keys.
//!
//! Protected-resource metadata (RFC 9728) leads the agent from a 401 to us; it names the server as
//! the `resource` (RFC 8707), and its token opens the server.

use ostler::domain::signing_key::Algorithm;

use super::language::Language::JavaScript;
use super::language::Language::Python;
use super::trial::Trial;
use super::trial::Words;

#[tokio::test]
async fn the_javascript_sdk_finds_its_way() {
    let mut sdk = Trial::start_with_resource(JavaScript, "mcp").await;
    sdk.gets_tokens(&["basic"], "InvalidClientError").await;
    let words = Words {
        audience: "unexpected \\\"aud\\\"",
        issuer: "unexpected \\\"iss\\\"",
        expired: "\\\"exp\\\"",
        tampered: "signature verification failed",
    };
    sdk.verifies(&words).await;
    sdk.takes(&Algorithm::ALL).await;
}

#[tokio::test]
async fn the_python_sdk_finds_its_way() {
    let mut sdk = Trial::start_with_resource(Python, "mcp_both").await;
    sdk.gets_tokens(&["basic", "body"], "invalid_client").await;
    let words = Words {
        audience: "InvalidAudienceError",
        issuer: "InvalidIssuerError",
        expired: "ExpiredSignatureError",
        tampered: "InvalidSignatureError",
    };
    sdk.verifies(&words).await;
    sdk.takes(&Algorithm::ALL).await;
}
