//! `POST /oauth/revoke`: a client takes a token of its own account back (RFC 7009).

use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::app::revocation;
use crate::app::revocation::NotRevoked;
use crate::http::error::Error;
use crate::oauth::form::Parameter;

use super::request::OAuthRequest;

/// Answers 200 once the revocation is durable, or when there is nothing to revoke.
pub async fn post(State(app): State<App>, request: OAuthRequest) -> Result<Response, Error> {
    answer(&app, &request).await
}

pub(super) async fn answer(app: &App, request: &OAuthRequest) -> Result<Response, Error> {
    let form = request.form()?;
    let client = request.client(app, request.authorization()?, &form).await?;
    let token = form
        .required(Parameter::Token)
        .inspect_err(|refusal| revocation::note_refusal(app, &client, refusal))?;

    let revoked = revocation::revoke(app, &client, token, request.origin()).await;
    revoked.inspect_err(|reason| {
        if let NotRevoked::Refused(refusal) = reason {
            revocation::note_refusal(app, &client, refusal);
        }
    })?;
    Ok(request.answer("{}"))
}
