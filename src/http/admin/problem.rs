//! How a [`Problem`] is answered: a problem document ([RFC 9457]), the challenges of [RFC 6750], and
//! one log line.
//!
//! [RFC 6750]: https://www.rfc-editor.org/rfc/rfc6750
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

use std::error::Error;

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::app::in_use::NamedHolder;
use crate::app::problem::BearerFault;
use crate::app::problem::Conflict;
use crate::app::problem::Mistake;
use crate::app::problem::Problem;
use crate::telemetry::request_id::RequestId;

use super::kept;
use super::routes::Route;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        log(&self);
        if let Self::Answered(answer) = self {
            return kept::again(*answer);
        }
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
        if let Some(seconds) = retry_after(&self) {
            headers.insert(header::RETRY_AFTER, seconds.into());
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
        Problem::Conflict { .. } | Problem::SecretInUse(_) | Problem::InUse(_) => {
            StatusCode::CONFLICT
        }
        Problem::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
        Problem::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Problem::Answered(answer) => StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK),
        Problem::Busy(_) | Problem::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Seconds after which it makes sense to try again ([RFC 9110 §10.2.3]).
///
/// [RFC 9110 §10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
fn retry_after(problem: &Problem) -> Option<u64> {
    match problem {
        Problem::TooManyRequests(wait) => Some(wait.seconds),
        Problem::Busy(_) => Some(5),
        Problem::Unavailable(_) => Some(1),
        _ => None,
    }
}

fn document(problem: &Problem, status: StatusCode) -> Value {
    let errors: Vec<_> = problem.mistakes().iter().map(entry).collect();
    let mut document = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": problem.detail(),
        "code": problem.code(),
        "request_id": RequestId::current().map(|id| id.to_string()),
        "errors": errors,
    });
    if let Problem::SecretInUse(evidence) = problem {
        document["evidence"] = json!({
            "last_used_at": evidence.last_used_at,
            "last_used_address": evidence.last_used_address,
            "other_first_used_at": evidence.other_first_used_at,
            "complete": evidence.complete,
        });
    }
    if let Some(holders) = problem.holders() {
        let holder = |one: &NamedHolder| json!({"type": one.kind, "id": one.id, "name": one.name});
        document["holders"] = holders.iter().map(holder).collect();
    }
    document
}

fn entry(mistake: &Mistake) -> Value {
    json!({
        "pointer": mistake.pointer,
        "code": mistake.code,
        "detail": mistake.detail,
        "hint": mistake.hint,
    })
}

/// The schema of the document.
pub(super) fn schema() -> Value {
    let text = json!({"type": "string"});
    let maybe = |text: &str| json!({"type": ["string", "null"], "description": text});
    json!({
        "type": "object",
        "description": "A problem document (RFC 9457)",
        "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What happened and what to do, for people"},
            "code": {"type": "string", "description": "What kind of problem it is, for programs"},
            "request_id": maybe("The request, as the log of the server knows it"),
            "errors": {
                "type": "array",
                "description": "Each mistake of the request",
                "items": {
                    "type": "object",
                    "required": ["pointer", "code", "detail", "hint"],
                    "properties": {
                        "pointer": maybe("A JSON pointer into the body (RFC 6901)"),
                        "code": text,
                        "detail": text,
                        "hint": maybe("What was probably meant"),
                    },
                },
            },
            "holders": {
                "type": "array",
                "description": "With `in_use`: who holds it, at most a hundred of them",
                "items": {
                    "type": "object",
                    "required": ["type", "id", "name"],
                    "properties": {"type": text, "id": text, "name": text},
                },
            },
        },
    })
}

