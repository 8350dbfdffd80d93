//! How a [`Problem`] is answered: a problem document ([RFC 9457]), the challenges of [RFC 6750], and
//! one log line.
//!
//! [RFC 6750]: https://www.rfc-editor.org/rfc/rfc6750
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

use std::error::Error;

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use crate::app::problem::BearerFault;
use crate::app::problem::Mistake;
use crate::app::problem::Problem;
use crate::telemetry::request_id::RequestId;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        log(&self);
        let status = status(&self);
        let mut response = (status, document(&self, status).to_string()).into_response();
        if let Some(denial) = self.denial() {
            // For `Routes`, which knows of whom.
            response.extensions_mut().insert(denial);
        }
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, content_type);
        challenge(&self, headers);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn status(problem: &Problem) -> StatusCode {
    match problem {
        Problem::Unauthorized(_) => StatusCode::UNAUTHORIZED,
        Problem::InsufficientScope(_) | Problem::Forbidden(_) => StatusCode::FORBIDDEN,
        Problem::NotFound(_) => StatusCode::NOT_FOUND,
        Problem::Invalid(_) => StatusCode::BAD_REQUEST,
        Problem::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Problem::Conflict { .. } => StatusCode::CONFLICT,
        Problem::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn document(problem: &Problem, status: StatusCode) -> Value {
    let errors: Vec<_> = problem.mistakes().iter().map(entry).collect();
    json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": problem.detail(),
        "code": problem.code(),
        "request_id": RequestId::current().map(|id| id.to_string()),
        "errors": errors,
    })
}

fn entry(mistake: &Mistake) -> Value {
    json!({
        "pointer": mistake.pointer,
        "code": mistake.code,
        "detail": mistake.detail,
        "hint": mistake.hint,
    })
}

/// A caller who presented nothing is told only how to present a token ([RFC 6750 §3.1]).
///
/// [RFC 6750 §3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
fn challenge(problem: &Problem, headers: &mut HeaderMap) {
    let error = match problem {
        Problem::Unauthorized(BearerFault::Missing) => String::new(),
        Problem::Unauthorized(BearerFault::Invalid) => r#", error="invalid_token""#.to_owned(),
        Problem::InsufficientScope(scope) => {
            format!(
                r#", error="insufficient_scope", scope="{}""#,
                scope.as_str()
            )
        }
        Problem::Forbidden(_) => r#", error="insufficient_scope""#.to_owned(),
        _ => return,
    };
    let challenge = HeaderValue::try_from(format!(r#"Bearer realm="ostler"{error}"#));
    if let Ok(challenge) = challenge {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
}

/// A refusal is the caller's affair, a fault is ours. What the caller sent is in neither line.
fn log(problem: &Problem) {
    let code = problem.code();
    if let Problem::Unavailable(error) = problem {
        tracing::error!(error = error.as_ref() as &dyn Error, code, "cannot answer");
    } else {
        tracing::info!(code, "refused");
    }
}
