//! Usage series as they are shown.
//!
//! A reading first writes what this node has counted, so it is exact for this node; what other nodes
//! counted is there some seconds later.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::domain::finding::NETWORK_KNOWN_FOR;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::role::OSTLER_API;
use crate::domain::role::OSTLER_NAME;
use crate::domain::usage_series::By;
use crate::domain::usage_series::Counts;
use crate::domain::usage_series::Hour;
use crate::store::Hours;
use crate::store::Lookup;
use crate::store::SeriesOf;
use crate::store::SeriesRow;
use crate::store::StoreError;

use super::super::App;
use super::super::authority::InOrganization;
use super::super::problem::Mistake;
use super::super::problem::Problem;
use super::super::problem::Submitted;

/// The most buckets of one answer: every hour of 30 days, broken down by a dozen.
const MAX_BUCKETS: u32 = 10_000;

/// How many addresses are shown.
const TOP_ADDRESSES: u32 = 20;

/// Which part of a series is wanted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct UsageQuery {
    /// From the hour that this instant is in; not said = as far back as it is kept.
    pub from: Option<Timestamp>,
    /// Up to, but not from, this instant on; not said = now.
    pub to: Option<Timestamp>,
    /// Broken down by what.
    pub by: By,
}

/// What was used, hour by hour, and from where.
#[derive(Clone, Debug)]
pub struct UsageReport {
    /// The hours in which there was anything, the oldest first.
    pub buckets: Vec<Bucket>,
    /// The addresses that most requests came from, the most first.
    pub addresses: Vec<TopAddress>,
}

/// One hour.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Its first instant.
    pub start_at: Timestamp,
    /// What it is broken down by; `None` where it is not, or that was not known.
    pub key: Option<String>,
    /// How many requests.
    pub counts: Counts,
}

/// An address that requests came from.
#[derive(Clone, Debug)]
pub struct TopAddress {
    /// The address.
    pub address: IpAddr,
    /// How many.
    pub count: u64,
    /// When the last.
    pub last_seen_at: Timestamp,
}

/// The usage of an account. One that was deleted is found by its id still: its counts outlive it.
pub async fn of_account(
    within: &InOrganization,
    account: &str,
    query: Submitted<UsageQuery>,
) -> Result<UsageReport, Problem> {
    let account = find_account(within, account).await?;
    report(within, SeriesOf::Account(account), query?).await
}

async fn find_account(within: &InOrganization, account: &str) -> Result<AccountId, Problem> {
    let Ok(id) = account.parse() else {
        return Ok(within.account(account).await?.id);
    };
    // Its tombstone is enough.
    let store = &within.app.store;
    let names = store.list_account_names(within.id(), &[id]).await?;
    if names.is_empty() {
        return Err(Problem::NotFound("service account"));
    }
    Ok(id)
}

/// The usage of all accounts of the organization.
pub async fn of_organization(
    within: &InOrganization,
    query: Submitted<UsageQuery>,
) -> Result<UsageReport, Problem> {
    report(within, SeriesOf::Organization, query?).await
}

async fn report(
    within: &InOrganization,
    of: SeriesOf,
    query: UsageQuery,
) -> Result<UsageReport, Problem> {
    let app = &within.app;
    let now = app.clock.now();
    let hours = hours(app, query, now)?;
    app.series.flush(now).await?;
    let (organization, store) = (within.id(), &app.store);
    let limit = MAX_BUCKETS + 1;
    let rows = store
        .list_series(organization, of, hours, query.by, limit)
        .await?;
    if rows.len() > MAX_BUCKETS as usize {
        return Err(too_much());
    }
    let addresses = store.list_addresses(organization, of, hours, TOP_ADDRESSES);
    let addresses = addresses.await?.into_iter().map(|row| TopAddress {
        address: row.address,
        count: row.count,
        last_seen_at: row.last_at,
    });
    Ok(UsageReport {
        addresses: addresses.collect(),
        buckets: buckets(within, query.by, rows).await?,
    })
}

fn hours(app: &App, query: UsageQuery, now: Timestamp) -> Result<Hours, Problem> {
    let to = query.to.unwrap_or(now);
    let kept = now.saturating_sub(app.config.usage.retention);
    let from = query.from.unwrap_or(kept.unwrap_or(Timestamp::MIN));
    if query.from.is_some() && from > to {
        return Err(mistake(
            "`from` is after `to`, which is now unless it is said",
        ));
    }
    // The hour that `to` is in counts, when it is more than its first instant.
    let last = Hour::of(to);
    let is_begun = last.start() < to || query.to.is_none();
    Ok(Hours {
        from: Hour::of(from),
        until: Hour(last.0 + i64::from(is_begun)),
    })
}

/// The rows with the names of APIs in place of their ids.
async fn buckets(
    within: &InOrganization,
    by: By,
    rows: Vec<SeriesRow>,
) -> Result<Vec<Bucket>, StoreError> {
    let mut names: HashMap<String, String> = HashMap::new();
    let mut buckets = Vec::with_capacity(rows.len());
    for row in rows {
        let key = match row.key {
            Some(id) if by == By::Api => {
                if !names.contains_key(&id) {
                    let name = api_name(within, &id).await?;
                    names.insert(id.clone(), name);
                }
                names.get(&id).cloned()
            }
            other => other,
        };
        buckets.push(Bucket {
            start_at: row.hour.start(),
            key,
            counts: row.counts,
        });
    }
    Ok(buckets)
}

/// The name of an API; of one that is gone, its id.
async fn api_name(within: &InOrganization, id: &str) -> Result<String, StoreError> {
    let api: Option<ApiId> = id.parse().ok();
    match api {
        Some(OSTLER_API) => Ok(OSTLER_NAME.to_owned()),
        Some(api) => {
            let store = &within.app.store;
            let found = store.find_api(within.id(), &Lookup::Id(api)).await?;
            Ok(found.map_or_else(|| id.to_owned(), |found| found.api.name.to_string()))
        }
        None => Ok(id.to_owned()),
    }
}

/// Forgets what is older than the configuration says. Returns how many rows.
pub async fn forget_old(app: &App, now: Timestamp) -> Result<u64, StoreError> {
    let kept = now.saturating_sub(app.config.usage.retention);
    let networks = now.saturating_sub(NETWORK_KNOWN_FOR);
    app.store
        .remove_counts(
            Hour::of(kept.unwrap_or(Timestamp::MIN)),
            networks.unwrap_or(Timestamp::MIN),
        )
        .await
}

fn too_much() -> Problem {
    mistake("there are more hours with different keys than one answer has: ask for a shorter span")
}

fn mistake(detail: &str) -> Problem {
    Problem::mistake(Mistake {
        pointer: None,
        code: "invalid",
        detail: detail.to_owned(),
        hint: None,
    })
}
