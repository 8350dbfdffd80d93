//! `.../service-accounts/{account}/credentials`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use ipnet::IpNet;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::app::access::DescribedAccess;
use crate::app::credentials;
use crate::app::credentials::CredentialEdit;
use crate::app::credentials::CredentialQuery;
use crate::app::credentials::DescribedCredential;
use crate::app::credentials::DescribedSecret;
use crate::app::credentials::InventoriedCredential;
use crate::app::credentials::IssuedCredential;
use crate::app::credentials::NewCredential;
use crate::app::credentials::RotationRequest;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::credential::CredentialStatus;
use crate::domain::credential::MAX_OVERLAP;
use crate::domain::id::AccountId;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::id::SecretId;
use crate::domain::name::Label;
use crate::domain::role::AdminScope;
use crate::domain::rotation::Lifetime;
use crate::domain::rotation::Rotation;

use super::access::read_access;
use super::accounts::SORT_KEYS;
use super::call::Call;
use super::fields::Fields;
use super::fields::Nullable;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::action;
use super::path::Path;
use super::place::Place;
use super::query::Query;
use super::routes::Routes;
use super::schema::Instant;
use super::schema::Network;
use super::shape;

/// A credential as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Credential")]
pub(super) struct CredentialBody {
    id: CredentialId,
    name: String,
    #[schemars(extend("enum" = ["client_secret"]))]
    kind: &'static str,
    client_id: ClientId,
    #[schemars(extend("enum" = ["active", "disabled", "expired", "revoked"]))]
    status: &'static str,
    #[schemars(with = "Vec<Network>")]
    allowed_networks: Vec<IpNet>,
    access: Option<DescribedAccess>,
    #[schemars(with = "Instant")]
    created_at: Timestamp,
    #[schemars(with = "Option<Instant>")]
    expires_at: Option<Timestamp>,
    #[schemars(with = "Option<Instant>")]
    last_used_at: Option<Timestamp>,
    secrets: Vec<SecretBody>,
    /// Only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Secret")]
struct SecretBody {
    id: SecretId,
    hint: String,
    #[schemars(extend("enum" = ["active", "overlap", "expired", "revoked"]))]
    status: &'static str,
    #[schemars(with = "Instant")]
    created_at: Timestamp,
    #[schemars(with = "Option<Instant>")]
    ends_at: Option<Timestamp>,
    #[schemars(with = "Option<Instant>")]
    first_used_at: Option<Timestamp>,
    #[schemars(with = "Option<Instant>")]
    last_used_at: Option<Timestamp>,
    last_used_address: Option<String>,
    last_used_user_agent: Option<String>,
}

impl From<DescribedCredential> for CredentialBody {
    fn from(described: DescribedCredential) -> Self {
        let credential = described.credential;
        Self {
            id: credential.id,
            name: credential.name.to_string(),
            kind: credential.kind.as_str(),
            client_id: credential.client_id,
            status: described.status.as_str(),
            expires_at: credential.expires_at(),
            allowed_networks: credential.allowed_networks,
            access: described.access,
            created_at: credential.created_at,
            last_used_at: described.last_used_at,
            secrets: described
                .secrets
                .into_iter()
                .map(SecretBody::from)
                .collect(),
            client_secret: None,
        }
    }
}

impl From<DescribedSecret> for SecretBody {
    fn from(described: DescribedSecret) -> Self {
        Self {
            id: described.secret.id,
            hint: described.secret.hint,
            status: described.status.as_str(),
            created_at: described.secret.created_at,
            ends_at: described.secret.ends_at,
            first_used_at: described.first_used_at,
            last_used_at: described.last_used_at,
            last_used_address: described
                .last_used_address
                .map(|address| address.to_string()),
            last_used_user_agent: described
                .last_used_user_agent
                .map(|agent| agent.to_string()),
        }
    }
}

/// With the secret: this is the one answer that shows it.
impl From<IssuedCredential> for CredentialBody {
    fn from(issued: IssuedCredential) -> Self {
        Self {
            client_secret: Some(issued.secret.expose().to_owned()),
            ..Self::from(issued.credential)
        }
    }
}

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

/// The routes of credentials.
pub(super) fn routes(routes: Routes) -> Routes {
    let credentials = "/organizations/{org}/service-accounts/{account}/credentials";
    let credential = format!("{credentials}/{{credential}}");
    let routes = routes
        .get(
            credentials,
            list,
            action(
                "credential.list",
                AdminScope::AccountsRead,
                "List the credentials of a service account",
            )
            .lists::<CredentialBody>(),
        )
        .post(
            credentials,
            post,
            action(
                "credential.create",
                AdminScope::CredentialsWrite,
                "Make a credential",
            )
            .makes::<CredentialBody>()
            .reads(read_credential)
            .conflicts(&[Conflict::NameTaken])
            .described("`client_secret` is shown in this answer only."),
        )
        .get(
            &credential,
            get,
            action(
                "credential.read",
                AdminScope::AccountsRead,
                "Read a credential, and when each of its secrets was used",
            )
            .answers::<CredentialBody>(),
        )
        .patch(
            &credential,
            patch,
            action(
                "credential.update",
                AdminScope::CredentialsWrite,
                "Edit a credential",
            )
            .answers::<CredentialBody>()
            .reads(|fields| Some(read_edit(fields)))
            .conflicts(&[Conflict::NameTaken, Conflict::LastAdministrator])
            .described("A narrowing that leaves less kills the tokens from before."),
        )
        .delete(
            &credential,
            delete,
            action(
                "credential.delete",
                AdminScope::CredentialsWrite,
                "Delete a credential and its tokens",
            )
            .removes(),
        );
    actions(routes, &credential)
}

/// What is done with a credential, and the inventory.
fn actions(routes: Routes, credential: &str) -> Routes {
    let credential = |rest: &str| format!("{credential}{rest}");
    routes
        .post(
            &credential("/rotate"),
            rotate,
            action(
                "credential.rotate",
                AdminScope::CredentialsWrite,
                "Give a credential a new secret",
            )
            .answers::<CredentialBody>()
            .reads(|fields| Some(read_rotation(fields)))
            .conflicts(&[Conflict::OverlapInProgress, Conflict::WrongState])
            .described(
                "The old secret works for the overlap, to the second. `client_secret` is shown in \
                 this answer only.",
            ),
        )
        .post(
            &credential("/revoke"),
            revoke,
            action(
                "credential.revoke",
                AdminScope::CredentialsWrite,
                "Take a credential back for good",
            )
            .answers::<CredentialBody>(),
        )
        .post(
            &credential("/disable"),
            disable,
            action(
                "credential.disable",
                AdminScope::CredentialsWrite,
                "Stop a credential; its tokens die for good",
            )
            .answers::<CredentialBody>()
            .conflicts(&[Conflict::WrongState, Conflict::LastAdministrator]),
        )
        .post(
            &credential("/enable"),
            enable,
            action(
                "credential.enable",
                AdminScope::CredentialsWrite,
                "Let a credential work again",
            )
            .answers::<CredentialBody>()
            .conflicts(&[Conflict::WrongState]),
        )
        .get(
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
            .parameter("unused_for", "Neither used nor made for this long", shape::span())
            .parameter("expires_within", "They end within this time", shape::span())
            .parameter("sort", "In which order; `-` before it for the greatest first", shape::sort()),
        )
        .delete(
            &credential("/secrets/{secret}"),
            retire,
            action(
                "secret.delete",
                AdminScope::CredentialsWrite,
                "Retire one secret of a credential",
            )
            .removes()
            .flag("force", "Whatever the evidence of its use says")
            .conflicts(&[Conflict::SecretInUse])
            .described(
                "A secret is in use when it was used after the other one first was, when no other \
                 one was used, or when not all usage can be read. The problem says what is known, in \
                 `evidence`.",
            ),
        )
}

/// `POST .../credentials` makes a credential.
pub(super) async fn post(
    State(app): State<App>,
    Path((org, account)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::CredentialsWrite)
        .await?;
    let made = credentials::create(within, account, call.object(read_credential)).await?;
    Ok(created::<_, CredentialBody>(made))
}

/// `GET .../credentials`
pub(super) async fn list(
    State(app): State<App>,
    Path((org, account)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsRead)
        .await?;
    let found = credentials::list(&within, &account, call.page()).await?;
    Ok(listed::<_, CredentialBody>(found))
}

/// `GET .../credentials/{credential}`
pub(super) async fn get(
    State(app): State<App>,
    Path((org, account, credential)): Path<(String, String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsRead)
        .await?;
    let found = credentials::show(&within, &account, &credential).await?;
    call.nothing()?;
    Ok(shown::<_, CredentialBody>(found))
}

/// `POST .../credentials/{credential}/rotate` gives it a new secret.
pub(super) async fn rotate(
    State(app): State<App>,
    Path((org, account, credential)): Path<(String, String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::CredentialsWrite)
        .await?;
    let rotated = credentials::rotate(
        within,
        account,
        credential,
        call.object(|fields| Some(read_rotation(fields))),
    )
    .await?;
    Ok(shown::<_, CredentialBody>(rotated))
}

/// `POST .../credentials/{credential}/revoke` takes it back for good.
pub(super) async fn revoke(
    State(app): State<App>,
    Path((org, account, credential)): Path<(String, String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::CredentialsWrite)
        .await?;
    let revoked = credentials::revoke(within, account, credential, call.nothing()).await?;
    Ok(shown::<_, CredentialBody>(revoked))
}

/// `PATCH .../credentials/{credential}` edits it.
pub(super) async fn patch(
    State(app): State<App>,
    Path((org, account, credential)): Path<(String, String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::CredentialsWrite)
        .await?;
    let submitted = call.object(|fields| Some(read_edit(fields)));
    let edited = credentials::edit(within, account, credential, submitted).await?;
    Ok(shown::<_, CredentialBody>(edited))
}

/// `POST .../credentials/{credential}/disable`
pub(super) async fn disable(
    State(app): State<App>,
    Path((org, account, credential)): Path<(String, String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::CredentialsWrite)
        .await?;
    let disabled = credentials::disable(within, account, credential, call.nothing()).await?;
    Ok(shown::<_, CredentialBody>(disabled))
}

/// `POST .../credentials/{credential}/enable`
pub(super) async fn enable(
    State(app): State<App>,
    Path((org, account, credential)): Path<(String, String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::CredentialsWrite)
        .await?;
    let enabled = credentials::enable(within, account, credential, call.nothing()).await?;
    Ok(shown::<_, CredentialBody>(enabled))
}

/// `GET /organizations/{org}/credentials`: every credential, with whose it is.
pub(super) async fn inventory(
    State(app): State<App>,
    Path(org): Path<String>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsRead)
        .await?;
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

/// `DELETE .../credentials/{credential}`
pub(super) async fn delete(
    State(app): State<App>,
    Path((org, account, credential)): Path<(String, String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::CredentialsWrite)
        .await?;
    credentials::delete(within, account, credential, call.nothing()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE .../credentials/{credential}/secrets/{secret}[?force=true]` retires one secret.
pub(super) async fn retire(
    State(app): State<App>,
    Path((org, account, credential, secret)): Path<(String, String, String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::CredentialsWrite)
        .await?;
    let force = call.object_and_flag("force", |_| Some(()));
    let force = force.map(|((), force)| force);
    credentials::retire(within, account, credential, secret, force).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A credential that is to be made.
pub(super) fn read_credential(fields: &mut Fields<'_>) -> Option<NewCredential> {
    let name = fields.required("name", read_name);
    let lifetime = read_lifetime(fields);
    let allowed_networks = fields.optional("allowed_networks", read_networks);
    let access = fields.optional("access", read_access);
    Some(NewCredential {
        name: name?,
        lifetime,
        allowed_networks: allowed_networks.unwrap_or_default(),
        access,
    })
}

fn read_edit(fields: &mut Fields<'_>) -> CredentialEdit {
    CredentialEdit {
        name: fields.given("name", read_name),
        allowed_networks: fields.edited("allowed_networks", read_networks),
        access: fields.edited("access", read_access),
    }
}

fn read_rotation(fields: &mut Fields<'_>) -> RotationRequest {
    let usual = RotationRequest::default();
    let overlap = fields.optional("overlap_seconds", |place| {
        place.seconds(0..=MAX_OVERLAP.as_secs())
    });
    let lifetime = read_lifetime(fields);
    let revoke_tokens = fields.optional("revoke_tokens", Place::boolean);
    let end_overlap = fields.optional("end_overlap", Place::boolean);
    RotationRequest {
        rotation: Rotation {
            overlap: overlap.unwrap_or(usual.rotation.overlap),
            lifetime,
            end_overlap: end_overlap.unwrap_or(usual.rotation.end_overlap),
        },
        revoke_tokens: revoke_tokens.unwrap_or(usual.revoke_tokens),
    }
}

/// Left out is the usual lifetime, `null` is none.
fn read_lifetime(fields: &mut Fields<'_>) -> Lifetime {
    const TEN_YEARS_SECS: u64 = 10 * 366 * 24 * 60 * 60;
    let seconds = fields.nullable("expires_in_seconds", |place| {
        place.seconds(1..=TEN_YEARS_SECS)
    });
    match seconds {
        Nullable::Absent => Lifetime::Usual,
        Nullable::Null => Lifetime::Never,
        Nullable::Value(lifetime) => Lifetime::For(lifetime),
    }
}

fn read_name(place: Place<'_>) -> Option<Label> {
    place.like(shape::label).parsed(Label::parse)
}

fn read_networks(place: Place<'_>) -> Option<Vec<IpNet>> {
    const MAX_NETWORKS: usize = 100;
    place.list(MAX_NETWORKS, read_network)
}

/// A network in the notation of RFC 4632, without bits beyond its prefix.
fn read_network(place: Place<'_>) -> Option<IpNet> {
    place.like(shape::network).parsed(|text| {
        let network: IpNet = text
            .parse()
            .map_err(|_| "a network in CIDR notation, such as `10.0.0.0/8`".to_owned())?;
        if network == network.trunc() {
            Ok(network)
        } else {
            let meant = network.trunc();
            Err(format!(
                "the address has bits beyond the prefix; `{meant}` is meant"
            ))
        }
    })
}
