//! What happens to every request before its handler and to every answer after it.
//!
//! One function does it all, on purpose: the OAuth routes are a hot path, and a stack of middleware
//! costs several microseconds of boxes and clones for the same effect. In order:
//!
//! 1. an id, never the caller's own, that goes out as `X-Request-Id`;
//! 2. refusals that need no handler: a missing `Host`, too many header fields, a body that says it is
//!    too large;
//! 3. the handler, with its body bounded, its time bounded, and its panics caught;
//! 4. a JSON body for an answer that has only a status (an unknown path, another method);
//! 5. the header fields that no answer should be without ([`fields`](crate::http::fields)), and the
//!    numbers.
//!
//! All of it costs less than a microsecond.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::Method;
use axum::http::Request;
use axum::http::Response;
use axum::http::Version;
use axum::http::header;
use tokio::time::Instant;
use tower::Service;

use crate::app::App;
use crate::clock::Clock;
use crate::http::address::ClientAddress;
use crate::http::address::TrustedProxies;
use crate::http::body::BodyFate;
use crate::http::body::BodyFault;
use crate::http::body::BoundedBody;
use crate::http::fields::Fields;
use crate::http::limits::Limits;
use crate::http::metrics::HttpMetrics;
use crate::http::oauth::direct::Direct;
use crate::http::oauth::request::ANSWER_FIELDS;
use crate::http::refused::Form;
use crate::http::refused::Refused;
use crate::http::serve::Peer;
use crate::oauth::form::holds_secret;
use crate::telemetry::request_id::RequestId;
use crate::telemetry::request_id::RequestIds;

/// Marks an error answer whose plain text is meant, as an extension of the response: the edge then
/// does not take it for a library's remark and leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsItIs;

/// A router, and what surrounds every request to it.
pub struct Edge {
    router: Router,
    base: Box<str>,
    limits: ArcSwap<Limits>,
    proxies: ArcSwap<TrustedProxies>,
    fields: Fields,
    ids: RequestIds,
    metrics: HttpMetrics,
    oauth: Option<OAuth>,
}

/// What leads to the OAuth endpoints.
struct OAuth {
    /// Whose tokens are asked for and checked there.
    app: App,
    /// What their answers are made of.
    fields: Arc<HeaderMap>,
}

/// What an [`Edge`] needs besides its router.
pub struct EdgeSettings {
    /// The issuer's path, below which the router answers too; usually empty.
    pub base: String,
    /// The bounds of requests and connections.
    pub limits: Limits,
    /// Whose `X-Forwarded-For` counts.
    pub proxies: TrustedProxies,
    /// Whether callers reach us by https only, directly or through a proxy; then answers say so
    /// (`Strict-Transport-Security`).
    pub https: bool,
    /// The time in request ids.
    pub clock: Arc<dyn Clock>,
    /// Where requests are counted.
    pub metrics: HttpMetrics,
}

/// A handler at its work. It is on the heap with its request, which would be moved with the state of each
/// layer above it otherwise.
type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// A request that a handler has.
struct Begun {
    answer: Answering,
    deadline: Instant,
    /// What becomes of the body, of which so many bytes may come.
    fate: BodyFate,
    limit: usize,
}

impl Edge {
    /// Surrounds `router`.
    pub fn new(router: Router, settings: EdgeSettings) -> Self {
        Self {
            router,
            base: settings.base.into(),
            limits: ArcSwap::from_pointee(settings.limits),
            proxies: ArcSwap::from_pointee(settings.proxies),
            fields: Fields::new(settings.https),
            ids: RequestIds::new(settings.clock),
            metrics: settings.metrics,
            oauth: None,
        }
    }

    /// The same, where the router has the OAuth endpoints of `app`: those that are asked most are led to
    /// without it.
    #[must_use]
    pub fn with_oauth(mut self, app: &App) -> Self {
        self.oauth = Some(OAuth {
            app: app.clone(),
            fields: self.fields.beside(&ANSWER_FIELDS),
        });
        self
    }

    /// The bounds of requests and connections.
    pub fn limits(&self) -> Arc<Limits> {
        self.limits.load_full()
    }

    /// Puts other bounds and other trusted proxies in place of the present ones: for requests and
    /// connections from now on.
    pub fn renew(&self, limits: Limits, proxies: TrustedProxies) {
        self.limits.store(Arc::new(limits));
        self.proxies.store(Arc::new(proxies));
    }

