//! `/organizations/{org}/apis`

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::apis;
use crate::app::apis::ApiEdit;
use crate::app::apis::NewApi;
use crate::app::apis::TokenEdit;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::app::problem::quoted;
use crate::domain::api::ApiRecord;
use crate::domain::api::Audience;
use crate::domain::api::DescribedScope;
use crate::domain::api::MAX_SCOPES;
use crate::domain::id::ApiId;
use crate::domain::name::Name;
use crate::domain::resource::ResourceType;
use crate::domain::role::AdminScope;
use crate::domain::signing_key::Algorithm;
use crate::domain::token::LIFETIME_LIMITS;
use crate::domain::token::TokenTyp;

use super::fields::Fields;
use super::filters::read_search;
use super::inside::Inside;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::FORCE;
use super::operation::action;
use super::place::Place;
use super::routes::Routes;
use super::schema::Instant;
use super::scopes::ScopeBody;
use super::scopes::read_scope;
use super::shape;

/// The most resource types of an API: every token names each of them.
const MAX_TYPES: usize = 16;

/// An API as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Api")]
struct ApiBody {
    id: ApiId,
    name: String,
    audience: String,
    scopes: Vec<ScopeBody>,
    resource_types: Vec<String>,
    token: TokenBody,
    #[schemars(with = "Instant")]
    created_at: Timestamp,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "TokenSettings")]
struct TokenBody {
    lifetime_seconds: Option<u64>,
    #[schemars(extend("enum" = ["ES256", "RS256", "EdDSA"]))]
    signing_alg: &'static str,
    #[schemars(extend("enum" = ["at+jwt", "JWT"]))]
    typ: &'static str,
}

impl From<ApiRecord> for ApiBody {
    fn from(record: ApiRecord) -> Self {
        let api = record.api;
        let scopes = record.described_scopes.into_iter();
        Self {
            id: api.id,
            name: api.name.to_string(),
            audience: api.audience.to_string(),
            scopes: scopes.map(ScopeBody::from).collect(),
            resource_types: api.resource_types.iter().map(ToString::to_string).collect(),
            token: TokenBody {
                lifetime_seconds: api.token.lifetime.map(|lifetime| lifetime.as_secs()),
                signing_alg: api.token.signing_alg.as_str(),
                typ: api.token.typ.as_str(),
            },
            created_at: record.created_at,
        }
    }
}

/// The routes of APIs.
pub(super) fn routes(routes: Routes) -> Routes {
    let apis = "/organizations/{org}/apis";
    routes
        .get(
            apis,
            list,
            action(
                "api.list",
                AdminScope::ApisRead,
                "List the APIs of an organization",
            )
            .lists::<ApiBody>()
            .searches("A part of the name or of the audience, without regard to case; or the id"),
        )
        .post(
            apis,
            post,
            action("api.create", AdminScope::ApisWrite, "Make an API")
                .makes::<ApiBody>()
                .reads(read)
                .conflicts(&[Conflict::NameTaken, Conflict::QuotaReached])
.described("An organization has at most 1000 APIs, and 10000 with those that were deleted. The scopes of one and their descriptions have at most 262144 bytes."),
        )
        .get(
            &format!("{apis}/{{api}}"),
            get,
            action("api.read", AdminScope::ApisRead, "Read an API").answers::<ApiBody>(),
        )
        .patch(
            &format!("{apis}/{{api}}"),
            patch,
            action("api.update", AdminScope::ApisWrite, "Edit an API")
                .answers::<ApiBody>()
                .described(
                    "A resource type that is new counts as none in every grant, and ends the tokens \
                     of those who hold one. One that somebody reaches something of cannot be taken \
                     away.",
                )
                .reads(|fields| Some(read_edit(fields)))
                .conflicts(&[Conflict::InUse]),
        )
        .delete(
            &format!("{apis}/{{api}}"),
            delete,
            action("api.delete", AdminScope::ApisWrite, "Delete an API")
                .removes()
                .described("Its tokens are dead at once, and its audience stays reserved.")
                .flag(FORCE.0, FORCE.1)
                .conflicts(&[Conflict::InUse]),
        )
}

