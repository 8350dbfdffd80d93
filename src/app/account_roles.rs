//! The roles of an account: built-in ones and those of its organization.

use std::sync::Arc;

use crate::domain::access_size::AccessSize;
use crate::domain::audit::Changes;
use crate::domain::holdings::Holdings;
use crate::domain::id::RoleId;
use crate::domain::name::Name;
use crate::domain::role::Role;
use crate::domain::version::EntityTag;
use crate::domain::version::Versioned;
use crate::store::AccessOf;

use super::access::Reading;
use super::access::budget;
use super::accounts;
use super::administrators;
use super::authority::InOrganization;
use super::problem::Problem;
use super::problem::Submitted;
use super::terms::Tagged;
use super::to_completion;

/// What replacing the roles of an account comes to.
#[derive(Clone, Debug)]
pub struct ReplacedRoles {
    /// The names of the roles from now on.
    pub roles: Vec<Name>,
    /// Whether the account's tokens die of it.
    pub tokens_revoked: bool,
    /// The version of the account.
    pub tag: EntityTag,
}

impl Versioned for ReplacedRoles {
    fn tag(&self) -> EntityTag {
        self.tag.clone()
    }
}

/// The names of the roles of an account.
pub async fn show(within: &InOrganization, account: &str) -> Result<Tagged<Vec<Name>>, Problem> {
    let account = within.account(account).await?;
    let store = &within.app.store;
    let mut roles = store.list_roles_of(within.id(), &[account.id]).await?;
    let roles = roles.remove(&account.id).unwrap_or_default();
    Ok(Tagged {
        thing: roles.into_iter().map(|role| role.name).collect(),
        tag: account.tag(),
    })
}

/// Replaces the roles of an account.
pub async fn replace(
    within: InOrganization,
    account: String,
    names: Submitted<Vec<String>>,
) -> Result<ReplacedRoles, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let account = within.account_in(change.rows(), &account).await?;
        within.caller.may_edit_access_of(account.id)?;
        let names = names?;
        let mut reading = Reading::of_nothing(&within);
        let roles = reading.roles(change.rows(), "/roles", &names).await?;
        if !reading.is_good() {
            drop(change);
            return Err(reading.refuse().await);
        }

        let held = accounts::holdings(&mut change, &account).await?;
        let (before, had) = (held.access(), held.roles.clone());
        let size = AccessSize::of_holdings(&held);
        let after = Holdings {
            roles: roles.clone(),
            ..held
        };
        let size_after = AccessSize::of_holdings(&after);
        let after = after.access();
        if !after.lies_within(&before) {
            within.caller.may_hand_on(&after)?;
        }
        change.check_version(&account)?;
        budget::check(size, size_after)?;
        administrators::keep_one(&mut change, account.id, &before, &after).await?;
        let mut replaced = ReplacedRoles {
            tokens_revoked: before.is_reduced_to(&after),
            roles: roles.iter().map(|role| role.name.clone()).collect(),
            tag: account.tag(),
        };
        if ids_of(&had) == ids_of(&roles) {
            return Ok(replaced);
        }
        change
            .rows()
            .replace_roles(within.id(), account.id, &ids_of(&roles))
            .await?;
        change
            .note_access_change(AccessOf::Account(account.id))
            .await?;
        change.touch_account(&account);
        if replaced.tokens_revoked {
            change.kill_tokens_of(&account).await?;
        }
        replaced.tag = change.reread(&account).await?.tag();
        let changes = Changes::default()
            .with("roles", names_of(&had), names_of(&roles))
            .with_tokens_revoked(replaced.tokens_revoked);
        let target = accounts::target(&account);
        change
            .commit("service_account.update_roles", target, changes)
            .await?;
        Ok(replaced)
    })
    .await
}

fn ids_of(roles: &[Arc<Role>]) -> Vec<RoleId> {
    roles.iter().map(|role| role.id).collect()
}

/// Their names, for an audit event.
pub(super) fn names_of(roles: &[Arc<Role>]) -> Vec<&str> {
    roles.iter().map(|role| role.name.as_str()).collect()
}
