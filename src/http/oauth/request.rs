//! What the OAuth endpoints extract from a request: its form, who it claims to be, where it is from.

use axum::body::Bytes;
use axum::extract::FromRequest;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Uri;
use axum::http::header;

use crate::app::App;
use crate::app::authority::Origin;
use crate::app::clients;
use crate::app::clients::From;
use crate::http::address::ClientAddress;
use crate::http::address::UserAgent;
use crate::http::error::Error;
use crate::oauth::authorization::Authorization;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::client_auth::PresentedCredential;
use crate::oauth::form::Form;
use crate::oauth::refusal::Refusal;
use crate::telemetry::request_id::RequestId;

/// A request to an OAuth endpoint, whole, as it came.
pub struct OAuthRequest {
    uri: Uri,
    headers: HeaderMap,
    user_agent: Option<UserAgent>,
    body: Bytes,
    address: ClientAddress,
}

impl<S: Send + Sync> FromRequest<S> for OAuthRequest {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let address = request.extensions().get::<ClientAddress>().copied();
        let (uri, headers) = (request.uri().clone(), request.headers().clone());
        let body = Bytes::from_request(request, state).await.map_err(|_| {
            // Too large or too slow: the edge knows, and answers instead.
            Refusal::invalid_request("the body could not be read")
        })?;
        Ok(Self {
            uri,
            user_agent: UserAgent::of(&headers),
            headers,
            body,
            address: address.unwrap_or(ClientAddress(std::net::Ipv4Addr::UNSPECIFIED.into())),
        })
    }
}

impl OAuthRequest {
    /// Its form, read strictly.
    pub fn form(&self) -> Result<Form<'_>, Refusal> {
        if self.headers.contains_key(header::CONTENT_ENCODING) {
            // What is small here can be huge when it is unpacked; no client of ours compresses.
            return Err(Refusal::invalid_request("the body may not be compressed"));
        }
        let types = self.all(&header::CONTENT_TYPE);
        Form::parse(types, self.uri.query(), &self.body)
    }

    /// What its `Authorization` header presents.
    pub fn authorization(&self) -> Result<Authorization<'_>, Refusal> {
        Authorization::parse(self.all(&header::AUTHORIZATION))
    }

    /// Where it came from.
    pub fn from(&self) -> From<'_> {
        From {
            address: self.address.0,
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

    /// The client that it proves itself to be.
    pub async fn client(&self, app: &App, form: &Form<'_>) -> Result<AuthenticatedClient, Error> {
        let presented = PresentedCredential::of_request(self.authorization()?, form)?;
        Ok(clients::authenticate(app, &presented, self.from()).await?)
    }

    fn all(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        self.headers.get_all(name).iter().map(HeaderValue::as_bytes)
    }
}
