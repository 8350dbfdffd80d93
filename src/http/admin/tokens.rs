//! `/tokens/inspect`, `/tokens/revoke`, `/tokens/preview`

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::app::App;
use crate::app::problem::Problem;
use crate::app::token_tools;
use crate::app::token_tools::Contents;
use crate::app::token_tools::Inspection;
use crate::app::token_tools::PreviewAnswer;
use crate::app::token_tools::PreviewQuestion;
use crate::domain::account::ServiceAccount;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialKind;
use crate::domain::id::AccountId;
use crate::domain::id::ApiTokenId;
use crate::domain::id::ClientId;
use crate::domain::role::AdminScope;
use crate::domain::signing_key::SigningKeyRecord;

use super::call::Call;
use super::fields::Fields;
use super::operation::action;
use super::place::Place;
use super::routes::Routes;
use super::schema::AnyObject;

/// The longest text of a token, in bytes; as at the OAuth endpoints.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The longest value of another parameter, in bytes; as at the token endpoint.
const MAX_VALUE_BYTES: usize = 16 * 1024;

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "TokenInspection")]
struct InspectionBody {
    active: bool,
    reasons: Vec<&'static str>,
    #[schemars(with = "Option<AnyObject>")]
    header: Option<Value>,
    #[schemars(with = "Option<AnyObject>")]
    claims: Option<Value>,
    account: Option<AccountBody>,
    credential: Option<CredentialBody>,
    key: Option<KeyBody>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "TokenAccount")]
struct AccountBody {
    id: AccountId,
    name: String,
    status: &'static str,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "TokenCredential")]
struct CredentialBody {
    id: String,
    name: String,
    client_id: ClientId,
    status: &'static str,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "TokenKey")]
struct KeyBody {
    kid: String,
    alg: &'static str,
    state: &'static str,
}

impl From<Inspection> for InspectionBody {
    fn from(inspection: Inspection) -> Self {
        let mut body = Self {
            active: inspection.reasons.is_empty(),
            reasons: inspection.reasons,
            header: None,
            claims: None,
            account: None,
            credential: None,
            key: None,
        };
        if let Some(contents) = inspection.contents {
            body.show(contents);
        }
        body
    }
}

impl InspectionBody {
    fn show(&mut self, contents: Contents) {
        let at = contents.at;
        self.header = Some(contents.header);
        self.claims = Some(contents.claims);
        self.account = contents.account.map(|account| of_account(&account, at));
        self.credential = contents
            .credential
            .map(|credential| of_credential(&credential, at));
        self.key = contents.key.map(of_key);
    }
}

fn of_account(account: &ServiceAccount, at: Timestamp) -> AccountBody {
    AccountBody {
        id: account.id,
        name: account.name.to_string(),
        status: account.status_at(at).as_str(),
    }
}

fn of_credential(credential: &Credential, at: Timestamp) -> CredentialBody {
    CredentialBody {
        id: match credential.kind {
            CredentialKind::ClientSecret => credential.id.to_string(),
            CredentialKind::ApiToken => ApiTokenId::of_credential(credential.id).to_string(),
        },
        name: credential.name.to_string(),
        client_id: credential.client_id,
        status: credential.status_at(at).as_str(),
    }
}

fn of_key(key: SigningKeyRecord) -> KeyBody {
    KeyBody {
        kid: key.kid,
        alg: key.algorithm.as_str(),
        state: key.state.as_str(),
    }
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "PreviewGranted")]
struct GrantedBody {
    granted: bool,
    #[schemars(with = "AnyObject")]
    claims: Value,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "PreviewRefused")]
struct RefusedBody {
    granted: bool,
    error: &'static str,
    error_description: String,
    hint: Option<String>,
}

/// What a credential would get.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "TokenPreview")]
#[serde(untagged)]
enum PreviewBody {
    Granted(GrantedBody),
    Refused(RefusedBody),
}

