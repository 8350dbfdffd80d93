//! API tokens among the tokens that can be looked at and revoked. They are opaque: there are no header,
//! claims and key to show.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::client::Client;
use crate::domain::id::ApiTokenId;
use crate::domain::liveness::Dead;
use crate::domain::organization::Status;
use crate::domain::role::AdminScope;
use crate::oauth::client_auth::PresentedApiToken;
use crate::oauth::refusal::ClientAuthFailure;
use crate::store::Lookup;
use crate::store::StoreError;

use super::super::App;
use super::super::api_tokens;
use super::super::authority::Caller;
use super::super::clients;
use super::super::problem::Problem;
use super::Contents;
use super::Inspection;
use super::credential_of;
use super::dead_reason;

/// What is known of an API token.
pub(super) async fn look_at(
    app: &App,
    caller: &Caller,
    token: &PresentedApiToken,
) -> Result<Inspection, StoreError> {
    let Some(client) = visible(app, caller, token).await? else {
        return Ok(Inspection {
            reasons: vec!["unknown"],
            contents: None,
        });
    };
    let reason = match clients::prove_api_token(app, token).await? {
        Ok(_) => None,
        Err(ClientAuthFailure::ExpiredSecret) => Some("expired"),
        Err(ClientAuthFailure::Dead(dead)) => Some(dead_reason(dead)),
        Err(_) => Some("unknown"),
    };
    let account = Lookup::Id(client.account);
    Ok(Inspection {
        reasons: reason.into_iter().collect(),
        contents: Some(Contents {
            header: Value::Null,
            claims: Value::Null,
            account: app
                .store
                .find_account(client.organization, &account)
                .await?,
            credential: credential_of(app, &client).await?,
            key: None,
            at: app.clock.now(),
        }),
    })
}

/// Revokes an API token that the caller may know of, with what was exchanged for it. Answers what was
/// known of it, as it is then.
pub(super) async fn revoke(
    app: &App,
    caller: &Caller,
    token: &PresentedApiToken,
) -> Result<Inspection, Problem> {
    let mut found = look_at(app, caller, token).await?;
    if let Some(client) = visible(app, caller, token).await? {
        let organization = client.organization.to_string();
        let within = caller
            .clone()
            .in_organization(app, &organization, AdminScope::AccountsWrite)
            .await?;
        let id = ApiTokenId::of_credential(client.credential).to_string();
        api_tokens::revoke(within, client.account.to_string(), id, Ok(())).await?;
        found.take_back();
    }
    Ok(found)
}

impl Inspection {
    /// What is known of it once its credential is revoked.
    fn take_back(&mut self) {
        if self.reasons.is_empty() {
            self.reasons.push(dead_reason(Dead::CredentialDisabled));
        }
        let contents = self.contents.as_mut();
        if let Some(credential) = contents.and_then(|contents| contents.credential.as_mut()) {
            credential.status = Status::Revoked;
        }
    }
}

/// Whose it is, if the caller may know.
async fn visible(
    app: &App,
    caller: &Caller,
    token: &PresentedApiToken,
) -> Result<Option<Arc<Client>>, StoreError> {
    let hash = app.pepper.hash(token.value());
    let known = app.directory.client_of_secret(&hash).await?;
    let client = known.client;
    Ok(client.filter(|client| caller.sees(client.organization)))
}
