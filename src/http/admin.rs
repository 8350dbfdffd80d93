//! The admin API, `/admin/v1`: one file per resource, named for its path.
//!
//! A handler extracts, calls and responds. [`call::Call`] is who calls and what they sent; the rules
//! are in [`crate::app`], and [`problem`] says how a refusal is answered.

mod access;
mod accounts;
mod apis;
mod call;
mod credentials;
mod fields;
mod json;
mod keys;
mod listing;
mod organizations;
mod path;
mod place;
mod problem;
mod query;
mod resources;
mod roles;
mod scopes;

use axum::Router;
use axum::routing::get;
use axum::routing::post;

use crate::app::App;

/// The routes under `/admin/v1`.
pub fn router(app: &App) -> Router {
    const ACCOUNT: &str = "/organizations/{org}/service-accounts/{account}";
    const CREDENTIAL: &str =
        "/organizations/{org}/service-accounts/{account}/credentials/{credential}";
    const API: &str = "/organizations/{org}/apis/{api}";

    let routes = Router::new()
        .route(
            "/organizations",
            get(organizations::list).post(organizations::post),
        )
        .route("/organizations/{org}", get(organizations::get))
        .route(
            "/organizations/{org}/service-accounts",
            get(accounts::list).post(accounts::post),
        )
        .route(ACCOUNT, get(accounts::get).delete(accounts::delete))
        .route(&format!("{ACCOUNT}/disable"), post(accounts::disable))
        .route(&format!("{ACCOUNT}/enable"), post(accounts::enable))
        .route(
            &format!("{ACCOUNT}/access"),
            get(access::get).put(access::put),
        )
        .route(&format!("{ACCOUNT}/roles"), get(roles::get).put(roles::put))
        .route(
            &format!("{ACCOUNT}/credentials"),
            get(credentials::list).post(credentials::post),
        )
        .route(
            CREDENTIAL,
            get(credentials::get).delete(credentials::delete),
        )
        .route(&format!("{CREDENTIAL}/rotate"), post(credentials::rotate))
        .route(&format!("{CREDENTIAL}/revoke"), post(credentials::revoke))
        .route(
            "/organizations/{org}/apis",
            get(apis::list).post(apis::post),
        )
        .route(API, get(apis::get))
        .route(
            &format!("{API}/scopes"),
            get(scopes::list).post(scopes::post),
        )
        .route(&format!("{API}/scopes/{{scope}}"), get(scopes::get))
        .route(
            &format!("{API}/resources"),
            get(resources::list).post(resources::post),
        )
        .route(
            &format!("{API}/resources/{{resource}}"),
            get(resources::get),
        )
        .route("/keys", get(keys::list).post(keys::post))
        .route("/keys/{kid}/activate", post(keys::activate));
    Router::new()
        .nest("/admin/v1", routes)
        .with_state(app.clone())
}
