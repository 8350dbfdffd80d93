//! The metadata documents (RFC 8414), the guide for people, and the authorize stub.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Extension;
use axum::response::IntoResponse;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::issuer::Issuer;
use crate::http::edge::AsItIs;
use crate::oauth::metadata;
use crate::oauth::metadata::paths;
use crate::oauth::refusal::Refusal;

use super::jwks::public_document;

/// The document of one issuer, written once.
#[derive(Clone)]
pub struct Document {
    body: Bytes,
    etag: Arc<str>,
}

impl Document {
    /// The document of `issuer`.
    pub fn of(issuer: &Issuer) -> Self {
        let body = metadata::document(issuer);
        let digest = ring::digest::digest(&ring::digest::SHA256, &body);
        let tag = URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16]);
        Self {
            etag: format!("\"{tag}\"").into(),
            body: body.into(),
        }
    }

    /// Answers with it, from memory.
    pub fn get(&self, headers: &HeaderMap) -> Response {
        public_document(headers, &self.etag, self.body.clone())
    }
}

/// `GET /oauth/authorize`: nobody logs in here interactively.
pub async fn authorize() -> Response {
    let refusal = Refusal::UnsupportedResponseType;
    let text = format!("{}: {}\n", refusal.code(), refusal.description());
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::BAD_REQUEST, Extension(AsItIs), plain, text).into_response()
}

/// `GET /`: what this is, for a person who opens the issuer in a browser.
pub fn guide(issuer: &Issuer) -> Response {
    let token = issuer.endpoint(paths::TOKEN);
    let text = format!(
        "Ostler, an OAuth 2.0 authorization server for non-human identities.\n\
         \n\
         Get a token:\n\
         \n  curl -u \"$CLIENT_ID:$CLIENT_SECRET\" -d grant_type=client_credentials {token}\n\
         \n\
         Verify a token: point your framework's OAuth or JWT support at the issuer,\n\
         \n  {issuer}\n\
         \n\
         keys      {jwks}\n\
         metadata  {document}\n\
         active?   POST {introspect}\n\
         revoke    POST {revoke}\n",
        jwks = issuer.endpoint(paths::JWKS),
        document = issuer.endpoint(paths::METADATA),
        introspect = issuer.endpoint(paths::INTROSPECT),
        revoke = issuer.endpoint(paths::REVOKE),
    );
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (plain, text).into_response()
}
