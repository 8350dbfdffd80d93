//! What happens when ids of two organizations meet in one call: each kind of id, in each place of
//! each path.
//!
//! A kind of thing that is not made here fails the test, so that no new one is forgotten.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;

use super::actors::Administrator;
use super::authority::ROUTES;
use super::openapi::document;
use super::openapi::routes;

/// How to make a kind of thing that paths name: the parameter, where it is made, from what, and where
/// the answer names it.
type Recipe = (&'static str, &'static str, Value, &'static str);

/// Of each kind.
fn recipes(org: &str) -> Vec<Recipe> {
    let api = json!({
        "name": format!("api-of-{org}"),
        "audience": format!("https://{org}.example.com"),
        "scopes": [{"name": "read"}],
        "resource_types": ["project"],
    });
    let account = json!({"name": format!("account-of-{org}")});
    let resource = json!({"type": "project", "key": format!("KEY-{org}")});
    let accounts = "/organizations/{org}/service-accounts";
    let apis = "/organizations/{org}/apis";
    vec![
        ("api", apis, api, "/id"),
        (
            "scope",
            "/organizations/{org}/apis/{api}/scopes",
            json!({"name": format!("scope-of-{org}")}),
            "/name",
        ),
        (
            "resource",
            "/organizations/{org}/apis/{api}/resources",
            resource,
            "/id",
        ),
        ("account", accounts, account, "/id"),
        (
            "credential",
            "/organizations/{org}/service-accounts/{account}/credentials",
            json!({"name": format!("credential-of-{org}"), "access": []}),
            "/id",
        ),
        (
            "token",
            "/organizations/{org}/service-accounts/{account}/api-tokens",
            json!({"name": format!("token-of-{org}"), "access": []}),
            "/id",
        ),
        (
            "role",
            "/organizations/{org}/roles",
            json!({"name": format!("role-of-{org}")}),
            "/id",
        ),
        (
            "group",
            "/organizations/{org}/groups",
            json!({"name": format!("group-of-{org}")}),
            "/id",
        ),
        ("kid", "/keys", json!({"alg": "ES256"}), "/kid"),
    ]
}

/// The things of one organization, by the parameter that names their kind.
pub type Things = BTreeMap<String, String>;

/// One of each kind, in an organization that there is.
pub async fn things(admin: &Administrator, org: &str) -> Things {
    made_by(admin, org, recipes(org)).await
}

/// One of each kind that this route names.
pub async fn things_of(admin: &Administrator, org: &str, route: &str) -> Things {
    let mut recipes = recipes(org);
    recipes.retain(|(name, ..)| route.split('/').any(|part| parameter(part) == Some(name)));
    made_by(admin, org, recipes).await
}

async fn made_by(admin: &Administrator, org: &str, recipes: Vec<Recipe>) -> Things {
    let mut made = Things::from([("org".to_owned(), org.to_owned())]);
    for (parameter, at, body, member) in recipes {
        let reply = admin.post(&filled(at, &made), body).await;
        assert_eq!(reply.status, 201, "{parameter}: {}", reply.wire());
        let made_of_it = reply.json();
        let name = made_of_it.pointer(member).and_then(Value::as_str);
        let name = name.expect("a name").to_owned();
        made.insert(parameter.to_owned(), name);
        if let Some(secret) = made_of_it.pointer("/secrets/0/id").and_then(Value::as_str) {
            made.insert("secret".to_owned(), secret.to_owned());
            report(admin, org, &made_of_it["client_secret"]).await;
        }
    }
    made
}

/// A secret is reported as leaked, where a person decides what follows: so the report is there too.
async fn report(admin: &Administrator, org: &str, secret: &Value) {
    let policy = json!({"policy": {"leak_report": "finding"}});
    let edited = admin.patch(&format!("/organizations/{org}"), policy).await;
    assert_eq!(edited.status, 200, "{}", edited.wire());
    let reported = admin.post("/leaks", json!({"secret": secret})).await;
    assert_eq!(reported.status, 202, "{}", reported.wire());
}

/// A path with these things in it.
pub fn filled(route: &str, things: &Things) -> String {
    let parts = route.split('/').map(|part| match parameter(part) {
        Some(parameter) => things
            .get(parameter)
            .unwrap_or_else(|| panic!("say in `recipes` how to make a {parameter}")),
        None => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn parameter(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// The last id that there can be: what is built in has the first ones.
const LAST: &str = "7zzzzzzzzzzzzzzzzzzzzzzzzz";

/// The same kind of id, or of name, of nothing.
pub fn unknown(id: &str) -> String {
    match id.rsplit_once('_') {
        Some((prefix, ulid)) if ulid.len() == 26 => format!("{prefix}_{LAST}"),
        _ => "unknown".to_owned(),
    }
}

/// The name of the thing of this kind that an organization has, beside its id.
fn name_of(kind: &str, org: &str) -> String {
    match kind {
        "org" => org.to_owned(),
        "resource" => format!("project:KEY-{org}"),
        _ => format!("{kind}-of-{org}"),
    }
}

fn steady(reply: &Reply) -> (u16, Value) {
    let mut body = reply.json();
    body["request_id"] = json!(null);
    (reply.status, body)
}

async fn changes(server: &TestServer) -> usize {
    let all = "SELECT id FROM audit_event WHERE result = 'success'";
    server.rows(all).await.len()
}

/// An owner of an organization.
pub async fn owner(server: &TestServer, admin: &Administrator, org: &str) -> Administrator {
    let accounts = format!("/organizations/{org}/service-accounts");
    let body = json!({
        "name": format!("owner-of-{org}"),
        "roles": ["owner"],
        "credential": {"name": "first"},
    });
    let made = admin.post(&accounts, body).await;
    assert_eq!(made.status, 201, "{}", made.wire());
    Administrator::of(&server.client_of(&made.json())).await
}

/// A client of the account that the paths of an organization name, and a token of it.
async fn named_by_paths(
    server: &TestServer,
    admin: &Administrator,
    things: &Things,
) -> (TestClient, String) {
    let account = filled("/organizations/{org}/service-accounts/{account}", things);
    let roles = format!("{account}/roles");
    let given = admin.put(&roles, json!({"roles": ["auditor"]})).await;
    assert_eq!(given.status, 200, "{}", given.wire());
    let credentials = format!("{account}/credentials");
    let live = admin.post(&credentials, json!({"name": "live"})).await;
    assert_eq!(live.status, 201, "{}", live.wire());
    let account = things["account"].as_str();
    let client = server.client_of(&json!({"id": account, "credential": live.json()}));
    let token = client.ask(&format!("resource={ISSUER}")).await;
    (client, token.access_token())
}

/// The row of the calls that met a thing of theirs. Whoever names an id that they have no way to know
/// has it from somewhere; a name that is none of one's own is a slip, but for an organization's.
fn row(action: &str, crossed: &str, theirs: &str) -> Option<String> {
    let kind = match crossed {
        "org" => "organization",
        "account" => "service_account",
        "token" => "api_token",
        kind => kind,
    };
    match crossed {
        "scope" => None,
        "org" => Some(format!("{action} {kind} {theirs} x8")),
        _ => Some(format!("{action} {kind} {theirs} x4")),
    }
}

// Security cases 84 and 85: own parents with a foreign child, foreign parents with an own child, each
// by its id and by its name; and what they belong to goes on as before.
#[tokio::test]
async fn an_id_of_another_organization_is_answered_like_one_of_nothing() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for org in ["ours", "theirs"] {
        let made = admin.post("/organizations", json!({"name": org})).await;
        assert_eq!(made.status, 201, "{}", made.wire());
    }
    let (ours, theirs) = (things(&admin, "ours").await, things(&admin, "theirs").await);
    let of_theirs = owner(&server, &admin, "theirs").await;
    let (named, token) = named_by_paths(&server, &admin, &theirs).await;
    let owner = owner(&server, &admin, "ours").await;
    let before = changes(&server).await;
    let told = routes(&document(&server).await);
    let mut refused = Vec::new();
    for (method, route, _) in ROUTES {
        let parameters: Vec<_> = route.split('/').filter_map(parameter).collect();
        // Keys are the instance's: no organization has its own.
        for crossed in parameters.into_iter().filter(|name| *name != "kid") {
            let with = |id: &str| {
                let mut mixed = ours.clone();
                mixed.insert(crossed.to_owned(), id.to_owned());
                filled(route, &mixed)
            };
            for foreign in [theirs[crossed].clone(), name_of(crossed, "theirs")] {
                // What they read and write is wrong as well, and that is not told.
                for body in ["{}", "{"] {
                    let reply = owner.send(method, &with(&foreign), body).await;
                    let unknown = owner.send(method, &with(&unknown(&foreign)), body).await;
                    let at = format!("{method} {route}, {foreign}");
                    assert_eq!(unknown.status, 404, "{at}: {}", unknown.wire());
                    assert_eq!(steady(&reply), steady(&unknown), "{at}");
                }
            }
            // One row for each: it tells of the first call, and all are counted alike.
            server.app.refused_calls.flush_all().await.unwrap();
            let mut told = told.iter();
            let told = told.find(|told| told.method == *method && told.path == *route);
            let action = told.expect("a route").operation["operationId"].as_str();
            refused.extend(row(action.unwrap(), crossed, &theirs[crossed]));
        }
    }
    assert_eq!(changes(&server).await, before);
    let rows = "SELECT action || ' ' || target_type || ' ' || target_id || target_name || ' x'
                    || CAST(occurrences AS TEXT) AS event
                FROM audit_event WHERE result = 'refused' ORDER BY sequence";
    assert_eq!(server.rows(rows).await, refused);
    let chains = "SELECT DISTINCT chain FROM audit_event WHERE result = 'refused'";
    let chain = server.id_of("/organizations/ours").await;
    assert_eq!(server.rows(chains).await, [chain]);
    assert!(server.admin.sees_active(of_theirs.token()).await);
    assert!(
        server.admin.sees_active(&token).await,
        "of an account that was named"
    );
    assert_eq!(named.ask(&format!("resource={ISSUER}")).await.status, 200);
}
