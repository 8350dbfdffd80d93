//! `/organizations/{org}/credentials`: every credential of an organization, with whose it is.

use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::credentials;
use crate::app::credentials::CredentialQuery;
use crate::app::credentials::InventoriedCredential;
use crate::app::problem::Problem;
use crate::domain::credential::CredentialStatus;
use crate::domain::id::AccountId;
use crate::domain::role::AdminScope;

use super::super::accounts::SORT_KEYS;
use super::super::inside::Inside;
use super::super::listing::listed;
use super::super::operation::action;
use super::super::query::Query;
use super::super::routes::Routes;
use super::super::shape;
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
        .parameter(
            "status",
            "How they stand now",
            shape::words(CredentialStatus::ALL.map(CredentialStatus::as_str)),
        )
        .parameter(
            "q",
            "A part of the name or of the client id, without regard to case; or the id",
            shape::search(),
        )
        .parameter("owner", "The owner of their account", shape::search())
        .parameter(
            "unused_for",
            "Neither used nor made for this long",
            shape::span(),
        )
        .parameter("expires_within", "They end within this time", shape::span())
        .parameter(
            "sort",
            "In which order; `-` before it for the greatest first",
            shape::sort(),
        ),
    )
}

/// `GET /organizations/{org}/credentials`: every credential, with whose it is.
pub(super) async fn inventory(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let found = credentials::inventory(&within, call.page_of(read_query)).await?;
    Ok(listed::<_, InventoryBody>(found))
}

fn read_query(query: &mut Query) -> CredentialQuery {
    CredentialQuery {
        status: query.one_of(
            "status",
            &CredentialStatus::ALL.map(|one| (one.as_str(), one)),
        ),
        text: query.prose("q"),
        owner: query.prose("owner"),
        unused_for: query.span("unused_for"),
        expires_within: query.span("expires_within"),
        order: query.order(&SORT_KEYS),
    }
}
