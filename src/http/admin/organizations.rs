//! `/organizations`

use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::app::organizations;
use crate::app::organizations::DescribedOrganization;
use crate::app::organizations::NewOrganization;
use crate::app::organizations::OrganizationEdit;
use crate::app::organizations::OrganizationFilter;
use crate::app::organizations::PolicyEdit;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::id::OrganizationId;
use crate::domain::name::Name;
use crate::domain::organization::LeakReport;
use crate::domain::organization::Policy;
use crate::domain::organization::Status;
use crate::domain::role::AdminScope;
use crate::domain::token::LIFETIME_LIMITS;

use super::call::Call;
use super::fields::Fields;
use super::inside::Inside;
use super::inside::OfInstance;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::action;
use super::place::Place;
use super::query::Query;
use super::routes::Routes;
use super::schema::Instant;
use super::shape;
use super::shape::words;

/// How an organization may stand.
const STATUSES: [Status; 2] = [Status::Active, Status::Disabled];

/// An organization as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Organization")]
struct OrganizationBody {
    id: OrganizationId,
    name: String,
    #[schemars(extend("enum" = ["active", "disabled"]))]
    status: &'static str,
    max_service_accounts: Option<u32>,
    policy: PolicyBody,
    service_account_count: u32,
    #[schemars(with = "Instant")]
    created_at: Timestamp,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Policy")]
struct PolicyBody {
    #[schemars(extend("enum" = ["revoke", "finding"]))]
    leak_report: &'static str,
    allow_never_expires: bool,
    max_token_lifetime_seconds: Option<u64>,
}

impl From<DescribedOrganization> for OrganizationBody {
    fn from(described: DescribedOrganization) -> Self {
        let organization = described.organization;
        let policy = organization.policy;
        Self {
            id: organization.id,
            name: organization.name.to_string(),
            status: organization.status.as_str(),
            max_service_accounts: organization.max_service_accounts,
            policy: PolicyBody {
                leak_report: policy.leak_report.as_str(),
                allow_never_expires: policy.allow_never_expires,
                max_token_lifetime_seconds: policy.max_token_lifetime.map(|l| l.as_secs()),
            },
            service_account_count: described.service_account_count,
            created_at: organization.created_at,
        }
    }
}

/// The routes of organizations.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .get(
            "/organizations",
            list,
            action(
                "organization.list",
                AdminScope::OrganizationsRead,
                "List the organizations that the token reaches",
            )
            .lists::<OrganizationBody>()
            .parameter("status", "How they stand now", words(STATUSES.map(Status::as_str)))
            .searches("A part of the name, without regard to case; or the id"),
        )
        .post(
            "/organizations",
            post,
            action(
                "organization.create",
                AdminScope::OrganizationsWrite,
                "Make an organization",
            )
            .makes::<OrganizationBody>()
            .reads(read)
            .conflicts(&[Conflict::NameTaken]),
        )
        .get(
            "/organizations/{org}",
            get,
            action(
                "organization.read",
                AdminScope::OrganizationsRead,
                "Read an organization",
            )
            .answers::<OrganizationBody>(),
        )
        .patch(
            "/organizations/{org}",
            patch,
            action(
                "organization.update",
                AdminScope::OrganizationsWrite,
                "Edit an organization",
            )
            .answers::<OrganizationBody>()
            .reads(|fields| Some(read_edit(fields)))
            .described(
                "`max_service_accounts` takes a token for every organization; the usual tiers are 5, \
                 250, 1000 and `null`, which is no limit. A policy counts from the next secret and \
                 the next token.",
            ),
        )
        .post(
            "/organizations/{org}/disable",
            disable,
            action(
                "organization.disable",
                AdminScope::OrganizationsWrite,
                "Stop an organization; the tokens of its accounts die for good",
            )
            .answers::<OrganizationBody>()
            .conflicts(&[Conflict::LastAdministrator]),
        )
        .post(
            "/organizations/{org}/enable",
            enable,
            action(
                "organization.enable",
                AdminScope::OrganizationsWrite,
                "Let an organization work again",
            )
            .answers::<OrganizationBody>()
            .described(
                "Whatever of `ostler` its active accounts hold comes back with it, so the presented \
                 token has to hold all of that.",
            ),
        )
}

