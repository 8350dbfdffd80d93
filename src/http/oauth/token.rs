//! `POST /oauth/token`: an authenticated client gets an access token (RFC 6749 section 4.4).

use axum::extract::State;
use axum::http::HeaderName;
use axum::response::AppendHeaders;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::app::App;
use crate::app::issuance;
use crate::app::issuance::Issued;
use crate::domain::json::Object;
use crate::domain::located::LocatedDetails;
use crate::http::error::Error;

use super::IS_JSON;
use super::UNCACHED;
use super::request::OAuthRequest;

/// Room for what is beside the token in a usual answer, in bytes.
const USUAL_REST_LEN: usize = 512;

/// Tells the user of a secret that it will end: in a rotation's overlap, or soon.
const SECRET_EXPIRES_AT: HeaderName = HeaderName::from_static("ostler-secret-expires-at");

/// Answers with a token.
pub async fn post(State(app): State<App>, request: OAuthRequest) -> Result<Response, Error> {
    let form = request.form()?;
    let client = request.client(&app, &form).await?;
    let issued = issuance::issue(&app, &client, &form, request.from()).await;
    let issued = issued.inspect_err(|reason| {
        issuance::note_denial(&app, &client, reason, || request.origin());
    })?;

    let end = issued.secret_ends_at.map(|end| end.to_string());
    let end = AppendHeaders(end.map(|end| (SECRET_EXPIRES_AT, end)));
    let answer = answer(&issued).map_err(|error| Error::Failed(error.into()))?;
    Ok((end, UNCACHED, IS_JSON, answer).into_response())
}

/// RFC 6749 section 5.1, RFC 9396 section 7.
fn answer(issued: &Issued) -> serde_json::Result<Vec<u8>> {
    let (token, claims) = (issued.token.as_str(), &issued.claims);
    let mut json = Vec::with_capacity(token.len() + USUAL_REST_LEN);
    let mut object = Object::begin(&mut json);
    object
        .text("access_token", token)
        .text("token_type", "Bearer")
        .number("expires_in", claims.expires_at - claims.issued_at)
        .value("scope", &claims.scopes)?
        .details(LocatedDetails {
            details: &claims.details,
            audience: &claims.audience,
        });
    object.end();
    Ok(json)
}
