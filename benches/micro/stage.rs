//! A server to measure.

use std::future::Future;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use axum::body::Body;
use axum::http::Request;
use axum::http::header;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ostler::app::App;
use ostler::app::clients;
use ostler::app::clients::From;
use ostler::app::open::Ground;
use ostler::clock::SystemClock;
use ostler::config::Config;
use ostler::config::Sources;
use ostler::domain::id::ClientId;
use ostler::domain::secret::Secret;
use ostler::domain::secret::SecretKind;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::token::Claims;
use ostler::domain::token::TokenTyp;
use ostler::http::address::TrustedProxies;
use ostler::http::edge::Edge;
use ostler::http::edge::EdgeSettings;
use ostler::http::limits::Limits;
use ostler::http::metrics::HttpMetrics;
use ostler::http::oauth;
use ostler::http::serve::Peer;
use ostler::oauth::authorization::Authorization;
use ostler::oauth::client_auth::AuthenticatedClient;
use ostler::oauth::client_auth::PresentedCredential;
use ostler::oauth::form::Form;
use ostler::oauth::grant;
use ostler::oauth::grant::Facts;
use ostler::oauth::grant::Lifetimes;
use tempfile::TempDir;

/// What asks for a token.
pub const TOKEN_BODY: &str = "grant_type=client_credentials&scope=accounts:read+audit:read";

/// The first administrator of a fresh server, which gets a token for the server itself, and the
/// pieces of that request.
pub struct Stage {
    pub app: App,
    pub edge: Arc<Edge>,
    pub peer: Peer,
    pub client_id: ClientId,
    pub secret: Secret,
    pub basic: String,
    pub presented: PresentedCredential,
    pub client: AuthenticatedClient,
    pub claims: Claims,
    /// A token of each algorithm.
    pub tokens: Vec<(Algorithm, String)>,
    _directory: TempDir,
}

impl Stage {
    pub async fn set() -> Self {
        let directory = TempDir::new().expect("a directory");
        let ground = Ground::create(config(&directory), Arc::new(SystemClock)).await;
        let ground = ground.expect("a store");
        let first = ground.init().await.expect("an administrator");
        let (client_id, secret) = (first.client_id, first.secret.clone());
        ground.finish_init(first).await.expect("a finished store");
        let app = ground.build().await.expect("a server");

        let basic = basic(client_id, &secret);
        let form = read_form(TOKEN_BODY);
        let presented = present(&basic);
        let client = clients::authenticate(&app, &presented, &from())
            .await
            .expect("the client");
        let claims = grant::decide(&form, &facts(&app, &client))
            .expect("a grant")
            .into_claims(ostler::random::token_id());
        let mut tokens = Vec::new();
        for algorithm in Algorithm::ALL {
            let token = app.key_ring.sign(TokenTyp::AtJwt, algorithm, &claims).await;
            tokens.push((algorithm, token.expect("a token").into_string()));
        }
        Self {
            edge: Arc::new(edge(&app)),
            peer: Peer {
                address: (Ipv4Addr::LOCALHOST, 4_000).into(),
            },
            app,
            client_id,
            secret,
            basic,
            presented,
            client,
            claims,
            tokens,
            _directory: directory,
        }
    }

    /// What is known when the grant is decided.
    pub fn facts(&self) -> Facts<'_> {
        facts(&self.app, &self.client)
    }

    /// Two who are not let in, and why.
    pub fn strangers(&self) -> [(&'static str, PresentedCredential); 2] {
        let guess = ostler::random::secret(SecretKind::ClientSecret);
        let nobody = ClientId::from_bits(1);
        [
            ("a wrong secret", present(&basic(self.client_id, &guess))),
            ("an unknown client", present(&basic(nobody, &guess))),
        ]
    }

    pub fn post(&self, path: &str, body: &str) -> Request<Body> {
        Request::post(path)
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, "micro/1.0")
            .header(header::AUTHORIZATION, &self.basic)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()))
            .expect("a request")
    }
}

fn basic(client_id: ClientId, secret: &Secret) -> String {
    let user_pass = format!("{client_id}:{}", secret.expose());
    format!("Basic {}", BASE64_STANDARD.encode(user_pass))
}

fn present(basic: &str) -> PresentedCredential {
    let header = Authorization::parse([basic.as_bytes()]).expect("a credential");
    PresentedCredential::of_request(header, &read_form(TOKEN_BODY)).expect("a credential")
}

/// A request for a public document.
pub fn get(path: &str) -> Request<Body> {
    let request = Request::get(path).header(header::HOST, "localhost");
    request.body(Body::empty()).expect("a request")
}

/// The answer of what has nothing to wait for.
pub fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("nothing on this path waits"),
    }
}

fn config(directory: &TempDir) -> Config {
    let path = |name: &str| directory.path().join(name).into_os_string();
    let sources = Sources::new().environment([
        ("OSTLER_DATA__DIR", path("data")),
        ("OSTLER_KEYS__DIR", path("keys")),
    ]);
    ostler::config::check(&sources).expect("a configuration").0
}

fn edge(app: &App) -> Edge {
    let settings = EdgeSettings {
        base: String::new(),
        limits: Limits::default(),
        proxies: TrustedProxies::new(Vec::new()),
        https: false,
        clock: Arc::clone(&app.clock),
        metrics: HttpMetrics::new(&app.registry),
    };
    Edge::new(oauth::router(app), settings).with_oauth(app)
}

/// Reads a form as an endpoint does.
pub fn read_form(body: &str) -> Form<'_> {
    let types = [b"application/x-www-form-urlencoded".as_slice()];
    Form::parse(types, None, body.as_bytes()).expect("a form")
}

/// Where the requests come from.
pub fn from() -> From<'static> {
    From {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: Some("micro/1.0"),
    }
}

fn facts<'a>(app: &'a App, client: &'a AuthenticatedClient) -> Facts<'a> {
    Facts {
        client,
        ostler: &app.ostler,
        lifetimes: Lifetimes {
            default: app.config.tokens.lifetime,
            max: app.config.tokens.max_lifetime,
        },
        now: app.clock.now(),
    }
}
