//! Two nodes on one database: what one takes back is dead on the other from its first answer on.
//!
//! The bound is zero (contract, section 4, *Revocation*), also for a node that hears nothing: the
//! database alone is the truth, and a node that cannot ask it says so. The embedded store has one
//! node only, so there these tests have nothing to try.

mod keys;

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::json;
use tokio::time::interval;

use crate::admin::actors::deploy;
use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::services;
use crate::services::Fault;
use crate::services::FaultProxy;

/// How often at most is asked whether a node answers again.
const TRIES: usize = 400;

/// A way to end the tokens of a client: what it is called, the method, the path and the body.
type Reduction = (&'static str, &'static str, String, Value);

/// Each way to end the tokens of a client, from the mildest.
fn reductions(client: &TestClient) -> Vec<Reduction> {
    let account = |path: &str| format!("{}{path}", client.account_path());
    let credential = |path: &str| format!("{}{path}", client.credential_path());
    let projects = json!(["APOLLO", "GEMINI"]);
    let less = json!({"access": [deploy(&["deploy:read"], &projects)]});
    let narrower = json!({"access": [deploy(&["deploy:read"], &json!(["APOLLO"]))]});
    let member = "/organizations/default/groups/crew/members/ci-deployer";
    let end = json!({"expires_at": "2026-03-01T20:00:00Z"});
    let rotation = json!({"revoke_tokens": true, "end_overlap": true});
    let nothing = || json!({});
    vec![
        ("less access", "PUT", account("/access"), less),
        ("out of a group", "DELETE", member.to_owned(), nothing()),
        ("an earlier end", "PATCH", account(""), end),
        ("a narrower credential", "PATCH", credential(""), narrower),
        ("a rotation", "POST", credential("/rotate"), rotation),
        (
            "revoked tokens",
            "POST",
            account("/revoke-tokens"),
            nothing(),
        ),
        (
            "a disabled credential",
            "POST",
            credential("/disable"),
            nothing(),
        ),
        ("a disabled account", "POST", account("/disable"), nothing()),
    ]
}

/// A client with access by itself and by a group.
async fn client_in_a_group(server: &TestServer) -> TestClient {
    let client = server
        .client("ci-deployer", "deploy:read deploy:write")
        .await;
    // Less than it has by itself: a group that makes up for what is taken away leaves nothing to end.
    let write = deploy(&["deploy:write"], &json!(["APOLLO"]));
    let role = json!({"name": "writer", "access": [write]});
    server.create("/organizations/default/roles", role).await;
    let group = json!({"name": "crew", "roles": ["writer"]});
    server.create("/organizations/default/groups", group).await;
    let member = "/organizations/default/groups/crew/members/ci-deployer";
    let joined = server.admin("PUT", member, None).await;
    assert!(joined.status < 300, "{}", joined.wire());
    client
}

// Security case 76; contract, section 4: the bound for another node is zero.
#[tokio::test]
async fn what_one_node_takes_back_is_dead_on_the_other_at_once() {
    let server = TestServer::start().await;
    if server.is_embedded() {
        return;
    }
    let other = server.another_node(&[]).await;
    let mut client = client_in_a_group(&server).await;

    let token = client.token("").await;
    assert!(other.admin.sees_active(&token).await);
    assert_eq!(client.revoke(&token).await.status, 200);
    assert!(!other.admin.sees_active(&token).await, "a revoked token");

    for (what, method, path, body) in reductions(&client) {
        // Of either node, and known to both.
        let tokens = [
            client.token("").await,
            client.on(other.address).token("").await,
        ];
        for token in &tokens {
            assert!(other.admin.sees_active(token).await, "before {what}");
            assert!(server.admin.sees_active(token).await, "before {what}");
        }
        let reply = server.admin(method, &path, Some(&body)).await;
        assert!(reply.status < 300, "{what}: {}", reply.wire());
        for token in &tokens {
            assert!(!other.admin.sees_active(token).await, "{what}");
            assert!(!server.admin.sees_active(token).await, "{what}");
        }
        if let Some(secret) = reply_secret(&reply) {
            client = client.with_secret(&secret);
        }
        // What was stopped gets nothing there, starts again, and revives nothing.
        if what.starts_with("a disabled") {
            let refused = client.on(other.address).ask("").await;
            assert_eq!(refused.error(), "invalid_client", "{what}");
            let enable = path.replace("/disable", "/enable");
            server.act(&enable, json!({})).await;
            for token in &tokens {
                assert!(!other.admin.sees_active(token).await, "{what}, enabled");
            }
        }
    }

    let token = client.token("").await;
    assert!(other.admin.sees_active(&token).await);
    server.delete(&client.account_path()).await;
    assert!(!other.admin.sees_active(&token).await, "a deleted account");
    let refused = client.on(other.address).ask("").await;
    assert_eq!(refused.error(), "invalid_client");
}

