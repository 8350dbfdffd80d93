//! Calls under an `Idempotency-Key`: their answers are kept, and given again.
//!
//! Whoever calls under a key may hang up: the call is carried out to its end, so that its answer is
//! there when it is asked for again. No route has to do anything for that. (What is only looked at,
//! and for long, is not: it changes nothing, and may as well be looked at again.)

use axum::body::Body;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::http::response::Parts;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;
use hyper::body::Body as _;
use serde_json::Value;

use crate::app::App;
use crate::app::authority::Caller;
use crate::app::authority::Identity;
use crate::app::problem::Problem;
use crate::app::retries;
use crate::app::to_completion;
use crate::domain::retry::KeptAnswer;
use crate::domain::retry::without_secrets;
use crate::domain::version::EntityTag;
use crate::telemetry::request_id::RequestId;

use super::conditions;
use super::routes::Known;
use super::streamed::Awaited;
use super::streamed::CutOff;

/// Says that an answer is one that was given before.
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Who answers a request, and keeps the answer when the request has a key.
#[derive(Clone)]
pub(super) struct Keeper {
    /// The application.
    pub(super) app: App,
    /// Who calls, once that is known.
    pub(super) known: Known,
}

impl Keeper {
    /// Answers a request.
    pub(super) async fn answer(self, request: Request, next: Next) -> Response {
        if !conditions::has_key(request.headers()) {
            return next.run(request).await;
        }
        let answer = async move {
            let response = next.run(request).await;
            match self.known.caller().cloned() {
                Some(caller) => self.settle(caller, response).await,
                None => response,
            }
        };
        match RequestId::current() {
            Some(id) => to_completion(id.scope(answer)).await,
            None => to_completion(answer).await,
        }
    }

    /// Makes an answer durable, with what the call has changed, before it is given.
    async fn settle(self, caller: Caller, response: Response) -> Response {
        let Some(keyed) = caller.terms().keyed() else {
            return response;
        };
        if !is_to_be_kept(&response) {
            keyed.refuse();
            return response;
        }
        let (parts, body) = response.into_parts();
        if body.size_hint().exact().is_none() {
            let awaited = Awaited::new(self.once_made(caller, parts.clone(), body));
            return Response::from_parts(parts, Body::new(awaited));
        }
        let body = match axum::body::to_bytes(body, usize::MAX).await {
            Ok(body) => body,
            Err(error) => return Problem::Unavailable(Box::new(error)).into_response(),
        };
        match self.keep(&caller, &parts, &body).await {
            Ok(()) => Response::from_parts(parts, Body::from(body)),
            Err(problem) => problem.into_response(),
        }
    }

    /// A body that is still being made, once it is and its answer is kept. It tells of no change: who
    /// does not wait for it has lost nothing, and asks anew.
    async fn once_made(self, caller: Caller, parts: Parts, body: Body) -> Result<Bytes, CutOff> {
        let made = axum::body::to_bytes(body, usize::MAX).await;
        let made = made.map_err(|_| CutOff)?;
        match self.keep(&caller, &parts, &made).await {
            Ok(()) => Ok(made),
            // Another node was asked at the same time, and was faster.
            Err(Problem::Answered(first)) => Ok(first.body.into()),
            Err(_) => Err(CutOff),
        }
    }

    async fn keep(&self, caller: &Caller, parts: &Parts, body: &[u8]) -> Result<(), Problem> {
        let Some(keyed) = caller.terms().keyed() else {
            return Ok(());
        };
        let may_keep = match caller.identity() {
            Identity::Account { account, .. } if !keyed.changes() => {
                retries::may_keep_of_nothing(&self.app, *account, body.len()).await
            }
            _ => true,
        };
        if may_keep {
            keyed.answer(&self.app, kept(parts, body)).await?;
        }
        Ok(())
    }
}

/// Refusals are not: what is refused now may be right later.
fn is_to_be_kept(response: &Response) -> bool {
    response.status().is_success() && !response.headers().contains_key(&REPLAYED)
}

/// What is kept of an answer.
fn kept(parts: &Parts, body: &[u8]) -> KeptAnswer {
    let tag = parts.headers.get(header::ETAG);
    KeptAnswer {
        status: parts.status.as_u16(),
        tag: tag
            .and_then(|tag| tag.to_str().ok())
            .map(|tag| EntityTag::kept(tag.trim_matches('"').to_owned())),
        body: kept_body(body),
    }
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
