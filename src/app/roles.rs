//! The roles of an account. Those that exist are built in code ([`BuiltInRole`]).

use crate::domain::audit::Changes;
use crate::domain::role;
use crate::domain::role::BuiltInRole;

use super::accounts;
use super::authority::InOrganization;
use super::problem::Mistakes;
use super::problem::Problem;
use super::problem::Submitted;
use super::problem::quoted;
use super::to_completion;

/// What replacing the roles of an account comes to.
#[derive(Clone, Debug)]
pub struct ReplacedRoles {
    /// The roles from now on.
    pub roles: Vec<BuiltInRole>,
    /// Whether the account's tokens die of it.
    pub tokens_revoked: bool,
}

/// The roles of an account.
pub async fn show(within: &InOrganization, account: &str) -> Result<Vec<BuiltInRole>, Problem> {
    let account = within.account(account).await?;
    let store = &within.app.store;
    Ok(store.list_roles(within.id(), account.id).await?)
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
        let mut mistakes = Mistakes::default();
        let roles = read(&names?, "/roles", &mut mistakes);
        mistakes.check()?;

        let own = accounts::own_access(&mut change, &account).await?;
        let held = change.rows().list_roles(within.id(), account.id).await?;
        let before = role::effective(&own, &held, within.id());
        let after = role::effective(&own, &roles, within.id());
        if !after.lies_within(&before) {
            within.caller.may_hand_on(&after)?;
        }
        let replaced = ReplacedRoles {
            tokens_revoked: before.is_reduced_to(&after),
            roles,
        };
        if sorted(&held) == replaced.roles {
            return Ok(replaced);
        }
        change
            .rows()
            .replace_roles(within.id(), account.id, &replaced.roles)
            .await?;
        change.touch_account(&account);
        if replaced.tokens_revoked {
            change.kill_tokens_of(&account).await?;
        }
        let changes = Changes::default().with("roles", names_of(&held), names_of(&replaced.roles));
        let target = accounts::target(&account);
        change
            .commit("service_account.update_roles", target, changes)
            .await?;
        Ok(replaced)
    })
    .await
}

/// The roles of these names, each once; what is unknown is noted. `at` is where they stand in the
/// body.
pub(super) fn read(names: &[String], at: &str, mistakes: &mut Mistakes) -> Vec<BuiltInRole> {
    let mut roles = Vec::with_capacity(names.len());
    for (position, name) in names.iter().enumerate() {
        match BuiltInRole::parse(name) {
            Some(role) => roles.push(role),
            None => mistakes.add_unknown(
                &format!("{at}/{position}"),
                ("unknown_role", format!("there is no role {}", quoted(name))),
                name,
                BuiltInRole::ALL.map(BuiltInRole::as_str),
            ),
        }
    }
    sorted(&roles)
}

fn sorted(roles: &[BuiltInRole]) -> Vec<BuiltInRole> {
    let mut roles = roles.to_vec();
    roles.sort_unstable();
    roles.dedup();
    roles
}

/// Their names, for an audit event.
pub(super) fn names_of(roles: &[BuiltInRole]) -> Vec<&'static str> {
    roles.iter().map(|role| role.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_once_each_and_unknown_ones_get_a_hint() {
        let names = ["auditor", "owner", "auditor"].map(str::to_owned);
        let mut mistakes = Mistakes::default();
        let roles = read(&names, "/roles", &mut mistakes);
        assert_eq!(roles, [BuiltInRole::Owner, BuiltInRole::Auditor]);
        assert!(mistakes.is_empty());

        read(&["operater".to_owned()], "/roles", &mut mistakes);
        let problem = mistakes.check().unwrap_err();
        let [mistake] = problem.mistakes() else {
            panic!("one mistake, not {:?}", problem.mistakes());
        };
        assert_eq!(mistake.pointer.as_deref(), Some("/roles/0"));
        assert_eq!(mistake.hint.as_deref(), Some("did you mean `operator`?"));
    }
}
