//! The floor: what it takes a bare axum server to answer the same requests.
//!
//! It reads the request, finds the client in a map, checks an HMAC of the secret, and makes an
//! answer of the same size, with a fresh signature by the same key and library; or hashes a token
//! and looks it up; or verifies its signature. It has no throttle, no usage, no metrics, no request
//! ids, no limits, no revocation, no state at all, and is no authorization server.

mod keys;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::RwLock;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use axum::serve::ListenerExt;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::prelude::BASE64_STANDARD;
use ostler::clock::Clock;
use ostler::clock::SystemClock;
use ring::digest;
use ring::hmac;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use serde::Deserialize;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::requests::Credentials;
use keys::Key;

/// Starts this program as the floor; the next argument is the file of [`Plan`].
pub const ARGUMENT: &str = "serve-the-floor";

/// What the floor is told, as JSON.
#[derive(Deserialize, Serialize)]
pub struct Plan {
    pub listen: SocketAddr,
    pub clients: Vec<Client>,
    /// What is made for the clients of each signing algorithm.
    pub issued: Vec<Issued>,
    pub introspection_answer: String,
    pub jwks: String,
}

/// A client, which gets tokens of `issued[issued]`.
#[derive(Deserialize, Serialize)]
pub struct Client {
    pub id: String,
    pub secret: String,
    pub issued: usize,
}

impl Client {
    pub fn new(credentials: Credentials, issued: usize) -> Self {
        Self {
            id: credentials.id,
            secret: credentials.secret,
            issued,
        }
    }
}

/// A key, and an answer of the real server that was made with it.
#[derive(Deserialize, Serialize)]
pub struct Issued {
    pub key_file: String,
    pub answer: String,
}

