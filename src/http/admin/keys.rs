//! `/keys`

use axum::response::IntoResponse;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::app::keys;
use crate::app::keys::KeyQuery;
use crate::app::keys::rotate::Rotation;
use crate::app::page::Listing;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::role::AdminScope;
use crate::domain::signing_key::Algorithm;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;

use super::fields::Fields;
use super::inside::OfInstance;
use super::listing::ListBody;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::action;
use super::query::Query;
use super::routes::Routes;
use super::schema::Instant;
use super::shape::words;

/// A signing key as answers show it: never its private half.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SigningKey")]
struct KeyBody {
    kid: String,
    #[schemars(extend("enum" = ["ES256", "RS256", "EdDSA"]))]
    alg: &'static str,
    #[schemars(extend("enum" = ["pending", "active", "retiring", "retired", "revoked"]))]
    state: &'static str,
    #[schemars(with = "Instant")]
    created_at: Timestamp,
    #[schemars(with = "Instant")]
    published_at: Timestamp,
    /// When a pending key begins to sign by itself.
    #[schemars(with = "Option<Instant>")]
    activates_at: Option<Timestamp>,
    #[schemars(with = "Option<Instant>")]
    active_from: Option<Timestamp>,
    #[schemars(with = "Option<Instant>")]
    last_signed_at: Option<Timestamp>,
    #[schemars(with = "Option<Instant>")]
    leaves_jwks_at: Option<Timestamp>,
}

impl From<SigningKeyRecord> for KeyBody {
    fn from(key: SigningKeyRecord) -> Self {
        Self {
            kid: key.kid,
            alg: key.algorithm.as_str(),
            state: key.state.as_str(),
            created_at: key.created_at,
            published_at: key.published_at,
            activates_at: key.activates_at,
            active_from: key.active_from,
            last_signed_at: key.last_signed_at,
            leaves_jwks_at: key.leaves_jwks_at,
        }
    }
}

/// The routes of signing keys.
pub(super) fn routes(routes: Routes) -> Routes {
    of_one_key(of_all_keys(routes))
}

fn of_all_keys(routes: Routes) -> Routes {
    routes
        .get(
            "/keys",
            list,
            action(
                "signing_key.list",
                AdminScope::KeysRead,
                "List the signing keys",
            )
            .lists::<KeyBody>()
            .parameter("state", "How they stand now", words(KeyState::ALL.map(KeyState::as_str)))
            .parameter("alg", "What they sign with", words(Algorithm::ALL.map(Algorithm::as_str))),
        )
        .post(
            "/keys",
            post,
            action(
                "signing_key.create",
                AdminScope::KeysWrite,
                "Make a signing key",
            )
            .makes::<KeyBody>()
            .reads(read_algorithm)
            .conflicts(&[Conflict::QuotaReached])
            .described(
                "It is published at once, and signs when it is activated, or when the schedule \
                 needs a successor. At most 10 of an algorithm are pending, and there are at most 500 \
                 keys; those that are over are forgotten after 90 days.",
            ),
        )
        .post(
            "/keys/rotate",
            rotate,
            action(
                "signing_key.rotate",
                AdminScope::KeysWrite,
                "Rotate the signing keys now",
            )
            .answers::<ListBody<KeyBody>>()
            .reads(|fields| Some(read_rotation(fields)))
            .conflicts(&[Conflict::QuotaReached])
            .described(
                "A pending key that verifiers know takes over; where there is none, one is \
                 published, which takes over by itself when they do. Answers the successors.",
            ),
        )
}

fn of_one_key(routes: Routes) -> Routes {
    routes
        .get(
            "/keys/{kid}",
            get,
            action(
                "signing_key.read",
                AdminScope::KeysRead,
                "Read a signing key",
            )
            .answers::<KeyBody>(),
        )
        .post(
            "/keys/{kid}/activate",
            activate,
            action(
                "signing_key.activate",
                AdminScope::KeysWrite,
                "Have a key sign",
            )
            .answers::<KeyBody>()
            .reads(|fields| Some(read_force(fields)))
            .conflicts(&[Conflict::NotPublishedLongEnough, Conflict::WrongState]),
        )
        .post(
            "/keys/{kid}/retire",
            retire,
            action(
                "signing_key.retire",
                AdminScope::KeysWrite,
                "Have a key sign no more",
            )
            .answers::<KeyBody>()
            .reads(|fields| Some(read_force(fields)))
            .conflicts(&[
                Conflict::InUse,
                Conflict::NotPublishedLongEnough,
                Conflict::WrongState,
            ])
            .described(
                "A pending key takes over from one that signs, which verifies what it signed until \
                 `leaves_jwks_at`. One that has not signed yet leaves at once.",
            ),
        )
        .post(
            "/keys/{kid}/revoke",
            revoke,
            action(
                "signing_key.revoke",
                AdminScope::KeysWrite,
                "Take a key back, with every token that it signed",
            )
            .answers::<KeyBody>()
            .described(
                "The emergency: it leaves the JWKS and its tokens are dead at once. When it signed, \
                 another signs in its place from the same instant on.",
            ),
        )
}

