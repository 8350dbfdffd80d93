//! The bytes of requests, written once, before the clock runs.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// A client's id and secret.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub id: String,
    pub secret: String,
}

/// A whole request.
pub type Request = Arc<[u8]>;

impl Credentials {
    fn basic(&self) -> String {
        BASE64_STANDARD.encode(format!("{}:{}", self.id, self.secret))
    }

    /// Asks for a token.
    pub fn token(&self, path: &str, scope: &str) -> Request {
        self.post(
            path,
            &format!("grant_type=client_credentials&scope={scope}"),
        )
    }

    /// Asks about a token.
    pub fn introspection(&self, token: &str) -> Request {
        self.post("/oauth/introspect", &format!("token={token}"))
    }

    fn post(&self, path: &str, body: &str) -> Request {
        let length = body.len();
        let basic = self.basic();
        let text = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: load/1.0\r\naccept: application/json\r\n\
             authorization: Basic {basic}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        text.into_bytes().into()
    }
}

/// Asks for a public document.
pub fn get(path: &str) -> Request {
    let text = format!(
        "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: load/1.0\r\naccept: application/json\r\n\r\n"
    );
    text.into_bytes().into()
}
