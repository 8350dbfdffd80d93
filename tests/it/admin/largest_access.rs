//! Access as large as it may be: what it takes to compare it holds up nobody else.
//!
//! The server has one worker here, and one thread for what keeps a core busy. While a test has taken that
//! thread, a comparison cannot end; and everything else has to.

use std::sync::mpsc;

use ostler::domain::access::MAX_ACCESS_BYTES;
use serde_json::Value;
use serde_json::json;
use tokio::runtime;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::ROLES;

/// How many tokens others get, and how often they ask about one, meanwhile.
const OTHERS: usize = 200;

/// How many grants an access has at most.
const GRANTS: usize = 100;

/// Runs a test on one worker and one thread beside it.
fn on_one_worker(test: impl Future<Output = ()>) {
    let mut runtime = runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).max_blocking_threads(1);
    runtime.enable_all().build().unwrap().block_on(test);
}

/// The thread for what keeps a core busy, as long as somebody has it.
struct TakenThread {
    _free: mpsc::Sender<()>,
}

impl TakenThread {
    async fn take() -> Self {
        let (free, freed) = mpsc::channel::<()>();
        let (taken, is_taken) = tokio::sync::oneshot::channel();
        tokio::task::spawn_blocking(move || {
            taken.send(()).unwrap();
            // It ends when the sender is dropped.
            let _ = freed.recv();
        });
        is_taken.await.unwrap();
        Self { _free: free }
    }
}

/// Keys of which a grant may name all but one.
fn keys() -> Vec<String> {
    (0..14)
        .map(|number| format!("{number:02}{}", "x".repeat(88)))
        .collect()
}

/// The largest access that a body may hold: each grant on all keys but another one.
fn largest() -> Value {
    let grant = |number: usize| {
        let mut keys = keys();
        keys.remove(number % keys.len());
        json!({"api": "deploy", "scopes": ["deploy:read"], "resources": {"project": keys}})
    };
    let access: Vec<_> = (0..GRANTS).map(grant).collect();
    let names = 13 * (90 + 3) + "deploy:read".len() + 3;
    assert!((MAX_ACCESS_BYTES * 9 / 10..=MAX_ACCESS_BYTES).contains(&(GRANTS * names)));
    Value::from(access)
}

/// A server with an API that has these keys, and who administers it.
async fn stage() -> (TestServer, Administrator) {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    for key in keys() {
        let resource = json!({"type": "project", "key": key});
        let resources = "/organizations/default/apis/deploy/resources";
        server.create(resources, resource).await;
    }
    let admin = Administrator::first(&server).await;
    (server, admin)
}

/// Others get tokens and ask about them, all of which has to end.
async fn others_go_on(client: &TestClient) {
    let token = client.token("").await;
    for _ in 0..OTHERS {
        client.token("").await;
        assert!(client.sees_active(&token).await);
    }
}

/// Makes a large call while nothing can be compared, and returns its answer.
async fn meanwhile(
    call: impl Future<Output = Reply> + Send + 'static,
    client: &TestClient,
) -> Reply {
    let taken = TakenThread::take().await;
    let call = tokio::spawn(call);
    others_go_on(client).await;
    assert!(!call.is_finished(), "it was compared on the worker");
    drop(taken);
    call.await.unwrap()
}

#[test]
fn a_large_access_is_given_and_taken_away_while_others_go_on() {
    on_one_worker(async {
        let (server, admin) = stage().await;
        let other = server.client("nightly", "deploy:read").await;
        server.client_with("hoarder", json!([])).await;
        let path = format!("{ACCOUNTS}/hoarder/access");
        for access in [largest(), json!([])] {
            let (admin, path) = (admin.clone(), path.clone());
            let body = json!({"access": access});
            let call = async move { admin.put(&path, body).await };
            let reply = meanwhile(call, &other).await;
            assert_eq!(reply.status, 200, "{}", reply.wire());
            assert_eq!(reply.json()["access"], access);
        }
    });
}

#[test]
fn a_large_effective_access_is_told_while_others_go_on() {
    on_one_worker(async {
        let (server, admin) = stage().await;
        let other = server.client("nightly", "deploy:read").await;
        server.client_with("hoarder", largest()).await;
        let path = format!("{ACCOUNTS}/hoarder/effective-access");
        let call = async move { admin.get(&path).await };
        let reply = meanwhile(call, &other).await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        // Each once: there are no more keys to leave out.
        let told = reply.json()["items"].as_array().unwrap().len();
        assert_eq!(told, keys().len());
    });
}

#[test]
fn a_large_role_of_many_accounts_is_narrowed_while_others_go_on() {
    on_one_worker(async {
        let (server, admin) = stage().await;
        let other = server.client("nightly", "deploy:read").await;
        let role = json!({"name": "hoarder", "access": largest()});
        server.create(ROLES, role).await;
        let mut holders = Vec::new();
        // Each has something else of its own, so that none is like another.
        for (number, key) in keys().into_iter().enumerate() {
            let own = json!({
                "api": "deploy", "scopes": ["deploy:write"], "resources": {"project": [key]},
            });
            let account = json!({
                "name": format!("holder-{number}"), "roles": ["hoarder"], "access": [own],
                "credential": {"name": "first"},
            });
            let made = server.create(ACCOUNTS, account).await;
            holders.push(server.client_of(&made));
        }
        let token = holders[0].token("deploy:read").await;
        assert!(holders[0].sees_active(&token).await);

        let path = format!("{ROLES}/hoarder");
        let body = json!({"access": largest().as_array().unwrap()[..1]});
        let call = async move { admin.patch(&path, body).await };
        let reply = meanwhile(call, &other).await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        assert!(!holders[0].sees_active(&token).await);
        let audited = "SELECT changes FROM audit_event WHERE action = 'role.update'";
        let changes: Value = serde_json::from_str(&server.rows(audited).await[0]).unwrap();
        assert_eq!(changes["accounts_with_tokens_revoked"]["after"], 14);
    });
}
