//! A credential stopped, and started again.

use crate::domain::access::Access;
use crate::domain::audit::Changes;
use crate::domain::credential::Credential;
use crate::domain::organization::Status;

use super::super::accounts;
use super::super::administrators;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::directory::Touched;
use super::super::problem::Conflict;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::DescribedCredential;
use super::narrowed;
use super::show;
use super::target;

/// Stops a credential: it gets no token any more, and its tokens are dead for good. One that is
/// stopped already stays as it is.
pub async fn disable(
    within: InOrganization,
    account: String,
    credential: String,
    nothing: Submitted<()>,
) -> Result<DescribedCredential, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let account = within.account_in(change.rows(), &account).await?;
        let found = within.credential_in(change.rows(), account.id, &credential);
        let credential = found.await?;
        nothing?;
        change.check_version(&credential)?;
        check_not_revoked(&credential)?;
        if credential.status == Status::Active {
            let held = accounts::effective_access(&mut change, &account).await?;
            let nothing = Access::NOTHING;
            administrators::keep_one_credential(&mut change, &credential, &held, &nothing).await?;
            change.kill_tokens_got_by(&credential).await?;
            set_status(change, &credential, Status::Disabled, "credential.disable").await?;
        } else {
            drop(change);
        }
        show(&within, &account.id.to_string(), &credential.id.to_string()).await
    })
    .await
}

/// Lets a credential get tokens again; the tokens from before stay dead.
pub async fn enable(
    within: InOrganization,
    account: String,
    credential: String,
    nothing: Submitted<()>,
) -> Result<DescribedCredential, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let account = within.account_in(change.rows(), &account).await?;
        let found = within.credential_in(change.rows(), account.id, &credential);
        let credential = found.await?;
        let held = accounts::effective_access(&mut change, &account).await?;
        let resulting = narrowed(&held, credential.narrowing.as_ref());
        within.caller.may_hand_on(&resulting)?;
        nothing?;
        change.check_version(&credential)?;
        check_not_revoked(&credential)?;
        if credential.status == Status::Active {
            drop(change);
        } else {
            change.open.touch(Touched::Account(account.id));
            set_status(change, &credential, Status::Active, "credential.enable").await?;
        }
        show(&within, &account.id.to_string(), &credential.id.to_string()).await
    })
    .await
}

fn check_not_revoked(credential: &Credential) -> Result<(), Problem> {
    if credential.status == Status::Revoked {
        return Err(Problem::conflict(
            Conflict::WrongState,
            "the credential was revoked for good: make a new one",
        ));
    }
    Ok(())
}

async fn set_status(
    mut change: AuditedChange,
    credential: &Credential,
    status: Status,
    action: &'static str,
) -> Result<(), Problem> {
    let now = change.now;
    change
        .rows()
        .set_credential_status(credential.organization, credential.id, status, now)
        .await?;
    let changes = Changes::default().with("status", credential.status.as_str(), status.as_str());
    change.commit(action, target(credential), changes).await
}
