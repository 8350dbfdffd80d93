//! What every library is put through.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler::clock::Clock;
use ostler::clock::SystemClock;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::client::jwt_part;

use super::language::Language;
use super::program::Program;

/// The API that a library asks tokens for or protects, where it does not choose one itself.
pub const AUDIENCE: &str = "https://interop.example.com";

/// What clients ask for; they may have [`MORE`] too.
pub const SCOPE: &str = "tools:call";
const MORE: &str = "tools:call tools:list";

/// A library's own words about what it refuses, each only a part of the sentence.
pub struct Words {
    pub audience: &'static str,
    pub issuer: &'static str,
    pub expired: &'static str,
    pub tampered: &'static str,
}

/// A server under the issuer where it is reached, and its twin: another issuer with the same keys.
pub struct Servers {
    server: TestServer,
    twin: TestServer,
}

impl Servers {
    /// Both, at the time of the libraries.
    pub async fn start() -> Self {
        let server = TestServer::with().reachable().start().await;
        let twin = TestServer::with()
            .issuer("http://127.0.0.1:1")
            .start()
            .await;
        for each in [&server, &twin] {
            each.clock.set(SystemClock.now());
        }
        Self { server, twin }
    }

    /// Runs a program, which is told the issuer and [`AUDIENCE`].
    pub async fn run(&self, language: Language, program: &str) -> Program {
        let (issuer, program) = (self.server.issuer.clone(), program.to_owned());
        let start = tokio::task::spawn_blocking(move || {
            let mut command = language.command(&program);
            command.env("ISSUER", issuer).env("AUDIENCE", AUDIENCE);
            Program::start(command)
        });
        start.await.expect("it starts")
    }

