//! What an administrator can find out about a token, and do with it, who has its text in hand.
//!
//! The text is never written down, and not repeated either: answers show what it says. A token of
//! an organization that the caller's token does not reach is answered exactly like one that this
//! server never signed.

mod api_token;
mod preview;

pub use preview::Answer as PreviewAnswer;
pub use preview::Question as PreviewQuestion;
pub use preview::preview;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::domain::account::ServiceAccount;
use crate::domain::client::Client;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialKind;
use crate::domain::id::ApiTokenId;
use crate::domain::liveness::Dead;
use crate::domain::role::AdminScope;
use crate::domain::signing_key::SigningKeyRecord;
use crate::domain::token::Claims;
use crate::jwt::InvalidToken;
use crate::jwt::SignedToken;
use crate::jwt::claims_json;
use crate::oauth::client_auth::PresentedApiToken;
use crate::store::Lookup;
use crate::store::RevokedToken;
use crate::store::StoreError;

use super::App;
use super::authority::Caller;
use super::problem::Problem;
use super::problem::Submitted;
use super::revocation;
use super::to_completion;
use super::tokens;
use super::tokens::Inactive;

/// What is known of a token.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// Why it is not active; it is when there is nothing here.
    pub reasons: Vec<&'static str>,
    /// What it says, when it is one of ours and the caller's.
    pub contents: Option<Contents>,
}

/// A token of ours, with what it belongs to as far as that still exists.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Its header.
    pub header: Value,
    /// Its claims, all of them.
    pub claims: Value,
    /// The account that it was issued to.
    pub account: Option<ServiceAccount>,
    /// The credential that it was got by.
    pub credential: Option<Credential>,
    /// The key that signed it.
    pub key: Option<SigningKeyRecord>,
    /// The instant of the reading.
    pub at: Timestamp,
}

/// What is known of `token`.
pub async fn inspect(
    app: &App,
    caller: &Caller,
    token: Submitted<String>,
) -> Result<Inspection, Problem> {
    caller.require(AdminScope::AccountsRead)?;
    Ok(look_at(app, caller, &token?).await?)
}

/// Revokes `token` when it is one of the caller's organizations' and is active, or will be. Answers
/// what is known of it then, which is what was known before and that it is revoked: nobody sees the
/// change while it waits for its answer ([`super::retries`]).
pub async fn revoke(
    app: &App,
    caller: &Caller,
    token: Submitted<String>,
) -> Result<Inspection, Problem> {
    caller.require(AdminScope::AccountsWrite)?;
    let token = token?;
    if let Some(token) = PresentedApiToken::parse(&token) {
        return api_token::revoke(app, caller, &token).await;
    }
    let mut found = look_at(app, caller, &token).await?;
    if found.contents.is_some()
        && let Ok(revocable) = tokens::check_revocable(app, &token).await?
    {
        let (app, caller) = (app.clone(), caller.clone());
        to_completion(async move { revoke_durably(&app, caller, revocable.claims()).await })
            .await?;
        found.reasons.push(dead_reason(Dead::TokenRevoked));
    }
    Ok(found)
}

async fn revoke_durably(app: &App, caller: Caller, claims: &Claims) -> Result<(), Problem> {
    let organization = claims.organization.to_string();
    let within = caller
        .in_organization(app, &organization, AdminScope::AccountsWrite)
        .await?;
    let mut change = within.begin().await?;
    let token = RevokedToken {
        id: claims.id,
        organization: claims.organization,
        expires_at: Timestamp::from_second(claims.expires_at).unwrap_or(Timestamp::MAX),
    };
    let now = change.now;
    if !change.rows().add_revoked_token(&token, now).await? {
        return Ok(());
    }
    change.open.revoke(token);
    let (target, changes) = revocation::told(claims);
    change.commit("token.revoke", target, changes).await?;
    Ok(())
}

/// The token, when we signed it and the caller may know; else why it is answered like one that we
/// did not sign.
async fn signed_and_visible(
    app: &App,
    caller: &Caller,
    token: &str,
) -> Result<Result<SignedToken, &'static str>, StoreError> {
    const UNKNOWN: &str = "unknown";
    let found = tokens::with_latest_keys(app, || app.key_ring.verify_signature(token)).await?;
    Ok(match found {
        Ok(signed) if caller.sees(signed.claims().organization) => Ok(signed),
        // These follow from the text alone, whoever it belongs to.
        Err(InvalidToken::TooLong | InvalidToken::Malformed) => Err("malformed"),
        Err(InvalidToken::KeyState(state)) => Err(match state.as_str() {
            "revoked" => "signing_key_revoked",
            "retired" => "signing_key_retired",
            _ => "signing_key_not_active",
        }),
        Ok(_) | Err(_) => Err(UNKNOWN),
    })
}