/// What every route can answer when it refuses, or cannot know: the status, the name in the
/// document, and in which case.
const REFUSALS: [(&str, &str, &str); 11] = [
    (
        "400",
        "Invalid",
        "`validation_failed`: the body, or a parameter, is wrong",
    ),
    (
        "401",
        "Unauthorized",
        "`unauthorized`: no token, or one that is not valid here",
    ),
    (
        "403",
        "Forbidden",
        "`forbidden`: the token does not hold what this takes",
    ),
    (
        "404",
        "NotFound",
        "`not_found`: there is no such thing, or none that the token reaches",
    ),
    ("408", "TimedOut", "The body took too long to arrive"),
    (
        "412",
        "PreconditionFailed",
        "`precondition_failed`: the thing is not at the version that `If-Match` names",
    ),
    ("413", "TooLarge", "The body is too large"),
    (
        "415",
        "UnsupportedMediaType",
        "The body is not `application/json`",
    ),
    (
        "429",
        "TooManyRequests",
        "`too_many_requests`: too much from one address; try again later",
    ),
    (
        "431",
        "TooManyHeaders",
        "The head of the request is too large",
    ),
    (
        "503",
        "Unavailable",
        "`unavailable`: the server cannot know at the moment; try again",
    ),
];

/// The refusals that routes have in common, by name.
pub(super) fn responses() -> Value {
    let responses = REFUSALS.map(|(status, name, description)| {
        let mut response = refusal(
            description,
            &json!({"$ref": "#/components/schemas/Problem"}),
        );
        match status {
            "401" | "403" => response["headers"] = field("WWW-Authenticate", "RFC 6750 section 3"),
            "429" | "503" => response["headers"] = field("Retry-After", "Seconds"),
            _ => {}
        }
        (name.to_owned(), response)
    });
    Value::Object(responses.into_iter().collect())
}

fn field(name: &str, description: &str) -> Value {
    json!({name: {"description": description, "schema": {"type": "string"}}})
}

fn refusal(description: &str, schema: &Value) -> Value {
    json!({
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    })
}

/// How `route` can refuse, by status.
pub(super) fn responses_of(route: &Route) -> Map<String, Value> {
    let told = &route.operation;
    let can_be = |status: &str| match status {
        "401" | "403" => told.scope.is_some(),
        // What is open to everybody and only shows something does not look at the rest.
        "400" | "415" => told.scope.is_some() || route.method != Method::GET,
        // What is named may be missing, in the path or in the query.
        "404" => {
            let mut parameters = told.parameters.iter();
            route.path.contains('{') || parameters.any(|one| one.name == "organization")
        }
        "412" => told.scope.is_some() && route.method != Method::GET,
        // What is open to everybody and does something.
        "429" => told.scope.is_none() && route.method == Method::POST,
        _ => true,
    };
    let common = REFUSALS.iter().filter(|(status, ..)| can_be(status));
    let mut responses: Map<String, Value> = common
        .map(|(status, name, _)| {
            let reference = json!({"$ref": format!("#/components/responses/{name}")});
            ((*status).to_owned(), reference)
        })
        .collect();
    // Every call may be made under a key, and so every one may meet another.
    let keyed = (route.method == Method::POST && told.scope.is_some())
        .then_some(Conflict::IdempotencyConflict);
    let conflicts = told.conflicts.iter().copied().chain(keyed);
    let codes: Vec<_> = conflicts.map(Conflict::code).collect();
    if !codes.is_empty() {
        let description = format!("`{}`: things stand against it", codes.join("`, `"));
        let mut schema = json!({
            "allOf": [{"$ref": "#/components/schemas/Problem"}],
            "properties": {"code": {"enum": codes}},
        });
        if told.conflicts.contains(&Conflict::SecretInUse) {
            schema["properties"]["evidence"] = evidence();
        }
        responses.insert("409".to_owned(), refusal(&description, &schema));
    }
    responses
}

/// The schema of what is known of the use of a secret.
fn evidence() -> Value {
    let instant = json!({"type": ["string", "null"], "format": "date-time"});
    json!({
        "type": "object",
        "required": ["last_used_at", "last_used_address", "other_first_used_at", "complete"],
        "properties": {
            "last_used_at": instant,
            "last_used_address": {"type": ["string", "null"]},
            "other_first_used_at": instant,
            "complete": {"type": "boolean"},
        },
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
    match problem {
        Problem::Unavailable(error) => {
            tracing::error!(error = error.as_ref() as &dyn Error, code, "cannot answer");
        }
        Problem::Answered(_) => tracing::info!("answered as before"),
        _ => tracing::info!(code, "refused"),
    }
}