/// `POST .../apis` makes an API.
pub(super) async fn post(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let made = apis::create(within, call.object(read)).await?;
    Ok(created::<_, ApiBody>(made))
}

/// `GET .../apis`
pub(super) async fn list(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let found = apis::list(&within, call.page_of(read_search)).await?;
    Ok(listed::<_, ApiBody>(found))
}

/// `GET .../apis/{api}`
pub(super) async fn get(
    Inside(within, [api], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = apis::show(&within, &api).await?;
    call.nothing()?;
    Ok(shown::<_, ApiBody>(found))
}

/// `PATCH .../apis/{api}` edits an API.
pub(super) async fn patch(
    Inside(within, [api], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let edited = apis::update(within, api, call.object(|fields| Some(read_edit(fields)))).await?;
    Ok(shown::<_, ApiBody>(edited))
}

/// `DELETE .../apis/{api}[?force=true]`
pub(super) async fn delete(
    Inside(within, [api], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    apis::delete(within, api, call.force()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(fields: &mut Fields<'_>) -> Option<NewApi> {
    let name = fields.required("name", |place| place.like(shape::name).parsed(Name::parse));
    let audience = fields.required("audience", |place| {
        place.like(shape::audience).parsed(Audience::parse)
    });
    let scopes = fields.optional("scopes", read_scopes);
    let resource_types = fields.optional("resource_types", read_types);
    let token = fields.optional("token", |place| {
        place.object(|token| Some(read_token(token)))
    });
    Some(NewApi {
        name: name?,
        audience: audience?,
        scopes: scopes.unwrap_or_default(),
        resource_types: resource_types.unwrap_or_default(),
        token: token.unwrap_or_default().of_new(),
    })
}

fn read_scopes(place: Place<'_>) -> Option<Vec<DescribedScope>> {
    let mut seen = BTreeSet::new();
    place.list(MAX_SCOPES, |place| {
        let (pointer, mistakes) = (place.pointer.clone(), place.mistakes);
        let described = place.object(read_scope)?;
        if seen.insert(described.scope.clone()) {
            return Some(described);
        }
        let detail = format!(
            "the scope {} stands here twice",
            quoted(described.scope.as_str())
        );
        mistakes.borrow_mut().add(&pointer, "duplicate", detail);
        None
    })
}

fn read_types(place: Place<'_>) -> Option<Vec<ResourceType>> {
    let mut seen = BTreeSet::new();
    place.list(MAX_TYPES, |place| {
        place.like(shape::resource_type).parsed(|text| {
            let kind = ResourceType::parse(text).map_err(|error| error.to_string())?;
            if seen.insert(kind.clone()) {
                Ok(kind)
            } else {
                Err(format!("the resource type `{kind}` stands here twice"))
            }
        })
    })
}

fn read_edit(fields: &mut Fields<'_>) -> ApiEdit {
    ApiEdit {
        resource_types: fields.given("resource_types", read_types),
        token: fields.edited("token", |place| {
            place.object(|token| Some(read_token(token)))
        }),
    }
}

/// In a new API, what is not said is the usual.
fn read_token(fields: &mut Fields<'_>) -> TokenEdit {
    TokenEdit {
        lifetime: fields.edited("lifetime_seconds", |place| place.seconds(LIFETIME_LIMITS)),
        signing_alg: fields.edited("signing_alg", |place| {
            place.one_of(&Algorithm::ALL.map(Algorithm::as_str), Algorithm::parse)
        }),
        typ: fields.edited("typ", |place| {
            place.one_of(&["at+jwt", "JWT"], TokenTyp::parse)
        }),
    }
}
