//! The accounts of an organization, by filters and in an order.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::account::AccountStatus;
use crate::store::AccountFilter;
use crate::store::Ending;
use crate::store::Order;
use crate::store::SortKey;

use super::super::authority::InOrganization;
use super::super::held;
use super::super::held::HeldQuery;
use super::super::page::List;
use super::super::page::Listing;
use super::super::page::PageRequest;
use super::super::problem::Problem;
use super::super::problem::Submitted;
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
    /// What they may do.
    pub held: HeldQuery,
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
        holding: held::find(within, &query.held).await?,
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
