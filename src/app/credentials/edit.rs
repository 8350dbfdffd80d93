//! Editing a credential: its name, its networks and what it is narrowed to.

use ipnet::IpNet;
use serde_json::Value;

use crate::domain::access::Access;
use crate::domain::audit::Changes;
use crate::domain::credential::Credential;
use crate::domain::name::Label;
use crate::store::Holder;
use crate::store::StoreError;

use super::super::access::Book;
use super::super::access::PresentedAccess;
use super::super::access::Reading;
use super::super::accounts;
use super::super::administrators;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::directory::Touched;
use super::super::edit::Edit;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::DescribedCredential;
use super::changing::ChangingCredential;
use super::narrowed;

/// What an edit says of a credential.
#[derive(Clone, Debug, Default)]
pub struct CredentialEdit {
    /// Its name.
    pub name: Option<Label>,
    /// The networks that it may come from; taken away = any.
    pub allowed_networks: Edit<Vec<IpNet>>,
    /// What it is narrowed to; taken away = all of its account's access.
    pub access: Edit<PresentedAccess>,
}

impl CredentialEdit {
    async fn recognise_audiences(&mut self, within: &InOrganization) -> Result<(), StoreError> {
        match &mut self.access {
            Edit::Set(presented) => within.recognise_audiences(presented).await,
            Edit::Keep | Edit::Clear => Ok(()),
        }
    }
}

/// Edits a credential. A narrowing that leaves it less kills its tokens; other networks count from
/// the next token.
pub async fn edit(
    within: InOrganization,
    account: String,
    credential: String,
    submitted: Submitted<CredentialEdit>,
) -> Result<DescribedCredential, Problem> {
    to_completion(async move {
        let mut submitted = submitted;
        if let Ok(edit) = &mut submitted {
            edit.recognise_audiences(&within).await?;
        }
        let mut changing = ChangingCredential::begin(within.clone(), &account, &credential).await?;
        let edit = submitted?;

        let before = changing.credential.clone();
        let change = &mut changing.change;
        let current = before.narrowing.clone().unwrap_or_default();
        let mut reading = Reading::new(&within, &current);
        let narrowing = match &edit.access {
            Edit::Keep => before.narrowing.clone(),
            Edit::Clear => None,
            Edit::Set(presented) => Some(reading.narrowing(change.rows(), presented).await?),
        };
        if !reading.is_good() {
            drop(changing);
            return Err(reading.refuse().await);
        }
        reading.book.learn(change.rows(), &current).await?;
        let after = Credential {
            name: edit.name.unwrap_or_else(|| before.name.clone()),
            allowed_networks: edit
                .allowed_networks
                .of(Some(before.allowed_networks.clone()))
                .unwrap_or_default(),
            narrowing,
            ..before.clone()
        };
        let held = accounts::effective_access(change, &changing.account).await?;
        let had = narrowed(&held, before.narrowing.as_ref());
        let has = narrowed(&held, after.narrowing.as_ref());
        if !is_reduction(&before, &after, (&had, &has)) {
            within.caller.may_hand_on(&has)?;
        }
        change.check_version(&before)?;
        let changes = changes(&before, &after, &reading.book);
        if changes.0.is_empty() {
            return changing.described().await;
        }
        administrators::keep_one_credential(change, &before, &held, &has).await?;
        let is_reduced = had.is_reduced_to(&has);
        write(change, &before, &after, is_reduced).await?;
        let changes = changes.with_tokens_revoked(is_reduced);
        changing.commit("credential.update", changes).await
    })
    .await
}

/// Whether the edit can only make less possible. A name is no matter of that, but nobody gives a
/// credential that can do more than they can another name either.
fn is_reduction(before: &Credential, after: &Credential, (had, has): (&Access, &Access)) -> bool {
    before.name == after.name
        && has.lies_within(had)
        && lie_within(&after.allowed_networks, &before.allowed_networks)
}

/// Whether each of these networks is part of one of `others`; none at all is any.
fn lie_within(networks: &[IpNet], others: &[IpNet]) -> bool {
    let is_within = |network: &IpNet| others.iter().any(|other| other.contains(network));
    others.is_empty() || (!networks.is_empty() && networks.iter().all(is_within))
}

async fn write(
    change: &mut AuditedChange,
    before: &Credential,
    after: &Credential,
    is_reduced: bool,
) -> Result<(), Problem> {
    let (organization, now) = (before.organization, change.now);
    let taken = "another credential of this account has this name";
    let written = change.rows().update_credential(after, now).await;
    written.map_err(|error| Problem::of_write(error, taken))?;
    if before.narrowing != after.narrowing {
        let holder = Holder::Credential(before.id);
        change
            .rows()
            .replace_access(organization, holder, after.narrowing.as_ref())
            .await?;
    }
    change.open.touch(Touched::Account(before.account));
    if is_reduced {
        change.kill_tokens_got_by(before).await?;
    }
    Ok(())
}

fn changes(before: &Credential, after: &Credential, book: &Book) -> Changes {
    let networks = |credential: &Credential| -> Value {
        let networks = credential.allowed_networks.iter();
        networks.map(ToString::to_string).collect()
    };
    let access = |credential: &Credential| {
        let narrowing = credential.narrowing.as_ref();
        narrowing.map(|narrowing| book.describe(narrowing).to_json())
    };
    Changes::default()
        .with_difference("name", before.name.as_str(), after.name.as_str())
        .with_difference("allowed_networks", networks(before), networks(after))
        .with_difference("access", access(before), access(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_networks_are_all_networks() {
        let lie_within = |networks: &[&str], others: &[&str]| {
            let parse = |list: &[&str]| -> Vec<IpNet> {
                list.iter()
                    .map(|network| network.parse().unwrap())
                    .collect()
            };
            lie_within(&parse(networks), &parse(others))
        };
        assert!(lie_within(&[], &[]));
        assert!(lie_within(&["10.0.0.0/8"], &[]));
        assert!(lie_within(
            &["10.1.0.0/16"],
            &["192.0.2.0/24", "10.0.0.0/8"]
        ));
        assert!(!lie_within(&[], &["10.0.0.0/8"]));
        assert!(!lie_within(&["0.0.0.0/0"], &["10.0.0.0/8"]));
        assert!(!lie_within(&["10.1.0.0/16", "::/0"], &["10.0.0.0/8"]));
    }
}
