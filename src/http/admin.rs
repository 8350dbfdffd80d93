//! The admin API, `/admin/v1`: one file per resource, named for its path.
//!
//! A handler extracts, calls and responds. [`call::Call`] is who calls and what they sent, and
//! [`inside::Inside`] the same with the proof that they may; the rules are in [`crate::app`], and
//! [`problem`] says how a refusal is answered. [`routes`] puts them together, and notes who was
//! denied what; each route comes with its [`operation`], which says in the document of [`openapi`]
//! what it does.

mod access;
mod account_roles;
mod accounts;
mod anonymous;
mod api_tokens;
mod apis;
mod audit_events;
mod call;
mod conditions;
mod credentials;
mod docs;
mod effective_access;
mod fields;
mod filters;
mod findings;
mod groups;
mod inside;
mod json;
mod kept;
mod keys;
mod leaks;
mod links;
mod listing;
mod members;
mod openapi;
mod operation;
mod organizations;
mod path;
mod place;
mod problem;
mod query;
mod resources;
mod roles;
mod routes;
mod schema;
mod scopes;
mod shape;
mod sketch;
mod streamed;
mod system;
mod tokens;
mod usage;

use axum::Router;

use crate::app::App;

use openapi::Document;
use routes::Routes;

/// What adds the routes of each kind of thing, in the order of the document.
const ROUTES: [fn(Routes) -> Routes; 20] = [
    organizations::routes,
    accounts::routes,
    access::routes,
    account_roles::routes,
    effective_access::routes,
    credentials::routes,
    api_tokens::routes,
    roles::routes,
    groups::routes,
    members::routes,
    apis::routes,
    scopes::routes,
    resources::routes,
    keys::routes,
    audit_events::routes,
    leaks::routes,
    tokens::routes,
    usage::routes,
    findings::routes,
    system::routes,
];

/// The routes under `/admin/v1`.
pub fn router(app: &App) -> Router {
    let document = Document::new(&app.config);
    let all = ROUTES
        .iter()
        .fold(Routes::new(app), |routes, add| add(routes));
    let (router, told) = docs::routes(&document, document.routes(all)).finish();
    document.describe(told);
    router
}
