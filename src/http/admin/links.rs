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
    let below = routes.iter().filter_map(|other| {
        let rest = other.path.strip_prefix(&route.path)?.strip_prefix('/')?;
        let own = rest.split('/').next()?;
        let is_enough = rest.matches('{').count() == 1;
        let own = own.strip_prefix('{')?.strip_suffix('}')?;
        is_enough.then(|| (other.operation.name.to_owned(), link(route, other, own)))
    });
    below.collect()
}

/// A link to `other`, where the parameter `own` says which of them is meant.
fn link(route: &Route, other: &Route, own: &str) -> Value {
    let member = match own {
        "scope" => "name",
        "kid" => "kid",
        _ => "id",
    };
    let mut parameters: Map<String, Value> = parents(&route.path)
        .map(|name| (name.to_owned(), json!(format!("$request.path.{name}"))))
        .collect();
    parameters.insert(own.to_owned(), json!(format!("$response.body#/{member}")));
    json!({"operationId": other.operation.name, "parameters": parameters})
}

fn parents(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.split('/');
    parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
