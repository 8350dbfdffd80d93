//! The client-credentials grant ([RFC 6749 §4.4]), in the order that oxide-auth's state machine
//! keeps: authenticate, bind, extend, negotiate, issue.
//!
//! The machine asks, and each of its questions is answered by facts in hand, so nothing waits. It
//! sees only what is its business: the grant type and who authenticated. Its own reading of scopes
//! and of credentials falls short of the RFC (a malformed scope is no `invalid_request`, and a
//! `client_id` beside Basic no second mechanism), so both are done before, and it is not shown them.
//!
//! [RFC 6749 §4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4

use std::borrow::Cow;
use std::sync::LazyLock;

use oxide_auth::code_grant::client_credentials::ClientCredentials;
use oxide_auth::code_grant::client_credentials::Error;
use oxide_auth::code_grant::client_credentials::Input;
use oxide_auth::code_grant::client_credentials::Output;
use oxide_auth::code_grant::client_credentials::Request;
use oxide_auth::code_grant::error::AccessTokenError;
use oxide_auth::code_grant::error::AccessTokenErrorType;
use oxide_auth::primitives::grant::Extensions;
use oxide_auth::primitives::registrar::BoundClient;
use oxide_auth::primitives::registrar::PreGrant;
use oxide_auth::primitives::registrar::RegisteredUrl;

use super::Case;
use super::TokenGrant;
use crate::domain::id::Text;
use crate::oauth::form::Form;
use crate::oauth::form::Parameter;
use crate::oauth::refusal::Refusal;
use crate::oauth::target::Target;
use crate::oauth::token_request::TokenRequest;

/// Decides what the client gets.
pub(super) fn decide(form: &Form<'_>, case: &Case<'_>) -> Result<TokenGrant, Refusal> {
    let client = case.client;
    let mut flow = ClientCredentials::new(&Wire {
        client_id: client.client_id.to_text(),
        grant_type: form.value(Parameter::GrantType),
    });
    let mut input = Input::None;
    let mut wanted = None;
    let mut granted = None;
    loop {
        input = match flow.advance(input) {
            // Who decides holds an `AuthenticatedClient`; who previews gets no token.
            Output::Authenticate { .. } => Input::Authenticated,
            Output::Binding { .. } => Input::Bound {
                bound_client: without_redirect(),
            },
            Output::Extend => {
                let request = TokenRequest::parse(form)?;
                let (resource, scopes) = (request.resource, request.scopes.as_ref());
                let target = Target::choose(client, case.ostler, resource, scopes)?;
                wanted = Some((target, request));
                Input::Extended {
                    extensions: Extensions::new(),
                }
            }
            Output::Negotiate { bound_client, .. } => {
                let (target, request) = wanted.take().expect("the machine extends only once");
                granted = Some(TokenGrant::of(&target, &request, case)?);
                Input::Negotiated {
                    pre_grant: pre_grant(bound_client),
                }
            }
            Output::Ok { .. } => return Ok(granted.expect("the machine negotiates before it ends")),
            Output::Err(error) => return Err(refusal(*error)),
        };
    }
}

/// What the machine is shown of the request.
struct Wire<'a> {
    client_id: Text,
    grant_type: Option<&'a str>,
}

impl Request for Wire<'_> {
    fn valid(&self) -> bool {
        true
    }

    /// Who authenticated. The secret was checked and is not shown again.
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((Cow::Borrowed(self.client_id.as_str()), Cow::Borrowed(&[])))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.grant_type.map(Cow::Borrowed)
    }

    /// Nothing: the machine would take a `client_id` in the body for a second authentication.
    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// No client of ours has a redirect URI, and the machine wants one.
static NOWHERE: LazyLock<RegisteredUrl> = LazyLock::new(|| {
    let nowhere = "urn:none".parse().map(RegisteredUrl::Exact);
    nowhere.expect("a fixed text that is a URL")
});

/// The machine only hands on who it is; the proof says that, so a name here would be copied for nothing.
fn without_redirect() -> BoundClient<'static> {
    BoundClient {
        client_id: Cow::Borrowed(""),
        redirect_uri: Cow::Borrowed(&NOWHERE),
    }
}

/// What the machine keeps of the negotiation. The scopes stay with us: it would forget their order.
fn pre_grant(client: &BoundClient<'static>) -> PreGrant {
    let no_scope = "".parse();
    PreGrant {
        client_id: client.client_id.clone().into_owned(),
        redirect_uri: client.redirect_uri.clone().into_owned(),
        scope: no_scope.expect("an empty text has no wrong character"),
    }
}

/// All that the machine can find wrong with what it is shown is the grant type.
fn refusal(mut error: Error) -> Refusal {
    match error.description().map(AccessTokenError::kind) {
        Some(AccessTokenErrorType::UnsupportedGrantType) => Refusal::UnsupportedGrantType,
        _ => Refusal::invalid_request("grant_type is missing"),
    }
}
