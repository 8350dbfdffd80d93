//! API tokens: made, shown, revoked. What they are is in [`crate::domain::api_token`], what they open
//! in [`super::clients`] and [`super::introspection`].

mod create;
mod described;

pub use create::NewApiToken;
pub use create::create;
pub use described::DescribedApiToken;
pub use described::IssuedApiToken;

use crate::domain::api_token::ApiToken;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::credential::CredentialKind;
use crate::domain::credential::CredentialStatus;
use crate::domain::id::AccountId;
use crate::domain::organization::Status;
use crate::store::StoreError;

use super::audited::AuditedChange;
use super::authority::InOrganization;
use super::credentials;
use super::credentials::CredentialQuery;
use super::page::Listing;
use super::page::PageRequest;
use super::problem::Problem;
use super::problem::Submitted;
use super::to_completion;

/// Some API tokens, and how many of the account, or of the organization, are active.
#[derive(Debug)]
pub struct ApiTokens {
    /// A part of the list.
    pub listing: Listing<DescribedApiToken>,
    /// How many are active, on all pages and whatever is asked for.
    pub active_count: u32,
}

/// An API token of an account.
pub async fn show(
    within: &InOrganization,
    account: &str,
    token: &str,
) -> Result<DescribedApiToken, Problem> {
    let account = within.account(account).await?;
    let found = within.api_token(account.id, token).await?;
    described::one(within, found).await
}

/// The API tokens of an account.
pub async fn list(
    within: &InOrganization,
    account: &str,
    request: Submitted<(PageRequest, CredentialQuery)>,
) -> Result<ApiTokens, Problem> {
    let account = within.account(account).await?;
    read_list(within, Some(account.id), request).await
}

/// The API tokens of all accounts of the organization.
pub async fn inventory(
    within: &InOrganization,
    request: Submitted<(PageRequest, CredentialQuery)>,
) -> Result<ApiTokens, Problem> {
    read_list(within, None, request).await
}

async fn read_list(
    within: &InOrganization,
    account: Option<AccountId>,
    request: Submitted<(PageRequest, CredentialQuery)>,
) -> Result<ApiTokens, Problem> {
    let found = credentials::search(within, CredentialKind::ApiToken, account, request).await?;
    let tokens = found.items.into_iter().filter_map(ApiToken::of);
    let (store, now) = (&within.app.store, within.app.clock.now());
    Ok(ApiTokens {
        active_count: store
            .count_active_api_tokens(within.id(), account, now)
            .await?,
        listing: Listing {
            items: described::all(within, tokens.collect()).await?,
            next_cursor: found.next_cursor,
        },
    })
}

/// Takes an API token back for good, with the tokens that it was exchanged for. It stays listed for a
/// while; one that was taken back already stays as it is.
pub async fn revoke(
    within: InOrganization,
    account: String,
    token: String,
    nothing: Submitted<()>,
) -> Result<(), Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let account = within.account_in(change.rows(), &account).await?;
        let found = within.api_token_in(change.rows(), account.id, &token);
        let token = found.await?;
        nothing?;
        change.check_version(&token)?;
        if token.credential().status == Status::Revoked {
            return Ok(());
        }
        let (target, changes) = revoke_in(&mut change, &token).await?;
        change.commit("api_token.revoke", target, changes).await
    })
    .await
}

/// Takes an API token back, with what it was exchanged for; it is still to be committed, as this.
pub(super) async fn revoke_in(
    change: &mut AuditedChange,
    token: &ApiToken,
) -> Result<(Target, Changes), StoreError> {
    let (credential, now) = (token.credential(), change.now);
    change.kill_tokens_got_by(credential).await?;
    change
        .rows()
        .set_credential_status(credential.organization, credential.id, Status::Revoked, now)
        .await?;
    let (before, after) = (token.status_at(now), CredentialStatus::Revoked);
    let changes = Changes::default().with("status", before.as_str(), after.as_str());
    Ok((target(token), changes))
}

/// The API token as the target of an audit event.
pub(super) fn target(token: &ApiToken) -> Target {
    Target {
        kind: "api_token",
        id: token.id().to_string(),
        name: token.credential().name.to_string(),
    }
}
