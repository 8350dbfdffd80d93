//! `/organizations/{org}/service-accounts`

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::app::access::DescribedAccess;
use crate::app::accounts;
use crate::app::accounts::AccountEdit;
use crate::app::accounts::AccountQuery;
use crate::app::accounts::CreatedAccount;
use crate::app::accounts::DescribedAccount;
use crate::app::accounts::NewAccount;
use crate::app::page::SortKey;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::account::AccountStatus;
use crate::domain::account::MAX_LABELS;
use crate::domain::id::AccountId;
use crate::domain::name::AccountName;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::role::AdminScope;
use crate::domain::scope::Scope;

use super::access::read_access;
use super::account_roles::read_names;
use super::call::Call;
use super::credentials::CredentialBody;
use super::credentials::read_credential;
use super::fields::Fields;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::Operation;
use super::operation::action;
use super::path::Path;
use super::place::Place;
use super::query::Query;
use super::routes::Routes;
use super::schema::Instant;
use super::shape;
use super::shape::text_like;
use super::shape::words;

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
    .parameter(
        "api",
        "Something is granted at this API: its name or id",
        json!({"type": "string"}),
    )
    .parameter(
        "scope",
        "This very scope is granted",
        text_like(shape::scope()),
    )
    .parameter(
        "resource",
        "It is granted for this resource, `type:key`, or for all of its type",
        json!({"type": "string", "examples": ["project:APOLLO"]}),
    )
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
    )
    .described(
        "`api`, `scope` and `resource` are asked of one and the same grant of their own, or \
         of a built-in role. Lists by use are exact for what this node has seen; what other \
         nodes have seen in the last seconds may be missing.",
    )
}

/// `POST .../service-accounts` makes an account.
pub(super) async fn post(
    State(app): State<App>,
    Path(org): Path<String>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsWrite)
        .await?;
    let made = accounts::create(within, call.object(read)).await?;
    Ok(created::<_, CreatedBody>(made))
}

/// `GET .../service-accounts`
pub(super) async fn list(
    State(app): State<App>,
    Path(org): Path<String>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsRead)
        .await?;
    let found = accounts::list(&within, call.page_of(read_query)).await?;
    Ok(listed::<_, AccountBody>(found))
}

/// `GET .../service-accounts/{account}`
pub(super) async fn get(
    State(app): State<App>,
    Path((org, account)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsRead)
        .await?;
    let found = accounts::show(&within, &account).await?;
    call.nothing()?;
    Ok(shown::<_, AccountBody>(found))
}

/// `POST .../service-accounts/{account}/disable`
pub(super) async fn disable(
    State(app): State<App>,
    Path((org, account)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsWrite)
        .await?;
    let disabled = accounts::disable(within, account, call.nothing()).await?;
    Ok(shown::<_, AccountBody>(disabled))
}

/// `POST .../service-accounts/{account}/enable`
pub(super) async fn enable(
    State(app): State<App>,
    Path((org, account)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsWrite)
        .await?;
    let enabled = accounts::enable(within, account, call.nothing()).await?;
    Ok(shown::<_, AccountBody>(enabled))
}

/// `PATCH .../service-accounts/{account}` edits it.
pub(super) async fn patch(
    State(app): State<App>,
    Path((org, account)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsWrite)
        .await?;
    let submitted = call.object(|fields| Some(read_edit(fields)));
    let edited = accounts::edit(within, account, submitted).await?;
    Ok(shown::<_, AccountBody>(edited))
}

/// `POST .../service-accounts/{account}/revoke-tokens`
pub(super) async fn revoke_tokens(
    State(app): State<App>,
    Path((org, account)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsWrite)
        .await?;
    let found = accounts::revoke_tokens(within, account, call.nothing()).await?;
    Ok(shown::<_, AccountBody>(found))
}

