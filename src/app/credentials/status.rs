//! A credential stopped, started again, and taken back for good.

use crate::domain::credential::Credential;
use crate::domain::organization::Status;

use super::super::accounts;
use super::super::authority::InOrganization;
use super::super::directory::Touched;
use super::super::problem::Conflict;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::DescribedCredential;
use super::changing::ChangingCredential;
use super::keep_an_administrator;
use super::narrowed;

/// Stops a credential: it gets no token any more, and its tokens are dead for good. One that is
/// stopped already stays as it is.
pub async fn disable(
    within: InOrganization,
    account: String,
    credential: String,
    nothing: Submitted<()>,
) -> Result<DescribedCredential, Problem> {
    to_completion(async move {
        let mut changing = ChangingCredential::begin(within, &account, &credential).await?;
        nothing?;
        let ChangingCredential {
            change,
            account,
            credential,
            ..
        } = &mut changing;
        change.check_version(credential)?;
        check_not_revoked(credential)?;
        if credential.status != Status::Active {
            return changing.described().await;
        }
        keep_an_administrator(change, account, credential).await?;
        change.kill_tokens_got_by(credential).await?;
        changing
            .set_status(Status::Disabled, "credential.disable")
            .await
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
        let mut changing = ChangingCredential::begin(within, &account, &credential).await?;
        let ChangingCredential {
            within,
            change,
            account,
            credential,
            ..
        } = &mut changing;
        let held = accounts::effective_access(change, account).await?;
        let resulting = narrowed(&held, credential.narrowing.as_ref());
        within.caller.may_hand_on(&resulting)?;
        nothing?;
        change.check_version(credential)?;
        check_not_revoked(credential)?;
        if credential.status == Status::Active {
            return changing.described().await;
        }
        change.open.touch(Touched::Account(account.id));
        changing
            .set_status(Status::Active, "credential.enable")
            .await
    })
    .await
}

/// Takes a credential back for good: it gets no token any more, and its tokens are dead. One that
/// was taken back already stays as it is.
pub async fn revoke(
    within: InOrganization,
    account: String,
    credential: String,
    nothing: Submitted<()>,
) -> Result<DescribedCredential, Problem> {
    to_completion(async move {
        let mut changing = ChangingCredential::begin(within, &account, &credential).await?;
        nothing?;
        let ChangingCredential {
            change,
            account,
            credential,
            ..
        } = &mut changing;
        change.check_version(credential)?;
        if credential.status == Status::Revoked {
            return changing.described().await;
        }
        keep_an_administrator(change, account, credential).await?;
        change.kill_tokens_got_by(credential).await?;
        changing
            .set_status(Status::Revoked, "credential.revoke")
            .await
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
