//! The parameters with which a client says what token it wants, whatever the grant.

use super::form::Form;
use super::form::Parameter;
use super::refusal::Refusal;
use crate::domain::scope::ScopeNames;

/// What token a client wants; only syntax is checked so far.
#[derive(Debug)]
pub struct TokenRequest<'a> {
    /// `resource` or its alias `audience`: for which API.
    pub resource: Option<&'a str>,
    /// `scope`; `None` = everything.
    pub scopes: Option<ScopeNames<'a>>,
    /// `authorization_details`, which can only be read when the API is known.
    pub details: Option<&'a str>,
    /// `expires_in`: the longest lifetime that the client wants, in seconds.
    pub expires_in: Option<u64>,
}

impl<'a> TokenRequest<'a> {
    /// Reads the parameters.
    pub fn parse(form: &'a Form<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            resource: resource(form)?,
            scopes: form.value(Parameter::Scope).map(scopes).transpose()?,
            details: form.value(Parameter::AuthorizationDetails),
            expires_in: form.value(Parameter::ExpiresIn).map(seconds).transpose()?,
        })
    }
}

/// [RFC 8707 §2]; other servers call it `audience`, and both may say the same.
///
/// [RFC 8707 §2]: https://www.rfc-editor.org/rfc/rfc8707#section-2
fn resource<'a>(form: &'a Form<'_>) -> Result<Option<&'a str>, Refusal> {
    let resource = form.value(Parameter::Resource);
    let audience = form.value(Parameter::Audience);
    match (resource, audience) {
        (Some(one), Some(other)) if one != other => Err(Refusal::invalid_request(
            "resource and audience mean the same here, and differ",
        )),
        _ => Ok(resource.or(audience)),
    }
}

fn scopes(text: &str) -> Result<ScopeNames<'_>, Refusal> {
    ScopeNames::parse(text)
        .map_err(|why| Refusal::invalid_scope(format!("scope is malformed: {why}")))
}

/// A whole number, at least 1. One that is too large to count is only longer than anything allowed.
fn seconds(text: &str) -> Result<u64, Refusal> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let positive = text.bytes().any(|byte| byte != b'0');
    if digits && positive {
        return Ok(text.parse().unwrap_or(u64::MAX));
    }
    Err(Refusal::invalid_request(
        "expires_in is a whole number of seconds, at least 1",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::fixtures::form;

    fn code(body: &str) -> &'static str {
        TokenRequest::parse(&form(body)).map_or_else(|refusal| refusal.code(), |_| "accepted")
    }

    #[test]
    fn what_is_left_out_stays_open() {
        for body in [
            "",
            "scope=&resource=&audience=&authorization_details=&expires_in=",
        ] {
            let form = form(body);
            let request = TokenRequest::parse(&form).unwrap();
            assert!(request.resource.is_none() && request.scopes.is_none());
            assert!(request.details.is_none() && request.expires_in.is_none());
        }
    }

    #[test]
    fn resource_and_audience_are_one() {
        for (body, expected) in [
            ("resource=urn:a", "urn:a"),
            ("audience=urn:a", "urn:a"),
            ("resource=urn:a&audience=urn%3Aa", "urn:a"),
            ("resource=&audience=urn:a", "urn:a"),
        ] {
            let form = form(body);
            assert_eq!(TokenRequest::parse(&form).unwrap().resource, Some(expected));
        }
        assert_eq!(code("resource=urn:a&audience=urn:b"), "invalid_request");
    }

    #[test]
    fn a_malformed_scope_is_an_invalid_scope() {
        // RFC 6749 §3.3, §A.4.
        for body in [
            "scope=%22read%22",
            "scope=re%5Cad",
            "scope=read++write",
            "scope=+read",
            "scope=read+",
            "scope=+",
            "scope=read%09write",
            "scope=read%0Awrite",
            "scope=r%C3%A9ad",
            "scope=re%EF%BD%81d",
        ] {
            assert_eq!(code(body), "invalid_scope", "{body}");
        }
        let form = form("scope=write+read+write");
        let scopes = TokenRequest::parse(&form).unwrap().scopes.unwrap();
        assert_eq!(scopes.to_string(), "read write");
    }

    #[test]
    fn a_lifetime_is_a_positive_whole_number() {
        for (text, expected) in [
            ("1", 1),
            ("0060", 60),
            ("99999999999999999999999", u64::MAX),
        ] {
            let body = format!("expires_in={text}");
            let form = form(&body);
            assert_eq!(
                TokenRequest::parse(&form).unwrap().expires_in,
                Some(expected)
            );
        }
        for text in [
            "0", "00", "-1", "%2B1", "+1", "1.5", "1e3", "x", "1+", "%D9%A1",
        ] {
            assert_eq!(
                code(&format!("expires_in={text}")),
                "invalid_request",
                "{text}"
            );
        }
    }
}
