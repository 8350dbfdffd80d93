//! Who is in a group.

use serde_json::Value;

use crate::domain::access_size::AccessSize;
use crate::domain::audit::Changes;
use crate::domain::group::MAX_GROUPS_OF_ACCOUNT;
use crate::domain::group::Member;
use crate::domain::holdings::HeldGroup;
use crate::domain::holdings::Holdings;
use crate::domain::id::AccountId;
use crate::store::AccessOf;

use super::super::access::budget;
use super::super::accounts;
use super::super::authority::InOrganization;
use super::super::page::List;
use super::super::page::Listing;
use super::super::page::PageRequest;
use super::super::page::Search;
use super::super::problem::Conflict;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::reduction::Before;
use super::super::reduction::Concerned;
use super::super::to_completion;
use super::edit::roles_of;
use super::target;

/// The accounts in a group with this text in what is told of them, the oldest first.
pub async fn list(
    within: &InOrganization,
    group: &str,
    request: Submitted<(PageRequest, Search)>,
) -> Result<Listing<Member>, Problem> {
    let group = super::show(within, group).await?;
    let (request, text) = request?;
    let list = List {
        key: &within.app.server_key,
        path: vec![
            "members".to_owned(),
            within.id().to_string(),
            group.id.to_string(),
            format!("{text:?}"),
        ],
    };
    let page = list.page::<AccountId>(&request)?;
    let (store, text) = (&within.app.store, text.as_deref());
    let found = store
        .list_members(within.id(), group.id, text, page)
        .await?;
    Ok(list.listing(&request, found, |member| member.id))
}

/// Puts an account into a group. One that is in it already stays.
pub async fn add(
    within: InOrganization,
    group: String,
    account: String,
    nothing: Submitted<()>,
) -> Result<Member, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let group = within.group_in(change.rows(), &group).await?;
        let account = within.account_in(change.rows(), &account).await?;
        within.caller.may_edit_access_of(account.id)?;
        let mut held = accounts::holdings(&mut change, &account).await?;
        let size = AccessSize::of_holdings(&held);
        let is_in = held.groups.iter().any(|known| known.id == group.id);
        if !is_in {
            held.groups.push(HeldGroup {
                id: group.id,
                name: group.name.clone(),
                roles: roles_of(&within, &mut change, &group).await?,
            });
            within.caller.may_hand_on(&held.access())?;
        }
        nothing?;
        change.check_version(&group)?;
        let member = Member {
            id: account.id,
            name: account.name.clone(),
            email: account.email.clone(),
        };
        if is_in {
            return Ok(member);
        }
        check_room(&held)?;
        budget::check(size, AccessSize::of_holdings(&held))?;
        change
            .rows()
            .add_member(within.id(), group.id, account.id)
            .await?;
        change
            .note_access_change(AccessOf::Account(account.id))
            .await?;
        change.touch_account(&account);
        let changes = Changes::default().with("member", Value::Null, account.id.to_string());
        change
            .commit("group.add_member", target(&group), changes)
            .await?;
        Ok(member)
    })
    .await
}

/// `held` has the group already.
fn check_room(held: &Holdings) -> Result<(), Problem> {
    if held.groups.len() <= MAX_GROUPS_OF_ACCOUNT {
        return Ok(());
    }
    Err(Problem::conflict(
        Conflict::QuotaReached,
        format!(
            "an account is in at most {MAX_GROUPS_OF_ACCOUNT} groups: take it out of another one first"
        ),
    ))
}

/// Takes an account out of a group.
pub async fn remove(
    within: InOrganization,
    group: String,
    account: String,
    nothing: Submitted<()>,
) -> Result<(), Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let group = within.group_in(change.rows(), &group).await?;
        let account = within.account_in(change.rows(), &account).await?;
        within.caller.may_edit_access_of(account.id)?;
        let concerned = Concerned::Accounts(vec![account.id]);
        let held = Before::read(&mut change, within.id(), concerned, true).await?;
        let removed = change
            .rows()
            .remove_member(within.id(), group.id, account.id)
            .await?;
        if !removed {
            return Err(Problem::NotFound("member"));
        }
        nothing?;
        change.check_version(&group)?;
        change
            .note_access_change(AccessOf::Account(account.id))
            .await?;
        let reduced = held.settle(&mut change).await?;
        let changes = Changes::default()
            .with("member", account.id.to_string(), Value::Null)
            .with("accounts_with_tokens_revoked", Value::Null, reduced.count());
        change
            .commit("group.remove_member", target(&group), changes)
            .await?;
        Ok(())
    })
    .await
}
