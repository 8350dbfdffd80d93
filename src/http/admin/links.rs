//! Where an answer leads: from a thing that was made to what can be done with it.
//!
//! Nobody writes these down: a route that makes something leads to each route below it, by the id
//! that it answers.

use axum::http::StatusCode;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::routes::Route;

/// The links of what `route` answers, by the name of the action that they lead to.
pub(super) fn from(route: &Route, routes: &[Route]) -> Map<String, Value> {
    if route.operation.status != StatusCode::CREATED {
        return Map::new();
    }
    let links = routes.iter().filter_map(|other| {
        let below = other.path.strip_prefix(&route.path)?.strip_prefix('/')?;
        Some((other.operation.name.to_owned(), link(route, other, below)?))
    });
    links.collect()
}

/// A link to `other`, which is `below` the route; `None` when the answer does not name all of it.
fn link(route: &Route, other: &Route, below: &str) -> Option<Value> {
    let mut parameters: Map<String, Value> = parameters_of(&route.path)
        .map(|name| (name.to_owned(), json!(format!("$request.path.{name}"))))
        .collect();
    for (position, name) in parameters_of(below).enumerate() {
        let member = match (position, name) {
            (0, "scope") => "name",
            (0, "kid") => "kid",
            (0, _) => "id",
            (_, "secret") => "secrets/0/id",
            _ => return None,
        };
        parameters.insert(name.to_owned(), json!(format!("$response.body#/{member}")));
    }
    let is_of_one = below.starts_with('{');
    is_of_one.then(|| json!({"operationId": other.operation.name, "parameters": parameters}))
}

/// The parameters of a path, in their order.
fn parameters_of(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.split('/');
    parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
