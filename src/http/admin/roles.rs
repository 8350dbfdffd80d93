//! `.../service-accounts/{account}/roles`

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::app::App;
use crate::app::problem::Problem;
use crate::app::roles;
use crate::domain::role::AdminScope;
use crate::domain::role::BuiltInRole;

use super::call::Call;
use super::path::Path;
use super::place::Place;

#[derive(Serialize)]
struct RolesBody {
    roles: Vec<&'static str>,
}

#[derive(Serialize)]
struct ReplacedBody {
    roles: Vec<&'static str>,
    tokens_revoked: bool,
}

/// `GET .../roles`
pub(super) async fn get(
    State(app): State<App>,
    Path((org, account)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsRead)
        .await?;
    let roles = roles::show(&within, &account).await?;
    call.nothing()?;
    let roles = names(roles);
    Ok(Json(RolesBody { roles }))
}

/// `PUT .../roles` replaces them.
pub(super) async fn put(
    State(app): State<App>,
    Path((org, account)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let submitted = call.object(|fields| fields.required("roles", read_names));
    let within = call
        .in_organization(&app, &org, AdminScope::AccessWrite)
        .await?;
    let replaced = roles::replace(within, account, submitted).await?;
    Ok(Json(ReplacedBody {
        roles: names(replaced.roles),
        tokens_revoked: replaced.tokens_revoked,
    }))
}

/// A list of names of roles.
pub(super) fn read_names(place: Place<'_>) -> Option<Vec<String>> {
    const MAX_ROLES: usize = 100;
    place.list(MAX_ROLES, Place::text)
}

fn names(roles: Vec<BuiltInRole>) -> Vec<&'static str> {
    roles.into_iter().map(BuiltInRole::as_str).collect()
}
