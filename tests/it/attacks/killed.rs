//! A server that is stopped or killed in the midst of its work, as a process.

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::harness::TestClient;
use crate::harness::wire::Connection;

use super::process::Process;

const ACCOUNTS: &str = "/admin/v1/organizations/default/service-accounts";

/// A client of the running server that may ask for tokens of `ostler`.
async fn client(process: &Process, name: &str) -> (TestClient, String) {
    let access = json!([{"api": "ostler", "scopes": ["accounts:read"],
                         "resources": {"organization": "*", "api": "*"}}]);
    let body = json!({"name": name, "access": access, "credential": {"name": "first"}});
    let request = process.request("POST", ACCOUNTS).json(&body);
    let reply = request.bearer(&process.admin.token("").await).send().await;
    assert_eq!(reply.status, 201, "{}", reply.wire());
    let made: Value = reply.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let credential = &made["credential"];
    let (id, secret) = (
        text(&credential["client_id"]),
        text(&credential["client_secret"]),
    );
    (
        TestClient::at(process.address, &id, &secret),
        text(&made["id"]),
    )
}

// Security case 71: `kill -9` right after the 200. (The page cache survives that; that a commit is
// synced before it is acknowledged is checked in `store_contract`.)
#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let mut process = Process::start(&[]).await;
    let mut dead = Vec::new();
    let kept = process.admin.token("").await;
    for round in 0..3 {
        let (bot, account) = client(&process, &format!("killed-bot-{round}")).await;
        let (revoked, disabled) = (process.admin.token("").await, bot.token("").await);
        let admin = process.admin.token("").await;
        let disable = process.request("POST", &format!("{ACCOUNTS}/{account}/disable"));
        // Each is the last thing that the server does, in turn.
        if round % 2 == 0 {
            assert_eq!(disable.bearer(&admin).send().await.status, 200);
            assert_eq!(process.admin.revoke(&revoked).await.status, 200);
        } else {
            assert_eq!(process.admin.revoke(&revoked).await.status, 200);
            assert_eq!(disable.bearer(&admin).send().await.status, 200);
        }
        process.kill_and_restart();

        dead.extend([revoked, disabled]);
        for token in &dead {
            assert!(!process.admin.sees_active(token).await);
        }
        assert_eq!(bot.ask("").await.error(), "invalid_client");
        assert!(process.admin.sees_active(&kept).await);
    }
}

/// Revokes its own tokens on one connection, as fast as it can, until there is no server any more.
/// Tells of each that was acknowledged, and of nothing else that came back.
async fn revoke_until_the_end(
    client: TestClient,
    acknowledged: mpsc::UnboundedSender<String>,
) -> BTreeSet<u16> {
    let mut statuses = BTreeSet::new();
    let token = client.form("/oauth/token", "grant_type=client_credentials");
    while let Ok(mut connection) = Connection::open(client.address()).await {
        while let Ok(reply) = connection.exchange(&token).await {
            statuses.insert(reply.status);
            let token = reply.access_token();
            let revoke = client.form("/oauth/revoke", &format!("token={token}"));
            let Ok(reply) = connection.exchange(&revoke).await else {
                break;
            };
            statuses.insert(reply.status);
            if reply.status == 200 {
                let _ = acknowledged.send(token);
            }
            if reply.header("connection") == Some("close") {
                break;
            }
        }
    }
    statuses
}

// Security case 122.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_under_load_loses_nothing_that_it_acknowledged() {
    let process = Process::start(&[]).await;
    let admin = process.admin.clone();
    let kept = admin.token("").await;
    let (sender, mut acknowledged) = mpsc::unbounded_channel();
    let mut load = JoinSet::new();
    for _ in 0..4 {
        load.spawn(revoke_until_the_end(admin.clone(), sender.clone()));
    }
    drop(sender);
    let mut revoked = Vec::new();
    while revoked.len() < 40 {
        revoked.push(acknowledged.recv().await.expect("load"));
    }

    process.terminate();
    let (status, stopped) = process.ended().await;
    assert_eq!(status.code(), Some(0));
    // Nobody got half an answer, nor a wrong one.
    for statuses in load.join_all().await {
        assert!(
            statuses.is_subset(&BTreeSet::from([200, 503])),
            "{statuses:?}"
        );
    }
    while let Some(token) = acknowledged.recv().await {
        revoked.push(token);
    }

    let process = stopped.restart();
    for token in &revoked {
        assert!(!process.admin.sees_active(token).await);
    }
    assert!(process.admin.sees_active(&kept).await);
}

// Security case 122: who asks twice does not want to wait.
#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let process = Process::start(&[]).await;
    // A request that would keep it for as long as a body may take.
    let mut busy = TcpStream::connect(process.address).await.unwrap();
    let head = "POST /oauth/token HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\
                expect: 100-continue\r\n\r\n";
    busy.write_all(head.as_bytes()).await.unwrap();
    let mut said = [0; 8];
    busy.read_exact(&mut said).await.unwrap();

    process.terminate();
    // It has stopped listening: the first signal was heard.
    while TcpStream::connect(process.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let asked = Instant::now();
    process.terminate();
    let (status, _) = process.ended().await;
    assert_eq!(status.code(), Some(0));
    // It would have waited for eight seconds, and is ready in milliseconds.
    assert!(asked.elapsed() < Duration::from_secs(4));
    let mut rest = Vec::new();
    let _ = busy.read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("HTTP/1.1 2"));
}
