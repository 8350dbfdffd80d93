//! The ground of a trial: a server, an API, who holds tokens for it, and tokens that only look so.

use std::panic;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler::clock::Clock;
use ostler::clock::SystemClock;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::token::TokenTyp;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::client::jwt_part;

use super::language::Language;
use super::program::Program;

/// The API that a library asks tokens for or protects, where it does not choose one itself.
pub const AUDIENCE: &str = "https://interop.example.com";

/// What tokens are for; everybody may have [`MORE`].
pub const SCOPE: &str = "tools:call";
const MORE: &str = "tools:call tools:list";

/// A server under the issuer where it is reached, and its twin: another issuer with the same keys.
pub struct Servers {
    server: TestServer,
    twin: TestServer,
}

impl Servers {
    /// Both, at the time of the libraries.
    pub async fn start() -> Self {
        Self::start_below("").await
    }

    /// Both, the first with a path in its issuer.
    pub async fn start_below(path: &str) -> Self {
        let server = TestServer::with().reachable_below(path).start().await;
        let twin = TestServer::with().issuer("http://127.0.0.1:1");
        let twin = twin.start().await;
        for each in [&server, &twin] {
            each.clock.set(SystemClock.now());
        }
        Self { server, twin }
    }

    /// Runs a program, which is told the issuer and [`AUDIENCE`].
    pub async fn run(&self, language: Language, program: &str) -> Program {
        let (issuer, program) = (self.server.issuer.clone(), program.to_owned());
        // The server has to go on: the program asks it for its metadata at once.
        let start = tokio::task::spawn_blocking(move || {
            let mut command = language.command(&program);
            command.env("ISSUER", issuer).env("AUDIENCE", AUDIENCE);
            Program::start(command)
        });
        start
            .await
            .unwrap_or_else(|error| panic::resume_unwind(error.into_panic()))
    }

    /// With an API of this audience at both, and an API of another one.
    pub async fn open(self, audience: &str) -> Stage {
        let Self { server, twin } = self;
        let ci = client(&server, "interop", audience).await;
        let elsewhere = client(&server, "elsewhere", "https://elsewhere.example.com").await;
        let wrong_tokens = [
            elsewhere.token(SCOPE).await,
            of_another_issuer(&client(&twin, "interop", audience).await, &ci).await,
            expired(&server, &ci).await,
            tampered(&ci.token(SCOPE).await),
        ];
        let audience = audience.to_owned();
        Stage {
            server,
            audience,
            ci,
            wrong_tokens,
        }
    }
}

/// A client of a new API.
async fn client(server: &TestServer, api: &str, audience: &str) -> TestClient {
    let scopes: Vec<_> = MORE.split(' ').collect();
    let named: Vec<_> = scopes.iter().map(|name| json!({"name": name})).collect();
    let body = json!({"name": api, "audience": audience, "scopes": named});
    server.create("/organizations/default/apis", body).await;
    let access = json!([{"api": api, "scopes": scopes, "resources": {}}]);
    let name = format!("client-of-{api}");
    server.client_with(&name, access).await
}

/// As good as ours, but for its issuer: even the key is the same.
async fn of_another_issuer(theirs: &TestClient, ours: &TestClient) -> String {
    let (theirs, ours) = (theirs.token(SCOPE).await, ours.token(SCOPE).await);
    assert_eq!(jwt_part(&theirs, 0), jwt_part(&ours, 0));
    assert_eq!(jwt_part(&theirs, 1)["aud"], jwt_part(&ours, 1)["aud"]);
    theirs
}

/// Good until three quarters of an hour ago.
async fn expired(server: &TestServer, ci: &TestClient) -> String {
    let now = server.now();
    server.clock.set(now - Duration::from_hours(1));
    let token = ci.token(SCOPE).await;
    server.clock.set(now);
    token
}

/// With more scope than was signed.
fn tampered(token: &str) -> String {
    let mut claims = jwt_part(token, 1);
    claims["scope"] = json!(MORE);
    let parts: Vec<_> = token.split('.').collect();
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{}.{claims}.{}", parts[0], parts[2])
}

/// A running server, an API at it, and a client of it.
pub struct Stage {
    server: TestServer,
    /// The API's.
    pub audience: String,
    /// Whose credential the libraries use.
    pub ci: TestClient,
    /// Tokens that are no good: for another audience, of another issuer, expired, tampered with.
    pub wrong_tokens: [String; 4],
}

impl Stage {
    /// A good token.
    pub async fn token(&self) -> String {
        self.ci.token(SCOPE).await
    }

    /// A good token after a change of keys that nobody was told of.
    pub async fn signed_by_a_new_key(&self) -> String {
        let key = self.server.create("/keys", json!({"alg": "ES256"})).await;
        let activate = format!("/keys/{}/activate", key["kid"].as_str().unwrap());
        self.server.act(&activate, json!({"force": true})).await;
        let token = self.token().await;
        assert_eq!(jwt_part(&token, 0)["kid"], key["kid"]);
        token
    }

    /// A good token in another algorithm than the API's: an API keeps the one it was made with, so
    /// the server's own keys sign the claims of an issued token once more.
    pub async fn signed_by(&self, algorithm: Algorithm) -> String {
        let (server, keys) = (&self.server, &self.server.app.key_ring);
        let issued = keys.verify(&self.token().await, &server.issuer, server.now());
        let issued = issued.unwrap();
        let again = keys.sign(TokenTyp::AtJwt, algorithm, issued.claims());
        again.await.unwrap().into_string()
    }

    /// How often somebody has fetched the keys.
    pub async fn fetches(&self) -> usize {
        let metrics = self.server.manage("/metrics").await;
        let series = "ostler_http_requests_total{route=\"jwks\",status=\"2xx\"} ";
        let mut values = metrics
            .text()
            .lines()
            .filter_map(|l| l.strip_prefix(series));
        values.next().expect("the series").parse().unwrap()
    }
}
