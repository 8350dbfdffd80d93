//! The header fields that no answer should be without.
//!
//! They are in a map once. What the endpoints say that forms are posted to is given a copy of it: to put
//! them in one after the other, each looked for first, are 2,500 instructions more.

use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Response;
use axum::http::header;

use crate::telemetry::request_id::RequestId;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The place of an id that is not known yet.
const NO_ID_YET: HeaderValue = HeaderValue::from_static("");

/// The fields of all answers.
pub struct Fields {
    of_all: HeaderMap,
}

impl Fields {
    /// The fields where callers reach us by `https` only, or not.
    pub fn new(https: bool) -> Self {
        let mut of_all = HeaderMap::new();
        let mut add = |name: HeaderName, value: &'static str| {
            of_all.insert(name, HeaderValue::from_static(value));
        };
        add(header::CACHE_CONTROL, "no-store");
        add(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        add(header::REFERRER_POLICY, "no-referrer");
        add(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        );
        if https {
            add(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
        }
        Self { of_all }
    }

    /// All of them beside these, which win, with a place for an id: answers are made of copies.
    pub fn beside(&self, own: &HeaderMap) -> Arc<HeaderMap> {
        let mut all = own.clone();
        all.insert(&X_REQUEST_ID, NO_ID_YET);
        self.add_to(&mut all);
        Arc::new(all)
    }

    /// Gives an answer its id and, unless it was [made of them](Self::beside), the fields that it lacks.
    /// What a handler has said for itself stays.
    pub fn complete(&self, response: &mut Response<Body>, id: RequestId) {
        let headers = response.headers_mut();
        let place = match HeaderValue::from_str(id.as_str()) {
            Ok(id) => headers.insert(&X_REQUEST_ID, id),
            Err(_) => headers.remove(&X_REQUEST_ID),
        };
        if place != Some(NO_ID_YET) {
            self.add_to(headers);
        }
    }

    fn add_to(&self, headers: &mut HeaderMap) {
        headers.reserve(self.of_all.len());
        for (name, value) in &self.of_all {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}
