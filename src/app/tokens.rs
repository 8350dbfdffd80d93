//! Tokens that come back: whether one is active, and whether its bearer is let in.
//!
//! There is one answer to that question, [`check`], and every path that accepts a token of ours asks
//! it: introspection, the admin API. An [`ActiveToken`] is the proof; nothing else makes one.
//! Revocation asks [`check_revocable`], which also finds the tokens that will be active later.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::access::Grant;
use crate::domain::api::Api;
use crate::domain::credential::CredentialRef;
use crate::domain::liveness::Dead;
use crate::domain::role::OSTLER_API;
use crate::domain::token::Claims;
use crate::jwt::InvalidToken;
use crate::jwt::UnexpiredToken;
use crate::jwt::VerifiedToken;
use crate::live::TokenNames;
use crate::oauth::refusal::BearerFailure;
use crate::oauth::refusal::Refusal;
use crate::store::Change;
use crate::store::StoreError;
use crate::store::TokenStanding;

use super::App;
use super::keys;

/// Proof that a token was active when it was checked.
#[derive(Clone, Debug)]
pub struct ActiveToken {
    token: VerifiedToken,
    api: Arc<Api>,
    credential: CredentialRef,
    at: Timestamp,
}

impl ActiveToken {
    /// What it says.
    pub fn claims(&self) -> &Claims {
        self.token.claims()
    }

    /// A text about it that follows from its claims alone; see [`VerifiedToken::described`].
    pub fn described(&self, write: impl FnOnce(&Claims) -> Bytes) -> Bytes {
        self.token.described(write)
    }

    /// Takes as long as for a forgery, before who asks about this `text` is told that there is nothing.
    pub fn hide(self, app: &App, text: &str) {
        take_as_long_as_a_forgery(app, &self.token, text);
    }

    /// The API that it is for.
    pub fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// When it was checked.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The credential that it was issued to.
    pub fn credential(&self) -> CredentialRef {
        self.credential
    }
}

/// Proof that a token was active when it was checked, but for its beginning: there is something to
/// revoke.
#[derive(Clone, Debug)]
pub struct RevocableToken(UnexpiredToken);

impl RevocableToken {
    /// What it says.
    pub fn claims(&self) -> &Claims {
        self.0.claims()
    }
}

