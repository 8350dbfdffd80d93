//! A call by somebody who does not say who they are.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::IpAddr;
use std::net::Ipv4Addr;

use axum::body::Body;
use axum::extract::FromRequest;
use axum::extract::Request;
use axum::http::request::Parts;

use crate::app::App;
use crate::app::authority::Origin;
use crate::app::problem::Problem;
use crate::app::problem::Submitted;
use crate::http::address::ClientAddress;

use super::call::is_json;
use super::call::origin;
use super::call::unreadable;
use super::conditions;
use super::fields::Fields;
use super::json;
use super::place::Place;
use super::query::Query;

/// A call by somebody of whom nothing is known but where they are. What they sent is read when it is
/// asked for, so that they can be turned away before.
pub(super) struct AnonymousCall {
    /// From where they call.
    pub(super) address: IpAddr,
    parts: Parts,
    body: Body,
}

impl FromRequest<App> for AnonymousCall {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &App) -> Result<Self, Infallible> {
        let (parts, body) = request.into_parts();
        let address = parts.extensions.get::<ClientAddress>();
        Ok(Self {
            address: address.map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.0),
            parts,
            body,
        })
    }
}

impl AnonymousCall {
    /// An object in the body, and no query; and where the call came from, as an audit event says it.
    pub(super) async fn object<T>(
        self,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> (Submitted<T>, Origin) {
        let origin = origin(&self.parts);
        (self.read(read).await, origin)
    }

    async fn read<T>(self, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Submitted<T> {
        Query::parse(self.parts.uri.query().unwrap_or_default()).end()?;
        if !is_json(&self.parts) {
            return Err(Problem::UnsupportedMediaType);
        }
        // What is too large or too slow is answered further out, by who bounds it.
        let body = axum::body::to_bytes(self.body, usize::MAX).await;
        let body = body.map_err(|_| unreadable())?;
        // A key is checked like everywhere. Nothing is kept under it: a report that is made again
        // comes to the same.
        let mistakes = RefCell::new(conditions::mistakes(&self.parts));
        let value = json::read(&body, &mistakes);
        let read = value.and_then(|value| Place::root(value, &mistakes).object(read));
        let mistakes = mistakes.into_inner();
        match read {
            Some(read) if mistakes.is_empty() => Ok(read),
            _ => Err(Problem::Invalid(mistakes)),
        }
    }
}