/// `DELETE .../service-accounts/{account}`
pub(super) async fn delete(
    State(app): State<App>,
    Path((org, account)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsWrite)
        .await?;
    accounts::delete(within, account, call.nothing()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read_query(query: &mut Query) -> AccountQuery {
    AccountQuery {
        status: query.one_of("status", &AccountStatus::ALL.map(|one| (one.as_str(), one))),
        text: query.prose("q"),
        owner: query.prose("owner"),
        api: query.prose("api"),
        scope: query.read("scope", |text| {
            Scope::parse(text).map_err(|_| "one scope, such as `deploy:read`")
        }),
        resource: query.read("resource", read_resource),
        unused_for: query.span("unused_for"),
        expires_within: query.span("expires_within"),
        order: query.order(&SORT_KEYS),
    }
}

/// What accounts and credentials may be ordered by.
pub(super) const SORT_KEYS: [(&str, SortKey); 4] = [
    ("name", SortKey::Name),
    ("created_at", SortKey::CreatedAt),
    ("last_used_at", SortKey::LastUsedAt),
    ("expires_at", SortKey::ExpiresAt),
];

/// `type:key`
fn read_resource(text: &str) -> Result<(ResourceType, ResourceKey), &'static str> {
    let parts = text.split_once(':').and_then(|(kind, key)| {
        let (kind, key) = (ResourceType::parse(kind), ResourceKey::parse(key));
        kind.ok().zip(key.ok())
    });
    parts.ok_or("`type:key`, such as `project:APOLLO`")
}

fn read(fields: &mut Fields<'_>) -> Option<NewAccount> {
    let name = fields.required("name", read_name);
    let description = fields.optional("description", read_description);
    let owner = fields.optional("owner", read_owner);
    let labels = fields.optional("labels", read_labels);
    let expires_at = fields.optional("expires_at", read_instant);
    let max_token_lifetime = fields.optional("max_token_lifetime_seconds", read_lifetime);
    let access = fields.optional("access", read_access);
    let roles = fields.optional("roles", read_names);
    let credential = fields.optional("credential", |place| place.object(read_credential));
    Some(NewAccount {
        name: name?,
        description,
        owner,
        labels: labels.unwrap_or_default(),
        expires_at,
        max_token_lifetime,
        access,
        roles,
        credential,
    })
}

fn read_edit(fields: &mut Fields<'_>) -> AccountEdit {
    AccountEdit {
        name: fields.given("name", read_name),
        description: fields.edited("description", read_description),
        owner: fields.edited("owner", read_owner),
        labels: fields.edited("labels", |place| {
            read_entries(place, |place| place.or_null(|place| place.prose(255)))
        }),
        expires_at: fields.edited("expires_at", read_instant),
        max_token_lifetime: fields.edited("max_token_lifetime_seconds", read_lifetime),
    }
}

fn read_name(place: Place<'_>) -> Option<AccountName> {
    place.like(shape::account_name).parsed(AccountName::parse)
}

fn read_description(place: Place<'_>) -> Option<String> {
    place.prose(1_000)
}

fn read_owner(place: Place<'_>) -> Option<String> {
    place.prose(200)
}

fn read_lifetime(place: Place<'_>) -> Option<Duration> {
    place.seconds(1..=u32::MAX.into())
}

fn read_labels(place: Place<'_>) -> Option<BTreeMap<String, String>> {
    read_entries(place, |place| place.prose(255))
}

/// At most 64 labels: keys of 1 to 63 characters, values of at most 255.
fn read_entries<'m, T>(
    place: Place<'m>,
    read: impl Fn(Place<'m>) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let count = place.value.as_object().map_or(0, serde_json::Map::len);
    if count > MAX_LABELS {
        place.note("too_many", format!("at most {MAX_LABELS} labels"));
        return None;
    }
    let drawn = || {
        json!({
            "maxProperties": MAX_LABELS,
            "propertyNames": {"pattern": "^[A-Za-z0-9_./-]{1,63}$"},
        })
    };
    let labels = place.like(drawn).entries(|name, place| {
        let right = (1..=63).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
        if !right {
            let rule = "the name of a label is 1 to 63 of A-Z, a-z, 0-9, `-`, `_`, `.` and `/`";
            place.note("invalid", rule);
        }
        read(place)
    });
    Some(labels?.into_iter().collect())
}

/// An instant of RFC 3339, kept to the second.
fn read_instant(place: Place<'_>) -> Option<Timestamp> {
    place.like(shape::instant).parsed(|text| {
        let rule = "an instant as RFC 3339 writes it, such as `2030-01-31T12:00:00Z`";
        let instant: Timestamp = text.parse().map_err(|_| rule)?;
        Timestamp::from_second(instant.as_second()).map_err(|_| rule)
    })
}
