//! What a specification tells us to refuse.
//!
//! A [`Refusal`] is the caller's doing. Its code and its description are for the caller; the reasons
//! that it carries besides are for our log only, and a client that fails to authenticate learns
//! nothing but that.

use std::borrow::Cow;
use std::fmt;

use crate::domain::liveness::Dead;
use crate::domain::role::AdminScope;
use crate::domain::secret::looks_secret;

/// A request that a specification tells us to refuse.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A parameter is missing, repeated or malformed, or there are two ways of authenticating.
    #[error("{0}")]
    InvalidRequest(Description),
    /// The client did not authenticate. Every cause has the same answer, byte for byte.
    #[error("client authentication failed")]
    InvalidClient(#[source] ClientAuthFailure),
    /// The grant itself (an assertion, a subject token) is not good.
    #[error("{0}")]
    InvalidGrant(Description),
    /// The client is known, and may not do this.
    #[error("{0}")]
    UnauthorizedClient(Description),
    /// There is no such grant here.
    #[error(
        "the grant_type is not supported: this server offers client_credentials and token-exchange"
    )]
    UnsupportedGrantType,
    /// The subject token of an exchange is no good ([RFC 8693 §2.2.2]). Every cause has the same
    /// answer, byte for byte.
    ///
    /// [RFC 8693 §2.2.2]: https://www.rfc-editor.org/rfc/rfc8693#section-2.2.2
    #[error("the subject_token is not an API token that is good now")]
    InvalidSubjectToken(#[source] ClientAuthFailure),
    /// A scope is malformed or not granted, or the scopes share no resources.
    #[error("{0}")]
    InvalidScope(Description),
    /// The wanted API is malformed, unknown or not granted, or not said although it must be.
    #[error("{0}")]
    InvalidTarget(Description),
    /// The wanted resources are malformed, unknown or not granted.
    #[error("{0}")]
    InvalidAuthorizationDetails(Description),
    /// Nobody logs in here interactively.
    #[error("no identity of this server logs in interactively; use grant_type=client_credentials")]
    UnsupportedResponseType,
    /// A bearer token was wanted, and none was presented.
    #[error("an access token is needed")]
    MissingToken,
    /// The presented bearer token is no good.
    #[error("the access token is not active")]
    InvalidToken(#[source] BearerFailure),
    /// The presented bearer token says too little.
    #[error("the access token lacks the scope {}", .0.as_str())]
    InsufficientScope(AdminScope),
}

/// Why a client did not authenticate. For logs and counters only.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum ClientAuthFailure {
    /// Nothing was presented, or only half.
    #[error("no credentials were presented")]
    NoCredentials,
    /// What was presented cannot be read, or cannot be an id and a secret of ours.
    #[error("the credentials are malformed")]
    Malformed,
    /// Another method than Basic and the body.
    #[error("the authentication method is not supported")]
    UnsupportedMethod,
    /// The `client_id` in the body is not that of the header.
    #[error("the header and the body name different clients")]
    DifferentClients,
    /// There is no such client.
    #[error("unknown client")]
    UnknownClient,
    /// There is, with another secret.
    #[error("wrong secret")]
    WrongSecret,
    /// The secret was right until its end.
    #[error("the secret has expired")]
    ExpiredSecret,
    /// The secret is right, and what it belongs to is dead.
    #[error("the client is dead")]
    Dead(#[source] Dead),
    /// The secret is right, and comes from where it may not.
    #[error("not from a network that the credential allows")]
    ForeignNetwork,
    /// The secret or the account ends before a token could live for a second.
    #[error("the secret or the account is at its end")]
    AtItsEnd,
}

/// Why a bearer token is no good. For logs only.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum BearerFailure {
    /// Not of the form of a token, or not signed by us, or not for here.
    #[error("the token is malformed, not ours, or for another audience")]
    NotOurs,
    /// It was ours, and is dead.
    #[error("the token is dead")]
    Dead(#[source] Dead),
}

/// How an answer asks for authentication: the `WWW-Authenticate` header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Challenge {
    /// By client id and secret ([RFC 6749 §5.2]).
    ///
    /// [RFC 6749 §5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    Basic,
    /// By an access token, none having been presented ([RFC 6750 §3.1]).
    ///
    /// [RFC 6750 §3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    Bearer,
    /// By another access token.
    BearerInvalidToken,
    /// By an access token with this scope.
    BearerInsufficientScope(AdminScope),
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic => f.write_str(r#"Basic realm="ostler""#),
            Self::Bearer => f.write_str(r#"Bearer realm="ostler""#),
            Self::BearerInvalidToken => {
                f.write_str(r#"Bearer realm="ostler", error="invalid_token""#)
            }
            Self::BearerInsufficientScope(scope) => write!(
                f,
                r#"Bearer realm="ostler", error="insufficient_scope", scope="{}""#,
                scope.as_str()
            ),
        }
    }
}

impl Refusal {
    /// The registered code: `error` in the answer ([RFC 6749 §5.2], [RFC 6749 §4.1.2.1],
    /// [RFC 6750 §3.1], [RFC 8693 §2.2.2], [RFC 8707 §2], [RFC 9396 §5]).
    ///
    /// [RFC 6749 §5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    /// [RFC 6749 §4.1.2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
    /// [RFC 6750 §3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    /// [RFC 8693 §2.2.2]: https://www.rfc-editor.org/rfc/rfc8693#section-2.2.2
    /// [RFC 8707 §2]: https://www.rfc-editor.org/rfc/rfc8707#section-2
    /// [RFC 9396 §5]: https://www.rfc-editor.org/rfc/rfc9396#section-5
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::InvalidSubjectToken(_) => "invalid_request",
            Self::InvalidClient(_) => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnauthorizedClient(_) => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::InvalidTarget(_) => "invalid_target",
            Self::InvalidAuthorizationDetails(_) => "invalid_authorization_details",
            Self::UnsupportedResponseType => "unsupported_response_type",
            // RFC 6750 has no code for a request without a token; an OAuth body must have one.
            Self::MissingToken | Self::InvalidToken(_) => "invalid_token",
            Self::InsufficientScope(_) => "insufficient_scope",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidClient(_) | Self::MissingToken | Self::InvalidToken(_) => 401,
            Self::InsufficientScope(_) => 403,
            _ => 400,
        }
    }

    /// Whether somebody who is known was understood, and may not have what they ask for.
    pub fn is_denial(&self) -> bool {
        matches!(
            self,
            Self::UnauthorizedClient(_)
                | Self::InvalidScope(_)
                | Self::InvalidTarget(_)
                | Self::InvalidAuthorizationDetails(_)
                | Self::InsufficientScope(_)
        )
    }

    /// What a person is told: `error_description`, in the alphabet that [RFC 6749 §5.2] allows.
    ///
    /// [RFC 6749 §5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    pub fn description(&self) -> String {
        self.to_string()
    }

    /// The `WWW-Authenticate` header that the answer carries.
    pub fn challenge(&self) -> Option<Challenge> {
        match self {
            Self::InvalidClient(_) => Some(Challenge::Basic),
            Self::MissingToken => Some(Challenge::Bearer),
            Self::InvalidToken(_) => Some(Challenge::BearerInvalidToken),
            Self::InsufficientScope(scope) => Some(Challenge::BearerInsufficientScope(*scope)),
            _ => None,
        }
    }

    /// `invalid_request` with this text.
    pub fn invalid_request(text: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidRequest(Description::new(text))
    }

    /// `invalid_scope` with this text.
    pub fn invalid_scope(text: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidScope(Description::new(text))
    }

    /// `invalid_target` with this text.
    pub fn invalid_target(text: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidTarget(Description::new(text))
    }

    /// `invalid_authorization_details` with this text.
    pub fn invalid_authorization_details(text: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidAuthorizationDetails(Description::new(text))
    }
}

