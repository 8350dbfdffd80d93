//! A token is issued: `oauth` decides, `jwt` signs, the use is noted. Nothing is stored.

use jiff::Timestamp;

use crate::domain::audit::Target;
use crate::domain::credential::CredentialRef;
use crate::domain::id::ApiId;
use crate::domain::token::Claims;
use crate::domain::usage::UsageKind;
use crate::jwt::AccessToken;
use crate::jwt::SignError;
use crate::jwt::UnsignedToken;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::form::Form;
use crate::oauth::grant;
use crate::oauth::grant::Facts;
use crate::oauth::grant::Lifetimes;
use crate::oauth::refusal::Refusal;
use crate::random;

use super::App;
use super::authority::Origin;
use super::clients;
use super::clients::From;
use super::refused_calls::Circumstances;
use super::refused_calls::RefusedCall;
use super::usage::series::By;
use super::usage::series::Outcome;

/// A token, and what it says.
pub struct Issued {
    /// The token.
    pub token: AccessToken,
    /// What it says.
    pub claims: Claims,
    /// The end of the secret that was used, when its user should know of it.
    pub secret_ends_at: Option<Timestamp>,
}

/// Why no token was issued.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    /// The client may not have it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// More signatures are asked for than can be made; try again soon.
    #[error("too many signatures are waiting")]
    Busy,
    /// It could not be signed.
    #[error(transparent)]
    Failed(SignError),
}

impl std::convert::From<SignError> for NotIssued {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Busy => Self::Busy,
            other => Self::Failed(other),
        }
    }
}

/// Issues what the authenticated `client` asks for in `form`.
pub async fn issue(
    app: &App,
    client: &AuthenticatedClient,
    form: &Form<'_>,
    from: &From<'_>,
) -> Result<Issued, NotIssued> {
    let now = client.at();
    let by = || By::client(client.client());
    let prepared = prepare(app, client, form, now).inspect_err(|reason| {
        if let NotIssued::Refused(refusal) = reason {
            let refused = Outcome::Refused(refusal.code(), None);
            app.series.count(by(), refused, now);
        }
    });
    let (api, claims, token) = prepared?;
    let token = token.sign().await?;

    clients::note(app, client, UsageKind::Issued, from);
    app.series.count(by(), Outcome::Issued(api), now);
    Ok(Issued {
        token,
        claims,
        secret_ends_at: client.end_to_announce(now),
    })
}

/// What the token will say, for which API, and all of it but its signature.
fn prepare(
    app: &App,
    client: &AuthenticatedClient,
    form: &Form<'_>,
    now: Timestamp,
) -> Result<(ApiId, Claims, UnsignedToken), NotIssued> {
    let granted = grant::decide(form, &facts(app, client, now))?;
    let api = granted.api.id;
    let settings = granted.api.token;
    let claims = granted.into_claims(random::token_id());
    let token = app
        .key_ring
        .prepare(settings.typ, settings.signing_alg, &claims)?;
    grant::check_size(token.len(), app.config.tokens.max_bytes)?;
    Ok((api, claims, token))
}

/// Notes that `client` may not have what it asked for, when that is the reason.
pub fn note_denial(
    app: &App,
    client: &AuthenticatedClient,
    reason: &NotIssued,
    origin: impl FnOnce() -> Origin,
) {
    let NotIssued::Refused(refusal) = reason else {
        return;
    };
    if !refusal.is_denial() {
        return;
    }
    let call = RefusedCall::of_client(client, "token.issue", app.clock.now());
    app.refused_calls.note(call, || Circumstances {
        target: target(client),
        origin: origin(),
    });
}

fn target(client: &AuthenticatedClient) -> Target {
    let client = client.client();
    let credential = CredentialRef::of(client.credential, client.kind);
    Target {
        kind: credential.noun(),
        id: credential.to_string(),
        name: client.client_id.to_string(),
    }
}

fn facts<'a>(app: &'a App, client: &'a AuthenticatedClient, now: Timestamp) -> Facts<'a> {
    Facts {
        client,
        ostler: &app.ostler,
        lifetimes: lifetimes(app),
        now,
    }
}

/// How long tokens live here.
pub(super) fn lifetimes(app: &App) -> Lifetimes {
    Lifetimes {
        default: app.config.tokens.lifetime,
        max: app.config.tokens.max_lifetime,
    }
}
