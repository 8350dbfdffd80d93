//! `/organizations/{org}/apis/{api}/scopes`

use axum::http::StatusCode;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::apis;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::app::terms::Tagged;
use crate::domain::api::DescribedScope;
use crate::domain::prose::MAX_DESCRIPTION;
use crate::domain::role::AdminScope;
use crate::domain::scope::Scope;

use super::fields::Fields;
use super::filters::read_search;
use super::inside::Inside;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::FORCE;
use super::operation::action;
use super::routes::Routes;
use super::shape;

/// A scope as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Scope")]
pub(super) struct ScopeBody {
    name: String,
    description: Option<String>,
}

impl From<DescribedScope> for ScopeBody {
    fn from(described: DescribedScope) -> Self {
        Self {
            name: described.scope.to_string(),
            description: described.description,
        }
    }
}

impl From<Tagged<DescribedScope>> for ScopeBody {
    fn from(found: Tagged<DescribedScope>) -> Self {
        found.thing.into()
    }
}

/// The routes of scopes.
pub(super) fn routes(routes: Routes) -> Routes {
    let scopes = "/organizations/{org}/apis/{api}/scopes";
    routes
        .get(
            scopes,
            list,
            action(
                "scope.list",
                AdminScope::ApisRead,
                "List the scopes of an API",
            )
            .lists::<ScopeBody>()
            .searches("A part of the name or of the description, without regard to case"),
        )
        .post(
            scopes,
            post,
            action(
                "scope.create",
                AdminScope::ApisWrite,
                "Add a scope to an API",
            )
            .makes::<ScopeBody>()
            .reads(read_scope)
            .conflicts(&[Conflict::NameTaken, Conflict::QuotaReached])
            .described(
                "An API has at most 1000 scopes, and these with their descriptions at most 262144 \
                 bytes.",
            ),
        )
        .get(
            &format!("{scopes}/{{scope}}"),
            get,
            action("scope.read", AdminScope::ApisRead, "Read a scope").answers::<ScopeBody>(),
        )
        .delete(
            &format!("{scopes}/{{scope}}"),
            delete,
            action(
                "scope.delete",
                AdminScope::ApisWrite,
                "Delete a scope of an API",
            )
            .removes()
            .flag(FORCE.0, FORCE.1)
            .conflicts(&[Conflict::InUse]),
        )
}

/// `POST .../scopes` adds a scope to the API.
pub(super) async fn post(
    Inside(within, [api], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let made = apis::create_scope(within, api, call.object(read_scope)).await?;
    Ok(created::<_, ScopeBody>(made))
}

/// `GET .../scopes`
pub(super) async fn list(
    Inside(within, [api], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = apis::list_scopes(&within, &api, call.page_of(read_search)).await?;
    Ok(listed::<_, ScopeBody>(found))
}

/// `GET .../scopes/{scope}`
pub(super) async fn get(
    Inside(within, [api, scope], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let found = apis::show_scope(&within, &api, &scope).await?;
    call.nothing()?;
    Ok(shown::<_, ScopeBody>(found))
}

/// `DELETE .../scopes/{scope}[?force=true]`
pub(super) async fn delete(
    Inside(within, [api, scope], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    apis::delete_scope(within, api, scope, call.force()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A scope that is to be made.
pub(super) fn read_scope(fields: &mut Fields<'_>) -> Option<DescribedScope> {
    let scope = fields.required("name", |place| {
        place.like(shape::scope).parsed(Scope::parse)
    });
    let description = fields.optional("description", |place| place.prose(MAX_DESCRIPTION));
    Some(DescribedScope::new(scope?, description))
}
