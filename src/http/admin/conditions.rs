//! The header fields that say on what terms a call is made: `If-Match` ([RFC 9110 §13.1.1]) and
//! `Idempotency-Key`.
//!
//! [RFC 9110 §13.1.1]: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1

use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::header;
use axum::http::request::Parts;

use crate::app::App;
use crate::app::authority::Caller;
use crate::app::authority::Identity;
use crate::app::problem::Mistake;
use crate::app::problem::Mistakes;
use crate::app::retries::Keyed;
use crate::app::terms::Terms;
use crate::domain::id::AccountId;
use crate::domain::resource::Identifiers;
use crate::domain::retry::IdempotencyKey;
use crate::domain::retry::InvalidKey;
use crate::domain::retry::KeyedCall;
use crate::domain::version::IfMatch;

/// A call under it is carried out once, however often it is made.
pub(super) static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The terms of the call, and what is wrong with how it says them.
pub(super) fn read(app: &App, parts: &Parts, caller: &Caller, body: &[u8]) -> (Terms, Mistakes) {
    let (if_match, key, mistakes) = conditions(parts);
    let keyed = match (key, caller.identity()) {
        (Some(key), Identity::Account { account, .. }) => {
            let reach = caller.organizations();
            Some(Keyed::begin(
                app,
                call(parts, (*account, reach), &key, body),
            ))
        }
        _ => None,
    };
    (Terms::new(if_match, keyed), mistakes)
}

/// What is wrong with the terms of a call by somebody who is not known, and so has none.
pub(super) fn mistakes(parts: &Parts) -> Mistakes {
    let (_, _, mistakes) = conditions(parts);
    mistakes
}

fn conditions(parts: &Parts) -> (Option<IfMatch>, Option<IdempotencyKey>, Mistakes) {
    let mut mistakes = Mistakes::default();
    let if_match = parts.headers.get_all(header::IF_MATCH).iter();
    let if_match = IfMatch::parse(if_match.map(HeaderValue::as_bytes));
    let if_match = noted(if_match, &mut mistakes);
    let key = noted(key(parts), &mut mistakes);
    (if_match, key, mistakes)
}

fn noted<T, E: ToString>(read: Result<Option<T>, E>, mistakes: &mut Mistakes) -> Option<T> {
    read.unwrap_or_else(|error| {
        mistakes.note(Mistake {
            pointer: None,
            code: "invalid_header",
            detail: error.to_string(),
            hint: None,
        });
        None
    })
}

/// The key, for what may not be done twice: the other methods come to the same however often they
/// are called.
fn key(parts: &Parts) -> Result<Option<IdempotencyKey>, InvalidKey> {
    if parts.method != Method::POST {
        return Ok(None);
    }
    let mut fields = parts.headers.get_all(&IDEMPOTENCY_KEY).iter();
    match (fields.next(), fields.next()) {
        (None, _) => Ok(None),
        (Some(field), None) => IdempotencyKey::parse(field.as_bytes()).map(Some),
        (Some(_), Some(_)) => Err(InvalidKey),
    }
}

fn call(
    parts: &Parts,
    (caller, reach): (AccountId, &Identifiers),
    key: &IdempotencyKey,
    body: &[u8],
) -> KeyedCall {
    let route = format!("{} {}", parts.method, parts.uri.path());
    let query = parts.uri.query().unwrap_or_default();
    KeyedCall::new(caller, reach, &route, key, [query.as_bytes(), body])
}

/// Whether a request has a key.
pub(super) fn has_key(headers: &HeaderMap) -> bool {
    headers.contains_key(&IDEMPOTENCY_KEY)
}
