//! The accounts of an organization, by filters and in an order.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::access::Grant;
use crate::domain::account::AccountStatus;
use crate::domain::id::ApiId;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::role::BuiltInRole;
use crate::domain::role::OSTLER_API;
use crate::domain::role::OSTLER_NAME;
use crate::domain::scope::Scope;
use crate::store::AccountFilter;
use crate::store::Ending;
use crate::store::Holding;
use crate::store::Order;
use crate::store::SortKey;

use super::super::authority::InOrganization;
use super::super::page::List;
use super::super::page::Listing;
use super::super::page::PageRequest;
use super::super::problem::Mistake;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::problem::quoted;
use super::described;
use super::described::DescribedAccount;

/// Which accounts are wanted, those that meet all that is said, and in which order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccountQuery {
    /// How they stand.
    pub status: Option<AccountStatus>,
    /// A part of the name, e-mail, description or owner, or the id.
    pub text: Option<String>,
    /// This very owner.
    pub owner: Option<String>,
    /// Something is granted at this API: its name or id.
    pub api: Option<String>,
    /// This very scope is granted.
    pub scope: Option<Scope>,
    /// It is granted for this resource, or for all of its type.
    pub resource: Option<(ResourceType, ResourceKey)>,
    /// Not used for this long, and not made since either.
    pub unused_for: Option<Duration>,
    /// They end within this time, and have not ended yet.
    pub expires_within: Option<Duration>,
    /// In which order.
    pub order: Order,
}

/// The accounts of the organization, the oldest first unless the query says otherwise.
///
/// Lists by use go by what is stored, so what this node has noted is stored first: they are exact
/// for it, and other nodes' uses of the last minute may be missing.
pub async fn list(
    within: &InOrganization,
    request: Submitted<(PageRequest, AccountQuery)>,
) -> Result<Listing<DescribedAccount>, Problem> {
    let (request, query) = request?;
    let app = &within.app;
    let list = List {
        key: &app.server_key,
        path: vec![
            "service-accounts".to_owned(),
            within.id().to_string(),
            // A cursor goes on with the list that gave it out: all that tells it from others.
            format!("{query:?}"),
        ],
    };
    let page = list.page(&request)?;
    let filter = filter(within, &query).await?;
    if query.unused_for.is_some() || query.order.key == SortKey::LastUsedAt {
        app.usage.flush_to_store().await?;
    }
    let found = app
        .store
        .find_accounts(within.id(), &filter, query.order, page)
        .await?;
    let listing = list.listing(&request, found, |placed| placed.position.clone());
    let next_cursor = listing.next_cursor;
    let accounts = listing.items.into_iter().map(|placed| placed.item);
    Ok(Listing {
        items: described::all(within, accounts.collect()).await?,
        next_cursor,
    })
}

async fn filter(within: &InOrganization, query: &AccountQuery) -> Result<AccountFilter, Problem> {
    let now = within.app.clock.now();
    Ok(AccountFilter {
        status: query.status.map(|status| (status, now)),
        text: query.text.clone(),
        owner: query.owner.clone(),
        holding: holding(within, query).await?,
        unused_since: query.unused_for.map(|span| before(now, span)),
        ending: query.expires_within.map(|span| ending(now, span)),
    })
}

/// The instant that was `span` before `now`.
pub(in crate::app) fn before(now: Timestamp, span: Duration) -> Timestamp {
    now.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

/// What ends after `now`, and at most `span` later.
pub(in crate::app) fn ending(now: Timestamp, span: Duration) -> Ending {
    Ending {
        after: now,
        until: now.saturating_add(span).unwrap_or(Timestamp::MAX),
    }
}

async fn holding(
    within: &InOrganization,
    query: &AccountQuery,
) -> Result<Option<Holding>, Problem> {
    let (scope, resource) = (query.scope.clone(), query.resource.clone());
    let api = match &query.api {
        Some(api) => Some(known_api(within, api).await?),
        None if scope.is_none() && resource.is_none() => return Ok(None),
        None => None,
    };
    let holds = |role: &BuiltInRole| {
        let grant = role.grant(within.id());
        api.is_none_or(|api| api == grant.api)
            && scope
                .as_ref()
                .is_none_or(|scope| grant.scopes.contains(scope))
            && resource.as_ref().is_none_or(|one| reaches(&grant, one))
    };
    Ok(Some(Holding {
        roles: BuiltInRole::ALL
            .into_iter()
            .filter(holds)
            .map(BuiltInRole::id)
            .collect(),
        api,
        scope,
        resource,
    }))
}

fn reaches(grant: &Grant, (kind, key): &(ResourceType, ResourceKey)) -> bool {
    grant.resources.of(kind).contains(key)
}

async fn known_api(within: &InOrganization, text: &str) -> Result<ApiId, Problem> {
    if text == OSTLER_NAME || text.parse() == Ok(OSTLER_API) {
        return Ok(OSTLER_API);
    }
    match within.api(text).await {
        Ok(record) => Ok(record.api.id),
        Err(Problem::NotFound(_)) => Err(Problem::mistake(Mistake {
            pointer: None,
            code: "unknown_api",
            detail: format!("`api`: there is no API {}", quoted(text)),
            hint: None,
        })),
        Err(other) => Err(other),
    }
}
