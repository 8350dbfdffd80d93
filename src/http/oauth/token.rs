//! `POST /oauth/token`: an authenticated client gets an access token (RFC 6749 section 4.4).

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::response::AppendHeaders;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::app::clients;
use crate::domain::located::LocatedDetails;
use crate::domain::scope::ScopeSet;
use crate::domain::usage::UsageKind;
use crate::http::error::Error;
use crate::oauth::grant;
use crate::oauth::grant::Facts;
use crate::oauth::grant::Lifetimes;
use crate::random;

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

/// Answers with a token. Nothing is stored for it.
pub async fn post(State(app): State<App>, request: OAuthRequest) -> Result<Response, Error> {
    let form = request.form()?;
    let client = request.client(&app, &form).await?;
    let now = app.clock.now();
    let facts = Facts {
        client: &client,
        ostler: &app.ostler,
        lifetimes: Lifetimes {
            default: app.config.tokens.lifetime,
            max: app.config.tokens.max_lifetime,
        },
        now,
    };
    let granted = grant::decide(&form, &facts)?;
    let (settings, expires_in) = (granted.api.token, granted.lifetime_secs());
    let claims = granted.into_claims(random::token_id());

    let token = app
        .key_ring
        .prepare(settings.typ, settings.signing_alg, &claims)?;
    grant::check_size(token.len(), app.config.tokens.max_bytes)?;
    let token = token.sign().await?;
    clients::note(&app, &client, UsageKind::Issued, request.from(), now);

    let reply = TokenReply {
        access_token: token.as_str(),
        token_type: "Bearer",
        expires_in,
        scope: &claims.scopes,
        authorization_details: LocatedDetails {
            details: &claims.details,
            audience: &claims.audience,
        },
    };
    let end = client.end_to_announce(now).map(|end| end.to_string());
    let announced = AppendHeaders(end.map(|end| (SECRET_EXPIRES_AT, end)));
    Ok((UNCACHED, announced, Json(reply)).into_response())
}
