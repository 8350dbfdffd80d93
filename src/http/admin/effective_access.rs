//! `.../service-accounts/{account}/effective-access`

use std::collections::BTreeMap;

use axum::Json;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::app::access::DescribedIdentifiers;
use crate::app::effective_access;
use crate::app::effective_access::DescribedEffectiveGrant;
use crate::app::problem::Problem;
use crate::domain::role::AdminScope;

use super::inside::Inside;
use super::operation::action;
use super::routes::Routes;

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "EffectiveAccess")]
struct EffectiveBody {
    items: Vec<EffectiveGrantBody>,
}

/// A grant of an account's effective access as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "EffectiveGrant")]
struct EffectiveGrantBody {
    api: String,
    scopes: Vec<String>,
    resources: BTreeMap<String, DescribedIdentifiers>,
    via: Vec<String>,
}

impl From<DescribedEffectiveGrant> for EffectiveGrantBody {
    fn from(described: DescribedEffectiveGrant) -> Self {
        Self {
            api: described.grant.api,
            scopes: described.grant.scopes,
            resources: described.grant.resources,
            via: described.via,
        }
    }
}

/// The route of an account's effective access.
pub(super) fn routes(routes: Routes) -> Routes {
    routes.get(
        "/organizations/{org}/service-accounts/{account}/effective-access",
        get,
        action(
            "service_account.read_effective_access",
            AdminScope::AccountsRead,
            "Read all that a service account may do, and where it has it from",
        )
        .answers::<EffectiveBody>()
        .described(
            "The set of its own grants, its roles' and its groups': it is never flattened. `via` names \
             everything that a grant is held by. All of it is one answer, without pages: an account holds \
             2,000 grants at most, with 1 MiB of scopes and keys, and a credential leaves ten of each at \
             most.",
        )
        .parameter(
            "credential",
            "A credential or an API token of the account, by id or name: only what it leaves",
            json!({"type": "string"}),
        ),
    )
}

/// `GET .../effective-access[?credential=]` shows all that the account may do, or what a credential
/// leaves of it.
pub(super) async fn get(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = effective_access::show(&within, &account, call.parameter("credential")).await?;
    let items = found.into_iter().map(EffectiveGrantBody::from).collect();
    Ok(Json(EffectiveBody { items }))
}