/// `POST /organizations` makes an organization.
pub(super) async fn post(
    OfInstance(instance, [], call): OfInstance<0>,
) -> Result<impl IntoResponse, Problem> {
    let made = organizations::create(instance, call.object(read)).await?;
    Ok(created::<_, OrganizationBody>(made))
}

/// `GET /organizations` lists those that the token reaches.
pub(super) async fn list(State(app): State<App>, call: Call) -> Result<impl IntoResponse, Problem> {
    let wanted = call.page_of(read_query);
    let found = organizations::list(&app, &call.caller, wanted).await?;
    Ok(listed::<_, OrganizationBody>(found))
}

/// `GET /organizations/{org}`
pub(super) async fn get(Inside(within, [], call): Inside<0>) -> Result<impl IntoResponse, Problem> {
    let found = organizations::show(within).await?;
    call.nothing()?;
    Ok(shown::<_, OrganizationBody>(found))
}

/// `PATCH /organizations/{org}` edits an organization.
pub(super) async fn patch(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let [quota] = call.members(["max_service_accounts"]);
    let submitted = call.object(|fields| Some(read_edit(fields)));
    let edited = organizations::edit(within, quota.is_some(), submitted).await?;
    Ok(shown::<_, OrganizationBody>(edited))
}

/// `POST /organizations/{org}/disable`
pub(super) async fn disable(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let disabled = organizations::disable(within, call.nothing()).await?;
    Ok(shown::<_, OrganizationBody>(disabled))
}

/// `POST /organizations/{org}/enable`
pub(super) async fn enable(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let enabled = organizations::enable(within, call.nothing()).await?;
    Ok(shown::<_, OrganizationBody>(enabled))
}

/// What the list is asked for.
fn read_query(query: &mut Query) -> OrganizationFilter {
    OrganizationFilter {
        status: query.one_of("status", &STATUSES.map(|one| (one.as_str(), one))),
        text: query.prose("q"),
    }
}

fn read(fields: &mut Fields<'_>) -> Option<NewOrganization> {
    let name = fields.required("name", |place| place.like(shape::name).parsed(Name::parse));
    let max_service_accounts = fields.optional("max_service_accounts", read_quota);
    let policy = fields.optional("policy", |place| {
        place.object(|policy| Some(read_policy(policy)))
    });
    Some(NewOrganization {
        name: name?,
        max_service_accounts,
        policy: policy.unwrap_or_default(),
    })
}

fn read_policy(fields: &mut Fields<'_>) -> Policy {
    let usual = Policy::default();
    let leak_report = fields.optional("leak_report", |place| {
        let told = || json!({"default": usual.leak_report.as_str()});
        read_leak_report(place.like(told))
    });
    let allow_never_expires = fields.optional("allow_never_expires", |place| {
        place.flag(
            usual.allow_never_expires,
            "Whether secrets without an end may be made",
        )
    });
    let max_token_lifetime = fields.optional("max_token_lifetime_seconds", read_lifetime);
    Policy {
        leak_report: leak_report.unwrap_or(usual.leak_report),
        allow_never_expires: allow_never_expires.unwrap_or(usual.allow_never_expires),
        max_token_lifetime,
    }
}

fn read_edit(fields: &mut Fields<'_>) -> OrganizationEdit {
    OrganizationEdit {
        max_service_accounts: fields.edited("max_service_accounts", read_quota),
        policy: fields.edited("policy", |place| {
            place.object(|policy| {
                Some(PolicyEdit {
                    leak_report: policy.edited("leak_report", read_leak_report),
                    allow_never_expires: policy.edited("allow_never_expires", Place::boolean),
                    max_token_lifetime: policy.edited("max_token_lifetime_seconds", read_lifetime),
                })
            })
        }),
    }
}

fn read_quota(place: Place<'_>) -> Option<u32> {
    let number = place.whole_number(0..=u32::MAX.into())?;
    u32::try_from(number).ok()
}

fn read_leak_report(place: Place<'_>) -> Option<LeakReport> {
    place.one_of(&["revoke", "finding"], LeakReport::parse)
}

fn read_lifetime(place: Place<'_>) -> Option<Duration> {
    place.seconds(LIFETIME_LIMITS)
}
