//! `.../service-accounts/{account}/usage` and `/organizations/{org}/usage`

use axum::Json;
use axum::response::IntoResponse;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::problem::Problem;
use crate::app::usage::report;
use crate::app::usage::report::UsageQuery;
use crate::app::usage::report::UsageReport;
use crate::domain::role::AdminScope;
use crate::domain::usage_series::By;

use super::inside::Inside;
use super::operation::action;
use super::query::Query;
use super::routes::Routes;
use super::schema::Instant;
use super::shape;
use super::shape::text_like;
use super::shape::words;

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Usage")]
struct UsageBody {
    buckets: Vec<BucketBody>,
    addresses: Vec<AddressBody>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "UsageBucket")]
struct BucketBody {
    /// The beginning of the hour.
    #[schemars(with = "Instant")]
    start_at: Timestamp,
    /// What it is broken down by: the name of an API, the code of a refusal, the id of a credential
    /// or an API token.
    key: Option<String>,
    issued: u64,
    refused: u64,
    introspected: u64,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "UsageAddress")]
struct AddressBody {
    address: String,
    count: u64,
    #[schemars(with = "Instant")]
    last_seen_at: Timestamp,
}

impl From<UsageReport> for UsageBody {
    fn from(report: UsageReport) -> Self {
        let buckets = report.buckets.into_iter().map(|bucket| BucketBody {
            start_at: bucket.start_at,
            key: bucket.key,
            issued: bucket.counts.issued,
            refused: bucket.counts.refused,
            introspected: bucket.counts.introspected,
        });
        let addresses = report.addresses.into_iter().map(|one| AddressBody {
            address: one.address.to_string(),
            count: one.count,
            last_seen_at: one.last_seen_at,
        });
        Self {
            buckets: buckets.collect(),
            addresses: addresses.collect(),
        }
    }
}

/// The routes of usage.
pub(super) fn routes(routes: Routes) -> Routes {
    let told = |name, summary| {
        action(name, AdminScope::AccountsRead, summary)
            .answers::<UsageBody>()
            .parameter(
                "from",
                "From the hour on that this instant is in; else as far back as it is kept",
                text_like(shape::instant()),
            )
            .parameter(
                "to",
                "Before this instant; else until now",
                text_like(shape::instant()),
            )
            .parameter(
                "by",
                "What the hours are broken down by",
                words(By::ALL.map(By::as_str)),
            )
            .described(
                "Only hours in which there was anything. Exact for what this node has counted; \
                 what other nodes have counted in the last minute may be missing.",
            )
    };
    routes
        .get(
            "/organizations/{org}/service-accounts/{account}/usage",
            of_account,
            told(
                "service_account.read_usage",
                "Read how often a service account was used, also one that was deleted, by its id",
            ),
        )
        .get(
            "/organizations/{org}/usage",
            of_organization,
            told(
                "organization.read_usage",
                "Read how often all service accounts were used",
            ),
        )
}

/// `GET .../service-accounts/{account}/usage`
pub(super) async fn of_account(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = report::of_account(&within, &account, call.asked(read_query)).await?;
    Ok(Json(UsageBody::from(found)))
}

/// `GET /organizations/{org}/usage`
pub(super) async fn of_organization(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let found = report::of_organization(&within, call.asked(read_query)).await?;
    Ok(Json(UsageBody::from(found)))
}

fn read_query(query: &mut Query) -> UsageQuery {
    UsageQuery {
        from: query.instant("from"),
        to: query.instant("to"),
        by: query
            .one_of("by", &By::ALL.map(|by| (by.as_str(), by)))
            .unwrap_or_default(),
    }
}
