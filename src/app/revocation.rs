//! Revocation of a single token, or of an API token, by its own account.

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::audit::Actor;
use crate::domain::audit::AuditDraft;
use crate::domain::audit::AuditResult;
use crate::domain::audit::Chain;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::id::ApiTokenId;
use crate::domain::id::ClientId;
use crate::domain::id::EventId;
use crate::domain::organization::Status;
use crate::domain::token::Claims;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::client_auth::PresentedApiToken;
use crate::oauth::refusal::Refusal;
use crate::oauth::revocation;
use crate::store::Lookup;
use crate::store::RevokedToken;
use crate::store::StoreError;

use super::App;
use super::api_tokens;
use super::audited::AuditedChange;
use super::authority::Identity;
use super::authority::Origin;
use super::change;
use super::clients;
use super::init::new_id;
use super::refused_calls::Circumstances;
use super::refused_calls::RefusedCall;
use super::to_completion;
use super::tokens;
use super::usage::series::By;
use super::usage::series::Outcome;

/// Why a token was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum NotRevoked {
    /// It is somebody else's.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not answer; the token may be active.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Counts a refusal for the client that was refused.
pub fn note_refusal(app: &App, client: &AuthenticatedClient, refusal: &Refusal) {
    let refused = Outcome::Refused(refusal.code(), None);
    let by = By::client(client.client());
    app.series.count(by, refused, app.clock.now());
}

/// Revokes `token` when it is one of the client's own account and is active, or will be. When this
/// returns `Ok`, no later question finds it active.
pub async fn revoke(
    app: &App,
    client: &AuthenticatedClient,
    token: &str,
    origin: Origin,
) -> Result<(), NotRevoked> {
    if let Some(token) = PresentedApiToken::parse(token) {
        return revoke_api_token(app, client, &token, origin).await;
    }
    let Ok(token) = tokens::check_revocable(app, token).await? else {
        // There is nothing to take back (RFC 7009 section 2.2).
        return Ok(());
    };
    if let Err(refusal) = revocation::check_owner(client.client().account, token.claims().account) {
        let call = RefusedCall::of_client(client, "token.revoke", app.clock.now());
        app.refused_calls.note(call, || Circumstances {
            target: target(token.claims()),
            origin,
        });
        return Err(refusal.into());
    }
    let (app, by) = (app.clone(), client.client().client_id);
    to_completion(async move { revoke_durably(&app, token.claims(), by, origin).await }).await?;
    Ok(())
}

async fn revoke_api_token(
    app: &App,
    client: &AuthenticatedClient,
    token: &PresentedApiToken,
    origin: Origin,
) -> Result<(), NotRevoked> {
    let Ok(proof) = clients::prove_api_token(app, token).await? else {
        // There is nothing to take back. (What stands against a token of the client's own account for a
        // while only, would have stood against the client too.)
        return Ok(());
    };
    let token = proof.client();
    let id = ApiTokenId::of_credential(token.credential);
    if let Err(refusal) = revocation::check_owner(client.client().account, token.account) {
        let call = RefusedCall::of_client(client, "api_token.revoke", app.clock.now());
        app.refused_calls.note(call, || Circumstances {
            target: Target {
                kind: "api_token",
                id: id.to_string(),
                name: token.client_id.to_string(),
            },
            origin,
        });
        return Err(refusal.into());
    }
    let (app, organization, account) = (app.clone(), token.organization, token.account);
    let by = Identity::Account {
        account,
        organization,
        client_id: client.client().client_id,
    };
    to_completion(async move {
        let mut change = AuditedChange::begin(&app, &by, &origin, Some(organization)).await?;
        let lookup = Lookup::Id(id);
        let rows = change.rows();
        let found = rows.find_api_token(organization, account, &lookup).await?;
        match found {
            Some(token) if token.credential().status != Status::Revoked => {
                let (target, changes) = api_tokens::revoke_in(&mut change, &token).await?;
                change
                    .commit_on_no_terms("api_token.revoke", target, changes)
                    .await
            }
            // Somebody has taken it back meanwhile.
            _ => Ok(()),
        }
    })
    .await?;
    Ok(())
}

async fn revoke_durably(
    app: &App,
    claims: &Claims,
    by: ClientId,
    origin: Origin,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let token = RevokedToken {
        id: claims.id,
        organization: claims.organization,
        expires_at: Timestamp::from_second(claims.expires_at).unwrap_or(Timestamp::MAX),
    };
    let mut change = change::begin(app, Some(claims.organization)).await?;
    if !change.rows.add_revoked_token(&token, now).await? {
        // Somebody has revoked it meanwhile, durably and in this node's memory: changes take turns
        // until both are done, and where that is in doubt, `begin` has settled it.
        return Ok(());
    }
    let account = Lookup::Id(claims.account);
    let account = change
        .rows
        .find_account(claims.organization, &account)
        .await?;
    let (target, changes) = told(claims);
    let event = AuditDraft {
        id: new_id(EventId::generate, now),
        chain: Chain::Organization(claims.organization),
        at: now,
        actor: Actor {
            kind: "service_account",
            id: claims.account.to_string(),
            name: account
                .map(|found| found.name.to_string())
                .unwrap_or_default(),
            credential: Some(by),
            address: origin.address,
            user_agent: origin.user_agent,
        },
        action: "token.revoke",
        target,
        result: AuditResult::Success,
        count: 1,
        request_id: origin.request_id,
        changes,
    };
    change.revoke(token);
    change.commit(app, &event).await
}

/// What the event of a revocation tells: of a token nothing is kept but that it is dead.
pub(super) fn told(claims: &Claims) -> (Target, Changes) {
    let end = Timestamp::from_second(claims.expires_at).ok();
    let changes = Changes::default()
        .with("revoked", false, true)
        .with("account", Value::Null, claims.account.to_string())
        .with("expires_at", Value::Null, end.map(|end| end.to_string()));
    (target(claims), changes)
}

fn target(claims: &Claims) -> Target {
    Target {
        kind: "token",
        id: claims.id.to_string(),
        name: claims.client_id.to_string(),
    }
}