/// Why a token is not active: for logs and for administrators, never for clients.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Inactive {
    /// It is not a token of ours, or not within its time.
    #[error(transparent)]
    Invalid(#[from] InvalidToken),
    /// It was ours and good, and something has ended it.
    #[error(transparent)]
    Dead(#[from] Dead),
}

/// Whether `token` is active now. What is wrong with the token itself is found without any store;
/// after that a store that cannot answer is an error, never an answer.
pub async fn check(app: &App, text: &str) -> Result<Result<ActiveToken, Inactive>, StoreError> {
    let issuer = app.config.server.issuer.as_str();
    let at = app.clock.now();
    let verify = || app.key_ring.verify(text, issuer, at);
    let token = match with_latest_keys(app, verify).await? {
        Ok(verified) => verified,
        Err(invalid) => return Ok(Err(invalid.into())),
    };
    let standing = check_standing(app, token.claims(), token.kid(), at).await?;
    if standing.is_err() {
        take_as_long_as_a_forgery(app, &token, text);
    }
    Ok(standing.map(|(credential, api)| ActiveToken {
        token,
        api,
        credential,
        at,
    }))
}

/// Takes the time of a signature where none was verified, because the token was good before: from the
/// time of an answer that is the same for both, nobody learns that it ever was.
fn take_as_long_as_a_forgery(app: &App, token: &VerifiedToken, text: &str) {
    if token.is_remembered() {
        app.key_ring.verify_for_nothing(text);
    }
}

/// Whether `token` is active now, or will be when the clock has come to its beginning: it may have
/// been set back since the token was issued, and a revocation cannot wait for it.
pub async fn check_revocable(
    app: &App,
    token: &str,
) -> Result<Result<RevocableToken, Inactive>, StoreError> {
    let issuer = app.config.server.issuer.as_str();
    let at = app.clock.now();
    let verify = || {
        let signed = app.key_ring.verify_signature(token)?;
        app.key_ring.check_unexpired(&signed, issuer, at)
    };
    let token = match with_latest_keys(app, verify).await? {
        Ok(unexpired) => unexpired,
        Err(invalid) => return Ok(Err(invalid.into())),
    };
    let standing = check_standing(app, token.claims(), token.kid(), at).await?;
    Ok(standing.map(|_| RevocableToken(token)))
}

/// What `verify` finds with the keys of this node and, where it finds what only an ignorance of the
/// latest change could be behind, with the records: another node may have made a key active just now.
/// A key that verifies and cannot be read here is no verdict on a token.
pub(super) async fn with_latest_keys<T>(
    app: &App,
    verify: impl Fn() -> Result<T, InvalidToken>,
) -> Result<Result<T, InvalidToken>, StoreError> {
    let mut found = verify();
    let is_stale = |found: &Result<T, InvalidToken>| {
        found.as_ref().is_err_and(|invalid| invalid.may_be_news())
    };
    if app.directory.is_shared() && is_stale(&found) {
        keys::follow(app).await?;
        found = verify();
    }
    match found {
        Err(InvalidToken::KeyNotAtHand) => Err(StoreError::Unavailable(Box::new(
            InvalidToken::KeyNotAtHand,
        ))),
        found => Ok(found),
    }
}

/// What has ended a token that we signed and that says `claims`, if anything, whatever the time. It is
/// asked where the reason matters, which the live state does not know.
pub(super) async fn check_ours(
    app: &App,
    claims: &Claims,
    kid: &str,
) -> Result<Result<(), Inactive>, StoreError> {
    let now = app.clock.now();
    Ok(check_durably(app, claims, kid, now).await?.map(|_| ()))
}

/// What has ended a token since it was found active, if anything, as a change finds it under its
/// locks: memory may be about to forget, and the live state about to hear, what is durable already.
pub(super) async fn check_in(
    app: &App,
    token: &ActiveToken,
    rows: &mut dyn Change,
) -> Result<Result<(), Dead>, StoreError> {
    let (claims, kid) = (token.claims(), token.token.kid());
    let standing = rows
        .find_token_standing(claims.client_id, claims.id, kid)
        .await?;
    let now = app.clock.now();
    if claims.expires_at <= now.as_second() {
        return Ok(Err(Dead::TokenExpired));
    }
    Ok(check_facts(claims, standing, now).map(|_| ()))
}

/// Whether nothing has ended the token of the key `kid` that says `claims`, and whose and what for it
/// is.
async fn check_standing(
    app: &App,
    claims: &Claims,
    kid: &str,
    now: Timestamp,
) -> Result<Result<(CredentialRef, Arc<Api>), Inactive>, StoreError> {
    if is_known_dead(app, claims).await {
        return Ok(Err(Dead::OldGeneration.into()));
    }
    check_durably(app, claims, kid, now).await
}

async fn check_durably(
    app: &App,
    claims: &Claims,
    kid: &str,
    now: Timestamp,
) -> Result<Result<(CredentialRef, Arc<Api>), Inactive>, StoreError> {
    let found = app
        .directory
        .token_standing(claims.client_id, claims.id, kid, &claims.audience)
        .await?;
    let standing = found.as_ref().map(|found| found.standing);
    let credential = match check_facts(claims, standing, now) {
        Ok(credential) => credential,
        Err(dead) => return Ok(Err(dead.into())),
    };
    let at_hand = found.and_then(|found| found.api);
    let Some(api) = find_api(app, claims, at_hand).await? else {
        return Ok(Err(Dead::ApiDeleted.into()));
    };
    Ok(Ok((credential, api)))
}

/// The quick answer. The live state may only say *dead*; when it cannot answer, the store does. On the
/// embedded store memory knows at least as much, and is as quick.
async fn is_known_dead(app: &App, claims: &Claims) -> bool {
    if !app.directory.is_shared() {
        return false;
    }
    let names = TokenNames {
        id: claims.id,
        organization: claims.organization,
        account: claims.account,
        client_id: claims.client_id,
        generations: claims.generations,
    };
    app.live.is_dead(&names).await.unwrap_or(false)
}

fn check_facts(
    claims: &Claims,
    found: Option<TokenStanding>,
    now: Timestamp,
) -> Result<CredentialRef, Dead> {
    // A credential that belongs to somebody else than the token says is not the token's.
    let facts = found
        .filter(|found| found.account == claims.account)
        .filter(|found| found.organization == claims.organization)
        .ok_or(Dead::Unknown)?;
    facts.standing.check_token(&claims.generations, now)?;
    if facts.token_is_revoked {
        return Err(Dead::TokenRevoked);
    }
    if !facts.key_verifies {
        return Err(Dead::KeyOver);
    }
    Ok(facts.credential)
}

/// The API whose audience the token has: `ostler`, or one of the token's own organization.
async fn find_api(
    app: &App,
    claims: &Claims,
    at_hand: Option<Arc<Api>>,
) -> Result<Option<Arc<Api>>, StoreError> {
    if *claims.audience == *app.ostler.audience.as_str() {
        return Ok(Some(Arc::clone(&app.ostler)));
    }
    let api = match at_hand {
        Some(api) => Some(api),
        None => app.directory.api(&claims.audience).await?,
    };
    Ok(api.filter(|api| api.organization == Some(claims.organization)))
}

/// Why a bearer is not let in.
#[derive(Debug, thiserror::Error)]
pub enum BearerRefused {
    /// Its token is no good, or says too little.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not answer; that says nothing about the token.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Lets the bearer of an active token for this very server in (RFC 6750). A token for another
/// audience is as good as none.
pub async fn check_bearer(app: &App, token: &str) -> Result<ActiveToken, BearerRefused> {
    if token.is_empty() {
        return Err(Refusal::MissingToken.into());
    }
    let failure = match check(app, token).await? {
        Ok(active) if active.api().id == OSTLER_API => return Ok(active),
        Ok(_) | Err(Inactive::Invalid(_)) => BearerFailure::NotOurs,
        Err(Inactive::Dead(dead)) => BearerFailure::Dead(dead),
    };
    Err(Refusal::InvalidToken(failure).into())
}

/// The grant of `ostler` that a token for this server says.
pub fn held_by(claims: &Claims) -> Grant {
    let resources = claims
        .details
        .iter()
        .map(|detail| (detail.resource_type.clone(), detail.identifiers.clone()));
    Grant {
        api: OSTLER_API,
        scopes: claims.scopes.clone(),
        resources: resources.collect(),
    }
}
