//! Service accounts: made, shown, edited, stopped, started again, deleted.

mod changing;
mod create;
mod described;
mod edit;
mod list;

pub use create::CreatedAccount;
pub use create::InlineMembers;
pub use create::NewAccount;
pub use create::create;
pub use described::DescribedAccount;
pub use edit::AccountEdit;
pub use edit::edit;
pub use list::AccountQuery;
pub(in crate::app) use list::before;
pub(in crate::app) use list::ending;
pub use list::list;

use serde_json::Value;

use crate::domain::access::Access;
use crate::domain::account::ServiceAccount;
use crate::domain::audit::Changes;
use crate::domain::audit::MAX_TOLD;
use crate::domain::audit::Target;
use crate::domain::holdings::Holdings;
use crate::domain::organization::Status;

use super::access::Book;
use super::account_roles::names_of;
use super::administrators;
use super::audited::AuditedChange;
use super::authority::InOrganization;
use super::problem::Problem;
use super::problem::Submitted;
use super::to_completion;
use changing::ChangingAccount;

/// An account.
pub async fn show(within: &InOrganization, account: &str) -> Result<DescribedAccount, Problem> {
    let account = within.account(account).await?;
    described::one(within, account).await
}

/// Stops an account: it gets no token any more, and its tokens are dead for good. One that is
/// stopped already stays as it is.
pub async fn disable(
    within: InOrganization,
    account: String,
    nothing: Submitted<()>,
) -> Result<DescribedAccount, Problem> {
    to_completion(async move {
        let mut changing = ChangingAccount::begin(within, &account).await?;
        nothing?;
        let ChangingAccount {
            change, account, ..
        } = &mut changing;
        change.check_version(account)?;
        if account.status != Status::Active {
            return changing.described().await;
        }
        let held = effective_access(change, account).await?;
        administrators::keep_one(change, account.id, &held, &Access::NOTHING).await?;
        change.kill_tokens_of(account).await?;
        changing
            .set_status(Status::Disabled, "service_account.disable")
            .await
    })
    .await
}

/// Lets an account get tokens again; the tokens from before stay dead.
pub async fn enable(
    within: InOrganization,
    account: String,
    nothing: Submitted<()>,
) -> Result<DescribedAccount, Problem> {
    to_completion(async move {
        let mut changing = ChangingAccount::begin(within, &account).await?;
        let ChangingAccount {
            within,
            change,
            account,
            ..
        } = &mut changing;
        let resulting = effective_access(change, account).await?;
        within.caller.may_hand_on(&resulting)?;
        nothing?;
        change.check_version(account)?;
        if account.status == Status::Active {
            return changing.described().await;
        }
        change.touch_account(account);
        changing
            .set_status(Status::Active, "service_account.enable")
            .await
    })
    .await
}

/// Kills every token of an account. It gets new ones as before.
pub async fn revoke_tokens(
    within: InOrganization,
    account: String,
    nothing: Submitted<()>,
) -> Result<DescribedAccount, Problem> {
    to_completion(async move {
        let mut changing = ChangingAccount::begin(within, &account).await?;
        nothing?;
        let ChangingAccount {
            change, account, ..
        } = &mut changing;
        change.check_version(account)?;
        change.kill_tokens_of(account).await?;
        let changes = Changes::default().with("tokens_revoked", false, true);
        changing
            .commit("service_account.revoke_tokens", changes)
            .await
    })
    .await
}

/// Deletes an account with its credentials and kills its tokens. What remains is a tombstone that
/// audit and usage can still name: the same name later is another identity.
pub async fn delete(
    within: InOrganization,
    account: String,
    nothing: Submitted<()>,
) -> Result<(), Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let account = within.account_in(change.rows(), &account).await?;
        nothing?;
        change.check_version(&account)?;
        let held = holdings(&mut change, &account).await?;
        administrators::keep_one(&mut change, account.id, &held.access(), &Access::NOTHING).await?;
        let changes = purged(&within, &mut change, &account, &held).await?;
        change.kill_tokens_of(&account).await?;
        let now = change.now;
        change
            .rows()
            .remove_account(within.id(), account.id, now)
            .await?;
        change
            .commit("service_account.delete", target(&account), changes)
            .await?;
        Ok(())
    })
    .await
}

/// What goes with an account: nobody can look it up afterwards.
async fn purged(
    within: &InOrganization,
    change: &mut AuditedChange,
    account: &ServiceAccount,
    held: &Holdings,
) -> Result<Changes, Problem> {
    let mut book = Book::new(within);
    book.learn(change.rows(), &held.own).await?;
    let groups = held.groups.iter().map(|group| group.name.as_str());
    let groups: Vec<_> = groups.collect();
    let (credentials, count) = change
        .rows()
        .list_credential_refs(account.organization, account.id, MAX_TOLD)
        .await?;
    let credentials: Vec<_> = credentials.iter().map(ToString::to_string).collect();
    Ok(Changes::default()
        .with("name", account.name.as_str(), Value::Null)
        .with("email", account.email.as_str(), Value::Null)
        .with("access", book.describe(&held.own).to_json(), Value::Null)
        .with("roles", names_of(&held.roles), Value::Null)
        .with("groups", groups, Value::Null)
        .with("credentials", credentials, Value::Null)
        .with("credential_count", count, Value::Null)
        .with_tokens_revoked(true))
}

/// All that the account holds, and where it has it from.
pub(super) async fn holdings(
    change: &mut AuditedChange,
    account: &ServiceAccount,
) -> Result<Holdings, Problem> {
    let rows = change.rows();
    let mut found = rows
        .list_holdings(account.organization, &[account.id])
        .await?;
    Ok(found.remove(&account.id).unwrap_or_default())
}

/// All that the account may do: its own grants, its roles' and its groups'.
pub(super) async fn effective_access(
    change: &mut AuditedChange,
    account: &ServiceAccount,
) -> Result<Access, Problem> {
    Ok(holdings(change, account).await?.access())
}

/// The account as the target of an audit event.
pub(super) fn target(account: &ServiceAccount) -> Target {
    Target {
        kind: "service_account",
        id: account.id.to_string(),
        name: account.name.to_string(),
    }
}
