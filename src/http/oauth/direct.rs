//! The endpoints that forms are posted to, led to without the router, whose boxes and layers are some
//! thousands of instructions: every token and every check of one comes by here. All that they do is the
//! same; the router has them as well, for their other paths and for what is no POST.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::Method;
use axum::http::Request;
use axum::response::IntoResponse;
use axum::response::Response;
use hyper::body::Body;

use crate::app::App;
use crate::oauth::metadata::paths;

use super::introspect;
use super::request::OAuthRequest;
use super::revoke;
use super::token;

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direct {
    /// `POST /oauth/token`
    Token,
    /// `POST /oauth/introspect`
    Introspect,
    /// `POST /oauth/revoke`
    Revoke,
}

impl Direct {
    /// The one that has this path, below that of the issuer.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        match path {
            _ if method != Method::POST => None,
            paths::TOKEN => Some(Self::Token),
            paths::INTROSPECT => Some(Self::Introspect),
            paths::REVOKE => Some(Self::Revoke),
            _ => None,
        }
    }

    /// Answers a request from `address` with a bounded body. What is no refusal is made of `fields`.
    pub fn answer<B>(
        self,
        app: App,
        request: Request<B>,
        address: IpAddr,
        fields: Arc<HeaderMap>,
    ) -> impl Future<Output = Response> + use<B>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (mut request, mut body) = OAuthRequest::begin(request, address, fields);
        async move {
            let answer = match request.read(&mut body).await {
                Err(error) => Err(error),
                Ok(()) => match self {
                    Self::Token => token::answer(&app, &request).await,
                    Self::Introspect => introspect::answer(&app, &request).await,
                    // In a box: it is larger and rarer.
                    Self::Revoke => Box::pin(revoke::answer(&app, &request)).await,
                },
            };
            answer.into_response()
        }
    }
}
