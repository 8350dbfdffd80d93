//! The routes of the admin API: each has a handler, and an operation that says what it does.
//!
//! A call that is denied to a caller who is known is noted here, for every route alike: the action
//! is what the route was registered with, the target what the path names. The scope that it was
//! registered with is what its callers have to hold: see [`inside`](super::inside). Nor does any route
//! have to keep its answers for those who ask again: see [`kept`].

use std::sync::Arc;
use std::sync::OnceLock;

use axum::Router;
use axum::extract::Request;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::Method;
use axum::http::Uri;
use axum::middleware;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::MethodFilter;
use axum::routing::MethodRouter;
use axum::routing::on;
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use crate::app::App;
use crate::app::authority::Caller;
use crate::app::problem::Denial;
use crate::app::problem::shown;
use crate::app::refused_calls::Circumstances;
use crate::app::refused_calls::RefusedCall;
use crate::domain::audit::Target;
use crate::domain::id::looks_like_an_id;

use super::inside::OpenedBy;
use super::kept;
use super::operation::Operation;

/// Where the admin API is.
pub(super) const BASE: &str = "/admin/v1";

/// Routes that are being put together.
pub(super) struct Routes {
    app: App,
    router: Router<App>,
    told: Vec<Route>,
}

/// A route, as it is told.
pub(super) struct Route {
    /// Its method.
    pub(super) method: Method,
    /// Its path below [`BASE`], with its parameters.
    pub(super) path: String,
    /// What it does.
    pub(super) operation: Operation,
}

impl Routes {
    /// None yet.
    pub(super) fn new(app: &App) -> Self {
        Self {
            app: app.clone(),
            router: Router::new(),
            told: Vec::new(),
        }
    }

    /// `GET path` reads something.
    pub(super) fn get<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        handler: H,
        operation: Operation,
    ) -> Self {
        self.route(Method::GET, path, handler, operation)
    }

    /// `POST path` makes something, or does something with it.
    pub(super) fn post<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        handler: H,
        operation: Operation,
    ) -> Self {
        self.route(Method::POST, path, handler, operation)
    }

    /// `PUT path` replaces something.
    pub(super) fn put<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        handler: H,
        operation: Operation,
    ) -> Self {
        self.route(Method::PUT, path, handler, operation)
    }

    /// `PATCH path` edits something.
    pub(super) fn patch<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        handler: H,
        operation: Operation,
    ) -> Self {
        self.route(Method::PATCH, path, handler, operation)
    }

    /// `DELETE path` deletes something.
    pub(super) fn delete<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        handler: H,
        operation: Operation,
    ) -> Self {
        self.route(Method::DELETE, path, handler, operation)
    }

    fn route<H: Handler<T, App>, T: 'static>(
        self,
        method: Method,
        path: &str,
        handler: H,
        operation: Operation,
    ) -> Self {
        let filter = MethodFilter::try_from(method.clone()).expect("a method that HTTP knows");
        self.add(method, path, on(filter, handler), operation)
    }

    fn add(
        mut self,
        method: Method,
        path: &str,
        handler: MethodRouter<App>,
        operation: Operation,
    ) -> Self {
        let watched = Watched {
            app: self.app.clone(),
            action: operation.name,
            opened_by: operation.scope.map(OpenedBy),
            path: Template(path.into()),
        };
        let watch = middleware::from_fn_with_state(watched, watch);
        self.told.push(Route {
            method,
            path: path.to_owned(),
            operation,
        });
        Self {
            router: self.router.route(path, handler.route_layer(watch)),
            ..self
        }
    }

    /// The router, and what is in it.
    pub(super) fn finish(self) -> (Router, Vec<Route>) {
        let router = Router::new().nest(BASE, self.router);
        (router.with_state(self.app), self.told)
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

    /// Who it is, if that has been found out.
    pub(super) fn caller(&self) -> Option<&Caller> {
        self.0.get()
    }
}

#[derive(Clone)]
struct Watched {
    app: App,
    action: &'static str,
    opened_by: Option<OpenedBy>,
    path: Template,
}

