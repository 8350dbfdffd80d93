//! `.../service-accounts/{account}/access`

use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::app::access;
use crate::app::access::DescribedAccess;
use crate::app::access::PresentedAccess;
use crate::app::access::PresentedGrant;
use crate::app::access::PresentedIdentifiers;
use crate::app::access::Replaced;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::app::terms::Tagged;
use crate::domain::role::AdminScope;

use super::fields::Fields;
use super::inside::Inside;
use super::listing::shown;
use super::operation::action;
use super::place::Place;
use super::routes::Routes;

/// The most grants of an account or a credential.
const MAX_GRANTS: usize = 100;

/// The most scopes of a grant.
const MAX_SCOPES: usize = 1_000;

/// The most keys of one type in a grant.
const MAX_KEYS: usize = 10_000;

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AccountAccess")]
struct AccessBody {
    access: DescribedAccess,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ReplacedAccess")]
struct ReplacedBody {
    access: DescribedAccess,
    diff: DiffBody,
    tokens_revoked: bool,
    warnings: Vec<String>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AccessDifference")]
struct DiffBody {
    added: DescribedAccess,
    removed: DescribedAccess,
}

impl From<Tagged<DescribedAccess>> for AccessBody {
    fn from(shown: Tagged<DescribedAccess>) -> Self {
        Self {
            access: shown.thing,
        }
    }
}

impl From<Replaced> for ReplacedBody {
    fn from(replaced: Replaced) -> Self {
        Self {
            access: replaced.access,
            diff: DiffBody {
                added: replaced.added,
                removed: replaced.removed,
            },
            tokens_revoked: replaced.tokens_revoked,
            warnings: replaced.warnings,
        }
    }
}

/// The routes of an account's access.
pub(super) fn routes(routes: Routes) -> Routes {
    let access = "/organizations/{org}/service-accounts/{account}/access";
    routes
        .get(
            access,
            get,
            action(
                "service_account.read_access",
                AdminScope::AccountsRead,
                "Read what a service account is granted itself",
            )
            .answers::<AccessBody>(),
        )
        .put(
            access,
            put,
            action(
                "service_account.update_access",
                AdminScope::AccessWrite,
                "Replace what a service account is granted itself",
            )
            .answers::<ReplacedBody>()
            .reads(|fields| fields.required("access", read_access))
            .flag("dry_run", "Change nothing, and say what it would come to")
            .conflicts(&[Conflict::QuotaReached, Conflict::LastAdministrator]),
        )
}

/// `GET .../access` shows the account's own grants.
pub(super) async fn get(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = access::show(&within, &account).await?;
    call.nothing()?;
    Ok(shown::<_, AccessBody>(found))
}

/// `PUT .../access[?dry_run=true]` replaces them, or says what that would come to.
pub(super) async fn put(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let submitted =
        call.object_and_flag("dry_run", |fields| fields.required("access", read_access));
    let replaced = access::replace(within, account, submitted).await?;
    Ok(shown::<_, ReplacedBody>(replaced))
}

/// A list of grants.
pub(super) fn read_access(place: Place<'_>) -> Option<PresentedAccess> {
    let pointer = place.pointer.clone();
    let grants = place.list(MAX_GRANTS, |place| place.object(read_grant))?;
    Some(PresentedAccess { pointer, grants })
}

fn read_grant(fields: &mut Fields<'_>) -> Option<PresentedGrant> {
    let api = fields.required("api", Place::text);
    let scopes = fields.required("scopes", |place| place.list(MAX_SCOPES, Place::text));
    let resources = fields.optional("resources", |place| {
        place.entries(|_, place| read_identifiers(place))
    });
    Some(PresentedGrant {
        api: api?,
        scopes: scopes?,
        resources: resources.unwrap_or_default(),
    })
}

/// `"*"`, or a list of keys.
fn read_identifiers(place: Place<'_>) -> Option<PresentedIdentifiers> {
    if place.is_drawn(identifiers) {
        return None;
    }
    if place.is("*") {
        return Some(PresentedIdentifiers::All);
    }
    if !place.value.is_array() {
        place.note(
            "wrong_type",
            "this has to be \"*\" for all, or a list of keys",
        );
        return None;
    }
    let keys = place.list(MAX_KEYS, |place| {
        if place.is("*") {
            place.note(
                "invalid",
                "\"*\" stands alone: write \"*\" instead of [\"*\"]",
            );
            return None;
        }
        place.text()
    });
    keys.map(PresentedIdentifiers::Listed)
}

fn identifiers() -> Value {
    json!({"anyOf": [
        {"type": "string", "const": "*"},
        {
            "type": "array",
            "maxItems": MAX_KEYS,
            "items": {"type": "string", "not": {"const": "*"}},
        },
    ]})
}
