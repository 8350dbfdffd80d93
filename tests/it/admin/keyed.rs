//! Every route that is posted to, under an `Idempotency-Key`.
//!
//! Contract, section 3, *Retries*; security case 144. A route that is not tried here fails the test, so
//! that no new one is forgotten.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::APIS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::refusal;
use super::authority::ROUTES;
use super::retries::is_replayed;

/// Posts, and what has come of it.
struct Poster {
    server: TestServer,
    admin: Administrator,
    tried: BTreeSet<&'static str>,
}

/// What starts a secret of any kind.
const SECRET: &str = "ostler_";

/// What was answered first, with `null` in the place of every secret.
fn without_secrets(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with(SECRET) => Value::Null,
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), without_secrets(value)))
            .collect(),
        other => other.clone(),
    }
}

impl Poster {
    async fn start() -> Self {
        let server = TestServer::start().await;
        server.client("nightly", "deploy:read").await;
        Self {
            admin: Administrator::first(&server).await,
            server,
            tried: BTreeSet::new(),
        }
    }

    /// How many changes were made.
    async fn changes(&self) -> usize {
        let all = "SELECT id FROM audit_event WHERE result = 'success'";
        self.server.rows(all).await.len()
    }

    /// Calls `route` at `path` in all ways; returns what the first one answered.
    async fn post(&mut self, route: &'static str, path: &str, body: Value) -> Value {
        let (server, admin) = (&self.server, &self.admin);
        let key = format!("key of {route}");
        let before = self.changes().await;

        // With its answer or not at all.
        server.refuse_inserts("answered_call", "1 = 1").await;
        let refused = admin.keyed(&key, path, &body).await;
        assert_eq!(refusal(&refused), (503, "unavailable".into()), "{route}");
        server.allow_inserts("answered_call").await;
        assert_eq!(self.changes().await, before, "{route}");

        let first = admin.keyed(&key, path, &body).await;
        assert!([200, 201].contains(&first.status), "{}", first.wire());
        assert!(!is_replayed(&first), "{route}");
        let after = self.changes().await;
        self.replays(&key, path, &body, &first).await;
        let other = format!(" {body}");
        let other = server
            .request("POST", &format!("/admin/v1{path}"))
            .bearer(admin.token())
            .header("Idempotency-Key", &key)
            .header("Content-Type", "application/json")
            .body(other);
        let other = refusal(&other.send().await);
        assert_eq!(other, (409, "idempotency_conflict".into()), "{route}");
        assert_eq!(self.changes().await, after, "{route}");
        self.tried.insert(route);
        first.json()
    }

    async fn replays(&self, key: &str, path: &str, body: &Value, first: &Reply) {
        let again = self.admin.keyed(key, path, body).await;
        assert!(is_replayed(&again), "{path}");
        assert_eq!(again.status, first.status, "{path}");
        assert_eq!(again.json(), without_secrets(&first.json()), "{path}");
        for field in ["etag", "content-type"] {
            assert_eq!(again.header(field), first.header(field), "{path}");
        }
    }

    async fn organizations(&mut self) {
        self.post("/organizations", "/organizations", json!({"name": "acme"}))
            .await;
        for (route, path) in [
            (
                "/organizations/{org}/disable",
                "/organizations/acme/disable",
            ),
            ("/organizations/{org}/enable", "/organizations/acme/enable"),
        ] {
            self.post(route, path, json!({})).await;
        }
    }

    async fn accounts(&mut self) {
        let body = json!({"name": "weekly", "credential": {"name": "ci"}});
        let made = self
            .post("/organizations/{org}/service-accounts", ACCOUNTS, body)
            .await;
        assert!(made["credential"]["client_secret"].is_string());
        for (route, action, status) in [
            (
                "/organizations/{org}/service-accounts/{account}/revoke-tokens",
                "revoke-tokens",
                "active",
            ),
            (
                "/organizations/{org}/service-accounts/{account}/disable",
                "disable",
                "disabled",
            ),
            (
                "/organizations/{org}/service-accounts/{account}/enable",
                "enable",
                "active",
            ),
        ] {
            let path = format!("{ACCOUNTS}/weekly/{action}");
            let answered = self.post(route, &path, json!({})).await;
            assert_eq!(answered["status"], status);
            assert_eq!(answered["active_credentials"], 1);
            let found = self.admin.get(&format!("{ACCOUNTS}/weekly")).await;
            assert_eq!(found.json(), answered, "{route}");
        }
    }

    async fn credentials(&mut self) {
        let credentials = format!("{ACCOUNTS}/weekly/credentials");
        let route = "/organizations/{org}/service-accounts/{account}/credentials";
        let made = self.post(route, &credentials, json!({"name": "second"}));
        assert!(made.await["client_secret"].is_string());
        for (route, action) in [
            (
                "/organizations/{org}/service-accounts/{account}/credentials/{credential}/rotate",
                "rotate",
            ),
            (
                "/organizations/{org}/service-accounts/{account}/credentials/{credential}/disable",
                "disable",
            ),
            (
                "/organizations/{org}/service-accounts/{account}/credentials/{credential}/enable",
                "enable",
            ),
            (
                "/organizations/{org}/service-accounts/{account}/credentials/{credential}/revoke",
                "revoke",
            ),
        ] {
            let path = format!("{credentials}/second/{action}");
            let mut answered = self.post(route, &path, json!({})).await;
            let secret = answered.as_object_mut().unwrap().remove("client_secret");
            assert_eq!(secret.is_some(), action == "rotate");
            let found = self.admin.get(&format!("{credentials}/second")).await;
            assert_eq!(found.json(), answered, "{route}");
        }
        let tokens = format!("{ACCOUNTS}/weekly/api-tokens");
        let route = "/organizations/{org}/service-accounts/{account}/api-tokens";
        let made = self.post(route, &tokens, json!({"name": "tool"})).await;
        assert!(made["token"].is_string());
        let listed = self.admin.get(&tokens).await.json();
        assert_eq!(listed["active_count"], 1);
    }

