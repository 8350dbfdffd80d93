//! What a route does, as the OpenAPI document tells it. A route is registered with it, so none can be
//! without; [`openapi`](super::openapi) writes it down.
//!
//! ```text
//! action("credential.rotate", AdminScope::CredentialsWrite, "Give a credential a new secret")
//!     .answers::<CredentialBody>()
//!     .reads(|fields| Some(read_rotation(fields)))
//!     .conflicts(&[Conflict::OverlapInProgress])
//! ```

use axum::http::StatusCode;
use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use serde_json::Value;
use serde_json::json;

use crate::app::page::DEFAULT_LIMIT;
use crate::app::page::MAX_LIMIT;
use crate::app::problem::Conflict;
use crate::domain::role::AdminScope;

use super::fields::Fields;
use super::listing::ListBody;
use super::sketch::schema_of;

/// An action that takes a token with `scope`, and what it is for, in a few words.
pub(super) fn action(name: &'static str, scope: AdminScope, summary: &'static str) -> Action {
    Action {
        name,
        scope: Some(scope),
        summary,
    }
}

/// An action that is open to everybody. The contract lists the few that there are (section 6).
pub(super) fn open_action(name: &'static str, summary: &'static str) -> Action {
    Action {
        name,
        scope: None,
        summary,
    }
}

/// The flag of those that take something away from others only when they are told to.
pub(super) const FORCE: (&str, &str) = (
    "force",
    "Delete it also when it is in use, and take it from all who hold it",
);

/// An action of which it is still to be said what it answers.
#[must_use]
pub(super) struct Action {
    name: &'static str,
    scope: Option<AdminScope>,
    summary: &'static str,
}

impl Action {
    /// It answers 200 and this.
    pub(super) fn answers<Body: JsonSchema>(self) -> Operation {
        self.succeeds(StatusCode::OK, Content::json::<Body>())
    }

    /// It answers 200 and a part of a list of these.
    pub(super) fn lists<Body: JsonSchema>(self) -> Operation {
        self.pages::<ListBody<Body>>()
    }

    /// It answers 200 and a part of a list, in a form of its own.
    pub(super) fn pages<Body: JsonSchema>(self) -> Operation {
        let limit = json!({
            "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT,
        });
        self.answers::<Body>()
            .parameter("limit", "The most items to answer", limit)
            .parameter(
                "cursor",
                "Where the list goes on: `next_cursor` of the page before",
                json!({"type": "string"}),
            )
    }

    /// It answers 201 and the thing that was made.
    pub(super) fn makes<Body: JsonSchema>(self) -> Operation {
        self.succeeds(StatusCode::CREATED, Content::json::<Body>())
    }

    /// It answers 202 and this, which tells nothing of what follows.
    pub(super) fn accepts<Body: JsonSchema>(self) -> Operation {
        self.succeeds(StatusCode::ACCEPTED, Content::json::<Body>())
    }

    /// It answers 204 and nothing.
    pub(super) fn removes(self) -> Operation {
        self.succeeds(StatusCode::NO_CONTENT, Content::Nothing)
    }

    /// It answers 200 and something that is not JSON of ours.
    pub(super) fn serves(self, media_type: &'static str) -> Operation {
        self.succeeds(StatusCode::OK, Content::Other(media_type))
    }

    fn succeeds(self, status: StatusCode, content: Content) -> Operation {
        Operation {
            name: self.name,
            scope: self.scope,
            summary: self.summary,
            description: None,
            parameters: Vec::new(),
            body: None,
            status,
            content,
            other_content: None,
            conflicts: &[],
        }
    }
}

/// What a route does.
#[must_use]
pub(super) struct Operation {
    /// What it is called, here and in audit events; no two have the same.
    pub(super) name: &'static str,
    /// What opens it; `None` = it is open to everybody.
    pub(super) scope: Option<AdminScope>,
    /// What it is for, in a few words.
    pub(super) summary: &'static str,
    /// What else there is to know.
    pub(super) description: Option<&'static str>,
    /// The parameters of its query.
    pub(super) parameters: Vec<Parameter>,
    /// The schema of its body; `None` = nothing is in it.
    pub(super) body: Option<Body>,
    /// How it answers when all is well.
    pub(super) status: StatusCode,
    /// What it answers then.
    pub(super) content: Content,
    /// The media type that it answers instead when it is asked to.
    pub(super) other_content: Option<&'static str>,
    /// What can stand against it.
    pub(super) conflicts: &'static [Conflict],
}

/// Draws the schema of a body. Drawing waits until somebody wants to see it.
pub(super) type Body = Box<dyn Fn() -> Value + Send + Sync>;

/// A parameter of the query; none has to be there.
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: &'static str,
    /// What it says.
    pub(super) description: &'static str,
    /// What it may be.
    pub(super) schema: Value,
}

/// What an answer holds.
pub(super) enum Content {
    /// Nothing.
    Nothing,
    /// JSON of this schema.
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Something of another kind.
    Other(&'static str),
}

impl Content {
    fn json<Body: JsonSchema>() -> Self {
        Self::Json(SchemaGenerator::subschema_for::<Body>)
    }
}

impl Operation {
    /// Its body is what this reader accepts.
    pub(super) fn reads<T>(
        self,
        read: impl Fn(&mut Fields<'_>) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        Self {
            body: Some(Box::new(move || schema_of(&read))),
            ..self
        }
    }

    /// It answers this kind of thing instead when it is asked to.
    pub(super) fn or_serves(self, media_type: &'static str) -> Self {
        Self {
            other_content: Some(media_type),
            ..self
        }
    }

    /// This can stand against it.
    pub(super) fn conflicts(self, conflicts: &'static [Conflict]) -> Self {
        Self { conflicts, ..self }
    }

    /// What else there is to know, in sentences.
    pub(super) fn described(self, description: &'static str) -> Self {
        Self {
            description: Some(description),
            ..self
        }
    }

    /// Its query may hold this.
    pub(super) fn parameter(
        mut self,
        name: &'static str,
        description: &'static str,
        schema: Value,
    ) -> Self {
        self.parameters.push(Parameter {
            name,
            description,
            schema,
        });
        self
    }

    /// Its query may hold this, as `true` or `false`.
    pub(super) fn flag(self, name: &'static str, description: &'static str) -> Self {
        let schema = json!({"type": "boolean", "default": false});
        self.parameter(name, description, schema)
    }
}
