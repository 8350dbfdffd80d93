//! The inventory: the credentials of an organization, with whose they are.

use std::collections::BTreeMap;

use crate::domain::credential::CredentialKind;
use crate::domain::id::AccountId;
use crate::domain::name::AccountName;

use super::super::authority::InOrganization;
use super::super::page::Listing;
use super::super::page::PageRequest;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::CredentialQuery;
use super::DescribedCredential;
use super::described;
use super::search;

/// A credential, and the account that it proves.
#[derive(Clone, Debug)]
pub struct InventoriedCredential {
    /// The credential.
    pub credential: DescribedCredential,
    /// The account's name.
    pub account_name: AccountName,
}

/// The credentials of all accounts of the organization.
pub async fn inventory(
    within: &InOrganization,
    request: Submitted<(PageRequest, CredentialQuery)>,
) -> Result<Listing<InventoriedCredential>, Problem> {
    let found = search(within, CredentialKind::ClientSecret, None, request).await?;
    let mut owners: Vec<_> = found.items.iter().map(|found| found.account).collect();
    owners.sort_unstable();
    owners.dedup();
    let store = &within.app.store;
    let names = store.list_account_names(within.id(), &owners).await?;
    let names: BTreeMap<AccountId, AccountName> = names.into_iter().collect();
    let described = described::all(within, found.items).await?.into_iter();
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
        next_cursor: found.next_cursor,
    })
}
