//! Signing keys that two nodes make at once, under one `Idempotency-Key`: one call is carried out, and of
//! the other nothing is left.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::time::interval;

use crate::admin::actors::Administrator;
use crate::admin::actors::refusal;
use crate::admin::key_life::file_of;
use crate::admin::key_life::key_files;
use crate::harness::Reply;
use crate::harness::TestServer;

use super::TRIES;

/// Both calls at once: each has made its key before either comes to write of it.
async fn at_once(server: &TestServer, callers: [&Administrator; 2], calls: Calls) -> Vec<Reply> {
    let (path, bodies) = calls;
    let both_made = key_files(server) + 2;
    let held_up = server.app.store.begin(None).await.unwrap();
    let calls = callers.into_iter().zip(bodies).map(|(caller, body)| {
        let caller = caller.clone();
        tokio::spawn(async move { caller.keyed(path, path, &body).await })
    });
    let calls: Vec<_> = calls.collect();
    let mut ticks = interval(Duration::from_millis(10));
    for _ in 0..TRIES {
        ticks.tick().await;
        if key_files(server) == both_made {
            break;
        }
    }
    assert_eq!(key_files(server), both_made, "{path}");
    drop(held_up);
    let mut replies = Vec::new();
    for call in calls {
        replies.push(call.await.unwrap());
    }
    replies.sort_by_key(|reply| reply.status);
    replies
}

/// Where both nodes are called, and with what.
type Calls = (&'static str, [Value; 2]);

#[tokio::test]
async fn the_key_of_a_call_to_which_another_node_was_faster_leaves_no_file() {
    let server = TestServer::start().await;
    if server.is_embedded() {
        return;
    }
    let other = server.another_node(&[]).await;
    let here = Administrator::first(&server).await;
    let there = Administrator::first(&other).await;
    let algorithms = || [json!({"alg": "ES256"}), json!({"alg": "EdDSA"})];
    for (made, path) in (1..).zip(["/keys/rotate", "/keys"]) {
        let replies = at_once(&server, [&here, &there], (path, algorithms())).await;
        let (first, late) = (&replies[0], &replies[1]);
        assert!(first.status < 300, "{path}: {}", first.wire());
        let conflict = (409, "idempotency_conflict".to_owned());
        assert_eq!(refusal(late), conflict, "{path}");
        // Those of the beginning, that of the audit key, and that of each call that was carried out.
        assert_eq!(key_files(&server), 3 + 1 + made, "{path}");
        let recorded = server.rows("SELECT kid FROM signing_key").await;
        assert_eq!(recorded.len(), 3 + made, "{path}");
        for kid in recorded {
            assert!(file_of(&server, &kid).exists(), "{path}: {kid}");
        }
    }
}

// The same call, by two nodes: the second gets the first one's answer.
#[tokio::test]
async fn a_key_that_two_nodes_are_asked_for_once_is_made_once() {
    let server = TestServer::start().await;
    if server.is_embedded() {
        return;
    }
    let other = server.another_node(&[]).await;
    let here = Administrator::first(&server).await;
    let there = Administrator::first(&other).await;
    let same = || [json!({"alg": "ES256"}), json!({"alg": "ES256"})];
    let replies = at_once(&server, [&here, &there], ("/keys", same())).await;
    assert_eq!([replies[0].status, replies[1].status], [201, 201]);
    assert_eq!(replies[0].json(), replies[1].json());
    assert_eq!(key_files(&server), 3 + 1 + 1);
}
