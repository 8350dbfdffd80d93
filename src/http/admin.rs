//! The admin API, `/admin/v1`: one file per resource, named for its path.
//!
//! A handler extracts, calls and responds. [`call::Call`] is who calls and what they sent; the rules
//! are in [`crate::app`], and [`problem`] says how a refusal is answered. [`routes`] puts them
//! together, and notes who was denied what.

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
mod routes;
mod scopes;

use axum::Router;

use crate::app::App;

use routes::Routes;

/// The routes under `/admin/v1`, each with the action that an audit event calls it.
pub fn router(app: &App) -> Router {
    let routes = Routes::new(app)
        .get("/organizations", "organization.list", organizations::list)
        .post("/organizations", "organization.create", organizations::post)
        .get(
            "/organizations/{org}",
            "organization.read",
            organizations::get,
        )
        .get("/keys", "signing_key.list", keys::list)
        .post("/keys", "signing_key.create", keys::post)
        .post(
            "/keys/{kid}/activate",
            "signing_key.activate",
            keys::activate,
        );
    let routes = accounts_in(routes);
    let routes = credentials_in(routes);
    apis_in(routes).under("/admin/v1")
}

fn accounts_in(routes: Routes) -> Routes {
    let accounts = "/organizations/{org}/service-accounts";
    let account = |rest: &str| format!("{accounts}/{{account}}{rest}");
    let (access, roles) = (&account("/access"), &account("/roles"));
    let (disable, enable) = (&account("/disable"), &account("/enable"));
    routes
        .get(accounts, "service_account.list", accounts::list)
        .post(accounts, "service_account.create", accounts::post)
        .get(&account(""), "service_account.read", accounts::get)
        .delete(&account(""), "service_account.delete", accounts::delete)
        .post(disable, "service_account.disable", accounts::disable)
        .post(enable, "service_account.enable", accounts::enable)
        .get(access, "service_account.read_access", access::get)
        .put(access, "service_account.update_access", access::put)
        .get(roles, "service_account.read_roles", roles::get)
        .put(roles, "service_account.update_roles", roles::put)
}

fn credentials_in(routes: Routes) -> Routes {
    let credentials = "/organizations/{org}/service-accounts/{account}/credentials";
    let credential = |rest: &str| format!("{credentials}/{{credential}}{rest}");
    let (rotate, revoke) = (&credential("/rotate"), &credential("/revoke"));
    routes
        .get(credentials, "credential.list", credentials::list)
        .post(credentials, "credential.create", credentials::post)
        .get(&credential(""), "credential.read", credentials::get)
        .delete(&credential(""), "credential.delete", credentials::delete)
        .post(rotate, "credential.rotate", credentials::rotate)
        .post(revoke, "credential.revoke", credentials::revoke)
}

fn apis_in(routes: Routes) -> Routes {
    let apis = "/organizations/{org}/apis";
    let api = |rest: &str| format!("{apis}/{{api}}{rest}");
    let (scopes, resources) = (&api("/scopes"), &api("/resources"));
    let (scope, resource) = (&api("/scopes/{scope}"), &api("/resources/{resource}"));
    routes
        .get(apis, "api.list", apis::list)
        .post(apis, "api.create", apis::post)
        .get(&api(""), "api.read", apis::get)
        .get(scopes, "scope.list", scopes::list)
        .post(scopes, "scope.create", scopes::post)
        .get(scope, "scope.read", scopes::get)
        .get(resources, "resource.list", resources::list)
        .post(resources, "resource.create", resources::post)
        .get(resource, "resource.read", resources::get)
}
