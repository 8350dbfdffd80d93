//! `.../service-accounts/{account}/roles`

use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::account_roles;
use crate::app::account_roles::ReplacedRoles;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::app::terms::Tagged;
use crate::domain::name::Name;
use crate::domain::role::AdminScope;

use super::inside::Inside;
use super::listing::shown;
use super::operation::action;
use super::place::Place;
use super::routes::Routes;

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AccountRoles")]
struct RolesBody {
    roles: Vec<String>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ReplacedRoles")]
struct ReplacedBody {
    roles: Vec<String>,
    tokens_revoked: bool,
}

impl From<Tagged<Vec<Name>>> for RolesBody {
    fn from(shown: Tagged<Vec<Name>>) -> Self {
        Self {
            roles: names(&shown.thing),
        }
    }
}

impl From<ReplacedRoles> for ReplacedBody {
    fn from(replaced: ReplacedRoles) -> Self {
        Self {
            roles: names(&replaced.roles),
            tokens_revoked: replaced.tokens_revoked,
        }
    }
}

/// The routes of an account's roles.
pub(super) fn routes(routes: Routes) -> Routes {
    let roles = "/organizations/{org}/service-accounts/{account}/roles";
    routes
        .get(
            roles,
            get,
            action(
                "service_account.read_roles",
                AdminScope::AccountsRead,
                "Read the roles of a service account",
            )
            .answers::<RolesBody>(),
        )
        .put(
            roles,
            put,
            action(
                "service_account.update_roles",
                AdminScope::AccessWrite,
                "Replace the roles of a service account",
            )
            .answers::<ReplacedBody>()
            .reads(|fields| fields.required("roles", read_names))
            .conflicts(&[Conflict::QuotaReached, Conflict::LastAdministrator]),
        )
}

/// `GET .../roles`
pub(super) async fn get(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = account_roles::show(&within, &account).await?;
    call.nothing()?;
    Ok(shown::<_, RolesBody>(found))
}

/// `PUT .../roles` replaces them.
pub(super) async fn put(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let submitted = call.object(|fields| fields.required("roles", read_names));
    let replaced = account_roles::replace(within, account, submitted).await?;
    Ok(shown::<_, ReplacedBody>(replaced))
}

/// A list of names of roles.
pub(super) fn read_names(place: Place<'_>) -> Option<Vec<String>> {
    const MAX_ROLES: usize = 100;
    place.list(MAX_ROLES, Place::text)
}

fn names(roles: &[Name]) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}
