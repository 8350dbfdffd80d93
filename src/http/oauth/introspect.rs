//! `POST /oauth/introspect`: is this token active, and what does it say (RFC 7662)?

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::app::introspection;
use crate::app::introspection::Asker;
use crate::app::introspection::Seen;
use crate::domain::token::Claims;
use crate::http::error::Error;
use crate::oauth::authorization::Authorization;
use crate::oauth::client_auth::check_one_mechanism;
use crate::oauth::form::Parameter;
use crate::oauth::introspection::INACTIVE;
use crate::oauth::introspection::active_answer;

use super::request::OAuthRequest;

/// Answers a caller that authenticated, as a client or by a token for this server.
pub async fn post(State(app): State<App>, request: OAuthRequest) -> Result<Response, Error> {
    answer(&app, &request).await
}

pub(super) async fn answer(app: &App, request: &OAuthRequest) -> Result<Response, Error> {
    let form = request.form()?;
    let authorization = request.authorization()?;
    let asker = match authorization {
        Authorization::Bearer(token) => {
            check_one_mechanism(authorization, &form)?;
            Asker::bearer(app, token, || request.origin()).await?
        }
        _ => Asker::client(&request.client(app, authorization, &form).await?),
    };
    let token = form.required(Parameter::Token)?;

    let resource = form.value(Parameter::Resource);
    let seen = introspection::introspect(app, &asker, token, resource).await?;
    Ok(match seen {
        Some(Seen::AccessToken(token)) => request.answer(token.described(json)),
        Some(Seen::ApiToken(answer)) => request.answer(answer),
        None => request.answer(INACTIVE),
    })
}

/// The answer depends on nothing but the claims, so it is written once for each token.
fn json(claims: &Claims) -> Bytes {
    let json = active_answer(claims);
    json.expect("claims are texts and numbers").into()
}
