//! `/organizations/{org}/credentials`: every credential of an organization, with whose it is.

use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::credentials;
use crate::app::credentials::InventoriedCredential;
use crate::app::problem::Problem;
use crate::domain::id::AccountId;
use crate::domain::role::AdminScope;

use super::super::filters::ABOUT_ACCESS;
use super::super::filters::read_credentials;
use super::super::inside::Inside;
use super::super::listing::listed;
use super::super::operation::action;
use super::super::routes::Routes;
use super::body::CredentialBody;

/// A credential of any account of the organization.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "InventoriedCredential")]
struct InventoryBody {
    #[serde(flatten)]
    credential: CredentialBody,
    account: OwnerBody,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "CredentialOwner")]
struct OwnerBody {
    id: AccountId,
    name: String,
}

impl From<InventoriedCredential> for InventoryBody {
    fn from(found: InventoriedCredential) -> Self {
        Self {
            account: OwnerBody {
                id: found.credential.credential.account,
                name: found.account_name.to_string(),
            },
            credential: found.credential.into(),
        }
    }
}

/// The route of the inventory.
pub(super) fn routes(routes: Routes) -> Routes {
    routes.get(
        "/organizations/{org}/credentials",
        inventory,
        action(
            "credential.inventory",
            AdminScope::AccountsRead,
            "List every credential of an organization, with whose it is",
        )
        .lists::<InventoryBody>()
        .filters_credentials()
        .described(ABOUT_ACCESS),
    )
}

/// `GET /organizations/{org}/credentials`: every credential, with whose it is.
pub(super) async fn inventory(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let found = credentials::inventory(&within, call.page_of(read_credentials)).await?;
    Ok(listed::<_, InventoryBody>(found))
}
