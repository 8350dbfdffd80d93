//! Calls under an `Idempotency-Key`: their answers are kept, and given again.
//!
//! Whoever calls under a key may hang up: the call is carried out to its end, so that its answer is
//! there when it is asked for again. No route has to do anything for that.

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;

use crate::app::App;
use crate::app::problem::Problem;
use crate::app::retries;
use crate::app::to_completion;
use crate::domain::retry::KeptAnswer;
use crate::domain::retry::KeyedCall;
use crate::domain::retry::without_secrets;
use crate::domain::version::EntityTag;
use crate::telemetry::request_id::RequestId;

use super::conditions;
use super::routes::Known;

/// Says that an answer is one that was given before.
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Answers a request, and keeps the answer when the request has a key.
pub(super) async fn answer(app: App, known: Known, request: Request, next: Next) -> Response {
    if !conditions::has_key(request.headers()) {
        return next.run(request).await;
    }
    let answer = async move {
        let response = next.run(request).await;
        let terms = known.caller().map(|caller| caller.terms().clone());
        match terms.as_ref().and_then(|terms| terms.retry()) {
            Some(call) if is_to_be_kept(&response) => keep(&app, call, response).await,
            _ => response,
        }
    };
    match RequestId::current() {
        Some(id) => to_completion(id.scope(answer)).await,
        None => to_completion(answer).await,
    }
}

/// Refusals are not: what is refused now may be right later.
fn is_to_be_kept(response: &Response) -> bool {
    response.status().is_success() && !response.headers().contains_key(&REPLAYED)
}

async fn keep(app: &App, call: &KeyedCall, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return Problem::Unavailable(Box::new(error)).into_response(),
    };
    let tag = parts.headers.get(header::ETAG);
    let answer = KeptAnswer {
        status: parts.status.as_u16(),
        tag: tag
            .and_then(|tag| tag.to_str().ok())
            .map(|tag| EntityTag::kept(tag.trim_matches('"').to_owned())),
        body: kept_body(&body),
    };
    match retries::keep(app, call, answer).await {
        Ok(Ok(())) => {}
        Ok(Err(earlier)) => return Problem::from(earlier).into_response(),
        // What was done is done, and its secret has to reach its owner.
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the answer of a call under an Idempotency-Key could not be kept"
        ),
    }
    Response::from_parts(parts, Body::from(body))
}

fn kept_body(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => without_secrets(value).to_string(),
        Err(_) => String::new(),
    }
}

/// An answer that is given again.
pub(super) fn again(answer: KeptAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let has_body = !answer.body.is_empty();
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(&REPLAYED, HeaderValue::from_static("true"));
    if has_body {
        let kind = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, kind);
    }
    let tag = answer.tag.map(|tag| HeaderValue::try_from(tag.to_string()));
    if let Some(Ok(tag)) = tag {
        headers.insert(header::ETAG, tag);
    }
    response
}
