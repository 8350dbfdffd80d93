//! Token exchange ([RFC 8693]): an API token becomes an access token that says less and ends sooner.
//!
//! The subject token is the authentication: it proves its account by itself, and nobody acts for
//! somebody else here, so there is no actor token. The access token is issued to the API token's own
//! client, and dies with it.
//!
//! [RFC 8693]: https://www.rfc-editor.org/rfc/rfc8693

use super::Case;
use super::TokenGrant;
use crate::oauth::form::Form;
use crate::oauth::form::Parameter;
use crate::oauth::refusal::Refusal;
use crate::oauth::target::Target;
use crate::oauth::token_request::TokenRequest;

/// The grant type ([RFC 8693 §2.1]).
///
/// [RFC 8693 §2.1]: https://www.rfc-editor.org/rfc/rfc8693#section-2.1
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// An access token of any form ([RFC 8693 §3]): what an API token is.
///
/// [RFC 8693 §3]: https://www.rfc-editor.org/rfc/rfc8693#section-3
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A JWT ([RFC 8693 §3]); our access tokens are.
///
/// [RFC 8693 §3]: https://www.rfc-editor.org/rfc/rfc8693#section-3
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// What is exchanged and for what; only syntax is checked so far.
pub struct ExchangeRequest<'a> {
    /// `subject_token`.
    pub subject_token: &'a str,
    /// `issued_token_type` of the answer: what was asked for, or an access token.
    pub issued_token_type: &'static str,
}

/// Whether the form asks for an exchange.
pub fn is_asked_for(form: &Form<'_>) -> bool {
    form.value(Parameter::GrantType) == Some(GRANT_TYPE)
}

impl<'a> ExchangeRequest<'a> {
    /// Reads the parameters ([RFC 8693 §2.1]); what a token is asked to say is read later, as in any
    /// grant.
    ///
    /// [RFC 8693 §2.1]: https://www.rfc-editor.org/rfc/rfc8693#section-2.1
    pub fn parse(form: &'a Form<'_>) -> Result<Self, Refusal> {
        let subject_token = form.required(Parameter::SubjectToken)?;
        if form.required(Parameter::SubjectTokenType)? != ACCESS_TOKEN {
            return Err(Refusal::invalid_request(format!(
                "subject_token_type has to be {ACCESS_TOKEN}: an API token is exchanged here"
            )));
        }
        let actor = [Parameter::ActorToken, Parameter::ActorTokenType];
        if actor.iter().any(|part| form.value(*part).is_some()) {
            return Err(Refusal::invalid_request(
                "nobody acts for somebody else here: leave actor_token out",
            ));
        }
        Ok(Self {
            subject_token,
            issued_token_type: issued_token_type(form)?,
        })
    }
}

fn issued_token_type(form: &Form<'_>) -> Result<&'static str, Refusal> {
    let offered = [ACCESS_TOKEN, JWT];
    match form.value(Parameter::RequestedTokenType) {
        None => Ok(ACCESS_TOKEN),
        Some(requested) => offered
            .into_iter()
            .find(|offered| *offered == requested)
            .ok_or_else(|| {
                Refusal::invalid_request(format!(
                    "requested_token_type has to be {ACCESS_TOKEN} or {JWT}"
                ))
            }),
    }
}

/// Decides what the holder of the API token gets. Of a token that ends before an access token could
/// live for a second it is said what is said of one that has ended ([RFC 8693 §2.2.2]).
///
/// [RFC 8693 §2.2.2]: https://www.rfc-editor.org/rfc/rfc8693#section-2.2.2
pub(super) fn decide(form: &Form<'_>, case: &Case<'_>) -> Result<TokenGrant, Refusal> {
    let request = TokenRequest::parse(form)?;
    let (resource, scopes) = (request.resource, request.scopes.as_ref());
    let target = Target::choose(case.client, case.ostler, resource, scopes)?;
    let granted = TokenGrant::of(&target, &request, case);
    granted.map_err(|refusal| match refusal {
        Refusal::InvalidClient(failure) => Refusal::InvalidSubjectToken(failure),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::fixtures::form;

    const TYPE: &str = "subject_token_type=urn:ietf:params:oauth:token-type:access_token";

    fn parse(body: &str) -> Result<String, String> {
        let form = form(body);
        let parsed = ExchangeRequest::parse(&form);
        parsed
            .map(|request| request.issued_token_type.to_owned())
            .map_err(|refusal| format!("{}: {}", refusal.code(), refusal.description()))
    }

    #[test]
    fn a_jwt_may_be_called_by_its_name() {
        for (requested, issued) in [
            ("", ACCESS_TOKEN),
            ("&requested_token_type=", ACCESS_TOKEN),
            (
                &format!("&requested_token_type={ACCESS_TOKEN}"),
                ACCESS_TOKEN,
            ),
            (&format!("&requested_token_type={JWT}"), JWT),
        ] {
            let body = format!("subject_token=x&{TYPE}{requested}");
            assert_eq!(parse(&body), Ok(issued.to_owned()));
        }
    }

    #[test]
    fn what_is_missing_or_of_another_kind_is_an_invalid_request() {
        // RFC 8693 §2.1, §2.2.2.
        for body in [
            TYPE.to_owned(),
            format!("subject_token=&{TYPE}"),
            "subject_token=x".to_owned(),
            "subject_token=x&subject_token_type=".to_owned(),
            format!("subject_token=x&subject_token_type={JWT}"),
            "subject_token=x&subject_token_type=access_token".to_owned(),
            format!("subject_token=x&{TYPE}&requested_token_type=jwt"),
            format!(
                "subject_token=x&{TYPE}&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token"
            ),
            format!("subject_token=x&{TYPE}&actor_token=y"),
            format!("subject_token=x&{TYPE}&actor_token_type=y"),
        ] {
            let refused = parse(&body).unwrap_err();
            assert!(
                refused.starts_with("invalid_request: "),
                "{body}: {refused}"
            );
        }
    }
}
