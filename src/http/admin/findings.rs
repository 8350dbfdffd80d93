//! `/findings`

use axum::extract::State;
use axum::response::IntoResponse;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::app::App;
use crate::app::findings;
use crate::app::findings::Finding;
use crate::app::findings::FindingQuery;
use crate::app::problem::Problem;
use crate::domain::finding::FindingKind;
use crate::domain::finding::Severity;
use crate::domain::role::AdminScope;

use super::call::Call;
use super::listing::listed;
use super::operation::action;
use super::query::Query;
use super::routes::Routes;
use super::schema::AnyObject;
use super::schema::Instant;
use super::shape;
use super::shape::words;

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Finding")]
struct FindingBody {
    #[schemars(extend("enum" = FindingKind::ALL.map(FindingKind::as_str)))]
    kind: &'static str,
    #[schemars(extend("enum" = Severity::ALL.map(Severity::as_str)))]
    severity: &'static str,
    subject: SubjectBody,
    /// From when on it is so.
    #[schemars(with = "Instant")]
    since: Timestamp,
    /// What it rests on; the members depend on the kind.
    #[schemars(with = "AnyObject")]
    evidence: Value,
    /// The call that mends it.
    action: ActionBody,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "FindingSubject")]
struct SubjectBody {
    r#type: &'static str,
    id: String,
    name: String,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "FindingAction")]
struct ActionBody {
    method: &'static str,
    path: String,
    #[schemars(with = "Option<AnyObject>")]
    body: Value,
}

impl From<Finding> for FindingBody {
    fn from(finding: Finding) -> Self {
        Self {
            kind: finding.kind.as_str(),
            severity: finding.kind.severity().as_str(),
            subject: SubjectBody {
                r#type: finding.subject.kind,
                id: finding.subject.id,
                name: finding.subject.name,
            },
            since: finding.since,
            evidence: finding.evidence,
            action: ActionBody {
                method: finding.action.method,
                path: finding.action.path,
                body: finding.action.body,
            },
        }
    }
}

/// The routes of findings.
pub(super) fn routes(routes: Routes) -> Routes {
    routes.get(
        "/findings",
        list,
        action(
            "finding.list",
            AdminScope::AccountsRead,
            "List what should be looked at",
        )
        .lists::<FindingBody>()
        .parameter(
            "organization",
            "Only of this organization: its name or id",
            shape::search(),
        )
        .parameter(
            "kind",
            "Only of this kind",
            words(FindingKind::ALL.map(FindingKind::as_str)),
        )
        .parameter(
            "severity",
            "Only as pressing as this",
            words(Severity::ALL.map(Severity::as_str)),
        )
        .described(
            "Of all organizations that the token reaches, the most pressing kinds first. Nothing is \
             acknowledged: what is mended is gone. At most 200 accounts are looked at closely for a \
             page, so one may hold fewer findings than `limit`, or none, and go on all the same. Where \
             only a person can mend it, the call shows what they need: of an old secret that is still \
             used, when and from where each was, since it cannot be retired until its users have moved \
             on.",
        ),
    )
}

/// `GET /findings[?organization=]`
pub(super) async fn list(State(app): State<App>, call: Call) -> Result<impl IntoResponse, Problem> {
    // Which organization is said in the query; one that is not visible is answered first all the same.
    let organization = call.query().prose("organization");
    let wanted = call.page_of(read_query);
    let found = findings::list(&app, &call.caller, organization, wanted).await?;
    Ok(listed::<_, FindingBody>(found))
}

fn read_query(query: &mut Query) -> FindingQuery {
    query.prose("organization");
    FindingQuery {
        kind: query.one_of("kind", &FindingKind::ALL.map(|kind| (kind.as_str(), kind))),
        severity: query.one_of(
            "severity",
            &Severity::ALL.map(|severity| (severity.as_str(), severity)),
        ),
    }
}
