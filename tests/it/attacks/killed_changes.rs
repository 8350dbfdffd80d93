//! A server that is killed in the midst of changes: what is in the audit trail is what was done, and what
//! was acknowledged is in both.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::Value;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::harness::Reply;
use crate::harness::wire::Connection;
use crate::harness::wire::Request;

use super::process::Process;

const ORGANIZATION: &str = "/admin/v1/organizations/default";

/// How often the server is killed, and who makes changes meanwhile.
const ROUNDS: usize = 5;
const CALLERS: usize = 4;

/// A change that was acknowledged: the request that it was, and what it did.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Acknowledged {
    request: String,
    action: &'static str,
    account: String,
}

/// Creates accounts and disables each, on one connection, until there is no server any more.
async fn change_until_the_end(
    to: SocketAddr,
    token: String,
    stem: String,
    acknowledged: mpsc::UnboundedSender<Acknowledged>,
) {
    let mut connection = Connection::open(to).await.expect("a server");
    for number in 0.. {
        let accounts = format!("{ORGANIZATION}/service-accounts");
        let create = Request::new(to, "POST", &accounts)
            .bearer(&token)
            .json(&json!({"name": format!("{stem}-{number}")}));
        let Ok(made) = connection.exchange(&create).await else {
            return;
        };
        assert_eq!(made.status, 201, "{}", made.wire());
        let account = made.json()["id"].as_str().unwrap().to_owned();
        let request = |reply: &Reply| {
            let id = reply.header("x-request-id").expect("a request id");
            id.to_owned()
        };
        let _ = acknowledged.send(Acknowledged {
            request: request(&made),
            action: "service_account.create",
            account: account.clone(),
        });
        let disable = format!("{accounts}/{account}/disable");
        let disable = Request::new(to, "POST", &disable).bearer(&token);
        let Ok(disabled) = connection.exchange(&disable).await else {
            return;
        };
        assert_eq!(disabled.status, 200, "{}", disabled.wire());
        let _ = acknowledged.send(Acknowledged {
            request: request(&disabled),
            action: "service_account.disable",
            account,
        });
    }
}

/// A token of the first administrator for the admin API.
async fn token_of(process: &Process) -> String {
    let asking = format!("resource=http://{}", process.address);
    process.admin.ask(&asking).await.access_token()
}

/// Every item of a list.
async fn all(process: &Process, token: &str, list: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let target = format!("{ORGANIZATION}/{list}?limit=200{cursor}");
        let reply = process.request("GET", &target).bearer(token).send().await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        let page = reply.json();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

// Security case 164, P7: the counts are equal after `kill -9`, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_of_a_server_that_is_killed_says_what_was_done() {
    let mut process = Process::start(&[]).await;
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let token = token_of(&process).await;
        let (sender, mut received) = mpsc::unbounded_channel();
        let mut load = JoinSet::new();
        for caller in 0..CALLERS {
            let stem = format!("bot-{round}-{caller}");
            let (token, sender) = (token.clone(), sender.clone());
            load.spawn(change_until_the_end(process.address, token, stem, sender));
        }
        drop(sender);
        // At another point of their work each time.
        for _ in 0..20 + round {
            acknowledged.insert(received.recv().await.expect("load"));
        }
        process.kill_and_restart();
        load.join_all().await;
        while let Some(change) = received.recv().await {
            acknowledged.insert(change);
        }
    }

    let token = token_of(&process).await;
    let events = all(&process, &token, "audit-events").await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let changes = events.iter().filter(|event| event["result"] == "success");
    let mut by_request = BTreeMap::<_, Vec<_>>::new();
    let (mut created, mut disabled) = (BTreeSet::new(), BTreeSet::new());
    for event in changes {
        let account = text(&event["target"]["id"]);
        let is_news = match event["action"].as_str().unwrap() {
            "service_account.create" => created.insert(account.clone()),
            "service_account.disable" => disabled.insert(account.clone()),
            _ => continue,
        };
        assert!(is_news, "one event for one change: {event}");
        let told = (text(&event["action"]), account);
        let request = text(&event["request_id"]);
        by_request.entry(request).or_default().push(told);
    }
    for change in &acknowledged {
        let expected = (change.action.to_owned(), change.account.clone());
        assert_eq!(by_request.get(&change.request), Some(&vec![expected]));
    }
    assert!(created.len() + disabled.len() >= acknowledged.len());

    // And the other way round: each event has its change, each change has its event.
    let accounts = all(&process, &token, "service-accounts").await;
    let mut bots = accounts.iter().collect::<Vec<_>>();
    bots.retain(|account| text(&account["name"]).starts_with("bot-"));
    let ids: BTreeSet<_> = bots.iter().map(|account| text(&account["id"])).collect();
    assert_eq!(ids, created);
    let stopped = bots
        .iter()
        .filter(|account| account["status"] == "disabled");
    let stopped: BTreeSet<_> = stopped.map(|account| text(&account["id"])).collect();
    assert_eq!(stopped, disabled);

    let verify = format!("{ORGANIZATION}/audit-events/verify");
    let verify = process.request("POST", &verify).bearer(&token);
    let found = verify.send().await.json();
    assert_eq!(found["ok"], true, "{found}");
    assert_eq!(found["checked"], events.len());
}
