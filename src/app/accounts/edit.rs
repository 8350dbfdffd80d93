//! Editing an account. Its id and its e-mail never change.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::account::MAX_LABELS;
use crate::domain::account::ServiceAccount;
use crate::domain::audit::Changes;
use crate::domain::name::AccountName;

use super::super::administrators;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::edit::Edit;
use super::super::problem::Mistakes;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::DescribedAccount;
use super::changing::ChangingAccount;
use super::effective_access;

/// What an edit says of an account.
#[derive(Clone, Debug, Default)]
pub struct AccountEdit {
    /// Its name.
    pub name: Option<AccountName>,
    /// What it is for.
    pub description: Edit<String>,
    /// Who answers for it.
    pub owner: Edit<String>,
    /// Labels: those that are not named stay.
    pub labels: Edit<BTreeMap<String, Edit<String>>>,
    /// Its end.
    pub expires_at: Edit<Timestamp>,
    /// The longest lifetime of its tokens.
    pub max_token_lifetime: Edit<Duration>,
}

impl AccountEdit {
    fn applied_to(self, before: &ServiceAccount) -> ServiceAccount {
        ServiceAccount {
            name: self.name.unwrap_or_else(|| before.name.clone()),
            description: self.description.of(before.description.clone()),
            owner: self.owner.of(before.owner.clone()),
            labels: merged(self.labels, &before.labels),
            expires_at: self.expires_at.of(before.expires_at),
            max_token_lifetime: self.max_token_lifetime.of(before.max_token_lifetime),
            ..before.clone()
        }
    }
}

fn merged(
    edit: Edit<BTreeMap<String, Edit<String>>>,
    before: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut labels = before.clone();
    match edit {
        Edit::Keep => {}
        Edit::Clear => labels.clear(),
        Edit::Set(edits) => {
            for (name, edit) in edits {
                if let Some(value) = edit.of(labels.remove(&name)) {
                    labels.insert(name, value);
                }
            }
        }
    }
    labels
}

/// Edits an account. An earlier end kills its tokens, which may say a later one; a lower lifetime
/// counts from the next token.
pub async fn edit(
    within: InOrganization,
    account: String,
    submitted: Submitted<AccountEdit>,
) -> Result<DescribedAccount, Problem> {
    to_completion(async move {
        let mut changing = ChangingAccount::begin(within, &account).await?;
        let ChangingAccount {
            within,
            change,
            account: before,
            ..
        } = &mut changing;
        let after = submitted?.applied_to(before);
        let changes = changes(before, &after);
        if !is_reduction(&changes, before, &after) {
            let resulting = effective_access(change, before).await?;
            within.caller.may_hand_on(&resulting)?;
        }
        check(within, change, before, &after)?;
        change.check_version(before)?;
        if changes.0.is_empty() {
            return changing.described().await;
        }
        let changes = changes.with_tokens_revoked(ends_earlier(before, &after));
        write(change, before, after).await?;
        changing.commit("service_account.update", changes).await
    })
    .await
}

/// Whether the edit can only make less possible.
fn is_reduction(changes: &Changes, before: &ServiceAccount, after: &ServiceAccount) -> bool {
    changes.0.keys().all(|field| match *field {
        "expires_at" => ends_earlier(before, after),
        "max_token_lifetime_seconds" => {
            let limit = |account: &ServiceAccount| account.max_token_lifetime;
            is_less(limit(after), limit(before))
        }
        _ => false,
    })
}

fn ends_earlier(before: &ServiceAccount, after: &ServiceAccount) -> bool {
    is_less(after.expires_at, before.expires_at)
}

