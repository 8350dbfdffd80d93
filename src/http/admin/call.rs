//! A call of the admin API: who calls, and what they sent.
//!
//! The token is checked in full on every request, before a byte of the body is looked at, and once more
//! when that has come: whoever sends it slowly may have been stopped meanwhile. (A change looks at it
//! a last time, under its locks.) What was sent is read here and judged later: an unknown id is
//! answered before a mistake in the body.

use std::cell::RefCell;

use axum::body::Bytes;
use axum::extract::FromRequest;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::header;
use axum::http::request::Parts;
use hyper::body::Body as _;
use serde_json::Map;
use serde_json::Value;

use crate::app::App;
use crate::app::authority::Caller;
use crate::app::authority::InOrganization;
use crate::app::authority::OnInstance;
use crate::app::authority::Origin;
use crate::app::page::PageRequest;
use crate::app::problem::BearerFault;
use crate::app::problem::Mistake;
use crate::app::problem::Mistakes;
use crate::app::problem::Problem;
use crate::app::problem::Submitted;
use crate::app::retries::Earlier;
use crate::app::tokens;
use crate::app::tokens::BearerRefused;
use crate::domain::role::AdminScope;
use crate::http::address::ClientAddress;
use crate::http::address::UserAgent;
use crate::oauth::authorization::Authorization;
use crate::oauth::refusal::Refusal;
use crate::telemetry::request_id::RequestId;

use super::conditions;
use super::fields::Fields;
use super::json;
use super::place::Place;
use super::query::Query;
use super::routes::Known;

/// A call by somebody who is known.
pub(super) struct Call {
    /// Who calls.
    pub(super) caller: Caller,
    query: String,
    is_json: bool,
    body: Bytes,
    /// What is wrong with the header fields.
    mistakes: Mistakes,
    /// The call that was made before under the same `Idempotency-Key`.
    earlier: Option<Earlier>,
}

impl FromRequest<App> for Call {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let mut caller = authenticate(app, &parts).await?;
        let is_awaited = !body.is_end_stream();
        // What is too large or too slow is answered further out, by who bounds it.
        let body = axum::body::to_bytes(body, usize::MAX).await;
        let body = body.map_err(|_| unreadable())?;
        if is_awaited {
            caller = authenticate(app, &parts).await?;
        }
        let (terms, mistakes) = conditions::read(app, &parts, &caller, &body);
        let earlier = match terms.keyed() {
            None => None,
            Some(keyed) => keyed.earlier(app).await?,
        };
        let caller = caller.on(terms);
        if let Some(known) = parts.extensions.get::<Known>() {
            known.note(&caller);
        }
        Ok(Self {
            caller,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            is_json: is_json(&parts),
            body,
            mistakes,
            earlier,
        })
    }
}

impl Call {
    /// Proof that the caller holds `scope` in the organization of this name or id.
    pub(super) async fn in_organization(
        &self,
        app: &App,
        organization: &str,
        scope: AdminScope,
    ) -> Result<InOrganization, Problem> {
        let caller = self.caller.clone();
        let within = caller.in_organization(app, organization, scope).await?;
        self.check_unanswered()?;
        Ok(within)
    }

    /// Proof that the caller holds `scope` on the whole instance.
    pub(super) fn on_instance(&self, app: &App, scope: AdminScope) -> Result<OnInstance, Problem> {
        let instance = self.caller.clone().on_instance(app, scope)?;
        self.check_unanswered()?;
        Ok(instance)
    }

    /// Ends a call here that was carried out before, for somebody who may still make it.
    fn check_unanswered(&self) -> Result<(), Problem> {
        match &self.earlier {
            Some(answered @ Earlier::Answered(_)) => Err(answered.clone().into()),
            _ => Ok(()),
        }
    }

