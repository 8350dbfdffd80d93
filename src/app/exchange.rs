//! Token exchange: the holder of an API token is let in by the token itself.
//!
//! No client has to authenticate besides. One that does all the same (libraries do) has to succeed, and
//! has to be of the token's own account; a `client_id` alone proves nothing, and has to be the token's.

use jiff::Timestamp;

use crate::domain::id::ClientId;
use crate::domain::usage::UsageKind;
use crate::oauth::authorization::Authorization;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::client_auth::PresentedApiToken;
use crate::oauth::form::Form;
use crate::oauth::form::Parameter;
use crate::oauth::grant::token_exchange::ExchangeRequest;
use crate::oauth::refusal::ClientAuthFailure;
use crate::oauth::refusal::Description;
use crate::oauth::refusal::Refusal;

use super::App;
use super::clients;
use super::clients::From;
use super::clients::NotLetIn;
use super::usage::series::By;
use super::usage::series::Outcome;

/// Under which name failures are counted: nobody has said who they are.
const FAILURE_NAME: &str = "subject_token";

/// Somebody who was let in to exchange an API token.
pub struct Holder {
    /// The proof that the token is good.
    pub client: AuthenticatedClient,
    /// How the answer calls what is issued.
    pub issued_token_type: &'static str,
}

/// Lets the holder of the API token in `form` in. A right token is never refused by the throttle.
pub async fn authenticate(
    app: &App,
    authorization: Authorization<'_>,
    form: &Form<'_>,
    from: From<'_>,
) -> Result<Holder, NotLetIn> {
    let request = match ExchangeRequest::parse(form) {
        Ok(request) => request,
        Err(refusal) => {
            note_unread(app, form, &refusal, from).await;
            return Err(refusal.into());
        }
    };
    let besides = Besides::prove(app, authorization, form, from).await?;
    let client = prove(app, request.subject_token, &besides, from).await?;
    besides.check(&client).inspect_err(|refusal| {
        let refused = Outcome::Refused(refusal.code(), None);
        let by = By::client(client.client());
        app.series.count(by, refused, app.clock.now());
    })?;
    Ok(Holder {
        client,
        issued_token_type: request.issued_token_type,
    })
}

/// Notes a request that is refused before anything in it is proved: for who it says that it is from,
/// else for whose token it brings. Where the store cannot tell whose that is, it is nobody's.
async fn note_unread(app: &App, form: &Form<'_>, refusal: &Refusal, from: From<'_>) {
    let token = match form.value(Parameter::ClientId) {
        Some(_) => None,
        None => form.value(Parameter::SubjectToken),
    };
    let Some(token) = token.and_then(PresentedApiToken::parse) else {
        return clients::note_unproved(app, form, refusal, from.address);
    };
    let known = clients::prove_api_token_of(app, &token).await;
    if let Some(claimed) = known.ok().and_then(|known| known.claimed) {
        clients::note_failure(app, claimed, refusal, from.address, app.clock.now());
    }
}

async fn prove(
    app: &App,
    subject_token: &str,
    besides: &Besides,
    from: From<'_>,
) -> Result<AuthenticatedClient, NotLetIn> {
    let (claimed, proved) = match PresentedApiToken::parse(subject_token) {
        Some(token) => {
            let proof = clients::prove_api_token_of(app, &token).await?;
            (proof.claimed, proof.proved)
        }
        None => (None, Err(ClientAuthFailure::Malformed)),
    };
    let now = app.clock.now();
    let failure = match proved {
        Ok(client) => {
            clients::note(app, &client, UsageKind::Authenticated, &from);
            let by = By::client(client.client());
            app.series.note_address(by, from.address, true, now);
            return Ok(client);
        }
        Err(failure) => failure,
    };
    let refusal = Refusal::InvalidSubjectToken(failure);
    match claimed {
        Some(claimed) => clients::note_failure(app, claimed, &refusal, from.address, now),
        None => besides.note_failure(app, subject_token, &refusal, from, now),
    }
    let throttle = &app.throttle;
    match throttle
        .after_failure(FAILURE_NAME, from.address, now)
        .await
    {
        Some(wait) => Err(NotLetIn::Throttled(wait)),
        None => Err(refusal.into()),
    }
}

/// Who the request says that it comes from, besides what the token proves.
enum Besides {
    Nobody,
    /// A `client_id` and no secret.
    Named(Option<ClientId>),
    Proved(AuthenticatedClient),
}

impl Besides {
    async fn prove(
        app: &App,
        authorization: Authorization<'_>,
        form: &Form<'_>,
        from: From<'_>,
    ) -> Result<Self, NotLetIn> {
        let credentials = [
            Parameter::ClientSecret,
            Parameter::ClientAssertion,
            Parameter::ClientAssertionType,
        ];
        let has = |parameter: &Parameter| form.value(*parameter).is_some();
        if !matches!(authorization, Authorization::Absent) || credentials.iter().any(has) {
            let client = clients::let_in(app, authorization, form, &from).await?;
            return Ok(Self::Proved(client));
        }
        Ok(match form.value(Parameter::ClientId) {
            None => Self::Nobody,
            Some(id) => Self::Named(id.parse().ok()),
        })
    }

    /// Notes that they presented no API token of anybody's. An access token of ours in its place tells
    /// whose mistake that is: whoever else signs none.
    fn note_failure(
        &self,
        app: &App,
        presented: &str,
        refusal: &Refusal,
        from: From<'_>,
        now: Timestamp,
    ) {
        match self {
            Self::Nobody => {
                let signed = app.key_ring.verify_signature(presented).ok();
                let named = signed.map(|token| token.claims().client_id);
                clients::note_named(app, named, refusal, from.address, now);
            }
            Self::Named(named) => clients::note_named(app, *named, refusal, from.address, now),
            Self::Proved(client) => {
                let by = By::client(client.client());
                clients::note_failure(app, by, refusal, from.address, now);
            }
        }
    }

    fn check(&self, token: &AuthenticatedClient) -> Result<(), Refusal> {
        let token = token.client();
        match self {
            Self::Named(id) if *id != Some(token.client_id) => {
                Err(ClientAuthFailure::DifferentClients.into())
            }
            Self::Proved(client) if client.client().account != token.account => {
                Err(Refusal::UnauthorizedClient(Description::new(
                    "the subject_token was issued to another account than the one that authenticated",
                )))
            }
            _ => Ok(()),
        }
    }
}
