//! Where a call is made, proved before a handler begins: inside an organization, or on the whole
//! instance.
//!
//! Which scope opens a route is said once, where the route is told: what is asked of a caller is what
//! the document says, and no handler can forget to ask.

use axum::extract::FromRequest;
use axum::extract::FromRequestParts;
use axum::extract::Request;
use axum::http::request::Parts;

use crate::app::App;
use crate::app::authority::InOrganization;
use crate::app::authority::OnInstance;
use crate::app::problem::Problem;
use crate::domain::role::AdminScope;

use super::call::Call;
use super::path::Path;

/// The scope that opens the route of a request, as [`routes`](super::routes) says it.
#[derive(Clone, Copy)]
pub(super) struct OpenedBy(pub(super) AdminScope);

/// A call inside the organization that its path names first: proof that the caller holds the scope of
/// the route there, what the path names after it, and what was sent.
pub(super) struct Inside<const N: usize>(
    pub(super) InOrganization,
    pub(super) [String; N],
    pub(super) Call,
);

/// A call that concerns the whole instance: proof that the caller holds the scope of the route there,
/// what the path names, and what was sent.
pub(super) struct OfInstance<const N: usize>(
    pub(super) OnInstance,
    pub(super) [String; N],
    pub(super) Call,
);

impl<const N: usize> FromRequest<App> for Inside<N> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (scope, mut names, call) = read(request, app).await?;
        let organization = names.remove(0);
        let within = call.in_organization(app, &organization, scope).await?;
        Ok(Self(within, all(names), call))
    }
}

impl<const N: usize> FromRequest<App> for OfInstance<N> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (scope, names, call) = read(request, app).await?;
        let instance = call.on_instance(app, scope)?;
        Ok(Self(instance, all(names), call))
    }
}

async fn read(request: Request, app: &App) -> Result<(AdminScope, Vec<String>, Call), Problem> {
    let (mut parts, body) = request.into_parts();
    let Path(names) = Path::from_request_parts(&mut parts, app).await?;
    let scope = scope(&parts);
    let call = Call::from_request(Request::from_parts(parts, body), app).await?;
    Ok((scope, names, call))
}

fn scope(parts: &Parts) -> AdminScope {
    let OpenedBy(scope) = parts
        .extensions
        .get()
        .expect("a route with a proof is opened by a scope");
    *scope
}

fn all<const N: usize>(names: Vec<String>) -> [String; N] {
    names
        .try_into()
        .expect("a handler takes what the path of its route names")
}
