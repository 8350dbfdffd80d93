//! Credentials and API tokens by filters and in an order: of an account, or of all in the organization.

use std::time::Duration;

use crate::domain::credential::Credential;
use crate::domain::credential::CredentialKind;
use crate::domain::credential::CredentialStatus;
use crate::domain::id::AccountId;
use crate::domain::id::ApiTokenId;
use crate::store::CredentialFilter;
use crate::store::Order;
use crate::store::SortKey;

use super::super::accounts::before;
use super::super::accounts::ending;
use super::super::authority::InOrganization;
use super::super::held;
use super::super::held::HeldQuery;
use super::super::page::List;
use super::super::page::Listing;
use super::super::page::PageRequest;
use super::super::problem::Problem;
use super::super::problem::Submitted;

/// Which credentials are wanted, those that meet all that is said, and in which order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CredentialQuery {
    /// How they stand.
    pub status: Option<CredentialStatus>,
    /// A part of the name or of the client id, or the id.
    pub text: Option<String>,
    /// The owner of their account.
    pub owner: Option<String>,
    /// What they may be used for.
    pub held: HeldQuery,
    /// Not used for this long, and not made since either.
    pub unused_for: Option<Duration>,
    /// They end within this time, and have not ended yet.
    pub expires_within: Option<Duration>,
    /// In which order.
    pub order: Order,
}

/// The credentials of a kind, of this account or (`None`) of all, the oldest first unless the query
/// says otherwise. What holds for the use of accounts in lists holds here.
pub(in crate::app) async fn search(
    within: &InOrganization,
    kind: CredentialKind,
    account: Option<AccountId>,
    request: Submitted<(PageRequest, CredentialQuery)>,
) -> Result<Listing<Credential>, Problem> {
    let (request, query) = request?;
    let app = &within.app;
    let list = List {
        key: &app.server_key,
        path: vec![
            kind.as_str().to_owned(),
            within.id().to_string(),
            account.map_or_else(|| "every".to_owned(), |id| id.to_string()),
            format!("{query:?}"),
        ],
    };
    let page = list.page(&request)?;
    let filter = filter(within, account, &query).await?;
    if query.unused_for.is_some() || query.order.key == SortKey::LastUsedAt {
        app.usage.flush_to_store().await?;
    }
    let found = app
        .store
        .find_credentials(within.id(), kind, &filter, query.order, page)
        .await?;
    let listing = list.listing(&request, found, |placed| placed.position.clone());
    Ok(listing.map(|placed| placed.item))
}

async fn filter(
    within: &InOrganization,
    account: Option<AccountId>,
    query: &CredentialQuery,
) -> Result<CredentialFilter, Problem> {
    let now = within.app.clock.now();
    Ok(CredentialFilter {
        now,
        account,
        status: query.status.map(|status| (status, now)),
        text: query.text.clone().map(as_stored),
        owner: query.owner.clone(),
        holding: held::find(within, &query.held).await?,
        unused_since: query.unused_for.map(|span| before(now, span)),
        ending: query.expires_within.map(|span| ending(now, span)),
    })
}

/// A text to look for. An API token is stored under the id of the credential that it is.
pub(in crate::app) fn as_stored(text: String) -> String {
    let token = text.to_ascii_lowercase().parse::<ApiTokenId>();
    token.map_or(text, |token| token.credential().to_string())
}