async fn watch(State(watched): State<Watched>, mut request: Request, next: Next) -> Response {
    let known = Known::default();
    request.extensions_mut().insert(known.clone());
    if let Some(scope) = watched.opened_by {
        request.extensions_mut().insert(scope);
    }
    let uri = request.uri().clone();
    let keeper = kept::Keeper {
        app: watched.app.clone(),
        known: known.clone(),
    };
    let response = keeper.answer(request, next).await;
    let denial = response.extensions().get::<Denial>();
    if let (Some(denial), Some(caller)) = (denial, known.caller()) {
        watched.note(caller, *denial, &uri);
    }
    response
}

impl Watched {
    fn note(&self, caller: &Caller, denial: Denial, uri: &Uri) {
        let (kind, named) = self.path.target(denial, uri);
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

/// A kind of thing that paths name.
pub(super) struct Kind {
    /// The parameter.
    pub(super) parameter: &'static str,
    /// What a problem calls it, or what is known of it.
    nouns: &'static [&'static str],
    /// What an audit event calls it, and the parameter of a query that names one.
    target: &'static str,
    /// What it is named by.
    pub(super) named_by: &'static str,
}

/// The kinds of things that paths name.
const KINDS: [Kind; 11] = [
    Kind {
        parameter: "org",
        nouns: &["organization"],
        target: "organization",
        named_by: "The organization's id or name",
    },
    Kind {
        parameter: "account",
        nouns: &["service account"],
        target: "service_account",
        named_by: "The service account's id or name",
    },
    Kind {
        parameter: "credential",
        nouns: &["credential"],
        target: "credential",
        named_by: "The credential's id or name",
    },
    Kind {
        parameter: "secret",
        nouns: &["secret", "leak report"],
        target: "secret",
        named_by: "The secret's id",
    },
    Kind {
        parameter: "token",
        nouns: &["API token"],
        target: "api_token",
        named_by: "The API token's id or name",
    },
    Kind {
        parameter: "role",
        nouns: &["role"],
        target: "role",
        named_by: "The role's id or name",
    },
    Kind {
        parameter: "group",
        nouns: &["group"],
        target: "group",
        named_by: "The group's id or name",
    },
    Kind {
        parameter: "api",
        nouns: &["API"],
        target: "api",
        named_by: "The API's id or name",
    },
    Kind {
        parameter: "scope",
        nouns: &["scope"],
        target: "scope",
        named_by: "The scope, percent-encoded as one segment",
    },
    Kind {
        parameter: "resource",
        nouns: &["resource"],
        target: "resource",
        named_by: "The resource's id, or `type:key`, percent-encoded as one segment",
    },
    Kind {
        parameter: "kid",
        nouns: &["signing key"],
        target: "signing_key",
        named_by: "The key's `kid`",
    },
];

/// The kind that a segment of a path names, when that is a parameter.
pub(super) fn kind_of(segment: &str) -> Option<&'static Kind> {
    let parameter = segment.strip_prefix('{')?.strip_suffix('}')?;
    KINDS.iter().find(|kind| kind.parameter == parameter)
}

/// The path of a route, with its parameters.
#[derive(Clone)]
struct Template(Arc<str>);

impl Template {
    /// What a call aimed at: the thing that is missing, or else the last that the path names.
    fn target(&self, denial: Denial, uri: &Uri) -> (&'static str, String) {
        let named = self.0.split('/').zip(uri.path().split('/'));
        let named = named.filter_map(|(part, text)| kind_of(part).map(|kind| (kind, text)));
        let target = named
            .filter(|(kind, _)| match denial {
                Denial::NotAllowed => true,
                Denial::Missing(what) => kind.nouns.contains(&what),
            })
            .last();
        let Some((kind, text)) = target else {
            let asked = asked_for(denial, uri.query().unwrap_or_default());
            return asked.unwrap_or(("instance", String::new()));
        };
        let text = percent_decode_str(text).decode_utf8_lossy();
        (kind.target, text.into_owned())
    }
}

/// The missing thing, where no path names it: the query does.
fn asked_for(denial: Denial, query: &str) -> Option<(&'static str, String)> {
    let Denial::Missing(what) = denial else {
        return None;
    };
    let kind = KINDS.iter().find(|kind| kind.nouns.contains(&what))?;
    let (_, text) =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == kind.target)?;
    Some((kind.target, text.into_owned()))
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
