//! The inventory: every credential of an organization, with whose it is.

use std::collections::BTreeMap;

use crate::domain::id::AccountId;
use crate::domain::id::CredentialId;
use crate::domain::name::AccountName;

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

/// The credentials of the organization, the oldest first.
pub async fn inventory(
    within: &InOrganization,
    request: Submitted<PageRequest>,
) -> Result<Listing<InventoriedCredential>, Problem> {
    let request = request?;
    let list = List {
        key: &within.app.server_key,
        path: vec!["credentials".to_owned(), within.id().to_string()],
    };
    let page = list.page::<CredentialId>(&request)?;
    let store = &within.app.store;
    let found = store.list_credentials(within.id(), None, page).await?;
    let listing = list.listing(&request, found, |credential| credential.id);

    let mut owners: Vec<_> = listing.items.iter().map(|found| found.account).collect();
    owners.sort_unstable();
    owners.dedup();
    let names = store.list_account_names(within.id(), &owners).await?;
    let names: BTreeMap<AccountId, AccountName> = names.into_iter().collect();
    let described = described::all(within, listing.items).await?.into_iter();
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
        next_cursor: listing.next_cursor,
    })
}