    /// An object in the body, and no query.
    pub(super) fn object<T>(
        &self,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Submitted<T> {
        Query::parse(&self.query).end()?;
        self.body(read)
    }

    /// An object in the body, and a flag in the query.
    pub(super) fn object_and_flag<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Submitted<(T, bool)> {
        let mut query = Query::parse(&self.query);
        let flag = query.flag(name);
        query.end()?;
        Ok((self.body(read)?, flag))
    }

    /// Whether it is forced: `force` in the query, and no body.
    pub(super) fn force(&self) -> Submitted<bool> {
        let flag = self.object_and_flag("force", |_| Some(()));
        flag.map(|((), forced)| forced)
    }

    /// A parameter that may be left out, and no body.
    pub(super) fn parameter(&self, name: &'static str) -> Submitted<Option<String>> {
        let mut query = Query::parse(&self.query);
        let value = query.text(name);
        query.end()?;
        self.body(|_| Some(()))?;
        Ok(value)
    }

    /// Nothing: no query, and no body but an empty object.
    pub(super) fn nothing(&self) -> Submitted<()> {
        self.object(|_| Some(()))
    }

    /// What stands in these members of the body, whatever else is wrong with it: some take more than
    /// the route, and that is asked before a mistake is told.
    pub(super) fn members<const N: usize>(&self, names: [&str; N]) -> [Option<Value>; N] {
        let body = self.is_json.then_some(&self.body);
        let body = body.and_then(|body| json::read(body, &RefCell::default()));
        names.map(|name| body.as_ref()?.get(name).cloned())
    }

    /// The parameters of the query.
    pub(super) fn query(&self) -> Query {
        Query::parse(&self.query)
    }

    /// Which part of a list is wanted, and what `read` takes of the query besides.
    pub(super) fn page_of<T>(
        &self,
        read: impl FnOnce(&mut Query) -> T,
    ) -> Submitted<(PageRequest, T)> {
        Query::parse(&self.query).page_of(read)
    }

    /// What `read` takes of the query, and no body.
    pub(super) fn asked<T>(&self, read: impl FnOnce(&mut Query) -> T) -> Submitted<T> {
        let mut query = Query::parse(&self.query);
        let wanted = read(&mut query);
        query.end()?;
        self.body(|_| Some(()))?;
        Ok(wanted)
    }

    fn body<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Submitted<T> {
        let mistakes = RefCell::new(self.mistakes.clone());
        let value = if self.body.is_empty() {
            // A body is optional where nothing in it is required.
            Some(Value::Object(Map::new()))
        } else if self.is_json {
            json::read(&self.body, &mistakes)
        } else {
            return Err(Problem::UnsupportedMediaType);
        };
        let read = value.and_then(|value| Place::root(value, &mistakes).object(read));
        let mistakes = mistakes.into_inner();
        match (read, &self.earlier) {
            (Some(_), Some(earlier)) if mistakes.is_empty() => Err(earlier.clone().into()),
            (Some(read), None) if mistakes.is_empty() => Ok(read),
            _ => Err(Problem::Invalid(mistakes)),
        }
    }
}

/// Who presents the bearer token of the request ([RFC 6750 §2.1]): it has to be active now, and for
/// this very server.
///
/// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
pub(super) async fn authenticate(app: &App, parts: &Parts) -> Result<Caller, Problem> {
    let token = bearer(&parts.headers)?;
    let token = tokens::check_bearer(app, token).await.map_err(refusal)?;
    Ok(Caller::bearer(token, origin(parts)))
}

fn refusal(refused: BearerRefused) -> Problem {
    match refused {
        BearerRefused::Refused(Refusal::MissingToken) => {
            Problem::Unauthorized(BearerFault::Missing)
        }
        BearerRefused::Refused(_) => Problem::Unauthorized(BearerFault::Invalid),
        BearerRefused::Store(error) => error.into(),
    }
}

/// What the request presents as its token; another scheme presents none.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let fields = headers.get_all(header::AUTHORIZATION).iter();
    match Authorization::parse(fields.map(HeaderValue::as_bytes)) {
        Ok(Authorization::Bearer(token)) => Ok(token),
        Ok(_) => Err(Problem::Unauthorized(BearerFault::Missing)),
        Err(_) => Err(Problem::mistake(Mistake {
            pointer: None,
            code: "duplicate",
            detail: "there is more than one Authorization header".to_owned(),
            hint: None,
        })),
    }
}

