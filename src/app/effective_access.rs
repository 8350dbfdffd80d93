//! What an account may do in all, and where it has each part from.
//!
//! It is one answer and no list of pages, since its parts belong together; and yet it has a limit. An
//! account holds [`MAX_GRANTS_HELD`] grants at most, with [`MAX_BYTES_HELD`] of scopes and keys; a
//! narrowing, which has [`MAX_NARROWING_GRANTS_AT_API`] grants at an API at most, leaves so many of each
//! at most; and each is held by the account itself, by its roles, and by the [`MAX_GROUPS_OF_ACCOUNT`]
//! groups that it is in at most. What comes to that takes its time, which is not the workers'.
//!
//! [`MAX_GRANTS_HELD`]: crate::domain::access_size::MAX_GRANTS_HELD
//! [`MAX_BYTES_HELD`]: crate::domain::access_size::MAX_BYTES_HELD
//! [`MAX_NARROWING_GRANTS_AT_API`]: crate::domain::access_size::MAX_NARROWING_GRANTS_AT_API
//! [`MAX_GROUPS_OF_ACCOUNT`]: crate::domain::group::MAX_GROUPS_OF_ACCOUNT

use crate::domain::access::Access;
use crate::domain::holdings::Holdings;
use crate::domain::id::AccountId;

use super::access::Book;
use super::access::DescribedGrant;
use super::authority::InOrganization;
use super::off_the_workers;
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

/// The effective access of an account; what a credential or an API token leaves of it when one is
/// named.
pub async fn show(
    within: &InOrganization,
    account: &str,
    credential: Submitted<Option<String>>,
) -> Result<Vec<DescribedEffectiveGrant>, Problem> {
    let account = within.account(account).await?;
    let narrowing = match credential? {
        None => None,
        Some(credential) => narrowing(within, account.id, &credential).await?,
    };
    let store = within.app.store.as_ref();
    let holdings = store.find_holdings(within.id(), account.id).await?;
    let holdings = holdings.ok_or(Problem::NotFound("service account"))?;
    let mut book = Book::new(within);
    book.read(store, &holdings.access()).await?;
    off_the_workers(move || describe(&holdings, narrowing.as_ref(), &book)).await
}

fn describe(
    holdings: &Holdings,
    narrowing: Option<&Access>,
    book: &Book,
) -> Vec<DescribedEffectiveGrant> {
    let effective = holdings.effective(narrowing).into_iter();
    let described = effective.map(|held| DescribedEffectiveGrant {
        grant: book.describe_grant(&held.grant),
        via: held.via.iter().map(ToString::to_string).collect(),
    });
    described.collect()
}

/// What a credential of the account, or an API token, is narrowed to. Of two with one name the
/// credential is meant: an id tells them apart.
async fn narrowing(
    within: &InOrganization,
    account: AccountId,
    named: &str,
) -> Result<Option<Access>, Problem> {
    match within.credential(account, named).await {
        Ok(credential) => return Ok(credential.narrowing),
        Err(Problem::NotFound(_)) => {}
        Err(other) => return Err(other),
    }
    match within.api_token(account, named).await {
        Ok(token) => Ok(token.credential().narrowing.clone()),
        Err(Problem::NotFound(_)) => Err(Problem::NotFound("credential")),
        Err(other) => Err(other),
    }
}
