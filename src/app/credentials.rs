//! Credentials: the ways in which an account proves itself. Made, shown, edited, rotated, stopped,
//! revoked, deleted; and their secrets, retired one by one.

mod changing;
mod create;
mod described;
mod edit;
mod inventory;
mod retire;
mod rotate;
mod search;
mod status;

pub use create::NewCredential;
pub(super) use create::add;
pub(super) use create::check_expiry;
pub use create::create;
pub(super) use create::mint;
pub use described::DescribedCredential;
pub use described::DescribedSecret;
pub use described::IssuedCredential;
pub use edit::CredentialEdit;
pub use edit::edit;
pub use inventory::InventoriedCredential;
pub use inventory::inventory;
pub use retire::retire;
pub(super) use retire::target as target_secret;
pub use rotate::RotationRequest;
pub use rotate::rotate;
pub use search::CredentialQuery;
pub(super) use search::as_stored;
pub(super) use search::search;
pub use status::disable;
pub use status::enable;
pub use status::revoke;

use crate::domain::access::Access;
use crate::domain::account::ServiceAccount;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialKind;

use super::accounts;
use super::administrators;
use super::audited::AuditedChange;
use super::authority::InOrganization;
use super::page::Listing;
use super::page::PageRequest;
use super::problem::Problem;
use super::problem::Submitted;
use super::to_completion;

/// A credential of an account.
pub async fn show(
    within: &InOrganization,
    account: &str,
    credential: &str,
) -> Result<DescribedCredential, Problem> {
    let account = within.account(account).await?;
    let credential = within.credential(account.id, credential).await?;
    described::one(within, credential).await
}

/// The credentials of an account.
pub async fn list(
    within: &InOrganization,
    account: &str,
    request: Submitted<(PageRequest, CredentialQuery)>,
) -> Result<Listing<DescribedCredential>, Problem> {
    let account = within.account(account).await?;
    let kind = CredentialKind::ClientSecret;
    let found = search(within, kind, Some(account.id), request).await?;
    Ok(Listing {
        items: described::all(within, found.items).await?,
        next_cursor: found.next_cursor,
    })
}

/// Deletes a credential with its secrets, and kills its tokens.
pub async fn delete(
    within: InOrganization,
    account: String,
    credential: String,
    nothing: Submitted<()>,
) -> Result<(), Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let account = within.account_in(change.rows(), &account).await?;
        let found = within.credential_in(change.rows(), account.id, &credential);
        let credential = found.await?;
        nothing?;
        change.check_version(&credential)?;
        keep_an_administrator(&mut change, &account, &credential).await?;
        change.kill_tokens_got_by(&credential).await?;
        change
            .rows()
            .remove_credential(within.id(), credential.id)
            .await?;
        let client_id = credential.client_id.to_string();
        let changes = Changes::default()
            .with("name", credential.name.as_str(), None::<&str>)
            .with("client_id", client_id, None::<&str>);
        change
            .commit("credential.delete", target(&credential), changes)
            .await?;
        Ok(())
    })
    .await
}

/// All that the credential may do: its account's access, narrowed.
pub(super) async fn effective_access(
    change: &mut AuditedChange,
    account: &ServiceAccount,
    narrowing: Option<&Access>,
) -> Result<Access, Problem> {
    let access = accounts::effective_access(change, account).await?;
    Ok(narrowed(&access, narrowing))
}

/// Refuses to take away the credential without which nobody administers the instance any more.
async fn keep_an_administrator(
    change: &mut AuditedChange,
    account: &ServiceAccount,
    credential: &Credential,
) -> Result<(), Problem> {
    let held = accounts::effective_access(change, account).await?;
    administrators::keep_one_credential(change, credential, &held, &Access::NOTHING).await
}

/// What a narrowing leaves of an account's access.
fn narrowed(access: &Access, narrowing: Option<&Access>) -> Access {
    narrowing.map_or_else(|| access.clone(), |narrowing| access.narrowed_by(narrowing))
}

/// The credential as the target of an audit event.
fn target(credential: &Credential) -> Target {
    Target {
        kind: "credential",
        id: credential.id.to_string(),
        name: credential.name.to_string(),
    }
}
