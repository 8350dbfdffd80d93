//! What lists are asked about access: an API, a scope and a resource, all in one and the same grant.

use crate::domain::access::Grant;
use crate::domain::id::ApiId;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::role::BuiltInRole;
use crate::domain::role::OSTLER_API;
use crate::domain::role::OSTLER_NAME;
use crate::domain::scope::Scope;
use crate::store::Holding;
use crate::store::HoldingRole;

use super::authority::InOrganization;
use super::problem::Mistake;
use super::problem::Problem;
use super::problem::quoted;

/// What is wanted to be held; nothing said is wanted of nobody.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeldQuery {
    /// Something at this API: its name or id.
    pub api: Option<String>,
    /// This very scope.
    pub scope: Option<Scope>,
    /// This resource, or all of its type.
    pub resource: Option<(ResourceType, ResourceKey)>,
}

/// The same for the store; `None` when nothing is said.
pub(super) async fn find(
    within: &InOrganization,
    query: &HeldQuery,
) -> Result<Option<Holding>, Problem> {
    if *query == HeldQuery::default() {
        return Ok(None);
    }
    let api = match &query.api {
        Some(api) => Some(known_api(within, api).await?),
        None => None,
    };
    let (scope, resource) = (query.scope.clone(), query.resource.clone());
    let roles = BuiltInRole::ALL.into_iter().filter_map(|role| {
        let grant = role.grant(within.id());
        let holds = api.is_none_or(|api| api == grant.api)
            && scope
                .as_ref()
                .is_none_or(|scope| grant.scopes.contains(scope))
            && resource.as_ref().is_none_or(|one| reaches(&grant, one));
        holds.then(|| HoldingRole {
            id: role.id(),
            scopes: grant.scopes,
        })
    });
    Ok(Some(Holding {
        roles: roles.collect(),
        api,
        scope,
        resource,
    }))
}

fn reaches(grant: &Grant, (kind, key): &(ResourceType, ResourceKey)) -> bool {
    grant.resources.of(kind).contains(key)
}

async fn known_api(within: &InOrganization, text: &str) -> Result<ApiId, Problem> {
    if text == OSTLER_NAME || text.parse() == Ok(OSTLER_API) {
        return Ok(OSTLER_API);
    }
    match within.api(text).await {
        Ok(record) => Ok(record.api.id),
        Err(Problem::NotFound(_)) => Err(Problem::mistake(Mistake {
            pointer: None,
            code: "unknown_api",
            detail: format!("`api`: there is no API {}", quoted(text)),
            hint: None,
        })),
        Err(other) => Err(other),
    }
}
