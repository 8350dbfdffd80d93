//! What every library is put through.

use ostler::domain::signing_key::Algorithm;
use serde_json::Value;
use serde_json::json;

use crate::harness::client::jwt_part;

use super::language::Language;
use super::program::Program;
use super::stage::AUDIENCE;
use super::stage::SCOPE;
use super::stage::Servers;
use super::stage::Stage;

/// A library's own words about what it refuses, each only a part of the sentence.
pub struct Words {
    pub audience: &'static str,
    pub issuer: &'static str,
    pub expired: &'static str,
    pub tampered: &'static str,
}

impl Words {
    /// As [`Stage::wrong_tokens`] has the tokens.
    fn in_order(&self) -> [&'static str; 4] {
        [self.audience, self.issuer, self.expired, self.tampered]
    }
}

/// A library on its stage.
pub struct Trial {
    stage: Stage,
    library: Program,
}

impl Trial {
    /// A library that is told what to ask tokens for or to protect.
    pub async fn start(language: Language, program: &str) -> Self {
        Self::with(Servers::start().await, language, program).await
    }

    /// A library that is told so, on these servers.
    pub async fn with(servers: Servers, language: Language, program: &str) -> Self {
        let library = servers.run(language, program).await;
        let stage = servers.open(AUDIENCE).await;
        Self { stage, library }
    }

    /// A library that protects a resource which it chooses itself.
    pub async fn start_with_resource(language: Language, program: &str) -> Self {
        Self::with_resource(Servers::start().await, language, program).await
    }

    /// A library that does so, on these servers.
    pub async fn with_resource(servers: Servers, language: Language, program: &str) -> Self {
        let mut library = servers.run(language, program).await;
        let resource = library.ask(&json!({"do": "resource"})).await.unwrap();
        let stage = servers.open(resource.as_str().unwrap()).await;
        Self { stage, library }
    }

    /// It gets a token in each of its ways; of a wrong secret it says this.
    // RFC 6749 §2.3.1, §4.4, §5.2; RFC 8707 §2.
    pub async fn gets_tokens(&mut self, ways: &[&str], wrong_secret: &str) {
        for way in ways {
            let token = self.asks_for_a_token(way, &json!({})).await;
            let token = token.unwrap_or_else(|words| panic!("{way}: {words}"));
            let token = token.as_str().expect("a token");
            let claims = jwt_part(token, 1);
            assert_eq!(claims["sub"], self.stage.ci.account, "{way}");
            assert_eq!(claims["aud"], self.stage.audience, "{way}");
            assert_eq!(claims["scope"], SCOPE, "{way}");
            assert!(self.stage.ci.sees_active(token).await, "{way}");

            let wrong = json!({"client_secret": "ostler_cs_wrong"});
            let said = self.asks_for_a_token(way, &wrong).await.expect_err(way);
            assert!(said.contains(wrong_secret), "{way}: {said}");
        }
    }

    /// It understands why there is no token for what it asks.
    // RFC 6749 §5.2, RFC 8707 §2.
    pub async fn is_told_why(&mut self, way: &str) {
        for (wrong, code) in [
            (json!({"scope": "tools:break"}), "invalid_scope"),
            (json!({"resource": "urn:unheard-of"}), "invalid_target"),
        ] {
            let said = self.asks_for_a_token(way, &wrong).await.expect_err(code);
            assert!(said.contains(code), "{said}");
        }
    }

    async fn asks_for_a_token(&mut self, way: &str, instead: &Value) -> Result<Value, String> {
        let usual = json!({"way": way, "scope": SCOPE, "resource": self.stage.audience});
        self.acts("token", &merged(usual, instead)).await
    }

    /// It asks the server about tokens: ours are active, under every key; no other is.
    // RFC 7662 §2.2.
    pub async fn introspects(&mut self) {
        let old = self.stage.token().await;
        self.sees_active(&old).await;
        for token in self.stage.wrong_tokens.clone() {
            assert_eq!(self.introspected(&token).await, json!({"active": false}));
        }
        let new = self.stage.signed_by_a_new_key().await;
        self.sees_active(&new).await;
        self.sees_active(&old).await;
    }

    async fn sees_active(&mut self, token: &str) {
        let (answer, claims) = (self.introspected(token).await, jwt_part(token, 1));
        assert_eq!(answer["active"], true, "{answer}");
        for name in ["sub", "client_id", "aud", "iss", "exp", "iat", "scope"] {
            assert_eq!(answer[name], claims[name], "{name}");
        }
    }

    async fn introspected(&mut self, token: &str) -> Value {
        let about = json!({"token": token});
        self.acts("introspect", &about).await.unwrap()
    }

    /// It takes a token back.
    // RFC 7009 §2.1.
    pub async fn revokes(&mut self) {
        let token = self.stage.token().await;
        assert!(self.stage.ci.sees_active(&token).await);
        let revoked = self.acts("revoke", &json!({"token": token})).await;
        assert_eq!(revoked, Ok(json!(true)));
        assert!(!self.stage.ci.sees_active(&token).await);
    }

    /// It knows our tokens from others by our keys, which it keeps, and across a change of keys.
    // RFC 9068 §4, RFC 7517 §5.
    pub async fn verifies(&mut self, words: &Words) {
        let old = self.stage.token().await;
        self.accepts(&old).await;
        let fetched = self.stage.fetches().await;
        let wrong = self.stage.wrong_tokens.clone();
        for (token, expected) in wrong.iter().zip(words.in_order()) {
            let said = self.verified(token).await.expect_err(expected);
            assert!(said.contains(expected), "{said:?} is not {expected:?}");
        }
        assert_eq!(self.stage.fetches().await, fetched, "it keeps the keys");

        let new = self.stage.signed_by_a_new_key().await;
        // Libraries look for an unknown key at most once in 30 to 60 seconds.
        let later = json!({"do": "later", "seconds": 61});
        self.library.ask(&later).await.unwrap();
        self.accepts(&new).await;
        assert_eq!(self.stage.fetches().await, fetched + 1, "it looks again");
        self.accepts(&old).await;
        assert_eq!(self.stage.fetches().await, fetched + 1);
    }

    /// It takes tokens in these algorithms.
    // RFC 7518 §3.1, RFC 8037 §3.1.
    pub async fn takes(&mut self, algorithms: &[Algorithm]) {
        for algorithm in algorithms {
            let token = self.stage.signed_by(*algorithm).await;
            self.accepts(&token).await;
        }
    }

    async fn accepts(&mut self, token: &str) {
        let subject = json!(self.stage.ci.account);
        assert_eq!(self.verified(token).await, Ok(subject));
    }

    /// Whose token it is, or why it is none.
    async fn verified(&mut self, token: &str) -> Result<Value, String> {
        let wish = json!({"do": "verify", "token": token});
        self.library.ask(&wish).await
    }

    /// It does something with its credential.
    async fn acts(&mut self, action: &str, wish: &Value) -> Result<Value, String> {
        let (id, secret) = (&self.stage.ci.id, &self.stage.ci.secret);
        let usual = json!({"do": action, "client_id": id, "client_secret": secret});
        self.library.ask(&merged(usual, wish)).await
    }
}

/// An object with the members of another one, which count.
fn merged(mut object: Value, other: &Value) -> Value {
    for (name, value) in other.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}