    async fn access_and_apis(&mut self) {
        let wiki = json!({"name": "wiki", "audience": "https://wiki.example.com"});
        for (route, path, body) in [
            (
                "/organizations/{org}/roles",
                ROLES.to_owned(),
                json!({"name": "reader"}),
            ),
            (
                "/organizations/{org}/groups",
                GROUPS.to_owned(),
                json!({"name": "crew"}),
            ),
            ("/organizations/{org}/apis", APIS.to_owned(), wiki),
            (
                "/organizations/{org}/apis/{api}/scopes",
                format!("{APIS}/wiki/scopes"),
                json!({"name": "read"}),
            ),
            (
                "/organizations/{org}/apis/{api}/resources",
                format!("{APIS}/deploy/resources"),
                json!({"type": "project", "key": "VEGA"}),
            ),
        ] {
            self.post(route, &path, body).await;
        }
    }

    async fn keys(&mut self) {
        let made = self.post("/keys", "/keys", json!({"alg": "EdDSA"})).await;
        let first = made["kid"].as_str().unwrap().to_owned();
        assert!(self.publishes(&first).await);
        let forced = json!({"force": true});
        let path = format!("/keys/{first}/activate");
        let active = self.post("/keys/{kid}/activate", &path, forced.clone());
        assert_eq!(active.await["state"], "active");
        let rotation = json!({"alg": "EdDSA"});
        let next = self.post("/keys/rotate", "/keys/rotate", rotation).await;
        assert_eq!(next["items"][0]["state"], "pending");
        let path = format!("/keys/{first}/retire");
        let retiring = self.post("/keys/{kid}/retire", &path, forced).await;
        assert_eq!(retiring["state"], "retiring");
        let path = format!("/keys/{first}/revoke");
        let revoked = self.post("/keys/{kid}/revoke", &path, json!({})).await;
        assert_eq!(revoked["state"], "revoked");
        assert!(!self.publishes(&first).await);
        let found = self.admin.get(&format!("/keys/{first}")).await;
        assert_eq!(found.json(), revoked);
    }

    /// Whether this node has followed a change of the keys.
    async fn publishes(&self, kid: &str) -> bool {
        let published = self.server.get("/.well-known/jwks.json").await;
        published.text().contains(kid)
    }

    async fn tools(&mut self) {
        let token = self.admin.renewed().await.token().to_owned();
        let token = json!({"token": token});
        let inspected = self.post("/tokens/inspect", "/tokens/inspect", token.clone());
        assert_eq!(inspected.await["active"], true);
        let revoked = self.post("/tokens/revoke", "/tokens/revoke", token.clone());
        let revoked = revoked.await;
        assert_eq!(revoked["reasons"], json!(["revoked"]));
        let found = self.admin.post("/tokens/inspect", token).await;
        assert_eq!(found.json(), revoked);
        let question = json!({"client_id": self.server.admin.id});
        self.post("/tokens/preview", "/tokens/preview", question)
            .await;
        for (route, path) in [
            (
                "/organizations/{org}/audit-events/verify",
                "/organizations/default/audit-events/verify",
            ),
            ("/audit-events/verify", "/audit-events/verify"),
        ] {
            let verified = self.post(route, path, json!({})).await;
            assert_eq!(verified["ok"], true);
        }
    }
}

#[tokio::test]
async fn every_post_is_carried_out_once_and_with_its_answer_or_not_at_all() {
    let mut poster = Poster::start().await;
    poster.organizations().await;
    poster.accounts().await;
    poster.credentials().await;
    poster.access_and_apis().await;
    poster.keys().await;
    poster.tools().await;
    let posts = ROUTES.iter().filter(|(method, ..)| *method == "POST");
    let posts: BTreeSet<_> = posts.map(|(_, route, _)| *route).collect();
    assert_eq!(poster.tried, posts);
    let kept = poster.server.rows("SELECT body FROM answered_call").await;
    assert_eq!(kept.len(), posts.len());
    assert!(kept.iter().all(|body| !body.contains(SECRET)));
}

// The answer for a long trail begins before it is known: a key does not change that, and the call is
// under way until the end of it.
#[tokio::test]
async fn a_long_verification_under_a_key_is_answered_in_pieces_and_once() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let (verify, body) = ("/audit-events/verify", json!({}));
    // Nobody's turn, until the answer has begun.
    let turns = server.app.walks.batches.acquire_many(2).await.unwrap();
    let begun = server
        .request("POST", &format!("/admin/v1{verify}"))
        .bearer(admin.token())
        .header("Idempotency-Key", "k")
        .json(&body)
        .begin()
        .await;
    let meanwhile = admin.keyed("k", verify, &body).await;
    assert_eq!(refusal(&meanwhile), (409, "idempotency_conflict".into()));
    drop(turns);
    let first = begun.end().await;
    assert_eq!((first.status, first.is_whole), (200, true));
    assert_eq!(first.json()["ok"], true);

    let again = admin.keyed("k", verify, &body).await;
    assert_eq!((again.status, is_replayed(&again)), (200, true));
    assert_eq!(again.json(), first.json());
}
