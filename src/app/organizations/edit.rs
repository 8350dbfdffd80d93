//! Editing an organization: its quota and its policy.

use std::time::Duration;

use serde_json::Value;

use crate::domain::audit::Changes;
use crate::domain::organization::LeakReport;
use crate::domain::organization::Organization;
use crate::domain::organization::Policy;

use super::super::authority::InOrganization;
use super::super::directory::Touched;
use super::super::edit::Edit;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::DescribedOrganization;
use super::check_policy;
use super::current;
use super::describe_in;
use super::target;

/// What an edit says of an organization.
#[derive(Clone, Debug, Default)]
pub struct OrganizationEdit {
    /// The most service accounts that it may have, which takes every organization.
    pub max_service_accounts: Edit<u32>,
    /// What it allows its accounts; taken away, it is the usual one again.
    pub policy: Edit<PolicyEdit>,
}

/// What an edit says of a policy. A member that is taken away is the usual one again.
#[derive(Clone, Debug, Default)]
pub struct PolicyEdit {
    /// What follows when somebody reports a secret as leaked.
    pub leak_report: Edit<LeakReport>,
    /// Whether a secret may be made that never ends.
    pub allow_never_expires: Edit<bool>,
    /// The longest lifetime of tokens.
    pub max_token_lifetime: Edit<Duration>,
}

impl OrganizationEdit {
    fn applied_to(self, before: &Organization) -> Organization {
        let policy = match self.policy {
            Edit::Keep => before.policy,
            Edit::Clear => Policy::default(),
            Edit::Set(edit) => edit.applied_to(before.policy),
        };
        Organization {
            max_service_accounts: self.max_service_accounts.of(before.max_service_accounts),
            policy,
            ..before.clone()
        }
    }
}

impl PolicyEdit {
    fn applied_to(self, before: Policy) -> Policy {
        let usual = Policy::default();
        let leak_report = self.leak_report.of(Some(before.leak_report));
        let allow_never_expires = self
            .allow_never_expires
            .of(Some(before.allow_never_expires));
        Policy {
            leak_report: leak_report.unwrap_or(usual.leak_report),
            allow_never_expires: allow_never_expires.unwrap_or(usual.allow_never_expires),
            max_token_lifetime: self.max_token_lifetime.of(before.max_token_lifetime),
        }
    }
}

/// Edits an organization. A policy counts from the next secret and the next token: it kills none.
/// `names_quota` = the body has something to say of the quota, right or wrong.
pub async fn edit(
    within: InOrganization,
    names_quota: bool,
    submitted: Submitted<OrganizationEdit>,
) -> Result<DescribedOrganization, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let before = current(&within, &mut change).await?;
        if names_quota {
            within.caller.require_every_organization()?;
        }
        let edit = submitted?;
        if edit.max_service_accounts.is_said() {
            within.caller.require_every_organization()?;
        }
        let after = edit.applied_to(&before);
        // A lifetime from before the server's own limit was lowered may stay: the lower one counts.
        if after.policy.max_token_lifetime != before.policy.max_token_lifetime {
            check_policy(&within.app, &after.policy)?;
        }
        change.check_version(&before)?;
        let changes = changes(&before, &after);
        if changes.0.is_empty() {
            return describe_in(&mut change, before).await;
        }
        change.rows().update_organization(&after).await?;
        change.open.touch(Touched::Organization(before.id));
        let after = current(&within, &mut change).await?;
        let described = describe_in(&mut change, after).await?;
        change
            .commit("organization.update", target(&before), changes)
            .await?;
        Ok(described)
    })
    .await
}

fn changes(before: &Organization, after: &Organization) -> Changes {
    let seconds = |policy: &Policy| -> Value {
        let lifetime = policy.max_token_lifetime;
        lifetime.map(|lifetime| lifetime.as_secs()).into()
    };
    let (old, new) = (&before.policy, &after.policy);
    Changes::default()
        .with_difference(
            "max_service_accounts",
            before.max_service_accounts,
            after.max_service_accounts,
        )
        .with_difference(
            "leak_report",
            old.leak_report.as_str(),
            new.leak_report.as_str(),
        )
        .with_difference(
            "allow_never_expires",
            old.allow_never_expires,
            new.allow_never_expires,
        )
        .with_difference("max_token_lifetime_seconds", seconds(old), seconds(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_of_a_policy_merges_and_null_is_the_usual_again() {
        let before = Policy {
            leak_report: LeakReport::Finding,
            allow_never_expires: false,
            max_token_lifetime: Some(Duration::from_mins(1)),
        };
        assert_eq!(PolicyEdit::default().applied_to(before), before);
        let edit = PolicyEdit {
            allow_never_expires: Edit::Set(true),
            ..PolicyEdit::default()
        };
        let after = Policy {
            allow_never_expires: true,
            ..before
        };
        assert_eq!(edit.applied_to(before), after);
        let cleared = PolicyEdit {
            leak_report: Edit::Clear,
            allow_never_expires: Edit::Clear,
            max_token_lifetime: Edit::Clear,
        };
        assert_eq!(cleared.applied_to(before), Policy::default());
    }
}
