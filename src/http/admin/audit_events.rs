//! `/organizations/{org}/audit-events` and `/audit-events`: a chain is listed, exported, verified.

mod filter;

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::json_schema;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::app::StoreError;
use crate::app::audit;
use crate::app::audit::Trail;
use crate::app::audit::export::Pages;
use crate::app::audit::verify::Verification;
use crate::app::problem::Problem;
use crate::domain::audit_event::AuditEvent;
use crate::domain::id::ClientId;
use crate::domain::id::EventId;
use crate::domain::id::RequestId;
use crate::domain::role::AdminScope;

use super::call::Call;
use super::fields::Fields;
use super::inside::Inside;
use super::inside::OfInstance;
use super::listing::listed;
use super::operation::action;
use super::place::Place;
use super::routes::Routes;
use super::schema::Instant;
use super::streamed::Awaited;
use super::streamed::CutOff;
use super::streamed::Pieces;
use filter::Wanted;

/// How long an answer is waited for before it is sent in pieces: well within the time of a request.
const PROMPT: Duration = Duration::from_secs(5);

/// One JSON text per line.
const NDJSON: &str = "application/x-ndjson";

/// An event as answers show it. All but `hash` is what was hashed.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AuditEvent")]
struct EventBody {
    #[schemars(with = "EventId")]
    id: String,
    /// Its number in the chain, from 1.
    sequence: i64,
    #[schemars(with = "Instant")]
    at: Timestamp,
    actor: ActorBody,
    action: String,
    target: TargetBody,
    #[schemars(extend("enum" = ["success", "refused"]))]
    result: String,
    /// How many times: refused calls are gathered by the minute.
    count: i64,
    #[schemars(with = "Option<RequestId>")]
    request_id: Option<String>,
    /// By the name of the field, what it was before and after. A value of more than 8192 bytes is told
    /// as an object with `items`, `bytes`, and the `sha256` of its RFC 8785 JSON.
    #[schemars(schema_with = "changes")]
    changes: Value,
    /// The hash of the event before it; 64 zeros for the first.
    previous_hash: String,
    /// The SHA-256 of the RFC 8785 JSON of all other members.
    hash: String,
}

