//! `/leaks`, and those of an organization that wait for a person

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::app::leaks;
use crate::app::leaks::waiting;
use crate::app::problem::Problem;
use crate::domain::id::AccountId;
use crate::domain::id::SecretId;
use crate::domain::leak::Leak;
use crate::domain::role::AdminScope;

use super::anonymous::AnonymousCall;
use super::fields::Fields;
use super::filters::read_search;
use super::inside::Inside;
use super::listing::listed;
use super::operation::action;
use super::operation::open_action;
use super::place::Place;
use super::routes::Routes;
use super::schema::Instant;

/// Nothing: the answer does not depend on what was reported.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Reported")]
struct ReportedBody {}

/// A report that waits for a person, as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "LeakReport")]
struct LeakBody {
    secret: SecretId,
    subject: SubjectBody,
    account: AccountId,
    #[schemars(with = "Instant")]
    reported_at: Timestamp,
    /// From where it was first reported.
    address: Option<String>,
}

/// What the secret belongs to, or is.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "LeakSubject")]
struct SubjectBody {
    #[schemars(extend("enum" = ["credential", "api_token"]))]
    r#type: &'static str,
    id: String,
}

impl From<Leak> for LeakBody {
    fn from(leak: Leak) -> Self {
        Self {
            secret: leak.secret,
            subject: SubjectBody {
                r#type: leak.credential.noun(),
                id: leak.credential.to_string(),
            },
            account: leak.account,
            reported_at: leak.reported_at,
            address: leak.address.map(|address| address.to_string()),
        }
    }
}

/// The routes of reports.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .post(
            "/leaks",
            post,
            open_action("secret.report_leak", "Report a secret as leaked")
                .accepts::<ReportedBody>()
                .reads(read)
                .described(
                    "Whoever holds a client secret or an API token may report it. A live one is \
                     revoked with its tokens at once, or waits for a person where the organization \
                     wants that (`policy.leak_report`). The answer is the same for a known and an \
                     unknown one. A report has at most 4096 bytes, and one address sends as many of \
                     them in a minute as `limits.failed_auth_per_minute` says, or 60 where that is \
                     off; the next one is answered with 429 and `Retry-After`, whatever it is of.",
                ),
        )
        .get(
            "/organizations/{org}/leaks",
            list,
            action(
                "leak.list",
                AdminScope::AccountsRead,
                "List the reports of leaked secrets that wait for a person",
            )
            .lists::<LeakBody>()
            .searches(
                "A part of the name or of the id of the account or the credential, without regard to \
                 case; or the id of the secret",
            )
            .described(
                "As long as what was reported may still be used. To agree, revoke the credential or \
                 the API token.",
            ),
        )
        .delete(
            "/organizations/{org}/leaks/{secret}",
            dismiss,
            action(
                "leak.dismiss",
                AdminScope::CredentialsWrite,
                "Dismiss the report of a leaked secret, which goes on working",
            )
            .removes()
            .described("Reported once more, it waits once more."),
        )
}

/// `GET /organizations/{org}/leaks`
pub(super) async fn list(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let found = waiting::list(&within, call.page_of(read_search)).await?;
    Ok(listed::<_, LeakBody>(found))
}

/// `DELETE /organizations/{org}/leaks/{secret}` dismisses a report.
pub(super) async fn dismiss(
    Inside(within, [secret], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    waiting::dismiss(within, secret, call.nothing()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /leaks` reports a secret. Whoever holds it may do so.
pub(super) async fn post(
    State(app): State<App>,
    call: AnonymousCall,
) -> Result<impl IntoResponse, Problem> {
    let admitted = leaks::admit(&app, call.address).await?;
    let (reported, origin) = call.object(read).await;
    leaks::report(&app, admitted, reported, origin).await?;
    Ok((StatusCode::ACCEPTED, Json(ReportedBody {})))
}

fn read(fields: &mut Fields<'_>) -> Option<String> {
    fields.required("secret", Place::text)
}
