//! A client authenticates: the facts are fetched, `oauth` decides, the use or the failure is noted.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::domain::id::ClientId;
use crate::domain::usage::UsageKind;
use crate::oauth::authorization::Authorization;
use crate::oauth::client_auth;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::client_auth::PresentedApiToken;
use crate::oauth::client_auth::PresentedCredential;
use crate::oauth::form::Form;
use crate::oauth::form::Parameter;
use crate::oauth::refusal::ClientAuthFailure;
use crate::oauth::refusal::Refusal;
use crate::store::StoreError;

use super::App;
use super::throttle::RetryAfter;
use super::usage::Use;
use super::usage::series::By;
use super::usage::series::Outcome;

/// Where a request came from, as far as the server itself knows.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    /// The address of the client.
    pub address: IpAddr,
    /// Its `User-Agent`.
    pub user_agent: Option<&'a str>,
}

/// Why a client is not let in.
#[derive(Debug, thiserror::Error)]
pub enum NotLetIn {
    /// It did not authenticate.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It failed to, once too often.
    #[error("too many failed authentications")]
    Throttled(RetryAfter),
    /// The store could not answer; that says nothing about the client.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Lets the client in that a request proves to come from.
pub async fn let_in(
    app: &App,
    authorization: Authorization<'_>,
    form: &Form<'_>,
    from: &From<'_>,
) -> Result<AuthenticatedClient, NotLetIn> {
    let presented = PresentedCredential::of_request(authorization, form)
        .inspect_err(|refusal| note_unproved(app, form, refusal, from.address))?;
    authenticate(app, &presented, from).await
}

/// Lets a client in that proves itself. A right secret is never refused by the throttle.
pub async fn authenticate(
    app: &App,
    presented: &PresentedCredential,
    from: &From<'_>,
) -> Result<AuthenticatedClient, NotLetIn> {
    let now = app.clock.now();
    let proved = prove(app, presented, from.address, now).await?;
    match proved {
        Ok(client) => {
            note(app, &client, UsageKind::Authenticated, from);
            let by = By::client(client.client());
            app.series.note_address(by, from.address, true, now);
            Ok(client)
        }
        Err(failure) => {
            let name = presented.failure_name();
            let counted = app.throttle.after_failure(&name, from.address, now);
            match Box::pin(counted).await {
                Some(wait) => Err(NotLetIn::Throttled(wait)),
                None => Err(NotLetIn::Refused(failure.into())),
            }
        }
    }
}

async fn prove(
    app: &App,
    presented: &PresentedCredential,
    address: IpAddr,
    now: Timestamp,
) -> Result<Result<AuthenticatedClient, ClientAuthFailure>, StoreError> {
    let known = match presented.client_id() {
        Ok(client_id) => app.directory.client(client_id).await?,
        Err(failure) => {
            note_named(app, presented.meant(), &failure.into(), address, now);
            return Ok(Err(failure));
        }
    };
    let claimed = known.as_deref().map(By::client);
    let hash = |secret: &_| (app.pepper.id(), app.pepper.hash(secret));
    let failure = match client_auth::authenticate(known, presented, hash, address, now) {
        Ok(client) => return Ok(Ok(client)),
        Err(failure) => failure,
    };
    if let Some(claimed) = claimed {
        note_failure(app, claimed, &failure.into(), address, now);
        app.directory.ask_about_nobody().await?;
    }
    Ok(Err(failure))
}

/// Notes that somebody who was not proved to be this client said so. In memory: nothing waits for
/// it, and it is no row that an attacker could multiply.
pub(super) fn note_failure(
    app: &App,
    claimed: By,
    refusal: &Refusal,
    address: IpAddr,
    now: Timestamp,
) {
    let refused = Outcome::Refused(refusal.code(), None);
    app.series.count(claimed, refused, now);
    app.series.note_address(claimed, address, false, now);
}

/// Notes that somebody was refused who called themselves so, without a look-up of who that is.
pub(super) fn note_named(
    app: &App,
    client_id: Option<ClientId>,
    refusal: &Refusal,
    address: IpAddr,
    now: Timestamp,
) {
    if let Some(client_id) = client_id {
        let code = refusal.code();
        app.series.count_named(client_id, code, address, now);
    }
}

/// Notes a refusal of somebody who has not even presented what could be proved; their form may say
/// who they are.
pub(super) fn note_unproved(app: &App, form: &Form<'_>, refusal: &Refusal, address: IpAddr) {
    let named = form.value(Parameter::ClientId);
    let named = named.and_then(|id| id.parse().ok());
    note_named(app, named, refusal, address, app.clock.now());
}

/// Whether an API token is good now, and whose it is. Every path that takes one asks this.
pub async fn prove_api_token(
    app: &App,
    token: &PresentedApiToken,
) -> Result<Result<AuthenticatedClient, ClientAuthFailure>, StoreError> {
    Ok(prove_api_token_of(app, token).await?.proved)
}

/// What became of an API token that was presented.
pub(super) struct ApiTokenProof {
    /// Whose it is or was, good or not.
    pub(super) claimed: Option<By>,
    /// Whether that was known without asking the store.
    pub(super) is_remembered: bool,
    /// Whether it is good now.
    pub(super) proved: Result<AuthenticatedClient, ClientAuthFailure>,
}

/// The same, with whose it is or was.
pub(super) async fn prove_api_token_of(
    app: &App,
    token: &PresentedApiToken,
) -> Result<ApiTokenProof, StoreError> {
    let hash = app.pepper.hash(token.value());
    let known = app.directory.client_of_secret(&hash).await?;
    let claimed = known.client.as_deref().map(By::client);
    let hash = (app.pepper.id(), hash);
    let now = app.clock.now();
    Ok(ApiTokenProof {
        claimed,
        is_remembered: known.is_remembered,
        proved: client_auth::authenticate_api_token(known.client, &hash, now),
    })
}

/// Notes that a client used its credential, when it authenticated. In memory: nothing waits for it.
pub fn note(app: &App, client: &AuthenticatedClient, kind: UsageKind, from: &From<'_>) {
    app.usage.note(&Use {
        kind,
        account: client.client().account,
        credential: client.client().credential,
        secret: Some(client.secret_id()),
        at: client.at(),
        address: Some(from.address),
        user_agent: from.user_agent,
    });
}