fn changes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "required": ["before", "after"],
            "properties": {"before": {}, "after": {}},
        },
    })
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AuditActor")]
struct ActorBody {
    r#type: String,
    id: String,
    name: String,
    /// The client id of the credential that let it in; `null` where there is none.
    #[schemars(with = "Option<ClientId>")]
    credential: Option<String>,
    address: Option<String>,
    user_agent: Option<String>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AuditTarget")]
struct TargetBody {
    r#type: String,
    id: String,
    name: String,
}

impl From<AuditEvent> for EventBody {
    fn from(event: AuditEvent) -> Self {
        Self {
            changes: event.changes(),
            id: event.id,
            sequence: event.sequence,
            at: event.at,
            actor: ActorBody {
                r#type: event.actor.kind,
                id: event.actor.id,
                name: event.actor.name,
                credential: event.actor.credential,
                address: event.actor.address,
                user_agent: event.actor.user_agent,
            },
            action: event.action,
            target: TargetBody {
                r#type: event.target.kind,
                id: event.target.id,
                name: event.target.name,
            },
            result: event.result,
            count: event.count,
            request_id: event.request_id,
            previous_hash: event.previous_hash,
            hash: event.hash,
        }
    }
}

/// What was found of a chain.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AuditVerification")]
struct VerificationBody {
    ok: bool,
    /// How many events were checked.
    checked: u64,
    /// The first number at which the chain does not hold.
    first_bad_sequence: Option<i64>,
    /// A compact JWS over the last event's number and hash, to be kept elsewhere; `null` when the chain
    /// does not hold.
    head: Option<String>,
}

impl From<Verification> for VerificationBody {
    fn from(found: Verification) -> Self {
        Self {
            ok: found.first_bad_sequence.is_none(),
            checked: found.checked,
            first_bad_sequence: found.first_bad_sequence,
            head: found.head,
        }
    }
}

/// The routes of the audit trails.
pub(super) fn routes(routes: Routes) -> Routes {
    let list_of = |name, summary| {
        let operation = action(name, AdminScope::AuditRead, summary).lists::<EventBody>();
        let operation = operation.or_serves(NDJSON).described(
            "The newest come first. `format=ndjson` exports all of them at once, one per line, and \
             is an event itself; `limit` and `cursor` are of pages, and no parameters then.",
        );
        filter::told(operation)
    };
    let verification = |name, summary| {
        action(name, AdminScope::AuditRead, summary)
            .answers::<VerificationBody>()
            .reads(|fields| Some(read_head(fields)))
            .described(
                "Finds an edit, a deletion and a reordering, and with a `head` that was given out \
                 earlier also a truncation. The answer for a long trail may take longer than other \
                 answers: blanks come before it. A trail is verified once at a time, and several \
                 at once: after two seconds whoever waits for that is answered 503, and asks again.",
            )
    };
    routes
        .get(
            "/organizations/{org}/audit-events",
            list,
            list_of(
                "audit_event.list",
                "List the audit events of an organization",
            ),
        )
        .post(
            "/organizations/{org}/audit-events/verify",
            verify,
            verification(
                "audit_event.verify",
                "Verify the audit trail of an organization",
            ),
        )
        .get(
            "/audit-events",
            list_of_instance,
            list_of(
                "instance.list_audit_events",
                "List the audit events of the instance",
            ),
        )
        .post(
            "/audit-events/verify",
            verify_of_instance,
            verification(
                "instance.verify_audit_events",
                "Verify the audit trail of the instance",
            ),
        )
}

/// `GET /organizations/{org}/audit-events`
pub(super) async fn list(Inside(within, [], call): Inside<0>) -> Result<Response, Problem> {
    show(within.into(), filter::wanted(call.query())?).await
}

/// `GET /audit-events` lists the instance's own chain.
pub(super) async fn list_of_instance(
    OfInstance(instance, [], call): OfInstance<0>,
) -> Result<Response, Problem> {
    show(instance.into(), filter::wanted(call.query())?).await
}

/// `POST /organizations/{org}/audit-events/verify`
pub(super) async fn verify(Inside(within, [], call): Inside<0>) -> Result<Response, Problem> {
    check(within.into(), &call).await
}

/// `POST /audit-events/verify` verifies the instance's own chain.
pub(super) async fn verify_of_instance(
    OfInstance(instance, [], call): OfInstance<0>,
) -> Result<Response, Problem> {
    check(instance.into(), &call).await
}

async fn show(trail: Trail, wanted: Wanted) -> Result<Response, Problem> {
    match wanted {
        Wanted::Page(filter, request) => {
            let found = audit::list(&trail, &filter, &request).await?;
            Ok(listed::<_, EventBody>(found).into_response())
        }
        Wanted::Export(filter) => {
            let pages = audit::export::export(trail, filter).await?;
            let lines = Pieces::made_by(|lines| write_lines(pages, lines));
            let kind = [(header::CONTENT_TYPE, NDJSON)];
            Ok((kind, Body::new(lines)).into_response())
        }
    }
}

/// One event per line.
async fn write_lines(mut pages: Pages, lines: mpsc::Sender<Result<Bytes, CutOff>>) {
    while let Some(page) = pages.recv().await {
        let piece = match page {
            Ok(events) => to_lines(events),
            Err(error) => {
                log_cut_off(&error);
                Err(CutOff)
            }
        };
        if lines.send(piece).await.is_err() {
            return;
        }
    }
}

fn to_lines(events: Vec<AuditEvent>) -> Result<Bytes, CutOff> {
    let mut lines = Vec::new();
    for event in events {
        serde_json::to_writer(&mut lines, &EventBody::from(event)).map_err(|_| CutOff)?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}

/// Answers at once when the chain is short; else the answer begins now and ends when it is found.
async fn check(trail: Trail, call: &Call) -> Result<Response, Problem> {
    let head = call.object(|fields| Some(read_head(fields)))?;
    let mut verifying = audit::verify::begin(trail, head.as_deref()).await?;
    let prompt = tokio::time::timeout(PROMPT, &mut verifying).await;
    if let Ok(answered) = prompt {
        let found = answered.map_err(|error| Problem::Unavailable(Box::new(error)))?;
        return Ok(Json(VerificationBody::from(found?)).into_response());
    }
    let text = Awaited::new(async move {
        match verifying.await {
            Ok(Ok(found)) => serde_json::to_vec(&VerificationBody::from(found))
                .map(Bytes::from)
                .map_err(|_| CutOff),
            Ok(Err(error)) => {
                log_cut_off(&error);
                Err(CutOff)
            }
            Err(_) => Err(CutOff),
        }
    });
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, Body::new(text)).into_response())
}

/// A head that was given out earlier.
fn read_head(fields: &mut Fields<'_>) -> Option<String> {
    fields.optional("head", Place::text)
}

fn log_cut_off(error: &StoreError) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "an answer about the audit trail was cut off"
    );
}
