//! Every route that changes something, with `If-Match`.
//!
//! Contract, section 3, *Concurrency*; RFC 9110 §13.1.1. A route that is not tried here fails the test,
//! so that no new one is forgotten.

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::refusal;
use super::authority::ROUTES;
use super::crossing::Things;
use super::crossing::filled;
use super::crossing::things_of;

/// What only looks, and a report of a leak, which has no version: there is nothing to change in
/// another one.
const UNVERSIONED: [&str; 6] = [
    "/organizations/{org}/leaks/{secret}",
    "/organizations/{org}/audit-events/verify",
    "/audit-events/verify",
    "/tokens/inspect",
    "/tokens/revoke",
    "/tokens/preview",
];

/// What changes something that has no version before: the route, and what is sent.
fn makers() -> Vec<(&'static str, Value)> {
    let audience = "https://made.example.com";
    vec![
        ("/organizations", json!({"name": "made"})),
        (
            "/organizations/{org}/service-accounts",
            json!({"name": "made-job"}),
        ),
        ("/organizations/{org}/roles", json!({"name": "made"})),
        ("/organizations/{org}/groups", json!({"name": "made"})),
        (
            "/organizations/{org}/apis",
            json!({"name": "made", "audience": audience}),
        ),
        (
            "/organizations/{org}/apis/{api}/scopes",
            json!({"name": "made"}),
        ),
        (
            "/organizations/{org}/apis/{api}/resources",
            json!({"type": "project", "key": "MADE"}),
        ),
        (
            "/organizations/{org}/service-accounts/{account}/credentials",
            json!({"name": "made"}),
        ),
        (
            "/organizations/{org}/service-accounts/{account}/api-tokens",
            json!({"name": "made"}),
        ),
        ("/keys", json!({"alg": "ES256"})),
        ("/keys/rotate", json!({"alg": "ES256"})),
    ]
}

/// What is sent to change a thing; nothing, where that is not said.
fn body_of(method: &str, route: &str) -> Option<Value> {
    let described = || json!({"description": "another"});
    let (_, last) = route.rsplit_once('/')?;
    match (method, last) {
        ("PATCH", "{org}") => Some(json!({"max_service_accounts": 7})),
        ("PATCH", "{account}" | "{role}" | "{group}") => Some(described()),
        ("PATCH", "{credential}" | "{resource}") => Some(json!({"name": "another"})),
        ("PATCH", "{api}") => Some(json!({"token": {"lifetime_seconds": 60}})),
        ("PUT", "access") => Some(json!({"access": [{
            "api": "ostler", "scopes": ["accounts:read"], "resources": {"organization": [], "api": []},
        }]})),
        ("PUT", "roles") => Some(json!({"roles": ["auditor"]})),
        ("POST", "rotate") => Some(json!({"overlap_seconds": 0})),
        ("POST", "activate") => Some(json!({"force": true})),
        _ => None,
    }
}

/// Where the version of what a route changes is read: of the last thing that it names, but for the
/// parts of others.
fn versioned(route: &str) -> &str {
    let whole = ["/secrets/", "/members/"].into_iter().find_map(|part| {
        let at = route.find(part)?;
        Some(&route[..at])
    });
    let last = route.rfind('}').map_or(route, |end| &route[..=end]);
    whole.unwrap_or(last)
}

/// Somebody who changes things of one organization.
struct Changer<'a> {
    admin: &'a Administrator,
    method: &'a str,
    route: &'a str,
    things: Things,
}

impl<'a> Changer<'a> {
    /// With fresh things, in the state from which the change leads.
    async fn of(admin: &'a Administrator, org: &str, (method, route): (&'a str, &'a str)) -> Self {
        let made = admin.post("/organizations", json!({"name": org})).await;
        assert_eq!(made.status, 201, "{}", made.wire());
        let changer = Self {
            things: things_of(admin, org, route).await,
            admin,
            method,
            route,
        };
        let before = match (method, route.rsplit_once('/')) {
            ("POST", Some((thing, "enable"))) => ("POST", format!("{thing}/disable")),
            ("DELETE", Some((members, "{account}"))) if members.ends_with("/members") => {
                ("PUT", route.to_owned())
            }
            _ => return changer,
        };
        let path = filled(&before.1, &changer.things);
        let done = admin.call(before.0, &path, None).await;
        assert_eq!(done.status, 200, "{}", done.wire());
        changer
    }

    async fn tag(&self) -> String {
        let path = filled(versioned(self.route), &self.things);
        let reply = self.admin.get(&path).await;
        let tag = reply.header("etag");
        tag.unwrap_or_else(|| panic!("an ETag at {path}: {}", reply.wire()))
            .to_owned()
    }

