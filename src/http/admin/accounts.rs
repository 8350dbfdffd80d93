//! `/organizations/{org}/service-accounts`

mod reading;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::access::DescribedAccess;
use crate::app::accounts;
use crate::app::accounts::CreatedAccount;
use crate::app::accounts::DescribedAccount;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::account::AccountStatus;
use crate::domain::id::AccountId;
use crate::domain::role::AdminScope;

use super::credentials::CredentialBody;
use super::inside::Inside;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::Operation;
use super::operation::action;
use super::routes::Routes;
use super::schema::Instant;
use super::shape;
use super::shape::words;
use reading::inline_members;
use reading::read;
use reading::read_edit;
use reading::read_query;

/// An account as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ServiceAccount")]
struct AccountBody {
    id: AccountId,
    name: String,
    email: String,
    description: Option<String>,
    owner: Option<String>,
    labels: BTreeMap<String, String>,
    #[schemars(extend("enum" = ["active", "disabled", "expired"]))]
    status: &'static str,
    #[schemars(with = "Option<Instant>")]
    expires_at: Option<Timestamp>,
    max_token_lifetime_seconds: Option<u64>,
    access: DescribedAccess,
    roles: Vec<String>,
    #[schemars(with = "Instant")]
    created_at: Timestamp,
    #[schemars(with = "Instant")]
    updated_at: Timestamp,
    #[schemars(with = "Option<Instant>")]
    last_used_at: Option<Timestamp>,
    active_credentials: u32,
    active_api_tokens: u32,
}

impl From<DescribedAccount> for AccountBody {
    fn from(described: DescribedAccount) -> Self {
        let account = described.account;
        let roles = described.roles.iter();
        Self {
            id: account.id,
            name: account.name.to_string(),
            email: account.email,
            description: account.description,
            owner: account.owner,
            labels: account.labels,
            status: described.status.as_str(),
            expires_at: account.expires_at,
            max_token_lifetime_seconds: account.max_token_lifetime.map(|l| l.as_secs()),
            access: described.access,
            roles: roles.map(ToString::to_string).collect(),
            created_at: account.created_at,
            updated_at: account.updated_at,
            last_used_at: described.last_used_at,
            active_credentials: described.active_credentials,
            active_api_tokens: described.active_api_tokens,
        }
    }
}

/// An account that was just made: with its first credential, and that one's secret.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "CreatedServiceAccount")]
struct CreatedBody {
    #[serde(flatten)]
    account: AccountBody,
    credential: Option<CredentialBody>,
}

impl From<CreatedAccount> for CreatedBody {
    fn from(made: CreatedAccount) -> Self {
        Self {
            account: made.account.into(),
            credential: made.credential.map(CredentialBody::from),
        }
    }
}

/// The routes of service accounts.
pub(super) fn routes(routes: Routes) -> Routes {
    let accounts = "/organizations/{org}/service-accounts";
    let account = |rest: &str| format!("{accounts}/{{account}}{rest}");
    routes
        .get(accounts, list, listing())
        .post(
            accounts,
            post,
            action(
                "service_account.create",
                AdminScope::AccountsWrite,
                "Make a service account",
            )
            .makes::<CreatedBody>()
            .reads(read)
            .conflicts(&[Conflict::NameTaken, Conflict::QuotaReached])
            .described(
                "`access` and `roles` take `access:write` as well, `credential` takes \
                 `credentials:write`. The secret of the credential is shown in this answer only.",
            ),
        )
        .get(
            &account(""),
            get,
            action(
                "service_account.read",
                AdminScope::AccountsRead,
                "Read a service account",
            )
            .answers::<AccountBody>(),
        )
        .patch(
            &account(""),
            patch,
            action(
                "service_account.update",
                AdminScope::AccountsWrite,
                "Edit a service account",
            )
            .answers::<AccountBody>()
            .reads(|fields| Some(read_edit(fields)))
            .conflicts(&[Conflict::NameTaken, Conflict::LastAdministrator])
            .described(
                "Labels that are not named stay; `null` takes one away. An earlier `expires_at` \
                 kills the tokens from before.",
            ),
        )
        .delete(
            &account(""),
            delete,
            action(
                "service_account.delete",
                AdminScope::AccountsWrite,
                "Delete a service account, its credentials and its tokens",
            )
            .removes()
            .conflicts(&[Conflict::LastAdministrator]),
        )
        .post(
            &account("/disable"),
            disable,
            action(
                "service_account.disable",
                AdminScope::AccountsWrite,
                "Stop a service account; its tokens die for good",
            )
            .answers::<AccountBody>()
            .conflicts(&[Conflict::LastAdministrator]),
        )
        .post(
            &account("/enable"),
            enable,
            action(
                "service_account.enable",
                AdminScope::AccountsWrite,
                "Let a service account work again",
            )
            .answers::<AccountBody>(),
        )
        .post(
            &account("/revoke-tokens"),
            revoke_tokens,
            action(
                "service_account.revoke_tokens",
                AdminScope::AccountsWrite,
                "Kill every token of a service account",
            )
            .answers::<AccountBody>(),
        )
}

/// What the list of accounts can be asked.
fn listing() -> Operation {
    action(
        "service_account.list",
        AdminScope::AccountsRead,
        "List the service accounts of an organization",
    )
    .lists::<AccountBody>()
    .parameter(
        "status",
        "How they stand now",
        words(AccountStatus::ALL.map(AccountStatus::as_str)),
    )
    .parameter(
        "q",
        "A part of the name, e-mail, description or owner, without regard to case; or the id",
        shape::search(),
    )
    .parameter("owner", "This very owner", shape::search())
    .filters_by_access()
    .filters_by_time()
    .described(
        "`api`, `scope` and `resource` are asked of one and the same grant of their own, or of a \
         role that they have, by a group or not. Lists by use are exact for what this node has \
         seen; what other nodes have seen in the last minute may be missing.",
    )
}

/// `POST .../service-accounts` makes an account.
pub(super) async fn post(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let made = accounts::create(within, inline_members(&call), call.object(read)).await?;
    Ok(created::<_, CreatedBody>(made))
}

/// `GET .../service-accounts`
pub(super) async fn list(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let found = accounts::list(&within, call.page_of(read_query)).await?;
    Ok(listed::<_, AccountBody>(found))
}

/// `GET .../service-accounts/{account}`
pub(super) async fn get(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = accounts::show(&within, &account).await?;
    call.nothing()?;
    Ok(shown::<_, AccountBody>(found))
}

/// `POST .../service-accounts/{account}/disable`
pub(super) async fn disable(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let disabled = accounts::disable(within, account, call.nothing()).await?;
    Ok(shown::<_, AccountBody>(disabled))
}

/// `POST .../service-accounts/{account}/enable`
pub(super) async fn enable(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let enabled = accounts::enable(within, account, call.nothing()).await?;
    Ok(shown::<_, AccountBody>(enabled))
}

/// `PATCH .../service-accounts/{account}` edits it.
pub(super) async fn patch(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let submitted = call.object(|fields| Some(read_edit(fields)));
    let edited = accounts::edit(within, account, submitted).await?;
    Ok(shown::<_, AccountBody>(edited))
}

/// `POST .../service-accounts/{account}/revoke-tokens`
pub(super) async fn revoke_tokens(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = accounts::revoke_tokens(within, account, call.nothing()).await?;
    Ok(shown::<_, AccountBody>(found))
}

/// `DELETE .../service-accounts/{account}`
pub(super) async fn delete(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    accounts::delete(within, account, call.nothing()).await?;
    Ok(StatusCode::NO_CONTENT)
}
