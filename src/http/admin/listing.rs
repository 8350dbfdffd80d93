//! How a list is answered, and a thing that was made.

use axum::Json;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::page::Listing;

/// A part of a list.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "{T}List")]
pub(super) struct ListBody<T> {
    items: Vec<T>,
    /// Where the list goes on; `null` at its end.
    next_cursor: Option<String>,
}

/// A list as it is answered.
pub(super) fn listed<T, Body: From<T>>(listing: Listing<T>) -> Json<ListBody<Body>> {
    let Listing { items, next_cursor } = listing.map(Body::from);
    Json(ListBody { items, next_cursor })
}

/// A thing that was made, as it is answered.
pub(super) fn created<T, Body: From<T>>(made: T) -> (StatusCode, Json<Body>) {
    (StatusCode::CREATED, Json(Body::from(made)))
}
