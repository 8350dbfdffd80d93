//! `GET /.well-known/jwks.json`: the public keys (RFC 7517), served from memory.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::app::App;

/// How long verifiers may keep the set. A new key is published for longer than this before it signs.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Answers with the set, or with 304 to who has it already.
pub async fn get(State(app): State<App>, headers: HeaderMap) -> Response {
    let jwks = app.key_ring.jwks();
    public_document(&headers, &jwks.etag, jwks.body.clone())
}

/// A JSON document that is the same for everybody and may be kept for a while.
pub(super) fn public_document(
    request: &HeaderMap,
    etag: &str,
    body: impl Into<axum::body::Body>,
) -> Response {
    let shared = [
        (header::CACHE_CONTROL, CACHE_CONTROL),
        (header::ETAG, etag),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    if has_already(request, etag) {
        return (StatusCode::NOT_MODIFIED, shared).into_response();
    }
    let json = [(header::CONTENT_TYPE, "application/json")];
    (shared, json, body.into()).into_response()
}

/// Whether `If-None-Match` names `etag` (RFC 9110 section 13.1.2; the comparison is the weak one).
fn has_already(request: &HeaderMap, etag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag == etag)
}
