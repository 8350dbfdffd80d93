//! What a credential would get if it asked now, decided by what decides at the token endpoint.

use serde_json::Value;
use url::form_urlencoded;

use crate::domain::access::Access;
use crate::domain::client::Client;
use crate::domain::id::ClientId;
use crate::domain::role::AdminScope;
use crate::domain::role::OSTLER_API;
use crate::jwt::claims_json;
use crate::oauth::form::Form;
use crate::oauth::grant;
use crate::oauth::grant::PreviewFacts;
use crate::oauth::refusal::ClientAuthFailure;
use crate::oauth::refusal::Refusal;
use crate::random;

use super::super::App;
use super::super::authority::Caller;
use super::super::issuance;
use super::super::problem::Problem;
use super::super::problem::Submitted;

/// What would be asked for: the parameters of the token endpoint as they would be sent.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who would ask.
    pub client_id: String,
    /// `scope`
    pub scope: Option<String>,
    /// `resource`
    pub resource: Option<String>,
    /// `authorization_details`, as JSON.
    pub authorization_details: Option<String>,
    /// `expires_in`
    pub expires_in: Option<u64>,
}

/// What would be answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A token that says this. Its `jti` is left out: it would be made when it is issued.
    Granted(Value),
    /// This refusal.
    Refused {
        /// The registered code.
        error: &'static str,
        /// The words of the token endpoint.
        error_description: String,
        /// What a client would not be told, and an administrator may know.
        hint: Option<String>,
    },
}

/// What the client would get. One of an organization that the caller's token does not reach is
/// answered like one that does not exist.
pub async fn preview(
    app: &App,
    caller: &Caller,
    question: Submitted<Question>,
) -> Result<Answer, Problem> {
    caller.require(AdminScope::AccountsRead)?;
    let question = question?;
    let client_id: Option<ClientId> = question.client_id.parse().ok();
    let client = match client_id {
        Some(client_id) => app.directory.client(client_id).await?,
        None => None,
    };
    let Some(client) = client.filter(|client| caller.sees(client.organization)) else {
        return Ok(refused(&ClientAuthFailure::UnknownClient.into(), None));
    };
    let now = app.clock.now();
    let body = body(&question);
    let decided = Form::parse([FORM], None, body.as_bytes()).and_then(|form| {
        let facts = PreviewFacts {
            client: &client,
            ostler: &app.ostler,
            lifetimes: issuance::lifetimes(app),
            now,
        };
        grant::preview(&form, &facts)
    });
    match decided {
        Ok(granted) => of_grant(app, granted),
        Err(refusal) => Ok(refused(&refusal, Some(&described(app, &client)))),
    }
}

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// The body that the client would send, so that it is read in the same way.
fn body(question: &Question) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    let expires_in = question.expires_in.map(|seconds| seconds.to_string());
    for (name, value) in [
        ("scope", &question.scope),
        ("resource", &question.resource),
        ("authorization_details", &question.authorization_details),
        ("expires_in", &expires_in),
    ] {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    form.finish()
}

fn of_grant(app: &App, granted: grant::TokenGrant) -> Result<Answer, Problem> {
    let settings = granted.api.token;
    let claims = granted.into_claims(random::token_id());
    let unsigned = app
        .key_ring
        .prepare(settings.typ, settings.signing_alg, &claims)
        .map_err(|error| Problem::Unavailable(Box::new(error)))?;
    if let Err(refusal) = grant::check_size(unsigned.len(), app.config.tokens.max_bytes) {
        return Ok(refused(&refusal, None));
    }
    let mut claims = claims_json(&claims);
    if let Value::Object(members) = &mut claims {
        members.shift_remove("jti");
    }
    Ok(Answer::Granted(claims))
}

fn refused(refusal: &Refusal, held: Option<&str>) -> Answer {
    let hint = match refusal {
        Refusal::InvalidClient(failure) | Refusal::InvalidSubjectToken(failure) => {
            Some(match failure {
                ClientAuthFailure::Dead(dead) => dead.to_string(),
                other => other.to_string(),
            })
        }
        Refusal::InvalidScope(_)
        | Refusal::InvalidTarget(_)
        | Refusal::InvalidAuthorizationDetails(_) => held.map(str::to_owned),
        _ => None,
    };
    Answer::Refused {
        error: refusal.code(),
        error_description: refusal.description(),
        hint,
    }
}

/// What the client holds, for a person: after its narrowing, API by API.
fn described(app: &App, client: &Client) -> String {
    const MAX_CHARS: usize = 500;
    let name_of = |id| {
        let known = client.apis.iter().find(|api| api.id == id);
        known.map_or_else(
            || {
                if id == OSTLER_API {
                    app.ostler.audience.to_string()
                } else {
                    id.to_string()
                }
            },
            |api| api.audience.to_string(),
        )
    };
    let access: &Access = &client.access;
    let grants = access.grants().iter();
    let grants = grants.map(|grant| format!("{} ({})", name_of(grant.api), grant.scopes));
    let grants: Vec<_> = grants.collect();
    if grants.is_empty() {
        return "this credential holds no access at all".to_owned();
    }
    let text = format!("this credential holds: {}", grants.join(", "));
    text.chars().take(MAX_CHARS).collect()
}
