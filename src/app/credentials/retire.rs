//! Retiring one secret, before its end. What counts as *in use* is in [`crate::domain::retirement`].

use jiff::Timestamp;

use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::credential::Credential;
use crate::domain::id::SecretId;
use crate::domain::organization::Status;
use crate::domain::retirement::Evidence;
use crate::domain::secret::SecretStatus;
use crate::domain::secret::StoredSecret;

use super::super::accounts;
use super::super::administrators;
use super::super::authority::InOrganization;
use super::super::directory::Touched;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::described::read_usage;
use super::keep_an_administrator;

/// Takes one secret of a credential back; `force` does it whatever the evidence says. The tokens that
/// were got with it live on: retiring a secret and killing tokens are two things.
///
/// The only live secret counts as in use, since nothing has taken its place. Without it the credential
/// is expired, and a rotation gives it a new one. A secret that has ended already stays as it is.
pub async fn retire(
    within: InOrganization,
    account: String,
    credential: String,
    secret: String,
    force: Submitted<bool>,
) -> Result<(), Problem> {
    to_completion(async move {
        // The evidence is read first: no other change waits for it. A secret that is added meanwhile
        // is one that was never used.
        let owner = within.account(&account).await?;
        let before = within.credential(owner.id, &credential).await?;
        let usage = read_usage(&within.app, std::slice::from_ref(&before)).await?;

        let mut change = within.begin().await?;
        let (owner, id) = (owner.id.to_string(), before.id.to_string());
        let account = within.account_in(change.rows(), &owner).await?;
        let credential = within.credential_in(change.rows(), account.id, &id).await?;
        let secret = find(&credential, &secret)?;
        let force = force?;
        change.check_version(&credential)?;
        let now = change.now;
        if !secret.is_live(now) {
            return Ok(());
        }
        let evidence = Evidence::of(&credential, secret.id, &usage, now);
        let may_be_in_use = credential.status != Status::Revoked && evidence.shows_use();
        if may_be_in_use && !force {
            return Err(Problem::SecretInUse(evidence));
        }
        let others = credential.live_secrets(now);
        let others = others.filter(|other| other.id != secret.id);
        match others
            .map(|other| other.ends_at.unwrap_or(Timestamp::MAX))
            .max()
        {
            None => keep_an_administrator(&mut change, &account, &credential).await?,
            Some(until) => {
                let held = accounts::effective_access(&mut change, &account).await?;
                let change = &mut change;
                administrators::keep_one_credential_as_long(
                    change,
                    &account,
                    &credential,
                    &held,
                    until,
                )
                .await?;
            }
        }
        change
            .rows()
            .revoke_secret(within.id(), secret.id, now)
            .await?;
        change.open.touch(Touched::Account(account.id));
        let before = SecretStatus::of_one(&credential.secrets, secret.id, now);
        let (before, after) = (
            before.map(SecretStatus::as_str),
            SecretStatus::Revoked.as_str(),
        );
        let changes = Changes::default().with("status", before, after).with(
            "forced",
            None::<bool>,
            may_be_in_use,
        );
        let target = target(&credential, secret.id);
        change.commit("secret.delete", target, changes).await?;
        Ok(())
    })
    .await
}

fn find<'a>(credential: &'a Credential, secret: &str) -> Result<&'a StoredSecret, Problem> {
    let id = secret.parse().ok();
    let mut secrets = credential.secrets.iter();
    let found = secrets.find(|secret| Some(secret.id) == id);
    found.ok_or(Problem::NotFound("secret"))
}

/// A secret as the target of an audit event. It has no name but its last characters.
pub(in crate::app) fn target(credential: &Credential, secret: SecretId) -> Target {
    let found = credential.secrets.iter().find(|known| known.id == secret);
    Target {
        kind: "secret",
        id: secret.to_string(),
        name: found.map(|found| found.hint.clone()).unwrap_or_default(),
    }
}
