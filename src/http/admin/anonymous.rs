//! A call by somebody who does not say who they are.

use std::cell::RefCell;
use std::net::IpAddr;
use std::net::Ipv4Addr;

use axum::body::Bytes;
use axum::extract::FromRequest;
use axum::extract::Request;

use crate::app::App;
use crate::app::authority::Origin;
use crate::app::problem::Problem;
use crate::app::problem::Submitted;
use crate::http::address::ClientAddress;

use super::call::is_json;
use super::call::origin;
use super::call::unreadable;
use super::fields::Fields;
use super::json;
use super::place::Place;
use super::query::Query;

/// A call by somebody of whom nothing is known but where they are.
pub(super) struct AnonymousCall {
    /// From where they call.
    pub(super) address: IpAddr,
    /// The same, as an audit event says it.
    pub(super) origin: Origin,
    query: String,
    is_json: bool,
    body: Bytes,
}

impl FromRequest<App> for AnonymousCall {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let limit = app.config.limits.admin_body_bytes;
        // What is too large or too slow is answered further out, by who bounds it.
        let body = axum::body::to_bytes(body, limit).await;
        let address = parts.extensions.get::<ClientAddress>();
        Ok(Self {
            address: address.map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.0),
            origin: origin(&parts),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            is_json: is_json(&parts),
            body: body.map_err(|_| unreadable())?,
        })
    }
}

impl AnonymousCall {
    /// An object in the body, and no query.
    pub(super) fn object<T>(
        &self,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Submitted<T> {
        Query::parse(&self.query).end()?;
        if !self.is_json {
            return Err(Problem::UnsupportedMediaType);
        }
        let mistakes = RefCell::default();
        let value = json::read(&self.body, &mistakes);
        let read = value.and_then(|value| Place::root(value, &mistakes).object(read));
        let mistakes = mistakes.into_inner();
        match read {
            Some(read) if mistakes.is_empty() => Ok(read),
            _ => Err(Problem::Invalid(mistakes)),
        }
    }
}