/// Where a request came from.
pub(super) fn origin(parts: &Parts) -> Origin {
    let address = parts.extensions.get::<ClientAddress>();
    let user_agent = UserAgent::of(&parts.headers);
    Origin {
        address: address.map(ToString::to_string),
        user_agent: user_agent.map(|agent| agent.as_str().to_owned()),
        request_id: RequestId::current().and_then(|id| id.as_str().parse().ok()),
    }
}

/// `application/json`, once, in UTF-8 ([RFC 8259 §8.1]), and not packed: what is small then can be
/// huge when it is unpacked. An edit is `application/merge-patch+json` as well ([RFC 7396 §4]).
///
/// [RFC 7396 §4]: https://www.rfc-editor.org/rfc/rfc7396#section-4
/// [RFC 8259 §8.1]: https://www.rfc-editor.org/rfc/rfc8259#section-8.1
pub(super) fn is_json(parts: &Parts) -> bool {
    let headers = &parts.headers;
    let mut fields = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return false;
    };
    if headers.contains_key(header::CONTENT_ENCODING) {
        return false;
    }
    let Ok(text) = field.to_str() else {
        return false;
    };
    let kinds: &[&str] = match parts.method {
        Method::PATCH => &["application/json", "application/merge-patch+json"],
        _ => &["application/json"],
    };
    let mut text = text.split(';').map(str::trim);
    let is_json = text
        .next()
        .is_some_and(|kind| kinds.iter().any(|known| kind.eq_ignore_ascii_case(known)));
    is_json && text.all(is_utf8)
}

fn is_utf8(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return parameter.is_empty();
    };
    let value = value.trim_matches('"');
    name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8")
}

/// A body that did not arrive as it should.
pub(super) fn unreadable() -> Problem {
    Problem::mistake(Mistake {
        pointer: None,
        code: "invalid",
        detail: "the body could not be read".to_owned(),
        hint: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &header::HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn is_json(method: Method, kinds: &[&str]) -> bool {
        let mut parts = axum::http::Request::new(()).into_parts().0;
        parts.method = method;
        parts.headers = headers(&header::CONTENT_TYPE, kinds);
        super::is_json(&parts)
    }

    #[test]
    fn json_in_utf_8_is_read_and_nothing_else() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json;",
        ] {
            assert!(is_json(Method::POST, &[good]), "{good}");
            assert!(is_json(Method::PATCH, &[good]), "{good}");
        }
        for bad in [
            &[][..],
            &["application/json", "application/json"],
            &["text/plain"],
            &["application/x-www-form-urlencoded"],
            &["application/json; charset=utf-16"],
            &["application/json; boundary=x"],
            &["application/jsonp"],
        ] {
            assert!(!is_json(Method::POST, bad), "{bad:?}");
            assert!(!is_json(Method::PATCH, bad), "{bad:?}");
        }
    }

    // RFC 7396 §4.
    #[test]
    fn a_merge_patch_is_read_where_something_is_edited() {
        let patch = ["application/merge-patch+json; charset=utf-8"];
        assert!(is_json(Method::PATCH, &patch));
        assert!(!is_json(Method::POST, &patch));
        assert!(!is_json(Method::PUT, &patch));
    }

    #[test]
    fn a_bearer_token_is_told_from_nothing_and_from_nonsense() {
        let found = |values: &[&str]| {
            let headers = headers(&header::AUTHORIZATION, values);
            bearer(&headers)
                .map(ToOwned::to_owned)
                .map_err(|problem| problem.code())
        };
        assert_eq!(found(&["Bearer a.b.c"]), Ok("a.b.c".to_owned()));
        assert_eq!(found(&["bEARER a.b.c"]), Ok("a.b.c".to_owned()));
        assert_eq!(found(&[]), Err("unauthorized"));
        assert_eq!(found(&["Basic eDp5"]), Err("unauthorized"));
        assert_eq!(found(&["Bearer a", "Bearer a"]), Err("validation_failed"));
    }
}
