//! `POST /oauth/token`: an authenticated client gets an access token (RFC 6749 section 4.4).

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::response::AppendHeaders;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::app::issuance;
use crate::app::issuance::Issued;
use crate::domain::located::LocatedDetails;
use crate::domain::scope::ScopeSet;
use crate::http::error::Error;

use super::UNCACHED;
use super::request::OAuthRequest;

/// Tells the user of a secret that it will end: in a rotation's overlap, or soon.
const SECRET_EXPIRES_AT: HeaderName = HeaderName::from_static("ostler-secret-expires-at");

/// RFC 6749 section 5.1, RFC 9396 section 7.
#[derive(Serialize)]
struct TokenReply<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    scope: &'a ScopeSet,
    #[serde(skip_serializing_if = "LocatedDetails::is_empty")]
    authorization_details: LocatedDetails<'a>,
}

impl<'a> From<&'a Issued> for TokenReply<'a> {
    fn from(issued: &'a Issued) -> Self {
        let claims = &issued.claims;
        Self {
            access_token: issued.token.as_str(),
            token_type: "Bearer",
            expires_in: claims.expires_at - claims.issued_at,
            scope: &claims.scopes,
            authorization_details: LocatedDetails {
                details: &claims.details,
                audience: &claims.audience,
            },
        }
    }
}

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
    Ok((UNCACHED, end, Json(TokenReply::from(&issued))).into_response())
}