impl From<PreviewAnswer> for PreviewBody {
    fn from(answer: PreviewAnswer) -> Self {
        match answer {
            PreviewAnswer::Granted(claims) => Self::Granted(GrantedBody {
                granted: true,
                claims,
            }),
            PreviewAnswer::Refused {
                error,
                error_description,
                hint,
            } => Self::Refused(RefusedBody {
                granted: false,
                error,
                error_description,
                hint,
            }),
        }
    }
}

/// The routes of what can be done with a token.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .post(
            "/tokens/inspect",
            inspect,
            action(
                "token.inspect",
                AdminScope::AccountsRead,
                "Look at a token: what it says, and why it is not active",
            )
            .answers::<InspectionBody>()
            .reads(read_token)
            .described("A token of an organization that the caller does not see is unknown."),
        )
        .post(
            "/tokens/revoke",
            revoke,
            action(
                "token.revoke",
                AdminScope::AccountsWrite,
                "Revoke a token",
            )
            .answers::<InspectionBody>()
            .reads(read_token)
            .described("Answers what is known of it then; an unknown one is left alone."),
        )
        .post(
            "/tokens/preview",
            preview,
            action(
                "token.preview",
                AdminScope::AccountsRead,
                "See what token a credential would get, or why none",
            )
            .answers::<PreviewBody>()
            .reads(read_question)
            .described(
                "Decided by what decides at the token endpoint. Nothing is issued, and the `jti` is \
                 left out.",
            ),
        )
}

/// `POST /tokens/inspect` says what is known of a token.
pub(super) async fn inspect(
    State(app): State<App>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let found = token_tools::inspect(&app, &call.caller, call.object(read_token)).await?;
    Ok(Json(InspectionBody::from(found)))
}

/// `POST /tokens/revoke` takes a token back.
pub(super) async fn revoke(
    State(app): State<App>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let found = token_tools::revoke(&app, &call.caller, call.object(read_token)).await?;
    Ok(Json(InspectionBody::from(found)))
}

/// `POST /tokens/preview` says what a credential would get.
pub(super) async fn preview(
    State(app): State<App>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let answer = token_tools::preview(&app, &call.caller, call.object(read_question)).await?;
    Ok(Json(PreviewBody::from(answer)))
}

/// The text of a token. What is wrong with it is said without it.
fn read_token(fields: &mut Fields<'_>) -> Option<String> {
    fields.required("token", |place| {
        let place = place.like(|| json!({"minLength": 1, "maxLength": MAX_TOKEN_BYTES}));
        place.parsed(|text| {
            let right = (1..=MAX_TOKEN_BYTES).contains(&text.len());
            right
                .then(|| text.to_owned())
                .ok_or_else(|| format!("a token of at most {MAX_TOKEN_BYTES} bytes"))
        })
    })
}

fn read_question(fields: &mut Fields<'_>) -> Option<PreviewQuestion> {
    let client_id = fields.required("client_id", read_value);
    let scope = fields.optional("scope", read_value);
    let resource = fields.optional("resource", read_value);
    let details = fields.optional("authorization_details", read_details);
    let expires_in = fields.optional("expires_in", |place| place.whole_number(0..=u64::MAX));
    Some(PreviewQuestion {
        client_id: client_id?,
        scope,
        resource,
        authorization_details: details,
        expires_in,
    })
}

fn read_value(place: Place<'_>) -> Option<String> {
    let place = place.like(|| json!({"maxLength": MAX_VALUE_BYTES}));
    place.parsed(|text| {
        let right = text.len() <= MAX_VALUE_BYTES;
        right
            .then(|| text.to_owned())
            .ok_or_else(|| format!("a text of at most {MAX_VALUE_BYTES} bytes"))
    })
}

/// The list itself, or its JSON as a client sends it.
fn read_details(place: Place<'_>) -> Option<String> {
    let kinds = || json!({"type": ["string", "array"]});
    if place.is_drawn(kinds) {
        return None;
    }
    if place.value.is_array() {
        return Some(place.value.to_string());
    }
    read_value(place)
}
