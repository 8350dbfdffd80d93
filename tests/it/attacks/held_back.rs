//! Whoever is stopped while a call of theirs is under way comes too late with it: what waits for its own
//! body, or for other changes, is let in by how things are in the end, and not by how they were.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::Connection;
use tokio::time::interval;

use crate::harness::Reply;
use crate::harness::TestServer;
use crate::harness::wire::Request;

use super::ended::End;
use super::ended::administrator;
use super::ended::token_of;

const ACCOUNTS: &str = "/organizations/default/service-accounts";

/// A call of the admin API by the bearer of this token.
fn call(server: &TestServer, token: &str, path: &str, body: &Value) -> Request {
    let request = server.request("POST", &format!("/admin/v1{path}"));
    request.bearer(token).json(body)
}

/// A new account with a secret of its own.
fn account(name: &str) -> Value {
    json!({"name": name, "credential": {"name": "first"}})
}

/// It was answered as a dead token is, and is in no event.
async fn is_refused(server: &TestServer, token: &str, reply: &Reply) {
    let plain = server
        .request("GET", "/admin/v1/organizations")
        .bearer(token);
    let plain = plain.send().await;
    assert_eq!(plain.status, 401, "{}", plain.wire());
    assert_eq!(steady(reply), steady(&plain));
    let id = reply.header("x-request-id").expect("an id");
    let events = format!("SELECT action FROM audit_event WHERE request_id = '{id}'");
    assert!(server.rows(&events).await.is_empty());
}

/// The status, the challenge and the problem, without the id that each answer has of its own.
fn steady(reply: &Reply) -> (u16, Option<String>, Value) {
    let mut problem = reply.json();
    problem["request_id"] = Value::Null;
    let challenge = reply.header("www-authenticate").map(str::to_owned);
    (reply.status, challenge, problem)
}

async fn has_account(server: &TestServer, name: &str) -> bool {
    let accounts = "SELECT name FROM service_account";
    server.rows(accounts).await.contains(&name.to_owned())
}

// Security cases 60, 63, 64, 65 and 66: what ended a token was acknowledged before the body came.
#[tokio::test]
async fn a_change_whose_body_comes_after_the_end_of_its_token_is_not_made() {
    let server = TestServer::start().await;
    for (number, end) in (0..).zip(End::ALL) {
        let holder = administrator(&server, &format!("admin-{number}")).await;
        let token = token_of(&holder).await;
        let late = format!("late-{number}");
        let held = call(&server, &token, ACCOUNTS, &account(&late));
        let held = held.hold_back().await;

        end.comes(&server, &holder, &token).await;

        let reply = held.send().await;
        assert_eq!(reply.status, 401, "{end:?}: {}", reply.wire());
        is_refused(&server, &token, &reply).await;
        assert!(!has_account(&server, &late).await, "{end:?}");
    }
}

// Security case 61.
#[tokio::test]
async fn nor_is_one_whose_organization_was_disabled_before_its_body_came() {
    let server = TestServer::start().await;
    server
        .create("/organizations", json!({"name": "acme"}))
        .await;
    let accounts = "/organizations/acme/service-accounts";
    let body = json!({"name": "the-owner", "roles": ["owner"], "credential": {"name": "first"}});
    let owner = server.client_of(&server.create(accounts, body).await);
    let token = token_of(&owner).await;
    let held = call(&server, &token, accounts, &account("late-bot"));
    let held = held.hold_back().await;

    server.act("/organizations/acme/disable", json!({})).await;
    let reply = held.send().await;
    is_refused(&server, &token, &reply).await;
    server.act("/organizations/acme/enable", json!({})).await;
    is_refused(&server, &token, &reply).await;
    assert!(!has_account(&server, "late-bot").await);
}