/// Serves until it is killed.
pub fn main() -> ExitCode {
    let plan = std::env::args().nth(2).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match runtime.block_on(serve(Path::new(&plan))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(plan: &Path) -> io::Result<()> {
    let plan: Plan = serde_json::from_slice(&std::fs::read(plan)?)?;
    let listener = TcpListener::bind(plan.listen).await?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let router = Router::new()
        .route("/oauth/token", post(token))
        .route("/oauth/introspect", post(introspect))
        .route("/.well-known/jwks.json", get(jwks))
        .with_state(Arc::new(Floor::new(plan)?));
    axum::serve(listener, router).await
}

struct Floor {
    pepper: hmac::Key,
    clients: HashMap<String, (hmac::Tag, usize)>,
    makers: Vec<Maker>,
    seen: RwLock<HashMap<[u8; 32], Bytes>>,
    introspection_answer: Bytes,
    jwks: Bytes,
}

impl Floor {
    fn new(plan: Plan) -> io::Result<Self> {
        let pepper = hmac::Key::new(hmac::HMAC_SHA256, b"the pepper of the floor");
        let clients = plan.clients.into_iter().map(|client| {
            let tag = hmac::sign(&pepper, client.secret.as_bytes());
            (client.id, (tag, client.issued))
        });
        Ok(Self {
            clients: clients.collect(),
            makers: plan
                .issued
                .iter()
                .map(Maker::new)
                .collect::<io::Result<_>>()?,
            seen: RwLock::default(),
            introspection_answer: plan.introspection_answer.into(),
            jwks: plan.jwks.into(),
            pepper,
        })
    }

    /// What the client that the header proves is given.
    fn client(&self, headers: &HeaderMap) -> Option<usize> {
        let value = headers.get(header::AUTHORIZATION)?.as_bytes();
        let pair = BASE64_STANDARD
            .decode(value.strip_prefix(b"Basic ")?)
            .ok()?;
        let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        let (tag, issued) = self.clients.get(id)?;
        hmac::verify(&self.pepper, secret.as_bytes(), tag.as_ref()).ok()?;
        Some(*issued)
    }

    fn introspect(&self, token: &str) -> Option<Bytes> {
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(answer) = self.seen.read().ok()?.get(&digest) {
            return Some(answer.clone());
        }
        self.makers.iter().find(|maker| maker.made(token))?;
        let answer = Bytes::copy_from_slice(&self.introspection_answer);
        self.seen.write().ok()?.insert(digest, answer.clone());
        Some(answer)
    }
}

/// Makes answers like one that the real server gave: the same texts around a fresh `iat`, `exp`,
/// `jti` and signature.
struct Maker {
    key: Key,
    header: String,
    claims_before: String,
    claims_after: String,
    answer_after: String,
}

impl Maker {
    fn new(issued: &Issued) -> io::Result<Self> {
        let strange = || io::Error::other(format!("not a token answer: {}", issued.answer));
        let rest = issued.answer.strip_prefix("{\"access_token\":\"");
        let (token, after) = rest
            .and_then(|rest| rest.split_once('"'))
            .ok_or_else(strange)?;
        let mut parts = token.split('.');
        let (header, claims) = parts.next().zip(parts.next()).ok_or_else(strange)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(io::Error::other)?;
        let claims = String::from_utf8(claims).map_err(io::Error::other)?;
        let (before, rest) = claims.split_once("\"iat\":").ok_or_else(strange)?;
        let (_, rest) = rest.split_once("\"jti\":\"").ok_or_else(strange)?;
        let (_, after_jti) = rest.split_once('"').ok_or_else(strange)?;
        Ok(Self {
            key: Key::read(Path::new(&issued.key_file))?,
            header: format!("{header}."),
            claims_before: before.to_owned(),
            claims_after: after_jti.to_owned(),
            answer_after: after.to_owned(),
        })
    }

    fn make(&self) -> Option<String> {
        let iat = SystemClock.now().as_second();
        let exp = iat + 900;
        let mut id = [0; 16];
        SystemRandom::new().fill(&mut id).ok()?;
        let (before, after) = (&self.claims_before, &self.claims_after);
        let id = URL_SAFE_NO_PAD.encode(id);
        let claims = format!("{before}\"iat\":{iat},\"exp\":{exp},\"jti\":\"{id}\"{after}");

        let mut answer = String::with_capacity(2 * claims.len() + 1024);
        answer.push_str("{\"access_token\":\"");
        let start = answer.len();
        answer.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(&claims, &mut answer);
        let signature = self.key.sign(&answer.as_bytes()[start..])?;
        answer.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut answer);
        answer.push('"');
        answer.push_str(&self.answer_after);
        Some(answer)
    }

    /// Whether its key signed the token.
    fn made(&self, token: &str) -> bool {
        let Some((signed, signature)) = token.rsplit_once('.') else {
            return false;
        };
        let signature = URL_SAFE_NO_PAD.decode(signature);
        signed.starts_with(&self.header)
            && signature.is_ok_and(|signature| self.key.verifies(signed.as_bytes(), &signature))
    }
}

async fn token(State(floor): State<Arc<Floor>>, headers: HeaderMap, _body: Bytes) -> Response {
    let made = floor
        .client(&headers)
        .and_then(|issued| floor.makers[issued].make());
    answered(made)
}

async fn introspect(State(floor): State<Arc<Floor>>, headers: HeaderMap, body: Bytes) -> Response {
    let token = body
        .strip_prefix(b"token=")
        .and_then(|token| std::str::from_utf8(token).ok());
    let client = floor.client(&headers);
    answered(
        client
            .zip(token)
            .and_then(|(_, token)| floor.introspect(token)),
    )
}

async fn jwks(State(floor): State<Arc<Floor>>) -> Response {
    answered(Some(floor.jwks.clone()))
}

fn answered(body: Option<impl IntoResponse>) -> Response {
    let json = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    match body {
        Some(body) => (json, body).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// Which of these files holds the key that made the token of this answer: its name is the `kid`.
pub fn key_of(answer: &str, files: &[std::path::PathBuf]) -> Option<String> {
    let token = answer.strip_prefix("{\"access_token\":\"")?;
    let header = URL_SAFE_NO_PAD.decode(token.split_once('.')?.0).ok()?;
    let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
    let kid = header["kid"].as_str()?;
    let file = files
        .iter()
        .find(|file| file.file_stem().is_some_and(|stem| stem == kid))?;
    Some(file.to_str()?.to_owned())
}
