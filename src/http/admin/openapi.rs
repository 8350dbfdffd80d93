//! `GET /openapi.json`: the admin API as an [OpenAPI 3.1] document, written from the routes
//! themselves.
//!
//! It is open to read: it says what the README says, and nothing of what is in the store.
//!
//! [OpenAPI 3.1]: https://spec.openapis.org/oas/v3.1.1.html

use std::sync::Arc;
use std::sync::OnceLock;

use axum::body::Bytes;
use axum::http::Method;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::config::Config;
use crate::domain::issuer::Issuer;
use crate::domain::role::AdminScope;
use crate::oauth::metadata::paths;

use super::links;
use super::operation::Content;
use super::operation::Operation;
use super::operation::Parameter;
use super::operation::open_action;
use super::problem;
use super::routes::BASE;
use super::routes::Route;
use super::routes::Routes;
use super::routes::kind_of;

/// The name of the one security scheme.
const SCHEME: &str = "ostler";

/// The document, written when it is first asked for.
#[derive(Clone)]
pub(super) struct Document(Arc<Inner>);

struct Inner {
    issuer: Issuer,
    /// Where the routes are.
    server: String,
    routes: OnceLock<Vec<Route>>,
    written: OnceLock<Bytes>,
}

impl Document {
    /// The document of this server; its routes are not known yet.
    pub(super) fn new(config: &Config) -> Self {
        let issuer = &config.server.issuer;
        Self(Arc::new(Inner {
            issuer: issuer.clone(),
            server: server(issuer, config.admin.listen.is_some()),
            routes: OnceLock::new(),
            written: OnceLock::new(),
        }))
    }

    /// Registers its own route.
    pub(super) fn routes(&self, routes: Routes) -> Routes {
        let operation = open_action("openapi.read", "Read this document");
        let document = self.clone();
        routes.get(
            "/openapi.json",
            async move || document.get(),
            operation.serves("application/json"),
        )
    }

    /// These are all routes that there are.
    pub(super) fn describe(&self, routes: Vec<Route>) {
        let _ = self.0.routes.set(routes);
    }

    /// The whole of it.
    pub(super) fn to_json(&self) -> Value {
        let routes = self.0.routes.get().map_or(&[][..], Vec::as_slice);
        document(&self.0.issuer, &self.0.server, routes)
    }

    fn get(&self) -> Response {
        let written = self
            .0
            .written
            .get_or_init(|| self.to_json().to_string().into());
        let json = [(header::CONTENT_TYPE, "application/json")];
        (json, written.clone()).into_response()
    }
}

/// Where the routes are: at the issuer, or, on a listener of their own, where the document itself is
/// read. What address leads there, only the one who reads it knows.
fn server(issuer: &Issuer, has_own_listener: bool) -> String {
    match (has_own_listener, issuer.path()) {
        (false, _) => issuer.endpoint(""),
        (true, "") => "/".to_owned(),
        (true, path) => path.to_owned(),
    }
}

/// The whole document.
fn document(issuer: &Issuer, server: &str, routes: &[Route]) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator();
    let mut by_path = Map::new();
    for route in routes {
        let methods = by_path
            .entry(format!("{BASE}{}", route.path))
            .or_insert_with(|| json!({}));
        let written = operation(route, routes, &mut generator);
        methods[route.method.as_str().to_ascii_lowercase()] = written;
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), problem::schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ostler admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": DESCRIPTION,
        },
        "servers": [{"url": server}],
        "tags": tags(routes),
        "paths": by_path,
        "components": {
            "schemas": schemas,
            "responses": problem::responses(),
            "securitySchemes": {SCHEME: security_scheme(issuer)},
        },
    })
}

const DESCRIPTION: &str = "\
Organizations, service accounts and all that they may do.

Get a token with `resource` = the issuer, and present it as a bearer token. A name is accepted \
wherever an id is. Instants are RFC 3339 in UTC. What is absent is `null`, never left out; members \
may be added to answers, so ignore those you do not know. Requests are read strictly: a member or a \
parameter that is not listed here is refused.

A list goes on with `cursor` = the `next_cursor` of the page before, until that is `null`.

An access has at most 100 grants, and its scopes and keys have at most 131072 bytes in all: each counts \
with three bytes more than its own. All that an account holds, by itself, by its roles and by its \
groups, each once, has at most 2000 grants and 1048576 such bytes. What a credential or an API token is \
narrowed to has at most 10 grants at one API.

An answer about one thing tells its version (`ETag`); a change that sends it back (`If-Match`) is of \
that version or is not made. An edit (`PATCH`) is a merge patch (RFC 7396). A `POST` with an \
`Idempotency-Key` is carried out once within a day, however often it is sent. Where it \
changes nothing, that holds for 500 calls of an account a day and answers of at most 32768 bytes; what is \
asked beyond is answered anew.";