// Security case 60: neither what only reads, nor an answer that is given again.
#[tokio::test]
async fn nothing_is_told_to_whoever_was_stopped_before_the_body_came() {
    let server = TestServer::start().await;
    let holder = administrator(&server, "the-admin").await;
    let token = token_of(&holder).await;
    let keyed = || {
        let request = call(&server, &token, ACCOUNTS, &account("nightly"));
        request.header("Idempotency-Key", "k")
    };
    assert_eq!(keyed().send().await.status, 201);
    let question = json!({"token": token_of(&server.admin).await});
    let inspection = call(&server, &token, "/tokens/inspect", &question);
    assert_eq!(inspection.clone().send().await.status, 200);
    let held = [keyed().hold_back().await, inspection.hold_back().await];

    let disable = format!("{}/disable", holder.account_path());
    server.act(&disable, json!({})).await;
    for held in held {
        is_refused(&server, &token, &held.send().await).await;
    }
}

/// Statements behind the server's back: what a change of another node does that stops the account.
fn stopping(account: &str) -> String {
    format!(
        "UPDATE service_account SET status = 'disabled', generation = generation + 1
         WHERE id = '{account}'"
    )
}

async fn run(database: &mut AnyConnection, statements: &str) {
    let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned()));
    statements.execute(database).await.unwrap();
}

/// Until a change waits for a row that somebody else has locked.
async fn one_waits(server: &TestServer) {
    const WAITING: &str = "SELECT CAST(pid AS TEXT) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut ticks = interval(Duration::from_millis(10));
    for _ in 0..150 {
        ticks.tick().await;
        if !server.rows(WAITING).await.is_empty() {
            return;
        }
    }
    panic!("no change waits for the one that stops its caller");
}

// Security case 60: on PostgreSQL another node stops the caller while the call waits for that very
// change, in whichever organization the call is made; and on the embedded store nothing but the store
// itself knows of it. Whoever makes a change is looked at inside it.
#[tokio::test]
async fn a_change_that_waited_for_the_end_of_its_caller_is_not_made() {
    let server = TestServer::start().await;
    server
        .create("/organizations", json!({"name": "acme"}))
        .await;
    let late = [
        (ACCOUNTS, account("late-bot")),
        ("/organizations/acme/service-accounts", account("late-bot")),
        ("/organizations", json!({"name": "late-bot"})),
    ];
    for (number, (path, body)) in late.iter().enumerate() {
        let everything = json!({"organization": "*", "api": "*"});
        let scopes = json!(["accounts:write", "credentials:write", "organizations:write"]);
        let grant = json!({"api": "ostler", "scopes": scopes, "resources": everything});
        let name = format!("admin-{number}");
        let holder = server.client_with(&name, json!([grant])).await;
        let token = token_of(&holder).await;
        let first = account(&format!("first-{number}"));
        let first = call(&server, &token, ACCOUNTS, &first).send().await;
        assert_eq!(first.status, 201, "{}", first.wire());

        let stopping = stopping(&holder.account);
        let mut other = server.database().await;
        let request = call(&server, &token, path, body);
        let reply = if server.is_embedded() {
            run(&mut other, &stopping).await;
            request.send().await
        } else {
            // As every change of the organization does.
            let lock = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended(id, 0))
                    FROM organization WHERE name = 'default';
                UPDATE organization SET status = status WHERE name = 'default';";
            run(&mut other, &format!("{lock} {stopping}")).await;
            let reply = tokio::spawn(request.send());
            one_waits(&server).await;
            run(&mut other, "COMMIT").await;
            reply.await.unwrap()
        };
        other.close().await.unwrap();
        assert_eq!(reply.status, 401, "{path}: {}", reply.wire());
        let id = reply.header("x-request-id").unwrap();
        let events = format!("SELECT action FROM audit_event WHERE request_id = '{id}'");
        assert!(server.rows(&events).await.is_empty(), "{path}");
    }
    let made = "SELECT name FROM organization UNION ALL SELECT name FROM service_account";
    assert!(!server.rows(made).await.contains(&"late-bot".to_owned()));
}