    /// A path without that of the issuer.
    fn below_base<'p>(&self, path: &'p str) -> &'p str {
        let below = path.strip_prefix(&*self.base);
        below.filter(|rest| rest.starts_with('/')).unwrap_or(path)
    }

    pub(crate) fn metrics(&self) -> &HttpMetrics {
        &self.metrics
    }

    /// Answers one request from `peer`.
    pub fn answer<B>(
        self: &Arc<Self>,
        peer: Peer,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<B>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let id = self.ids.next();
        id.scope(Arc::clone(self).answer_as(id, peer, request))
    }

    async fn answer_as<B>(
        self: Arc<Self>,
        id: RequestId,
        peer: Peer,
        request: Request<B>,
    ) -> Result<Response<Body>, Infallible>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let started = Instant::now();
        let path = self.below_base(request.uri().path());
        let form = Form::of(path);
        let in_flight = self.metrics.begin(path, started);
        let version = request.version();
        if request.uri().query().is_some_and(holds_secret) {
            self.metrics.secret_in_query();
        }

        let answer = match self.refuse_unheard(&request) {
            Some(refused) => Err(refused),
            None => self.finish(self.begin(peer, request, started)).await,
        };
        let mut response = answer.unwrap_or_else(|refused| refused.answer(form, id));
        fill_bare(&mut response, form, id);
        self.fields.complete(&mut response, id);
        if version == Version::HTTP_2 {
            // A field of HTTP/1.1 connections (RFC 9113 §8.2.2); a stream ends by itself.
            response.headers_mut().remove(header::CONNECTION);
        }

        in_flight.end(response.status());
        Ok(response)
    }

    /// Refuses what can be refused from the head alone.
    fn refuse_unheard<B: hyper::body::Body>(&self, request: &Request<B>) -> Option<Refused> {
        let headers = request.headers();
        if request.version() == Version::HTTP_11
            && headers.get_all(header::HOST).iter().take(2).count() != 1
        {
            return Some(Refused::bad_host());
        }
        if request.method() == Method::CONNECT || !request.uri().path().starts_with('/') {
            return Some(Refused::no_path());
        }
        // HTTP/1.1 connections refuse this while they parse; HTTP/2 bounds only the size.
        let limits = self.limits.load();
        if headers.len() > limits.headers {
            return Some(Refused::too_many_headers(limits.headers));
        }
        let limit = limits.body_bytes_for(self.below_base(request.uri().path()));
        let announced = request.body().size_hint().lower();
        (announced > limit as u64).then(|| Refused::body(BodyFault::TooLarge, limit))
    }

    /// Hands a request to its handler, within bounds.
    fn begin<B>(&self, peer: Peer, request: Request<B>, started: Instant) -> Begun
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let proxies = self.proxies.load();
        let address = proxies.client_address(peer.address.ip(), request.headers());
        drop(proxies);

        let limits = self.limits.load();
        let limit = limits.body_bytes_for(self.below_base(request.uri().path()));
        let (body_deadline, deadline) = (started + limits.body_read, started + limits.request);
        drop(limits);
        let request = request.map(|body| BoundedBody::new(body, limit, body_deadline));
        Begun {
            fate: request.body().fate(),
            limit,
            deadline,
            answer: self.lead(request, address),
        }
    }

    /// Waits for the answer, within bounds.
    async fn finish(&self, begun: Begun) -> Result<Response<Body>, Refused> {
        let Begun { fate, limit, .. } = begun;
        let answered = tokio::time::timeout_at(begun.deadline, catch_panic(begun.answer)).await;

        if let Some(fault) = fate.fault() {
            return Err(Refused::body(fault, limit));
        }
        match answered {
            Ok(Some(response)) => Ok(response),
            Ok(None) => {
                self.metrics.panicked();
                Err(Refused::panicked())
            }
            Err(_) if fate.is_waiting() => Err(Refused::body(BodyFault::TimedOut, limit)),
            Err(_) => {
                tracing::warn!("a request reached its deadline");
                Err(Refused::deadline())
            }
        }
    }

    /// The handler of the request at its work.
    fn lead<B>(&self, mut request: Request<BoundedBody<B>>, address: ClientAddress) -> Answering
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        if let Some(OAuth { app, fields }) = &self.oauth {
            let path = self.below_base(request.uri().path());
            if let Some(direct) = Direct::of(request.method(), path) {
                let fields = Arc::clone(fields);
                return Box::pin(direct.answer(app.clone(), request, address.0, fields));
            }
        }
        request.extensions_mut().insert(address);
        let request = if hyper::body::Body::is_end_stream(request.body()) {
            request.map(|_| Body::empty())
        } else {
            request.map(Body::new)
        };
        let mut router = self.router.clone();
        Box::pin(async move {
            let Ok(response) = router.call(request).await;
            response
        })
    }
}

/// Gives an error that is only a status, or only a library's line of text, a body in our form.
fn fill_bare(response: &mut Response<Body>, form: Form, id: RequestId) {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return;
    }
    let is_bare = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if is_bare && response.extensions().get::<AsItIs>().is_none() {
        Refused::bare(status).write_to(response, form, id);
    }
}

/// Runs a future; `None` if it panics.
///
/// The state that a panic may have left behind is the request's own, and goes with it.
fn catch_panic(mut answering: Answering) -> impl Future<Output = Option<Response<Body>>> {
    std::future::poll_fn(move |cx| {
        catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(cx)))
            .map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
}
