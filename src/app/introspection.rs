//! Introspection: who asks, what they may know, and the note that a token was seen.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::audit::Target;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::role::AdminScope;
use crate::domain::usage::UsageKind;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::client_auth::PresentedApiToken;
use crate::oauth::introspection::Introspector;
use crate::oauth::introspection::SeenApiToken;
use crate::oauth::refusal::ClientAuthFailure;
use crate::oauth::refusal::Refusal;
use crate::store::StoreError;

use super::App;
use super::authority::Origin;
use super::clients;
use super::refused_calls::Circumstances;
use super::refused_calls::RefusedCall;
use super::tokens;
use super::tokens::ActiveToken;
use super::tokens::BearerRefused;
use super::usage::Use;
use super::usage::series::By;
use super::usage::series::Outcome;

/// Somebody who was let in to ask about tokens.
pub struct Asker {
    account: AccountId,
    held: Arc<Access>,
}

impl Asker {
    /// An authenticated client asks, with everything that it holds.
    pub fn client(client: &AuthenticatedClient) -> Self {
        let client = client.client();
        Self {
            account: client.account,
            held: Arc::clone(&client.access),
        }
    }

    fn introspector(&self) -> Introspector<'_> {
        Introspector {
            account: self.account,
            held: &self.held,
        }
    }

    /// The bearer of a token for this server asks, with what that token says; without `introspect`
    /// in it, it may not.
    pub async fn bearer(
        app: &App,
        token: &str,
        origin: impl FnOnce() -> Origin,
    ) -> Result<Self, BearerRefused> {
        let bearer = tokens::check_bearer(app, token).await?;
        let claims = bearer.claims();
        if !claims.scopes.has(AdminScope::Introspect.as_str()) {
            let call = RefusedCall::of_bearer(claims, "token.introspect", app.clock.now());
            app.refused_calls.note(call, || Circumstances {
                // Which token it would have been is not looked at.
                target: Target {
                    kind: "token",
                    id: String::new(),
                    name: String::new(),
                },
                origin: origin(),
            });
            return Err(Refusal::InsufficientScope(AdminScope::Introspect).into());
        }
        Ok(Self {
            account: claims.account,
            held: Arc::new([tokens::held_by(claims)].into_iter().collect()),
        })
    }
}

/// A token that is active, of which the asker may know.
pub enum Seen {
    /// An access token: all that it says.
    AccessToken(ActiveToken),
    /// An API token: an answer about as much of it as concerns the asker.
    ApiToken(Vec<u8>),
}

/// What `asker` may know of `token`: something, or nothing. Of an API token that opens several APIs, it
/// may want to know of the one that `resource` names.
pub async fn introspect(
    app: &App,
    asker: &Asker,
    token: &str,
    resource: Option<&str>,
) -> Result<Option<Seen>, StoreError> {
    if let Some(token) = PresentedApiToken::parse(token) {
        return introspect_api_token(app, asker, &token, resource).await;
    }
    let active = match tokens::check(app, token).await? {
        Ok(active) => active,
        Err(reason) => {
            tracing::debug!(%reason, "introspection: inactive");
            return Ok(None);
        }
    };
    let introspector = asker.introspector();
    if !introspector.may_see(active.claims(), active.api()) {
        active.hide(app, token);
        return Ok(None);
    }
    note_seen(
        app,
        By {
            organization: active.claims().organization,
            account: active.claims().account,
            credential: active.credential(),
        },
        Some(active.api().id),
        active.at(),
    );
    Ok(Some(Seen::AccessToken(active)))
}

async fn introspect_api_token(
    app: &App,
    asker: &Asker,
    token: &PresentedApiToken,
    resource: Option<&str>,
) -> Result<Option<Seen>, StoreError> {
    let known = clients::prove_api_token_of(app, token).await?;
    let seen = seen_api_token(app, asker, &known.proved, resource);
    if seen.is_none() && known.is_remembered {
        // Of one that nobody has the store is asked.
        app.directory.ask_about_nobodys_secret().await?;
    }
    Ok(seen.map(Seen::ApiToken))
}

/// What `asker` may know of a token that proved to be good.
fn seen_api_token(
    app: &App,
    asker: &Asker,
    proved: &Result<AuthenticatedClient, ClientAuthFailure>,
    resource: Option<&str>,
) -> Option<Vec<u8>> {
    let proof = proved
        .as_ref()
        .inspect_err(|reason| tracing::debug!(%reason, "introspection: inactive"))
        .ok()?;
    let seen = SeenApiToken::by(&asker.introspector(), proof, &app.ostler, resource)?;
    // It may be for several APIs at once.
    note_seen(app, By::client(proof.client()), None, proof.at());
    let answer = serde_json::to_vec(&seen.answer());
    Some(answer.expect("texts and numbers"))
}

fn note_seen(app: &App, whose: By, api: Option<ApiId>, now: Timestamp) {
    app.usage.note(&Use {
        kind: UsageKind::Seen,
        account: whose.account,
        credential: whose.credential.id(),
        secret: None,
        at: now,
        address: None,
        user_agent: None,
    });
    app.series.count(whose, Outcome::Introspected(api), now);
}
