//! The OAuth endpoints: one file per endpoint.

pub mod direct;
pub mod introspect;
pub mod jwks;
pub mod metadata;
pub mod request;
pub mod revoke;
pub mod token;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::header;
use axum::routing::MethodRouter;
use axum::routing::get;
use axum::routing::post;

use crate::app::App;
use crate::oauth::metadata::document_paths;
use crate::oauth::metadata::paths;

use metadata::Document;

/// What must not be kept by anybody on the way: tokens and what is said about them
/// (RFC 6749 section 5.1).
pub(super) const UNCACHED: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
];

/// The endpoints, below the issuer's path and also without it: a proxy may cut it off or not.
pub fn router(app: &App) -> Router {
    let issuer = &app.config.server.issuer;
    let mut router = endpoints(app);
    if !issuer.path().is_empty() {
        // As the metadata says it, with a slash: what is nested has `/` without one.
        let guide = format!("{}{}", issuer.path(), paths::GUIDE);
        let nested = router.nest(issuer.path(), endpoints(app));
        router = nested.route(&guide, guide_of(app));
    }
    let document = Document::of(issuer);
    for path in document_paths(issuer) {
        let document = document.clone();
        let answer = get(async move |headers: HeaderMap| document.get(&headers));
        router = router.route(&path, answer);
    }
    router
}

fn endpoints(app: &App) -> Router {
    let mut router = Router::new()
        .route(paths::TOKEN, post(token::post))
        .route(paths::INTROSPECT, post(introspect::post))
        .route(paths::REVOKE, post(revoke::post))
        .route(paths::JWKS, get(jwks::get))
        .route(paths::AUTHORIZE, get(metadata::authorize))
        .route(paths::GUIDE, guide_of(app));
    if app.config.server.atlassian_path {
        router = router.route(paths::ATLASSIAN_TOKEN, post(token::post));
    }
    router.with_state(app.clone())
}

fn guide_of<S: Clone + Send + Sync + 'static>(app: &App) -> MethodRouter<S> {
    let issuer = app.config.server.issuer.clone();
    get(async move || metadata::guide(&issuer))
}
