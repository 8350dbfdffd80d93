//! `.../service-accounts/{account}/api-tokens`, and the inventory `/organizations/{org}/api-tokens`

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::app::access::DescribedAccess;
use crate::app::api_tokens;
use crate::app::api_tokens::ApiTokens;
use crate::app::api_tokens::DescribedApiToken;
use crate::app::api_tokens::IssuedApiToken;
use crate::app::api_tokens::NewApiToken;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::api_token::DEFAULT_LIFETIME;
use crate::domain::api_token::MAX_LIFETIME;
use crate::domain::api_token::MIN_LIFETIME;
use crate::domain::id::AccountId;
use crate::domain::id::ApiTokenId;
use crate::domain::id::ClientId;
use crate::domain::name::Label;
use crate::domain::role::AdminScope;

use super::access::read_access;
use super::fields::Fields;
use super::filters::ABOUT_ACCESS;
use super::filters::read_api_tokens;
use super::inside::Inside;
use super::listing::created;
use super::listing::shown;
use super::operation::action;
use super::routes::Routes;
use super::schema::Instant;
use super::shape;

/// An API token as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ApiToken")]
struct ApiTokenBody {
    id: ApiTokenId,
    account: AccountId,
    name: String,
    client_id: ClientId,
    hint: String,
    #[schemars(extend("enum" = ["active", "expired", "revoked"]))]
    status: &'static str,
    access: Option<DescribedAccess>,
    #[schemars(with = "Instant")]
    created_at: Timestamp,
    #[schemars(with = "Instant")]
    expires_at: Option<Timestamp>,
    #[schemars(with = "Option<Instant>")]
    last_used_at: Option<Timestamp>,
    /// Only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A part of a list, and how many are active.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ApiTokenList")]
struct ApiTokensBody {
    items: Vec<ApiTokenBody>,
    /// Where the list goes on; `null` at its end.
    next_cursor: Option<String>,
    /// How many of the account, or of the organization, have the status `active`: on all pages,
    /// whatever is asked for, and each by itself, whatever its account is.
    active_count: u32,
}

impl From<DescribedApiToken> for ApiTokenBody {
    fn from(described: DescribedApiToken) -> Self {
        let token = &described.token;
        let credential = token.credential();
        Self {
            id: token.id(),
            account: credential.account,
            name: credential.name.to_string(),
            client_id: credential.client_id,
            hint: token.secret().hint.clone(),
            status: described.status.as_str(),
            created_at: credential.created_at,
            expires_at: token.expires_at(),
            last_used_at: described.last_used_at,
            access: described.access,
            token: None,
        }
    }
}

/// With its value: this is the one answer that shows it.
impl From<IssuedApiToken> for ApiTokenBody {
    fn from(issued: IssuedApiToken) -> Self {
        Self {
            token: Some(issued.value.expose().to_owned()),
            ..Self::from(issued.token)
        }
    }
}

impl From<ApiTokens> for ApiTokensBody {
    fn from(found: ApiTokens) -> Self {
        let listing = found.listing.map(ApiTokenBody::from);
        Self {
            items: listing.items,
            next_cursor: listing.next_cursor,
            active_count: found.active_count,
        }
    }
}

/// The routes of API tokens.
pub(super) fn routes(routes: Routes) -> Routes {
    let tokens = "/organizations/{org}/service-accounts/{account}/api-tokens";
    let token = "/organizations/{org}/service-accounts/{account}/api-tokens/{token}";
    let routes = routes.get(
        "/organizations/{org}/api-tokens",
        inventory,
        action(
            "api_token.inventory",
            AdminScope::AccountsRead,
            "List the API tokens of all service accounts",
        )
        .pages::<ApiTokensBody>()
        .filters_api_tokens()
        .described(ABOUT_ACCESS),
    );
    routes
        .get(
            tokens,
            list,
            action(
                "api_token.list",
                AdminScope::AccountsRead,
                "List the API tokens of a service account",
            )
            .pages::<ApiTokensBody>()
            .filters_api_tokens()
            .described(ABOUT_ACCESS),
        )
        .post(
            tokens,
            post,
            action(
                "api_token.create",
                AdminScope::CredentialsWrite,
                "Make an API token",
            )
            .makes::<ApiTokenBody>()
            .reads(read)
            .conflicts(&[Conflict::NameTaken, Conflict::QuotaReached])
            .described(
                "`token` is shown in this answer only. A service account has at most 1000 active API \
                 tokens; of those that have ended, the last 1000 are kept.",
            ),
        )
        .get(
            token,
            get,
            action(
                "api_token.read",
                AdminScope::AccountsRead,
                "Read an API token, and when it was last used",
            )
            .answers::<ApiTokenBody>(),
        )
        .delete(
            token,
            delete,
            action(
                "api_token.revoke",
                AdminScope::CredentialsWrite,
                "Revoke an API token and what it was exchanged for",
            )
            .removes()
            .described("It stays listed as revoked for 90 days."),
        )
}

/// `POST .../api-tokens` makes an API token.
pub(super) async fn post(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let made = api_tokens::create(within, account, call.object(read)).await?;
    Ok(created::<_, ApiTokenBody>(made))
}

/// `GET .../api-tokens`
pub(super) async fn list(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = api_tokens::list(&within, &account, call.page_of(read_api_tokens)).await?;
    Ok(Json(ApiTokensBody::from(found)))
}

/// `GET /organizations/{org}/api-tokens` lists those of all accounts.
pub(super) async fn inventory(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let found = api_tokens::inventory(&within, call.page_of(read_api_tokens)).await?;
    Ok(Json(ApiTokensBody::from(found)))
}

/// `GET .../api-tokens/{token}`
pub(super) async fn get(
    Inside(within, [account, token], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let found = api_tokens::show(&within, &account, &token).await?;
    call.nothing()?;
    Ok(shown::<_, ApiTokenBody>(found))
}

/// `DELETE .../api-tokens/{token}` revokes it.
pub(super) async fn delete(
    Inside(within, [account, token], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    api_tokens::revoke(within, account, token, call.nothing()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every API token ends: `null`, which elsewhere says *never*, is refused.
fn read(fields: &mut Fields<'_>) -> Option<NewApiToken> {
    let name = fields.required("name", |place| {
        place.like(shape::label).parsed(Label::parse)
    });
    let lifetime = fields.given("expires_in_seconds", |place| {
        let told = || json!({"default": DEFAULT_LIFETIME.as_secs()});
        place
            .like(told)
            .seconds(MIN_LIFETIME.as_secs()..=MAX_LIFETIME.as_secs())
    });
    let access = fields.optional("access", read_access);
    Some(NewApiToken {
        name: name?,
        lifetime: lifetime.unwrap_or(DEFAULT_LIFETIME),
        access,
    })
}
