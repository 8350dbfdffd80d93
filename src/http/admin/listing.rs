//! How a list is answered, a thing, and a thing that was made. A thing comes with its version, for
//! those who want to change that one and no other (`ETag`, [RFC 9110 §8.8.3]).
//!
//! [RFC 9110 §8.8.3]: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3

use axum::Json;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::page::Listing;
use crate::domain::version::Versioned;

/// A part of a list.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "{T}List")]
pub(super) struct ListBody<T> {
    items: Vec<T>,
    /// Where the list goes on; `null` at its end.
    next_cursor: Option<String>,
}

/// The header field with a thing's version.
type ETag = Option<[(HeaderName, HeaderValue); 1]>;

/// A list as it is answered.
pub(super) fn listed<T, Body: From<T>>(listing: Listing<T>) -> Json<ListBody<Body>> {
    let Listing { items, next_cursor } = listing.map(Body::from);
    Json(ListBody { items, next_cursor })
}

/// A thing as it is answered.
pub(super) fn shown<T: Versioned, Body: From<T>>(thing: T) -> (ETag, Json<Body>) {
    (etag(&thing), Json(Body::from(thing)))
}

/// A thing that was made, as it is answered.
pub(super) fn created<T: Versioned, Body: From<T>>(made: T) -> (StatusCode, ETag, Json<Body>) {
    (StatusCode::CREATED, etag(&made), Json(Body::from(made)))
}

fn etag(thing: &impl Versioned) -> ETag {
    let tag = HeaderValue::try_from(thing.tag().to_string()).ok()?;
    Some([(header::ETAG, tag)])
}
