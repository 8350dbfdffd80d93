//! `POST /oauth/token`: an authenticated client gets an access token (RFC 6749 section 4.4), and so does
//! the holder of an API token (RFC 8693 section 2).

use axum::extract::State;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::response::Response;

use crate::app::App;
use crate::app::exchange;
use crate::app::issuance;
use crate::app::issuance::Issued;
use crate::domain::json::Object;
use crate::domain::located::LocatedDetails;
use crate::http::error::Error;
use crate::oauth::grant::token_exchange;

use super::request::OAuthRequest;

/// Room for what is beside the token in a usual answer, in bytes.
const USUAL_REST_LEN: usize = 208;

/// Tells the user of a secret that it will end: in a rotation's overlap, or soon.
const SECRET_EXPIRES_AT: HeaderName = HeaderName::from_static("ostler-secret-expires-at");

/// Answers with a token.
pub async fn post(State(app): State<App>, request: OAuthRequest) -> Result<Response, Error> {
    answer(&app, &request).await
}

pub(super) async fn answer(app: &App, request: &OAuthRequest) -> Result<Response, Error> {
    let form = request.form()?;
    let authorization = request.authorization()?;
    let (client, issued_token_type) = if token_exchange::is_asked_for(&form) {
        let from = request.from();
        // In a box: it would double the state of every other request.
        let holder = Box::pin(exchange::authenticate(app, authorization, &form, from)).await?;
        (holder.client, Some(holder.issued_token_type))
    } else {
        (request.client(app, authorization, &form).await?, None)
    };
    let issued = issuance::issue(app, &client, &form, &request.from()).await;
    let issued = issued.inspect_err(|reason| {
        issuance::note_denial(app, &client, reason, || request.origin());
    })?;

    let json = json(&issued, issued_token_type).map_err(|error| Error::Failed(error.into()))?;
    let mut response = request.answer(json);
    let end = issued
        .secret_ends_at
        .and_then(|end| HeaderValue::try_from(end.to_string()).ok());
    if let Some(end) = end {
        response.headers_mut().insert(SECRET_EXPIRES_AT, end);
    }
    Ok(response)
}

/// RFC 6749 section 5.1, RFC 9396 section 7; of an exchange RFC 8693 section 2.2.1.
fn json(issued: &Issued, issued_token_type: Option<&str>) -> serde_json::Result<Vec<u8>> {
    let (token, claims) = (issued.token.as_str(), &issued.claims);
    let mut json = Vec::with_capacity(token.len() + USUAL_REST_LEN);
    let mut object = Object::begin(&mut json);
    object.text("access_token", token);
    if let Some(issued_token_type) = issued_token_type {
        object.text("issued_token_type", issued_token_type);
    }
    object
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