impl From<ClientAuthFailure> for Refusal {
    fn from(failure: ClientAuthFailure) -> Self {
        Self::InvalidClient(failure)
    }
}

/// The longest description, in bytes.
const MAX_DESCRIPTION: usize = 600;

/// An `error_description`: `%x20-21 / %x23-5B / %x5D-7E` ([RFC 6749 §5.2]), at most 600 of them.
///
/// [RFC 6749 §5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
#[derive(Clone, Eq, PartialEq)]
pub struct Description(Cow<'static, str>);

impl Description {
    /// The text, with `?` for every character that is not allowed.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let right = text.len() <= MAX_DESCRIPTION && text.chars().all(is_allowed);
        Self(if right {
            text
        } else {
            clean(&text, MAX_DESCRIPTION).into()
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\x20'..='\x21' | '\x23'..='\x5B' | '\x5D'..='\x7E')
}

fn clean(text: &str, limit: usize) -> String {
    text.chars()
        .map(|c| if is_allowed(c) { c } else { '?' })
        .take(limit)
        .collect()
}

/// A value of the caller's, fit to be shown back: in single quotes, cleaned and cut. What looks like
/// a secret or a token that was pasted into the wrong place is not repeated.
pub fn quoted(value: &str) -> String {
    const LIMIT: usize = 100;
    if looks_secret(value) {
        return "(a value that looks like a secret)".to_owned();
    }
    let cut = if value.chars().nth(LIMIT).is_some() {
        "..."
    } else {
        ""
    };
    format!("'{}{cut}'", clean(value, LIMIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failed_authentication_reads_the_same() {
        // RFC 6749 §5.2: 401 and a challenge for the scheme; nothing tells which ids exist.
        let failures = [
            ClientAuthFailure::NoCredentials,
            ClientAuthFailure::Malformed,
            ClientAuthFailure::UnsupportedMethod,
            ClientAuthFailure::DifferentClients,
            ClientAuthFailure::UnknownClient,
            ClientAuthFailure::WrongSecret,
            ClientAuthFailure::ExpiredSecret,
            ClientAuthFailure::Dead(Dead::AccountDisabled),
            ClientAuthFailure::ForeignNetwork,
            ClientAuthFailure::AtItsEnd,
        ];
        for failure in failures {
            let refusal = Refusal::from(failure);
            assert_eq!(refusal.code(), "invalid_client");
            assert_eq!(refusal.status(), 401);
            assert_eq!(refusal.description(), "client authentication failed");
            assert_eq!(refusal.challenge(), Some(Challenge::Basic));
        }
    }

    #[test]
    fn each_refusal_has_its_code_status_and_challenge() {
        // RFC 6750 §3.1: a request without a token gets a bare challenge.
        let scope = AdminScope::Introspect;
        for (refusal, code, status, challenge) in [
            (Refusal::invalid_request("x"), "invalid_request", 400, ""),
            (Refusal::invalid_scope("x"), "invalid_scope", 400, ""),
            (Refusal::invalid_target("x"), "invalid_target", 400, ""),
            (
                Refusal::invalid_authorization_details("x"),
                "invalid_authorization_details",
                400,
                "",
            ),
            (
                Refusal::InvalidGrant(Description::new("x")),
                "invalid_grant",
                400,
                "",
            ),
            (
                Refusal::UnauthorizedClient(Description::new("x")),
                "unauthorized_client",
                400,
                "",
            ),
            (
                Refusal::UnsupportedGrantType,
                "unsupported_grant_type",
                400,
                "",
            ),
            (
                Refusal::UnsupportedResponseType,
                "unsupported_response_type",
                400,
                "",
            ),
            (
                Refusal::MissingToken,
                "invalid_token",
                401,
                r#"Bearer realm="ostler""#,
            ),
            (
                Refusal::InvalidToken(BearerFailure::NotOurs),
                "invalid_token",
                401,
                r#"Bearer realm="ostler", error="invalid_token""#,
            ),
            (
                Refusal::InsufficientScope(scope),
                "insufficient_scope",
                403,
                r#"Bearer realm="ostler", error="insufficient_scope", scope="introspect""#,
            ),
        ] {
            assert_eq!(refusal.code(), code);
            assert_eq!(refusal.status(), status, "{code}");
            let mistake = code.starts_with("unsupported") || code == "invalid_request";
            let unknown = status == 401 || code == "invalid_grant";
            assert_eq!(refusal.is_denial(), !mistake && !unknown, "{code}");
            let shown = refusal.challenge().map(|c| c.to_string());
            assert_eq!(shown.unwrap_or_default(), challenge, "{code}");
            assert!(refusal.description().chars().all(is_allowed), "{code}");
        }
    }

    #[test]
    fn a_description_keeps_to_the_alphabet_and_to_its_length() {
        // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
        let shown = Description::new("a\"b\\c\r\nd\u{0}é\u{7f} ~!#[]");
        assert_eq!(shown.as_str(), "a?b?c??d??? ~!#[]");
        let long = Description::new("x".repeat(10_000));
        assert_eq!(long.as_str().len(), MAX_DESCRIPTION);
    }

    #[test]
    fn a_value_is_shown_back_in_quotes_unless_it_looks_secret() {
        assert_eq!(quoted("write"), "'write'");
        assert_eq!(quoted("<b>\"é"), "'<b>??'");
        assert_eq!(
            quoted(&"x".repeat(101)),
            format!("'{}...'", "x".repeat(100))
        );
        for secret in ["ostler_cs_0123", "Bearer eyJhbGciOi.x.y", "a ostler_at_1"] {
            assert_eq!(quoted(secret), "(a value that looks like a secret)");
        }
    }
}