    async fn call(&self, matching: Option<&str>) -> Reply {
        let mut path = filled(self.route, &self.things);
        if path.contains("/secrets/") {
            path.push_str("?force=true");
        }
        let body = body_of(self.method, self.route);
        match matching {
            None => self.admin.call(self.method, &path, body.as_ref()).await,
            Some(tag) => {
                let field = ("If-Match", tag);
                let call = self
                    .admin
                    .call_with(field, self.method, &path, body.as_ref());
                call.await
            }
        }
    }

    async fn changes(&self, matching: Option<&str>) -> Reply {
        let reply = self.call(matching).await;
        let done = [200, 204].contains(&reply.status);
        assert!(done, "{}: {}", self.at(), reply.wire());
        reply
    }

    fn at(&self) -> String {
        format!("{} {}", self.method, self.route)
    }
}

/// The tag of the version before.
fn stale(tag: &str) -> String {
    let (id, version) = tag.trim_matches('"').rsplit_once('-').expect("a version");
    let version: i64 = version.parse().expect("a number");
    format!("\"{id}-{}\"", version - 1)
}

const FAILED: (u16, &str) = (412, "precondition_failed");

async fn changes_made(server: &TestServer) -> usize {
    let all = "SELECT id FROM audit_event WHERE result = 'success'";
    server.rows(all).await.len()
}

#[tokio::test]
async fn every_change_is_of_the_version_that_its_maker_names() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let makers: Vec<_> = makers().into_iter().map(|(route, _)| route).collect();
    let changing = ROUTES.iter().filter(|(method, route, _)| {
        *method != "GET"
            && !UNVERSIONED.contains(route)
            && !(*method == "POST" && makers.contains(route))
    });
    for (number, (method, route, _)) in changing.enumerate() {
        let org = format!("org-{number}");
        let changer = Changer::of(&admin, &org, (*method, *route)).await;
        let (tag, at) = (changer.tag().await, changer.at());
        let before = changes_made(&server).await;
        let stale = stale(&tag);
        for other in [stale.as_str(), &format!("W/{tag}"), "\"x\""] {
            let (status, code) = refusal(&changer.call(Some(other)).await);
            assert_eq!((status, code.as_str()), FAILED, "{at}, {other}");
        }
        for malformed in ["", "x", "\"x", "*, \"a\""] {
            let refused = changer.call(Some(malformed)).await;
            assert_eq!(mistakes(&refused), [at_header()], "{at}");
        }
        assert_eq!(changes_made(&server).await, before, "{at}");
        assert_eq!(changer.tag().await, tag, "{at}");

        let reply = changer.changes(Some(&format!("\"x\", {tag}"))).await;
        assert_eq!(changes_made(&server).await, before + 1, "{at}");
        if let Some(new) = reply.header("etag") {
            assert_ne!(new, tag, "{at}");
            assert_eq!(changer.tag().await, new, "{at}");
        }
        // That version is over.
        if *method != "DELETE" {
            let (status, code) = refusal(&changer.call(Some(&tag)).await);
            assert_eq!((status, code.as_str()), FAILED, "{at}");
        }
        for (any, org) in [(Some("*"), "any"), (None, "none")] {
            let again = Changer::of(&admin, &format!("{org}-{number}"), (*method, *route)).await;
            again.changes(any).await;
        }
    }
}

/// What is wrong with a header field.
fn at_header() -> (String, String) {
    at("", "invalid_header")
}

// What has no version yet is not the one that its maker names.
#[tokio::test]
async fn what_has_no_version_yet_is_made_only_if_any_will_do() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for (number, (route, body)) in makers().into_iter().enumerate() {
        let org = format!("org-{number}");
        let made = admin.post("/organizations", json!({"name": org})).await;
        assert_eq!(made.status, 201, "{}", made.wire());
        let path = filled(route, &things_of(&admin, &org, route).await);
        let before = changes_made(&server).await;
        let call = async |tag: &str| {
            let field = ("If-Match", tag);
            admin.call_with(field, "POST", &path, Some(&body)).await
        };
        let (status, code) = refusal(&call("\"x\"").await);
        assert_eq!((status, code.as_str()), FAILED, "{route}");
        assert_eq!(mistakes(&call("x").await), [at_header()], "{route}");
        assert_eq!(changes_made(&server).await, before, "{route}");
        let made = call("*").await;
        assert!([200, 201].contains(&made.status), "{}", made.wire());
    }
}
