//! What an OAuth endpoint answers instead of a success: the one place that picks the status, adds
//! the challenge and writes the log line.

use std::error::Error as _;

use axum::Json;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;

use crate::app::StoreError;
use crate::app::clients::NotLetIn;
use crate::app::issuance::NotIssued;
use crate::app::revocation::NotRevoked;
use crate::app::throttle::RetryAfter;
use crate::app::tokens::BearerRefused;
use crate::oauth::refusal::Refusal;

/// Seconds after which it makes sense to ask an unavailable server again.
const RETRY_AFTER_SECS: u64 = 1;

/// Why a request has no success.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A specification tells us to refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The client failed to authenticate too often.
    #[error("too many failed authentications")]
    Throttled(RetryAfter),
    /// The store could not answer; nothing else may be made of that.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More is asked for than can be done at the moment.
    #[error("too much is waiting")]
    Busy,
    /// The server has made a mistake.
    #[error("the server has made a mistake")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<BearerRefused> for Error {
    fn from(reason: BearerRefused) -> Self {
        match reason {
            BearerRefused::Refused(refusal) => Self::Refused(refusal),
            BearerRefused::Store(error) => Self::Store(error),
        }
    }
}

impl From<NotRevoked> for Error {
    fn from(reason: NotRevoked) -> Self {
        match reason {
            NotRevoked::Refused(refusal) => Self::Refused(refusal),
            NotRevoked::Store(error) => Self::Store(error),
        }
    }
}

impl From<NotLetIn> for Error {
    fn from(reason: NotLetIn) -> Self {
        match reason {
            NotLetIn::Refused(refusal) => Self::Refused(refusal),
            NotLetIn::Throttled(wait) => Self::Throttled(wait),
            NotLetIn::Store(error) => Self::Store(error),
        }
    }
}

impl From<NotIssued> for Error {
    fn from(reason: NotIssued) -> Self {
        match reason {
            NotIssued::Refused(refusal) => Self::Refused(refusal),
            NotIssued::Busy => Self::Busy,
            NotIssued::Failed(error) => Self::Failed(error.into()),
        }
    }
}

/// RFC 6749 section 5.2.
#[derive(Serialize)]
struct Body {
    error: &'static str,
    error_description: String,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        match self {
            Self::Refused(refusal) => refused(&refusal),
            Self::Throttled(wait) => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                let text = "too many failed authentications of this client from this address";
                let retry = [(header::RETRY_AFTER, wait.seconds)];
                (retry, answer(status, "invalid_client", text)).into_response()
            }
            Self::Store(_) | Self::Busy => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let text = "the server cannot answer at the moment";
                let retry = [(header::RETRY_AFTER, RETRY_AFTER_SECS)];
                (retry, answer(status, "temporarily_unavailable", text)).into_response()
            }
            Self::Failed(_) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                answer(status, "server_error", "the server has made a mistake")
            }
        }
    }
}

impl Error {
    fn log(&self) {
        let source = self.source();
        match self {
            Self::Refused(refusal) => {
                tracing::info!(code = refusal.code(), reason = source, "refused: {refusal}");
            }
            Self::Throttled(_) => tracing::info!("refused: {self}"),
            Self::Store(error) => tracing::error!(reason = source, "{error}"),
            Self::Busy | Self::Failed(_) => tracing::error!(reason = source, "{self}"),
        }
    }
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = answer(status, refusal.code(), &refusal.description());
    let challenge = refusal.challenge().map(|challenge| challenge.to_string());
    if let Some(value) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// An error body; RFC 6749 section 5.2 wants it uncached.
fn answer(status: StatusCode, error: &'static str, description: &str) -> Response {
    let body = Body {
        error,
        error_description: description.to_owned(),
    };
    let uncached = [
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
    ];
    (status, uncached, Json(body)).into_response()
}
