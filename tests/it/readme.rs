//! What the README shows is executed: its programs get and verify real tokens of a real server.

use std::process::Command;

use ostler::clock::Clock;
use ostler::clock::SystemClock;
use serde_json::Value;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::DEPLOY;
use crate::interpreters::Interpreter;

const README: &str = include_str!("../../README.md");

/// The code block of the README that is marked with this name.
pub fn snippet(name: &str) -> &'static str {
    let mark = format!("<!-- snippet: {name} -->\n```");
    let (_, rest) = README.split_once(&mark).expect("the README has it");
    let (_language, rest) = rest.split_once('\n').expect("a code block");
    let (code, _) = rest.split_once("```").expect("the end of the block");
    code
}

/// A server that can be reached under its issuer, at the time of the libraries, and a client of it.
async fn start() -> (TestServer, TestClient) {
    let server = TestServer::with().reachable().start().await;
    server.clock.set(SystemClock.now());
    let ci = server
        .client("ci-deployer", "deploy:read deploy:write")
        .await;
    (server, ci)
}

// RFC 6749 §4.4, RFC 7662 §2.2.
#[tokio::test]
async fn the_shell_snippet_gets_a_token_that_is_active() {
    let (server, ci) = start().await;
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", snippet("token.sh")])
        .env("ISSUER", &server.issuer)
        .env("CLIENT_ID", &ci.id)
        .env("CLIENT_SECRET", &ci.secret)
        .env("NO_PROXY", "127.0.0.1");
    // The server that it talks to lives on this thread.
    let output = tokio::task::spawn_blocking(move || bash.output());
    let output = output.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["active"], true);
    assert_eq!(answer["sub"], ci.account);
}

/// Runs a snippet as a resource server with this audience.
async fn verify(
    name: &str,
    interpreter: Interpreter,
    issuer: &str,
    audience: &str,
    token: &str,
) -> Result<String, String> {
    let variables = [("ISSUER", issuer), ("AUDIENCE", audience), ("TOKEN", token)];
    interpreter.run(snippet(name), &variables, "").await
}

// RFC 9068 §4: protocol section 3: the right token passes, and nothing else does.
async fn accepts_the_right_token_only(name: &str, interpreter: Interpreter) {
    let (server, ci) = start().await;
    let token = ci.token("deploy:read").await;
    let verify = async |audience: &str, token: &str| {
        verify(name, interpreter, &server.issuer, audience, token).await
    };
    let said = verify(DEPLOY, &token).await;
    assert_eq!(said, Ok(format!("{} deploy:read\n", ci.account)));

    let elsewhere = verify("https://wiki.example.com", &token).await;
    assert!(elsewhere.unwrap_err().to_lowercase().contains("aud"));

    let other = ci.token("deploy:write").await;
    let (message, _) = other.rsplit_once('.').unwrap();
    let (_, signature) = token.rsplit_once('.').unwrap();
    let tampered = format!("{message}.{signature}");
    let said = verify(DEPLOY, &tampered).await.unwrap_err();
    assert!(said.to_lowercase().contains("signature"), "{said}");
}

#[tokio::test]
async fn the_python_snippet_accepts_the_right_token_only() {
    accepts_the_right_token_only("verify.py", Interpreter::Python).await;
}

#[tokio::test]
async fn the_node_snippet_accepts_the_right_token_only() {
    accepts_the_right_token_only("verify.mjs", Interpreter::Node).await;
}

// RFC 9068 §4: an expired token is refused by whoever verifies offline.
#[tokio::test]
async fn both_snippets_refuse_an_expired_token() {
    let (server, ci) = start().await;
    let an_hour_ago = server.now() - std::time::Duration::from_hours(1);
    server.clock.set(an_hour_ago);
    let token = ci.token("deploy:read").await;
    for (name, interpreter) in [
        ("verify.py", Interpreter::Python),
        ("verify.mjs", Interpreter::Node),
    ] {
        let said = verify(name, interpreter, &server.issuer, DEPLOY, &token).await;
        let said = said.unwrap_err().to_lowercase();
        assert!(
            said.contains("expired") || said.contains("exp"),
            "{name}: {said}"
        );
    }
}