/// `None` is without end.
fn is_less<T: PartialOrd>(one: Option<T>, other: Option<T>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one < other,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn check(
    within: &InOrganization,
    change: &AuditedChange,
    before: &ServiceAccount,
    after: &ServiceAccount,
) -> Result<(), Problem> {
    let mut mistakes = Mistakes::default();
    let new_end = after
        .expires_at
        .filter(|_| after.expires_at != before.expires_at);
    if new_end.is_some_and(|end| end <= change.now) {
        let detail = "the end of the account has to be in the future: to stop it now, disable it";
        mistakes.add("/expires_at", "invalid", detail);
    }
    // One from before the server's own limit was lowered may stay: the lower one counts anyhow.
    let new_lifetime = after
        .max_token_lifetime
        .filter(|_| after.max_token_lifetime != before.max_token_lifetime);
    let limit = within.app.config.tokens.max_lifetime;
    if new_lifetime.is_some_and(|lifetime| lifetime > limit) {
        let detail = format!("tokens live for at most {} seconds here", limit.as_secs());
        mistakes.add("/max_token_lifetime_seconds", "invalid", detail);
    }
    if after.labels.len() > MAX_LABELS {
        mistakes.add(
            "/labels",
            "too_many",
            format!("at most {MAX_LABELS} labels"),
        );
    }
    mistakes.check()
}

async fn write(
    change: &mut AuditedChange,
    before: &ServiceAccount,
    after: ServiceAccount,
) -> Result<(), Problem> {
    let ends_earlier = ends_earlier(before, &after);
    if ends_earlier {
        let held = effective_access(change, before).await?;
        administrators::keep_one_as_long(change, before, &held).await?;
    }
    let after = ServiceAccount {
        updated_at: change.now,
        ..after
    };
    let taken = "another service account of this organization has this name";
    let written = change.rows().update_account(&after).await;
    written.map_err(|error| Problem::of_write(error, taken))?;
    change.touch_account(before);
    if ends_earlier {
        change.kill_tokens_of(before).await?;
    }
    Ok(())
}

fn changes(before: &ServiceAccount, after: &ServiceAccount) -> Changes {
    let labels =
        |account: &ServiceAccount| -> Value { account.labels.clone().into_iter().collect() };
    let end = |account: &ServiceAccount| account.expires_at.map(|end| end.to_string());
    let seconds = |account: &ServiceAccount| {
        let lifetime = account.max_token_lifetime;
        lifetime.map(|lifetime| lifetime.as_secs())
    };
    Changes::default()
        .with_difference("name", before.name.as_str(), after.name.as_str())
        .with_difference(
            "description",
            before.description.clone(),
            after.description.clone(),
        )
        .with_difference("owner", before.owner.clone(), after.owner.clone())
        .with_difference("labels", labels(before), labels(after))
        .with_difference("expires_at", end(before), end(after))
        .with_difference(
            "max_token_lifetime_seconds",
            seconds(before),
            seconds(after),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map<T: Clone>(entries: &[(&str, T)]) -> BTreeMap<String, T> {
        let owned = |(name, value): &(&str, T)| ((*name).to_owned(), value.clone());
        entries.iter().map(owned).collect()
    }

    // RFC 7396 §2: objects merge, and `null` takes a member away.
    #[test]
    fn labels_merge() {
        let before = map(&[("a", "1".to_owned()), ("b", "2".to_owned())]);
        let edits = map(&[
            ("b", Edit::Clear),
            ("c", Edit::Set("3".to_owned())),
            ("d", Edit::Clear),
        ]);
        assert_eq!(
            merged(Edit::Set(edits), &before),
            map(&[("a", "1".to_owned()), ("c", "3".to_owned())])
        );
        assert_eq!(merged(Edit::Keep, &before), before);
        assert_eq!(merged(Edit::Clear, &before), BTreeMap::new());
    }

    #[test]
    fn no_end_is_later_than_any() {
        assert!(is_less(Some(1), None));
        assert!(is_less(Some(1), Some(2)));
        for (one, other) in [
            (None, None),
            (None, Some(1)),
            (Some(2), Some(2)),
            (Some(3), Some(2)),
        ] {
            assert!(!is_less(one, other));
        }
    }
}