/// The secret of an answer that has one.
fn reply_secret(reply: &Reply) -> Option<String> {
    let answer: Value = serde_json::from_slice(&reply.body).ok()?;
    Some(answer["client_secret"].as_str()?.to_owned())
}

// Security cases 61 and 76: a whole organization; and API tokens, which are no JWT.
#[tokio::test]
async fn what_is_disabled_takes_its_api_tokens_with_it_on_the_other_node() {
    let server = TestServer::start().await;
    if server.is_embedded() {
        return;
    }
    let other = server.another_node(&[]).await;
    let acme = json!({"name": "acme"});
    server.create("/organizations", acme).await;
    let accounts = "/organizations/acme/service-accounts";
    let body = json!({"name": "acme-auditor", "roles": ["auditor"], "credential": {"name": "a"}});
    let made = server.create(accounts, body).await;
    let client = server.client_of(&made);
    let path = format!("{accounts}/{}/api-tokens", client.account);
    let api_token = server.create(&path, json!({"name": "tool"})).await;
    let api_token = api_token["token"].as_str().unwrap().to_owned();
    let token = client.token("").await;
    for value in [&token, &api_token] {
        assert!(other.admin.sees_active(value).await);
    }

    server.act("/organizations/acme/disable", json!({})).await;
    for value in [&token, &api_token] {
        assert!(!other.admin.sees_active(value).await);
    }
    server.act("/organizations/acme/enable", json!({})).await;
    assert!(!other.admin.sees_active(&token).await);
    assert!(other.admin.sees_active(&api_token).await);

    let revoke = format!("{path}/tool");
    server.delete(&revoke).await;
    assert!(!other.admin.sees_active(&api_token).await);
}

/// What a node may be cut off from, and how.
#[derive(Clone, Copy, Debug)]
enum CutOff {
    Redis(Fault),
    Database(Fault),
    Both(Fault),
}

impl CutOff {
    const ALL: [Self; 5] = [
        Self::Redis(Fault::Cut),
        Self::Redis(Fault::BlackHole),
        Self::Database(Fault::Cut),
        Self::Database(Fault::BlackHole),
        Self::Both(Fault::Cut),
    ];

    fn happens_to(self, links: &Links) {
        match self {
            Self::Redis(fault) => links.redis.set(fault),
            Self::Database(fault) => links.database.set(fault),
            Self::Both(fault) => {
                links.redis.set(fault);
                links.database.set(fault);
            }
        }
    }

    /// Whether the database, which knows, can be asked.
    fn leaves_the_truth(self) -> bool {
        matches!(self, Self::Redis(_))
    }
}

/// The ways of a node to what it shares with the others.
struct Links {
    database: FaultProxy,
    redis: FaultProxy,
}

impl Links {
    fn mend(&self) {
        self.database.set(Fault::Pass);
        self.redis.set(Fault::Pass);
    }
}