    /// With an API of this audience at both, and an API of another one.
    pub async fn open(self, audience: &str) -> Trial {
        let Self { server, twin } = self;
        Trial {
            ci: client(&server, "interop", audience).await,
            elsewhere: client(&server, "elsewhere", "https://elsewhere.example.com").await,
            of_twin: client(&twin, "interop", audience).await,
            audience: audience.to_owned(),
            server,
            _twin: twin,
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
    server
        .client_with(&format!("client-of-{api}"), access)
        .await
}

/// A running server, an API at it, and everybody who holds tokens for it or for something like it.
pub struct Trial {
    server: TestServer,
    audience: String,
    /// Who the libraries are.
    ci: TestClient,
    elsewhere: TestClient,
    of_twin: TestClient,
    _twin: TestServer,
}

impl Trial {
    /// A trial and a program for it, with [`AUDIENCE`].
    pub async fn start(language: Language, program: &str) -> (Self, Program) {
        let servers = Servers::start().await;
        let program = servers.run(language, program).await;
        (servers.open(AUDIENCE).await, program)
    }

    /// A wish of the client's.
    fn wish(&self, action: &str, more: &Value) -> Value {
        let mut wish = json!({
            "do": action,
            "client_id": self.ci.id,
            "client_secret": self.ci.secret,
        });
        for (name, value) in more.as_object().unwrap() {
            wish[name] = value.clone();
        }
        wish
    }

    async fn asked_for_a_token(
        &self,
        client: &mut Program,
        way: &str,
        more: &Value,
    ) -> Result<Value, String> {
        let mut wish = json!({"way": way, "scope": SCOPE, "resource": self.audience});
        for (name, value) in more.as_object().unwrap() {
            wish[name] = value.clone();
        }
        client.ask(&self.wish("token", &wish)).await
    }

    /// The client gets a token in each of its ways; of a wrong secret it says this.
    // RFC 6749 §2.3.1, §4.4, §5.2; RFC 8707 §2.
    pub async fn gets_tokens(&self, client: &mut Program, ways: &[&str], wrong_secret: &str) {
        for way in ways {
            let token = self.asked_for_a_token(client, way, &json!({})).await;
            let token = token.unwrap_or_else(|words| panic!("{way}: {words}"));
            let token = token.as_str().expect("a token");
            let claims = jwt_part(token, 1);
            assert_eq!(claims["sub"], self.ci.account, "{way}");
            assert_eq!(claims["aud"], self.audience, "{way}");
            assert_eq!(claims["scope"], SCOPE, "{way}");
            assert!(self.ci.sees_active(token).await, "{way}");

            let wrong = json!({"client_secret": "ostler_cs_wrong"});
            let refused = self.asked_for_a_token(client, way, &wrong).await;
            let words = refused.expect_err(way);
            assert!(words.contains(wrong_secret), "{way}: {words}");
        }
    }

    /// The client understands why there is no token for what it asks.
    // RFC 6749 §5.2, RFC 8707 §2.
    pub async fn is_told_why(&self, client: &mut Program, way: &str) {
        for (wrong, code) in [
            (json!({"scope": "tools:break"}), "invalid_scope"),
            (json!({"resource": "urn:unheard-of"}), "invalid_target"),
        ] {
            let refused = self.asked_for_a_token(client, way, &wrong).await;
            let words = refused.expect_err(code);
            assert!(words.contains(code), "{words}");
        }
    }

    /// The client introspects and revokes.
    // RFC 7662 §2.2, RFC 7009 §2.1.
    pub async fn introspects_and_revokes(&self, client: &mut Program) {
        let token = self.ci.token(SCOPE).await;
        let about = json!({"token": token});
        let answer = client.ask(&self.wish("introspect", &about)).await.unwrap();
        let claims = jwt_part(&token, 1);
        assert_eq!(answer["active"], true, "{answer}");
        for name in ["sub", "client_id", "aud", "iss", "exp", "iat", "scope"] {
            assert_eq!(answer[name], claims[name], "{name}");
        }
        let revoked = client.ask(&self.wish("revoke", &about)).await;
        assert_eq!(revoked, Ok(json!(true)));
        let answer = client.ask(&self.wish("introspect", &about)).await.unwrap();
        assert_eq!(answer, json!({"active": false}));
    }

    /// The client takes a token back.
    // RFC 7009 §2.1.
    pub async fn revokes(&self, client: &mut Program) {
        let token = self.ci.token(SCOPE).await;
        assert!(self.ci.sees_active(&token).await);
        let wish = self.wish("revoke", &json!({"token": token}));
        assert_eq!(client.ask(&wish).await, Ok(json!(true)));
        assert!(!self.ci.sees_active(&token).await);
    }

    /// The API knows our tokens from others', before, during and after a change of keys.
    // RFC 9068 §4, RFC 7517 §5.
    pub async fn is_verified_by(&self, api: &mut Program, words: &Words) {
        let old = self.ci.token(SCOPE).await;
        self.accepts(api, &old).await;
        let fetched = self.fetches().await;
        for (wrong, expected) in [
            (self.for_another_audience().await, words.audience),
            (self.of_another_issuer().await, words.issuer),
            (self.expired().await, words.expired),
            (self.tampered().await, words.tampered),
        ] {
            let said = verify(api, &wrong).await.expect_err(expected);
            assert!(said.contains(expected), "{said:?} is not {expected:?}");
        }
        assert_eq!(self.fetches().await, fetched, "it holds on to its keys");

        let new = self.signed_by_a_new_key(&old).await;
        // Libraries look for an unknown key at most once in 30 to 60 seconds.
        api.ask(&json!({"do": "later", "seconds": 61}))
            .await
            .unwrap();
        self.accepts(api, &new).await;
        assert_eq!(self.fetches().await, fetched + 1, "it looked for the key");
        self.accepts(api, &old).await;
        assert_eq!(self.fetches().await, fetched + 1);
    }

    async fn accepts(&self, api: &mut Program, token: &str) {
        assert_eq!(verify(api, token).await, Ok(json!(self.ci.account)));
    }

    /// How often somebody has fetched the keys.
    async fn fetches(&self) -> usize {
        let metrics = self.server.manage("/metrics").await;
        let series = "ostler_http_requests_total{route=\"jwks\",status=\"2xx\"} ";
        let mut values = metrics
            .text()
            .lines()
            .filter_map(|l| l.strip_prefix(series));
        values.next().expect("the series").parse().unwrap()
    }

    async fn for_another_audience(&self) -> String {
        self.elsewhere.token(SCOPE).await
    }

    /// As good as ours, but for its issuer: even the key is the same.
    async fn of_another_issuer(&self) -> String {
        let (theirs, ours) = (self.of_twin.token(SCOPE).await, self.ci.token(SCOPE).await);
        assert_eq!(jwt_part(&theirs, 0), jwt_part(&ours, 0));
        assert_eq!(jwt_part(&theirs, 1)["aud"], jwt_part(&ours, 1)["aud"]);
        theirs
    }

    async fn expired(&self) -> String {
        let now = self.server.now();
        self.server.clock.set(now - Duration::from_hours(1));
        let token = self.ci.token(SCOPE).await;
        self.server.clock.set(now);
        token
    }

    /// With more scope than was signed.
    async fn tampered(&self) -> String {
        let token = self.ci.token(SCOPE).await;
        let mut claims = jwt_part(&token, 1);
        claims["scope"] = json!(MORE);
        let parts: Vec<_> = token.split('.').collect();
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("{}.{claims}.{}", parts[0], parts[2])
    }

    /// A token after a change of keys that nobody was told of.
    async fn signed_by_a_new_key(&self, old: &str) -> String {
        let alg = jwt_part(old, 0)["alg"].clone();
        let key = self.server.create("/keys", json!({"alg": alg})).await;
        let activate = format!("/keys/{}/activate", key["kid"].as_str().unwrap());
        self.server.act(&activate, json!({"force": true})).await;
        let token = self.ci.token(SCOPE).await;
        assert_eq!(jwt_part(&token, 0)["kid"], key["kid"]);
        token
    }
}

/// Whose token it is, or why it is none.
async fn verify(api: &mut Program, token: &str) -> Result<Value, String> {
    api.ask(&json!({"do": "verify", "token": token})).await
}
