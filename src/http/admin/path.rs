//! The names in a path.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::app::problem::Problem;

use super::call::authenticate;

/// The decoded segments of a path. Escaped bytes that are no text name nothing, and that is answered
/// like anything else that does not exist: to callers who are known.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Ok(segments) = axum::extract::Path::from_request_parts(parts, app).await {
            return Ok(Self(segments.0));
        }
        authenticate(app, parts).await?;
        Err(Problem::NotFound("resource"))
    }
}