fn security_scheme(issuer: &Issuer) -> Value {
    let scopes: Map<String, Value> = AdminScope::ALL
        .into_iter()
        .map(|scope| (scope.as_str().to_owned(), json!(scope.opens())))
        .collect();
    json!({
        "type": "oauth2",
        "description": "An access token of this server; ask for it with `resource` = the issuer.",
        "flows": {"clientCredentials": {
            "tokenUrl": issuer.endpoint(paths::TOKEN),
            "scopes": scopes,
        }},
    })
}

/// One tag for each kind of thing that actions are on, in the order of the routes.
fn tags(routes: &[Route]) -> Vec<Value> {
    let mut tags: Vec<String> = Vec::new();
    for route in routes {
        let tag = tag(&route.operation);
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags.into_iter().map(|name| json!({"name": name})).collect()
}

fn tag(operation: &Operation) -> String {
    match operation.name.split('.').next().unwrap_or_default() {
        "api" => "API".to_owned(),
        "api_token" => "API token".to_owned(),
        "openapi" => "this document".to_owned(),
        kind => kind.replace('_', " "),
    }
}

fn operation(route: &Route, routes: &[Route], generator: &mut SchemaGenerator) -> Value {
    let told = &route.operation;
    let security = told.scope.map(|scope| json!({SCHEME: [scope.as_str()]}));
    let mut written = json!({
        "operationId": told.name,
        "summary": told.summary,
        "tags": [tag(told)],
        "security": security.into_iter().collect::<Vec<_>>(),
        "responses": responses(route, routes, generator),
    });
    if let Some(description) = told.description {
        written["description"] = json!(description);
    }
    let parameters = parameters(route);
    if !parameters.is_empty() {
        written["parameters"] = json!(parameters);
    }
    if let Some(body) = &told.body {
        let schema = body();
        let required = schema.get("required").is_some();
        let mut content = json!({"application/json": {"schema": schema}});
        if route.method == Method::PATCH {
            content["application/merge-patch+json"] = content["application/json"].clone();
        }
        written["requestBody"] = json!({"required": required, "content": content});
    }
    written
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(kind_of).map(|kind| {
        json!({
            "name": kind.parameter,
            "in": "path",
            "required": true,
            "description": kind.named_by,
            "schema": {"type": "string", "minLength": 1},
        })
    });
    let in_query = route.operation.parameters.iter().map(in_query);
    in_path.chain(in_query).chain(conditions(route)).collect()
}

/// The header fields that say on what terms a call is made.
fn conditions(route: &Route) -> impl Iterator<Item = Value> {
    let is_change = route.method != Method::GET && route.operation.scope.is_some();
    let if_match = is_change.then(|| {
        json!({
            "name": "If-Match",
            "in": "header",
            "description": "The `ETag` of the version to change: any other is left alone",
            "schema": {"type": "string"},
        })
    });
    let key = (is_change && route.method == Method::POST).then(|| {
        json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A name for this call: made again under it, it is answered as before, \
                            without its secrets, and not carried out again",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        })
    });
    if_match.into_iter().chain(key)
}

fn in_query(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": parameter.schema,
    })
}

/// The header fields of an answer when all is well: the version of the one thing that it is about,
/// and whether it was given before.
fn fields_of_success(route: &Route) -> Option<Value> {
    let told = &route.operation;
    let is_json = matches!(told.content, Content::Json(_));
    let is_list = told.parameters.iter().any(|query| query.name == "cursor");
    let text =
        |description: &str| json!({"description": description, "schema": {"type": "string"}});
    let mut fields = Map::new();
    if is_json && !is_list && told.scope.is_some() {
        fields.insert(
            "ETag".to_owned(),
            text("The version of the thing, if it has one"),
        );
    }
    if route.method == Method::POST && told.scope.is_some() {
        let again = "`true` when the call was made before under the same `Idempotency-Key`";
        fields.insert("Idempotency-Replayed".to_owned(), text(again));
    }
    (!fields.is_empty()).then_some(Value::Object(fields))
}

fn responses(route: &Route, routes: &[Route], generator: &mut SchemaGenerator) -> Value {
    let told = &route.operation;
    let mut responses = Map::new();
    let mut success = json!({
        "description": told.status.canonical_reason().unwrap_or("Success"),
    });
    match told.content {
        Content::Nothing => {}
        Content::Json(schema) => {
            let schema = schema(generator);
            success["content"] = json!({"application/json": {"schema": schema}});
        }
        Content::Other(media_type) => success["content"] = json!({media_type: {}}),
    }
    if let Some(media_type) = told.other_content {
        success["content"][media_type] = json!({});
    }
    if let Some(headers) = fields_of_success(route) {
        success["headers"] = headers;
    }
    let links = links::from(route, routes);
    if !links.is_empty() {
        success["links"] = Value::Object(links);
    }
    responses.insert(told.status.as_str().to_owned(), success);
    responses.extend(problem::responses_of(route));
    responses.sort_keys();
    Value::Object(responses)
}