/// Another node, which may fail while it is cut off.
async fn node_that_can_be_cut_off(server: &TestServer) -> (TestServer, Links) {
    let database = server.app.config.database.url.expose_secret().to_owned();
    let (to_database, database) = FaultProxy::before(&database).await;
    let (to_redis, redis) = FaultProxy::before(&services::redis_url()).await;
    let settings = [("database.url", &*database), ("redis.url", &*redis)];
    let other = server.another_node(&settings).await;
    other.may_fail();
    let links = Links {
        database: to_database,
        redis: to_redis,
    };
    (other, links)
}

/// Ways to end every token of an account that lie far apart in the server.
const ENDS: [(&str, &str); 4] = [
    ("POST", "/disable"),
    ("POST", "/revoke-tokens"),
    ("PUT", "/access"),
    ("DELETE", ""),
];

// Security case 76: cut off from Redis, and from whatever would tell it of changes, the other node
// says what is so, or that it cannot know.
#[tokio::test]
async fn a_node_that_hears_nothing_never_calls_active_what_was_taken_back() {
    let server = TestServer::start().await;
    if server.is_embedded() {
        return;
    }
    let (other, links) = node_that_can_be_cut_off(&server).await;

    for (number, cut_off) in (0..).zip(CutOff::ALL) {
        for (turn, (method, path)) in (0..).zip(ENDS) {
            let case = format!("{cut_off:?}, {method} {path}");
            let name = format!("ci-bot-{number}-{turn}");
            let client = server.client(&name, "deploy:read").await;
            let token = client.token("").await;
            // Whatever may be remembered of it there, is.
            for _ in 0..2 {
                assert!(other.admin.sees_active(&token).await, "{case}");
            }
            cut_off.happens_to(&links);
            let body = json!({"access": []});
            let body = (method == "PUT").then_some(&body);
            let ended = format!("{}{path}", client.account_path());
            let ended = server.admin(method, &ended, body).await;
            assert!(ended.status < 300, "{case}: {}", ended.wire());
            for _ in 0..3 {
                let told = other.admin.introspect(&token).await;
                assert!(is_right(&told, cut_off), "{case}: {}", told.wire());
            }

            links.mend();
            let told = answer_of(&other, &token).await;
            assert_eq!(told, json!({"active": false}), "{case}");
        }
    }
}

/// Whether that is an answer that may be given about a token that has ended.
fn is_right(told: &Reply, cut_off: CutOff) -> bool {
    match told.status {
        200 => told.json() == json!({"active": false}),
        // Security section 2: without Redis the database answers.
        503 => !cut_off.leaves_the_truth(),
        _ => false,
    }
}

/// What a node says about a token when it can answer again.
async fn answer_of(node: &TestServer, token: &str) -> Value {
    let mut ticks = interval(Duration::from_millis(25));
    for _ in 0..TRIES {
        ticks.tick().await;
        let told = node.admin.introspect(token).await;
        if told.status == 200 {
            return told.json();
        }
        assert_eq!(told.status, 503, "{}", told.wire());
    }
    panic!("the node does not answer again");
}

// Security case 76, the other half of it: a node that was cut off issues nothing that outlives the
// change, whatever it remembered of the client.
#[tokio::test]
async fn a_node_that_hears_nothing_issues_nothing_that_lives() {
    let server = TestServer::start().await;
    if server.is_embedded() {
        return;
    }
    let (other, links) = node_that_can_be_cut_off(&server).await;
    for (number, cut_off) in (0..).zip(CutOff::ALL) {
        let name = format!("ci-bot-{number}");
        let client = server.client(&name, "deploy:read").await;
        let there = client.on(other.address);
        answer_of(&other, &client.token("").await).await;
        for _ in 0..2 {
            there.token("").await;
        }
        cut_off.happens_to(&links);
        let disable = format!("{}/disable", client.account_path());
        server.act(&disable, json!({})).await;
        let told = there.ask("").await;
        match told.status {
            // Born dead, if born at all: `account_gen` is the old one.
            200 => assert!(!server.admin.sees_active(&told.access_token()).await),
            401 => assert_eq!(told.error(), "invalid_client"),
            status => assert_eq!(status, 503, "{cut_off:?}: {}", told.wire()),
        }
        links.mend();
    }
}