async fn look_at(app: &App, caller: &Caller, token: &str) -> Result<Inspection, StoreError> {
    if let Some(token) = PresentedApiToken::parse(token) {
        return api_token::look_at(app, caller, &token).await;
    }
    let signed = match signed_and_visible(app, caller, token).await? {
        Ok(signed) => signed,
        Err(reason) => {
            return Ok(Inspection {
                reasons: vec![reason],
                contents: None,
            });
        }
    };
    let now = app.clock.now();
    let mut reasons = of_its_time(app, &signed, now);
    // One that is not within its time may be dead besides.
    let standing = tokens::check_ours(app, signed.claims(), signed.kid()).await?;
    reasons.extend(standing.err().map(|dead| inactive_reason(&dead)));
    Ok(Inspection {
        contents: Some(contents(app, &signed, now).await?),
        reasons,
    })
}

fn of_its_time(app: &App, token: &SignedToken, now: Timestamp) -> Vec<&'static str> {
    let issuer = app.config.server.issuer.as_str();
    let reason = match app.key_ring.check(token, issuer, now) {
        Ok(_) => return Vec::new(),
        Err(InvalidToken::Expired) => "expired",
        Err(InvalidToken::IssuedInTheFuture | InvalidToken::NotYetValid) => "not_yet_valid",
        Err(InvalidToken::Issuer) => "wrong_issuer",
        Err(InvalidToken::KeyState(_)) => "signing_key_not_active",
        Err(_) => "unknown",
    };
    vec![reason]
}

fn inactive_reason(inactive: &Inactive) -> &'static str {
    match inactive {
        Inactive::Invalid(_) => "unknown",
        Inactive::Dead(dead) => dead_reason(*dead),
    }
}

fn dead_reason(dead: Dead) -> &'static str {
    match dead {
        Dead::Unknown => "account_or_credential_deleted",
        Dead::OrganizationDisabled => "organization_disabled",
        Dead::AccountDisabled => "account_disabled",
        Dead::AccountExpired => "account_expired",
        Dead::CredentialDisabled => "credential_disabled",
        Dead::OldEpoch => "restored_from_backup",
        Dead::OldGeneration => "tokens_revoked",
        Dead::KeyOver => "signing_key_not_active",
        Dead::ApiDeleted => "api_deleted",
        Dead::TokenRevoked => "revoked",
        Dead::TokenExpired => "expired",
    }
}

async fn contents(app: &App, token: &SignedToken, at: Timestamp) -> Result<Contents, StoreError> {
    let claims = token.claims();
    let organization = claims.organization;
    let account = Lookup::Id(claims.account);
    let account = app.store.find_account(organization, &account).await?;
    let client = app.directory.client(claims.client_id).await?;
    let credential = match client.filter(|client| client.account == claims.account) {
        Some(client) => credential_of(app, &client).await?,
        None => None,
    };
    let keys = app.store.list_signing_keys().await?;
    let key = keys.into_iter().find(|key| key.kid == token.kid());
    Ok(Contents {
        header: json!({
            "typ": token.typ().as_str(),
            "alg": key.as_ref().map(|key| key.algorithm.as_str()),
            "kid": token.kid(),
        }),
        claims: claims_json(claims),
        account,
        credential,
        key,
        at,
    })
}

/// The credential of a client, whatever its kind.
async fn credential_of(app: &App, client: &Client) -> Result<Option<Credential>, StoreError> {
    let (organization, account) = (client.organization, client.account);
    match client.kind {
        CredentialKind::ClientSecret => {
            let lookup = Lookup::Id(client.credential);
            app.store
                .find_credential(organization, account, &lookup)
                .await
        }
        CredentialKind::ApiToken => {
            let lookup = Lookup::Id(ApiTokenId::of_credential(client.credential));
            let found = app.store.find_api_token(organization, account, &lookup);
            Ok(found.await?.map(|token| token.credential().clone()))
        }
    }
}
