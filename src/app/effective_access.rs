//! What an account may do in all, and where it has each part from.

use super::access::Book;
use super::access::DescribedGrant;
use super::authority::InOrganization;
use super::problem::Problem;
use super::problem::Submitted;

/// A grant of an account's effective access, as answers show it.
#[derive(Clone, Debug)]
pub struct DescribedEffectiveGrant {
    /// The grant, as far as the credential leaves it.
    pub grant: DescribedGrant,
    /// `account`, `role:<name>`, `group:<name>`: everything that it is held by.
    pub via: Vec<String>,
}

/// The effective access of an account; what a credential leaves of it when one is named.
pub async fn show(
    within: &InOrganization,
    account: &str,
    credential: Submitted<Option<String>>,
) -> Result<Vec<DescribedEffectiveGrant>, Problem> {
    let account = within.account(account).await?;
    let narrowing = match credential? {
        None => None,
        Some(credential) => within.credential(account.id, &credential).await?.narrowing,
    };
    let store = within.app.store.as_ref();
    let holdings = store.find_holdings(within.id(), account.id).await?;
    let holdings = holdings.ok_or(Problem::NotFound("service account"))?;
    let mut book = Book::new(within);
    book.read(store, &holdings.access()).await?;
    let effective = holdings.effective(narrowing.as_ref());
    let described = effective.iter().map(|held| DescribedEffectiveGrant {
        grant: book.describe_grant(&held.grant),
        via: held.via.iter().map(ToString::to_string).collect(),
    });
    Ok(described.collect())
}
