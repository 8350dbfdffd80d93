//! What the transport itself answers when a request does not reach a handler, or gets no answer there.
//!
//! The same fact has two forms: the error object of [RFC 6749 §5.2] for the OAuth endpoints, and a
//! problem document ([RFC 9457]) under `/admin/`.
//!
//! Some refusals come before there is a request to give an id to: hyper answers a head that it
//! cannot parse with a bare 400, one that is too large or has too many fields with a bare 431, and a
//! target over 64 KiB with a bare 414; then it closes the connection.
//!
//! [RFC 6749 §5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

use std::borrow::Cow;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::Response;
use axum::http::StatusCode;
use axum::http::header;
use serde_json::json;

use crate::http::body::BodyFault;
use crate::telemetry::request_id::RequestId;

/// How a refusal is written down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// `{"error", "error_description"}`.
    OAuth,
    /// A problem document.
    Problem,
}

impl Form {
    /// The form that callers of `path` expect.
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/admin/") {
            Self::Problem
        } else {
            Self::OAuth
        }
    }
}

/// A refusal by the transport.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    /// The code in the OAuth form.
    error: &'static str,
    /// The code in the problem document.
    code: &'static str,
    detail: Cow<'static, str>,
    /// Whether the connection cannot be used again: what follows on it is an unread body.
    closes: bool,
}

impl Refused {
    fn request(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            error: "invalid_request",
            code: "validation_failed",
            detail: detail.into(),
            closes: false,
        }
    }

    /// HTTP/1.1 wants exactly one `Host` ([RFC 9112 §3.2]).
    ///
    /// [RFC 9112 §3.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    pub(crate) fn bad_host() -> Self {
        Self {
            closes: true,
            ..Self::request(
                StatusCode::BAD_REQUEST,
                "the request needs exactly one Host header field",
            )
        }
    }

    /// The target of the request is not a path.
    pub(crate) fn no_path() -> Self {
        Self {
            closes: true,
            ..Self::request(
                StatusCode::BAD_REQUEST,
                "the request target has to be a path",
            )
        }
    }

    pub(crate) fn too_many_headers(limit: usize) -> Self {
        Self {
            closes: true,
            ..Self::request(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                format!("the request has more than {limit} header fields"),
            )
        }
    }

    pub(crate) fn body(fault: BodyFault, limit: usize) -> Self {
        let (status, detail) = match fault {
            BodyFault::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the request body is larger than {limit} bytes").into(),
            ),
            BodyFault::TimedOut => (StatusCode::REQUEST_TIMEOUT, timed_out()),
            BodyFault::Broken => (
                StatusCode::BAD_REQUEST,
                "the request body ended early or is malformed".into(),
            ),
        };
        Self {
            closes: true,
            ..Self::request(status, detail)
        }
    }

    /// The answer took longer than a request may.
    pub(crate) fn deadline() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: "temporarily_unavailable",
            code: "unavailable",
            detail: "the server could not answer in time".into(),
            closes: false,
        }
    }

    /// A handler panicked.
    pub(crate) fn panicked() -> Self {
        Self::bare(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What a status without a body has to say.
    pub(crate) fn bare(status: StatusCode) -> Self {
        let (error, code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "not_found", "there is nothing at this path"),
            StatusCode::METHOD_NOT_ALLOWED => (
                "invalid_request",
                "validation_failed",
                "this path does not answer that method; Allow names those it does",
            ),
            StatusCode::SERVICE_UNAVAILABLE => return Self::deadline(),
            status if status.is_client_error() => (
                "invalid_request",
                "validation_failed",
                "the request cannot be understood",
            ),
            // No detail: what went wrong inside is not the caller's to know.
            _ => ("server_error", "server_error", "the server made a mistake"),
        };
        Self {
            status,
            error,
            code,
            detail: detail.into(),
            closes: false,
        }
    }

    /// The whole answer.
    pub(crate) fn answer(self, form: Form, id: RequestId) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let closes = self.closes;
        self.write_to(&mut response, form, id);
        if closes {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }

    /// Gives `response` this status and body, and leaves its other header fields alone.
    pub(crate) fn write_to(self, response: &mut Response<Body>, form: Form, id: RequestId) {
        let (content_type, body) = match form {
            Form::OAuth => ("application/json", self.oauth()),
            Form::Problem => ("application/problem+json", self.problem(id)),
        };
        *response.status_mut() = self.status;
        *response.body_mut() = Body::from(body.to_string());
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers
                .entry(header::RETRY_AFTER)
                .or_insert(HeaderValue::from_static("1"));
        }
    }

    fn oauth(&self) -> serde_json::Value {
        // RFC 6749 §5.2: a fault of ours is `server_error` and nothing more.
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            json!({ "error": self.error })
        } else {
            json!({ "error": self.error, "error_description": self.detail })
        }
    }

    fn problem(&self, id: RequestId) -> serde_json::Value {
        json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
            "request_id": id.as_str(),
            "errors": [],
        })
    }
}

fn timed_out() -> Cow<'static, str> {
    "the request body did not arrive in time".into()
}
