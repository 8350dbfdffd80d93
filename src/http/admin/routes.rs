//! The routes of the admin API: each has a handler and the name of its action.
//!
//! A call that is denied to a caller who is known is noted here, for every route alike: the action
//! is what the route was registered with, the target what the path names.

use std::sync::Arc;
use std::sync::OnceLock;

use axum::Router;
use axum::extract::Request;
use axum::extract::State;
use axum::handler::Handler;
use axum::middleware;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::MethodFilter;
use axum::routing::on;
use percent_encoding::percent_decode_str;

use crate::app::App;
use crate::app::authority::Caller;
use crate::app::problem::Denial;
use crate::app::problem::shown;
use crate::app::refused_calls::Circumstances;
use crate::app::refused_calls::RefusedCall;
use crate::domain::audit::Target;
use crate::domain::id::looks_like_an_id;

/// Routes that are being put together.
pub(super) struct Routes {
    app: App,
    router: Router<App>,
}

impl Routes {
    /// None yet.
    pub(super) fn new(app: &App) -> Self {
        Self {
            app: app.clone(),
            router: Router::new(),
        }
    }

    /// `GET path` reads something.
    pub(super) fn get<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        action: &'static str,
        handler: H,
    ) -> Self {
        self.route(MethodFilter::GET, path, action, handler)
    }

    /// `POST path` makes something, or does something with it.
    pub(super) fn post<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        action: &'static str,
        handler: H,
    ) -> Self {
        self.route(MethodFilter::POST, path, action, handler)
    }

    /// `PUT path` replaces something.
    pub(super) fn put<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        action: &'static str,
        handler: H,
    ) -> Self {
        self.route(MethodFilter::PUT, path, action, handler)
    }

    /// `DELETE path` deletes something.
    pub(super) fn delete<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        action: &'static str,
        handler: H,
    ) -> Self {
        self.route(MethodFilter::DELETE, path, action, handler)
    }

    fn route<H: Handler<T, App>, T: 'static>(
        self,
        method: MethodFilter,
        path: &str,
        action: &'static str,
        handler: H,
    ) -> Self {
        let watched = Watched {
            app: self.app.clone(),
            action,
            path: Template(path.into()),
        };
        let watch = middleware::from_fn_with_state(watched, watch);
        let handler = on(method, handler).route_layer(watch);
        Self {
            router: self.router.route(path, handler),
            ..self
        }
    }

    /// The router under this path.
    pub(super) fn under(self, path: &str) -> Router {
        Router::new().nest(path, self.router).with_state(self.app)
    }
}

/// Who calls, once that is known: the handler says it, and the route reads it.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<OnceLock<Caller>>);

impl Known {
    /// Notes who it is.
    pub(super) fn note(&self, caller: &Caller) {
        let _ = self.0.set(caller.clone());
    }
}

#[derive(Clone)]
struct Watched {
    app: App,
    action: &'static str,
    path: Template,
}

async fn watch(State(watched): State<Watched>, mut request: Request, next: Next) -> Response {
    let known = Known::default();
    request.extensions_mut().insert(known.clone());
    let uri = request.uri().clone();
    let response = next.run(request).await;
    let denial = response.extensions().get::<Denial>();
    if let (Some(denial), Some(caller)) = (denial, known.0.get()) {
        watched.note(caller, *denial, uri.path());
    }
    response
}

impl Watched {
    fn note(&self, caller: &Caller, denial: Denial, path: &str) {
        let (kind, named) = self.path.target(denial, path);
        if !denial.is_refusal(&named) {
            return;
        }
        let call = RefusedCall::of_caller(caller, self.action, self.app.clock.now());
        let Some(call) = call else { return };
        self.app.refused_calls.note(call, || Circumstances {
            target: target(kind, &named),
            origin: caller.origin().clone(),
        });
    }
}

/// The kinds of things that paths name: the parameter, what a problem calls it, and an event.
const KINDS: [(&str, &str, &str); 7] = [
    ("{org}", "organization", "organization"),
    ("{account}", "service account", "service_account"),
    ("{credential}", "credential", "credential"),
    ("{api}", "API", "api"),
    ("{scope}", "scope", "scope"),
    ("{resource}", "resource", "resource"),
    ("{kid}", "signing key", "signing_key"),
];

/// The path of a route, with its parameters.
#[derive(Clone)]
struct Template(Arc<str>);

impl Template {
    /// What a call to `path` aimed at: the thing that is missing, or else the last that is named.
    fn target(&self, denial: Denial, path: &str) -> (&'static str, String) {
        let kind_of = |part: &str| KINDS.iter().find(|(parameter, ..)| *parameter == part);
        let named = self.0.split('/').zip(path.split('/'));
        let named = named.filter_map(|(part, text)| kind_of(part).map(|kind| (*kind, text)));
        let target = named
            .filter(|((_, noun, _), _)| match denial {
                Denial::NotAllowed => true,
                Denial::Missing(what) => *noun == what,
            })
            .last();
        let Some(((.., kind), text)) = target else {
            return ("instance", String::new());
        };
        let text = percent_decode_str(text).decode_utf8_lossy();
        (kind, text.into_owned())
    }
}

fn target(kind: &'static str, named: &str) -> Target {
    let text = shown(named).unwrap_or_default();
    let is_id = kind == "signing_key" || looks_like_an_id(&text);
    let (id, name) = if is_id {
        (text, String::new())
    } else {
        (String::new(), text)
    };
    Target { kind, id, name }
}
