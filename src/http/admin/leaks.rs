//! `/leaks`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::app::leaks;
use crate::app::problem::Problem;

use super::anonymous::AnonymousCall;
use super::fields::Fields;
use super::operation::open_action;
use super::place::Place;
use super::routes::Routes;

/// Nothing: the answer does not depend on what was reported.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Reported")]
struct ReportedBody {}

/// The route of reports.
pub(super) fn routes(routes: Routes) -> Routes {
    routes.post(
        "/leaks",
        post,
        open_action("secret.report_leak", "Report a secret as leaked")
            .accepts::<ReportedBody>()
            .reads(read)
            .described(
                "Whoever holds a client secret or an API token may report it. A live one is revoked \
                 with its tokens at once, or waits for a person where the organization wants that \
                 (`policy.leak_report`). The answer is the same for a known and an unknown one.",
            ),
    )
}

/// `POST /leaks` reports a secret. Whoever holds it may do so.
pub(super) async fn post(
    State(app): State<App>,
    call: AnonymousCall,
) -> Result<impl IntoResponse, Problem> {
    let reported = call.object(read);
    leaks::report(&app, reported, call.address, call.origin).await?;
    Ok((StatusCode::ACCEPTED, Json(ReportedBody {})))
}

fn read(fields: &mut Fields<'_>) -> Option<String> {
    fields.required("secret", Place::text)
}
