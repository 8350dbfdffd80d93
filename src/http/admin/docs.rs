//! `GET /docs`: the [OpenAPI document](super::openapi) for people, as one page.
//!
//! The page is written here and loads nothing, not even from this server: its style is in it, and it
//! has no script. So its policy allows that one style and forbids everything else.

mod page;
mod words;

use std::sync::Arc;
use std::sync::OnceLock;

use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::openapi::Document;
use super::operation::open_action;
use super::routes::Routes;

/// All style that there is.
const STYLE: &str = include_str!("docs/style.css");

/// Registers the page of a document.
pub(super) fn routes(document: &Document, routes: Routes) -> Routes {
    let operation = open_action("openapi.read_page", "Read this document as a page");
    let (document, page) = (document.clone(), Page::default());
    routes.get(
        "/docs",
        async move || page.get(&document),
        operation.serves("text/html"),
    )
}

/// The page, written when it is first asked for.
#[derive(Clone, Default)]
struct Page(Arc<OnceLock<Bytes>>);

impl Page {
    fn get(&self, document: &Document) -> Response {
        let written = self
            .0
            .get_or_init(|| Bytes::from(page::write(&document.to_json(), STYLE)));
        let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
        let mut response = (html, written.clone()).into_response();
        if let Ok(policy) = HeaderValue::try_from(policy()) {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// What the page may do: look as its one style says. It is named by its digest.
fn policy() -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
    let style = STANDARD.encode(digest);
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'none'; \
         frame-ancestors 'none'; base-uri 'none'"
    )
}
