//! An actor: a script that holds a client id and a secret.

use std::net::SocketAddr;

use serde_json::Value;

use super::Reply;
use super::wire::Request;

/// Somebody who holds a credential.
#[derive(Clone, Debug)]
pub struct TestClient {
    pub(super) address: SocketAddr,
    /// The account's id; its tokens' `sub`.
    pub account: String,
    /// The credential's id.
    pub credential: String,
    /// `client_id`.
    pub id: String,
    /// The secret.
    pub secret: String,
}

impl TestClient {
    /// Who holds this credential of the server that listens here.
    pub fn at(address: SocketAddr, id: &str, secret: &str) -> Self {
        Self {
            address,
            account: String::new(),
            credential: String::new(),
            id: id.to_owned(),
            secret: secret.to_owned(),
        }
    }

    /// The same client at the node that listens here.
    pub fn on(&self, address: SocketAddr) -> Self {
        Self {
            address,
            ..self.clone()
        }
    }

    /// Where its server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same client with another secret.
    pub fn with_secret(&self, secret: &str) -> Self {
        Self {
            secret: secret.to_owned(),
            ..self.clone()
        }
    }

    /// The same client under another id.
    pub fn with_id(&self, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            ..self.clone()
        }
    }

    /// A request to the server, without credentials.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address, method, target)
    }

    /// A form with HTTP Basic, to be posted.
    pub fn form(&self, path: &str, form: &str) -> Request {
        self.request("POST", path)
            .basic(&self.id, &self.secret)
            .form(form)
    }

    /// Posts a form with HTTP Basic.
    pub async fn post(&self, path: &str, form: &str) -> Reply {
        self.form(path, form).send().await
    }

    /// Asks for a token with these further parameters (`scope=read&resource=...`, or nothing).
    pub async fn ask(&self, parameters: &str) -> Reply {
        let separator = if parameters.is_empty() { "" } else { "&" };
        let form = format!("grant_type=client_credentials{separator}{parameters}");
        self.post("/oauth/token", &form).await
    }

    /// A token with these scopes (`""` = whatever is granted).
    #[track_caller]
    pub fn token(&self, scope: &str) -> impl Future<Output = String> {
        let parameters = match scope {
            "" => String::new(),
            scope => format!("scope={}", scope.replace(' ', "+")),
        };
        let client = self.clone();
        async move { client.ask(&parameters).await.access_token() }
    }

    /// Introspects a token.
    pub async fn introspect(&self, token: &str) -> Reply {
        self.post("/oauth/introspect", &format!("token={token}"))
            .await
    }

    /// Whether introspection calls the token active.
    pub async fn sees_active(&self, token: &str) -> bool {
        let reply = self.introspect(token).await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        let answer = reply.json();
        let active = answer["active"].as_bool().expect("a boolean `active`");
        // RFC 7662 §2.2: an inactive answer says nothing else.
        assert!(
            active || answer == serde_json::json!({"active": false}),
            "{answer}"
        );
        active
    }

    /// Revokes a token.
    pub async fn revoke(&self, token: &str) -> Reply {
        self.post("/oauth/revoke", &format!("token={token}")).await
    }
}

impl Reply {
    /// The token of a token response.
    #[track_caller]
    pub fn access_token(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.wire());
        self.json()["access_token"]
            .as_str()
            .expect("an access token")
            .to_owned()
    }
}

/// The JSON of one of the first two parts of a JWT: 0 = header, 1 = claims.
pub fn jwt_part(token: &str, part: usize) -> Value {
    use base64::Engine;
    let text = token.split('.').nth(part).expect("a part");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}
