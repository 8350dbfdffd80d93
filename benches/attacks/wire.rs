//! The bytes of requests, and those of answers.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";

/// Asks for a token, and for nothing in particular.
pub const GRANT: &str = "grant_type=client_credentials";

/// A client's id and secret.
#[derive(Clone)]
pub struct Client {
    pub id: String,
    pub secret: String,
}

impl Client {
    /// As it names itself in a header.
    pub fn basic(&self) -> String {
        let halves = format!("{}:{}", self.id, self.secret);
        format!("Basic {}", BASE64_STANDARD.encode(halves))
    }

    /// Sends a form.
    pub fn post(&self, path: &str, form: &str) -> Vec<u8> {
        request("POST", path, &self.basic(), Some((FORM, form)))
    }

    /// Asks for a token.
    pub fn token(&self) -> Vec<u8> {
        self.post("/oauth/token", GRANT)
    }

    /// Asks about a token.
    pub fn introspection(&self, token: &str) -> Vec<u8> {
        self.post("/oauth/introspect", &format!("token={token}"))
    }

    /// The same with another secret.
    pub fn with_secret(&self, secret: impl Into<String>) -> Self {
        Self {
            id: self.id.clone(),
            secret: secret.into(),
        }
    }
}

/// A whole request, with a body of a type.
pub fn request(method: &str, path: &str, who: &str, body: Option<(&str, &str)>) -> Vec<u8> {
    let (kind, body) = body.unzip();
    let kind = kind.map_or(String::new(), |kind| format!("content-type: {kind}\r\n"));
    let body = body.unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: attacks/1.0\r\n\
         authorization: {who}\r\n{kind}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// Whether the server closes the connection after it.
    pub closes: bool,
}

impl Answer {
    /// The answer that `bytes` begin with, when it has come to its end.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let field = |name: &str| {
            head.split("\r\n").find_map(|line| {
                let (own, value) = line.split_once(':')?;
                own.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let body = field("content-length").and_then(|text| text.parse().ok());
        let length = end + 4 + body.unwrap_or(0);
        Some(Self {
            status: head.get(9..12)?.parse().ok()?,
            body: bytes.get(end + 4..length)?.to_vec(),
            closes: field("connection") == Some("close"),
        })
    }

    /// What it says, in a word or two.
    pub fn in_short(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let word = match (&body["error"], &body["code"], &body["active"]) {
            (serde_json::Value::String(error), ..) => error,
            (_, serde_json::Value::String(code), _) => code,
            (.., serde_json::Value::Bool(true)) => "active",
            (.., serde_json::Value::Bool(false)) => "inactive",
            _ => "",
        };
        format!("{} {word}", self.status).trim_end().to_owned()
    }
}
