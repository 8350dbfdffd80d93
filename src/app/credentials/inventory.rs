//! The inventory: the credentials of an organization, by filters and in an order, with whose they are.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::credential::CredentialStatus;
use crate::domain::id::AccountId;
use crate::domain::name::AccountName;
use crate::store::CredentialFilter;
use crate::store::Order;
use crate::store::SortKey;

use super::super::accounts::before;
use super::super::accounts::ending;
use super::super::authority::InOrganization;
use super::super::page::List;
use super::super::page::Listing;
use super::super::page::PageRequest;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::DescribedCredential;
use super::described;

/// A credential, and the account that it proves.
#[derive(Clone, Debug)]
pub struct InventoriedCredential {
    /// The credential.
    pub credential: DescribedCredential,
    /// The account's name.
    pub account_name: AccountName,
}

/// Which credentials are wanted, those that meet all that is said, and in which order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CredentialQuery {
    /// How they stand.
    pub status: Option<CredentialStatus>,
    /// A part of the name or of the client id, or the id.
    pub text: Option<String>,
    /// The owner of their account.
    pub owner: Option<String>,
    /// Not used for this long, and not made since either.
    pub unused_for: Option<Duration>,
    /// Their newest secret ends within this time, and has not ended yet.
    pub expires_within: Option<Duration>,
    /// In which order.
    pub order: Order,
}

/// The credentials of the organization, the oldest first unless the query says otherwise. What holds
/// for the use of accounts in lists holds here.
pub async fn inventory(
    within: &InOrganization,
    request: Submitted<(PageRequest, CredentialQuery)>,
) -> Result<Listing<InventoriedCredential>, Problem> {
    let (request, query) = request?;
    let app = &within.app;
    let list = List {
        key: &app.server_key,
        path: vec![
            "credentials".to_owned(),
            within.id().to_string(),
            "every".to_owned(),
            format!("{query:?}"),
        ],
    };
    let page = list.page(&request)?;
    let now = app.clock.now();
    let filter = CredentialFilter {
        status: query.status.map(|status| (status, now)),
        text: query.text.clone(),
        owner: query.owner.clone(),
        unused_since: query.unused_for.map(|span| before(now, span)),
        ending: query.expires_within.map(|span| ending(now, span)),
    };
    if query.unused_for.is_some() || query.order.key == SortKey::LastUsedAt {
        app.usage.flush_to_store().await?;
    }
    let store = &app.store;
    let found = store
        .find_credentials(within.id(), &filter, query.order, page)
        .await?;
    let listing = list.listing(&request, found, |placed| placed.position.clone());
    let next_cursor = listing.next_cursor;
    let found: Vec<_> = listing
        .items
        .into_iter()
        .map(|placed| placed.item)
        .collect();

    let mut owners: Vec<_> = found.iter().map(|found| found.account).collect();
    owners.sort_unstable();
    owners.dedup();
    let names = store.list_account_names(within.id(), &owners).await?;
    let names: BTreeMap<AccountId, AccountName> = names.into_iter().collect();
    let described = described::all(within, found).await?.into_iter();
    // An account that was deleted meanwhile has taken its credentials with it.
    let owned = described.filter_map(|credential| {
        let account_name = names.get(&credential.credential.account)?.clone();
        Some(InventoriedCredential {
            credential,
            account_name,
        })
    });
    Ok(Listing {
        items: owned.collect(),
        next_cursor,
    })
}
