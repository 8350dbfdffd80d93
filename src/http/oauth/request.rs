//! What the OAuth endpoints extract from a request: its form, who it claims to be, where it is from.

use std::future::poll_fn;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::FromRequest;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Request;
use axum::http::header;
use axum::http::uri::PathAndQuery;
use axum::response::Response;
use bytes::BytesMut;
use hyper::body::Body;

use crate::app::App;
use crate::app::authority::Origin;
use crate::app::clients;
use crate::app::clients::From;
use crate::http::address::ClientAddress;
use crate::http::address::UserAgent;
use crate::http::error::Error;
use crate::oauth::authorization::Authorization;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::form::Form;
use crate::oauth::refusal::Refusal;
use crate::telemetry::request_id::RequestId;

use super::UNCACHED;

/// What every answer of an endpoint that forms are posted to has in common, refusals apart: it is JSON, and
/// nobody on the way may keep it.
pub static ANSWER_FIELDS: LazyLock<Arc<HeaderMap>> = LazyLock::new(|| {
    let mut fields = HeaderMap::from_iter(UNCACHED);
    let kind = HeaderValue::from_static("application/json");
    fields.insert(header::CONTENT_TYPE, kind);
    Arc::new(fields)
});

/// A request to an OAuth endpoint, as it came.
pub struct OAuthRequest {
    headers: HeaderMap,
    /// Path and query.
    target: Option<PathAndQuery>,
    address: IpAddr,
    user_agent: Option<UserAgent>,
    /// Empty until it is read.
    body: Bytes,
    /// What its answer is made of.
    fields: Arc<HeaderMap>,
}

impl<S: Send + Sync> FromRequest<S> for OAuthRequest {
    type Rejection = Error;

    async fn from_request(request: Request<axum::body::Body>, _: &S) -> Result<Self, Error> {
        let address = request.extensions().get::<ClientAddress>();
        let address = address.map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.0);
        let fields = Arc::clone(&ANSWER_FIELDS);
        let (mut request, mut body) = Self::begin(request, address, fields);
        request.read(&mut body).await?;
        Ok(request)
    }
}

impl OAuthRequest {
    /// A request from `address`, whose answer is made of `fields`, and the body that is to be
    /// [read](Self::read).
    pub fn begin<B>(request: Request<B>, address: IpAddr, fields: Arc<HeaderMap>) -> (Self, B) {
        let (head, body) = request.into_parts();
        let request = Self {
            user_agent: UserAgent::of(&head.headers),
            headers: head.headers,
            target: head.uri.into_parts().path_and_query,
            address,
            body: Bytes::new(),
            fields,
        };
        (request, body)
    }

    /// Reads its body to the end.
    pub async fn read<B>(&mut self, body: &mut B) -> Result<(), Error>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        // The edge has bounded the body. Where it was too large or too slow, it answers instead.
        let whole = whole(body).await;
        self.body = whole.ok_or_else(|| Refusal::invalid_request("the body could not be read"))?;
        Ok(())
    }

    /// Its form, read strictly.
    pub fn form(&self) -> Result<Form<'_>, Refusal> {
        if self.headers.contains_key(header::CONTENT_ENCODING) {
            // What is small here can be huge when it is unpacked; no client of ours compresses.
            return Err(Refusal::invalid_request("the body may not be compressed"));
        }
        let types = self.all(&header::CONTENT_TYPE);
        let query = self.target.as_ref().and_then(PathAndQuery::query);
        Form::parse(types, query, &self.body)
    }

    /// What its `Authorization` header presents.
    pub fn authorization(&self) -> Result<Authorization<'_>, Refusal> {
        Authorization::parse(self.all(&header::AUTHORIZATION))
    }

    /// Where it came from.
    pub fn from(&self) -> From<'_> {
        From {
            address: self.address,
            user_agent: self.user_agent.as_ref().map(UserAgent::as_str),
        }
    }

    /// The same, as an audit event says it.
    pub fn origin(&self) -> Origin {
        let from = self.from();
        Origin {
            address: Some(from.address.to_string()),
            user_agent: from.user_agent.map(str::to_owned),
            request_id: RequestId::current().and_then(|id| id.as_str().parse().ok()),
        }
    }

    /// The client that it proves itself to be, with its [`authorization`](Self::authorization) or in its
    /// form.
    pub async fn client(
        &self,
        app: &App,
        authorization: Authorization<'_>,
        form: &Form<'_>,
    ) -> Result<AuthenticatedClient, Error> {
        Ok(clients::let_in(app, authorization, form, &self.from()).await?)
    }

    /// An answer in JSON that nobody on the way may keep.
    pub fn answer(&self, json: impl Into<axum::body::Body>) -> Response {
        let mut response = Response::new(json.into());
        *response.headers_mut() = HeaderMap::clone(&self.fields);
        response
    }

    fn all(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        self.headers.get_all(name).iter().map(HeaderValue::as_bytes)
    }
}

/// All of a body; `None` when it breaks off. Most come in one piece, which is not copied.
async fn whole(body: &mut (impl Body<Data = Bytes> + Unpin)) -> Option<Bytes> {
    let (mut first, mut whole) = (Bytes::new(), None::<BytesMut>);
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        let Ok(data) = frame.ok()?.into_data() else {
            continue;
        };
        match &mut whole {
            Some(whole) => whole.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => whole
                .insert(BytesMut::from(&*first))
                .extend_from_slice(&data),
        }
    }
    Some(whole.map_or(first, BytesMut::freeze))
}