/// `POST /keys` makes a key, published and not yet signing.
pub(super) async fn post(
    OfInstance(instance, [], call): OfInstance<0>,
) -> Result<impl IntoResponse, Problem> {
    let made = keys::create(instance, call.object(read_algorithm)).await?;
    Ok(created::<_, KeyBody>(made))
}

/// `GET /keys`
pub(super) async fn list(
    OfInstance(instance, [], call): OfInstance<0>,
) -> Result<impl IntoResponse, Problem> {
    let found = keys::list(&instance, call.page_of(read_query)).await?;
    Ok(listed::<_, KeyBody>(found))
}

/// `GET /keys/{kid}`
pub(super) async fn get(
    OfInstance(instance, [kid], call): OfInstance<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = keys::show(&instance, &kid).await?;
    call.nothing()?;
    Ok(shown::<_, KeyBody>(found))
}

/// `POST /keys/{kid}/activate` makes it the one that signs.
pub(super) async fn activate(
    OfInstance(instance, [kid], call): OfInstance<1>,
) -> Result<impl IntoResponse, Problem> {
    let active = keys::activate(
        instance,
        kid,
        call.object(|fields| Some(read_force(fields))),
    )
    .await?;
    Ok(shown::<_, KeyBody>(active))
}

/// `POST /keys/{kid}/retire` lets it sign no more.
pub(super) async fn retire(
    OfInstance(instance, [kid], call): OfInstance<1>,
) -> Result<impl IntoResponse, Problem> {
    let force = call.object(|fields| Some(read_force(fields)));
    let retired = keys::retire::retire(instance, kid, force).await?;
    Ok(shown::<_, KeyBody>(retired))
}

/// `POST /keys/{kid}/revoke` takes it back, with everything that it signed.
pub(super) async fn revoke(
    OfInstance(instance, [kid], call): OfInstance<1>,
) -> Result<impl IntoResponse, Problem> {
    let revoked = keys::revoke::revoke(instance, kid, call.nothing()).await?;
    Ok(shown::<_, KeyBody>(revoked))
}

/// `POST /keys/rotate` rotates all keys, or those of one algorithm.
pub(super) async fn rotate(
    OfInstance(instance, [], call): OfInstance<0>,
) -> Result<impl IntoResponse, Problem> {
    let successors =
        keys::rotate::rotate(instance, call.object(|fields| Some(read_rotation(fields)))).await?;
    Ok(listed::<_, KeyBody>(Listing {
        items: successors,
        next_cursor: None,
    }))
}

/// What the list is asked for.
fn read_query(query: &mut Query) -> KeyQuery {
    KeyQuery {
        state: query.one_of("state", &KeyState::ALL.map(|one| (one.as_str(), one))),
        algorithm: query.one_of("alg", &Algorithm::ALL.map(|one| (one.as_str(), one))),
    }
}

fn read_rotation(fields: &mut Fields<'_>) -> Rotation {
    let names = Algorithm::ALL.map(Algorithm::as_str);
    let told = || json!({"description": "Those of every algorithm when left out"});
    let one = fields.optional("alg", |place| {
        place.like(told).one_of(&names, Algorithm::parse)
    });
    Rotation {
        algorithms: one.map_or_else(|| Algorithm::ALL.to_vec(), |one| vec![one]),
        force: read_force(fields),
    }
}

fn read_algorithm(fields: &mut Fields<'_>) -> Option<Algorithm> {
    let names = Algorithm::ALL.map(Algorithm::as_str);
    fields.required("alg", |place| place.one_of(&names, Algorithm::parse))
}

/// Whether the key signs at once, whatever verifiers know.
fn read_force(fields: &mut Fields<'_>) -> bool {
    let told = "A key signs at once, also where verifiers may not know it yet";
    let force = fields.optional("force", |place| place.flag(false, told));
    force.unwrap_or(false)
}
