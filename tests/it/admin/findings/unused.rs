//! What nobody uses, or ever has.

use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::DAY;
use super::SECOND;
use super::client;
use super::full;
use super::none;
use super::the;

#[tokio::test]
async fn what_nobody_used_for_ninety_days_is_found() {
    let server = TestServer::start().await;
    let bot = client(&server, "ci-deployer", &json!(null)).await;
    bot.token("").await;
    server.advance(90 * DAY);
    none(&server, "unused", &bot.account).await;
    server.advance(SECOND);
    let finding = the(&server, "unused", &bot.account).await;
    assert_eq!(finding["severity"], "info");
    assert_eq!(finding["since"], "2026-05-30T12:00:00Z");
    assert_eq!(finding["evidence"]["last_used_at"], "2026-03-01T12:00:00Z");
    let path = finding["action"]["path"].as_str().unwrap();
    let expected = format!("{}/disable", bot.account_path());
    assert_eq!(path, full(&server, &expected).await);
    bot.token("").await;
    none(&server, "unused", &bot.account).await;
}

#[tokio::test]
async fn what_was_never_used_for_seven_days_is_found() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    server.advance(7 * DAY);
    none(&server, "never_used", &bot.account).await;
    server.advance(SECOND);
    let finding = the(&server, "never_used", &bot.account).await;
    assert_eq!(finding["since"], "2026-03-08T12:00:00Z");
    none(&server, "unused", &bot.account).await;
    bot.token("").await;
    none(&server, "never_used", &bot.account).await;
}

/// Another credential of the account, whose secret lives for so long.
pub(super) async fn second(
    server: &TestServer,
    bot: &TestClient,
    name: &str,
    expires_in_seconds: &Value,
) -> TestClient {
    let body = json!({"name": name, "expires_in_seconds": expires_in_seconds});
    let path = format!("{}/credentials", bot.account_path());
    let made = server.create(&path, body).await;
    server.client_of(&json!({"id": bot.account, "credential": made}))
}

/// Carries out the call that a finding names.
async fn mend(server: &TestServer, finding: &Value) {
    let action = &finding["action"];
    let path = action["path"].as_str().unwrap();
    let path = path.strip_prefix("/admin/v1").unwrap();
    let body = Some(&action["body"]).filter(|body| !body.is_null());
    let method = action["method"].as_str().unwrap();
    let reply = server.admin(method, path, body).await;
    assert!(reply.status < 300, "{}", reply.wire());
}

#[tokio::test]
async fn one_credential_of_several_that_nobody_used_for_ninety_days_is_found() {
    let server = TestServer::start().await;
    let bot = client(&server, "ci-deployer", &json!(null)).await;
    let left = second(&server, &bot, "left", &json!(null)).await;
    let other = second(&server, &bot, "other", &json!(null)).await;
    left.token("").await;
    server.advance(DAY);
    other.token("").await;
    server.advance(89 * DAY);
    bot.token("").await;
    none(&server, "unused", &bot.account).await;
    server.advance(SECOND);
    let finding = the(&server, "unused", &bot.account).await;
    assert_eq!(
        finding["subject"],
        json!({"type": "credential", "id": left.credential, "name": "left"})
    );
    assert_eq!(finding["severity"], "info");
    assert_eq!(finding["since"], "2026-05-30T12:00:00Z");
    let organization = server.id_of("/organizations/default").await;
    assert_eq!(
        finding["evidence"],
        json!({
            "last_used_at": "2026-03-01T12:00:00Z",
            "account_last_used_at": "2026-05-30T12:00:00Z",
            "organization": organization,
            "service_account": bot.account,
            "credential": left.credential,
        })
    );
    assert_eq!(
        finding["action"],
        json!({
            "method": "POST",
            "path": full(&server, &format!("{}/disable", left.credential_path())).await,
            "body": {},
        })
    );
    mend(&server, &finding).await;
    none(&server, "unused", &bot.account).await;
    assert_eq!(bot.ask("").await.status, 200);

    // Once nobody uses the account at all, it is one finding, and so are its credentials.
    server.advance(90 * DAY + SECOND);
    let finding = the(&server, "unused", &bot.account).await;
    assert_eq!(finding["subject"]["type"], "service_account");
}

#[tokio::test]
async fn one_credential_of_several_that_was_never_used_is_found() {
    let server = TestServer::start().await;
    let bot = client(&server, "ci-deployer", &json!(null)).await;
    let spare = second(&server, &bot, "spare", &json!(null)).await;
    // What cannot be used any more is nothing to look at.
    let day = json!(DAY.as_secs());
    second(&server, &bot, "ended", &day).await;
    let stopped = second(&server, &bot, "stopped", &json!(null)).await;
    let stop = format!("{}/disable", stopped.credential_path());
    server.act(&stop, json!({})).await;
    server.advance(7 * DAY + SECOND);
    let finding = the(&server, "never_used", &bot.account).await;
    assert_eq!(finding["subject"]["type"], "service_account");
    bot.token("").await;
    let finding = the(&server, "never_used", &bot.account).await;
    assert_eq!(
        finding["subject"],
        json!({"type": "credential", "id": spare.credential, "name": "spare"})
    );
    assert_eq!(finding["since"], "2026-03-08T12:00:00Z");
    assert_eq!(finding["evidence"]["created_at"], "2026-03-01T12:00:00Z");
    none(&server, "unused", &bot.account).await;
    spare.token("").await;
    none(&server, "never_used", &bot.account).await;
}

#[tokio::test]
async fn an_api_token_that_nobody_uses_is_found_and_revoked() {
    let server = TestServer::start().await;
    let bot = client(&server, "ci-deployer", &json!(null)).await;
    let life = json!({"expires_in_seconds": 365 * DAY.as_secs()});
    let used = server.api_token(&bot, "used", life.clone()).await;
    let unused = server.api_token(&bot, "never", life).await;
    bot.token("").await;
    server.exchange(used["token"].as_str().unwrap(), "").await;
    server.advance(7 * DAY + SECOND);
    let finding = the(&server, "never_used", &bot.account).await;
    let subject = json!({"type": "api_token", "id": unused["id"], "name": "never"});
    assert_eq!(finding["subject"], subject);
    assert_eq!(finding["evidence"]["api_token"], unused["id"]);
    assert_eq!(finding["action"]["method"], "DELETE");
    mend(&server, &finding).await;
    none(&server, "never_used", &bot.account).await;

    server.advance(83 * DAY);
    bot.token("").await;
    let finding = the(&server, "unused", &bot.account).await;
    assert_eq!(finding["subject"]["id"], used["id"]);
    assert_eq!(finding["since"], "2026-05-30T12:00:00Z");
}

#[tokio::test]
async fn what_is_unused_comes_page_by_page_the_longest_unused_first() {
    let server = TestServer::start().await;
    let bot = client(&server, "busy-bot", &json!(null)).await;
    let mut expected = Vec::new();
    let mut credentials = Vec::new();
    for number in 0..3 {
        let idle = client(&server, &format!("idle-bot-{number}"), &json!(null)).await;
        let left = second(&server, &bot, &format!("left-{number}"), &json!(null)).await;
        credentials.push((idle, left));
    }
    // Used in the opposite order of their ids.
    for (idle, left) in credentials.iter().rev() {
        server.advance(SECOND);
        idle.token("").await;
        left.token("").await;
    }
    expected.extend(credentials.iter().rev().map(|(idle, _)| &idle.account));
    expected.extend(credentials.iter().rev().map(|(_, left)| &left.credential));
    server.advance(90 * DAY + SECOND);
    bot.token("").await;
    for limit in [1, 2, 200] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/findings?kind=unused&organization=default&limit={limit}{cursor}");
            let page = server.admin("GET", &path, None).await.json();
            let items = page["items"].as_array().unwrap().iter();
            found.extend(items.map(|item| item["subject"]["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert!(
            found.iter().eq(expected.iter().copied()),
            "{limit}: {found:?}"
        );
    }
}

/// Adds copies of this credential, with its last use, behind the server's back.
async fn multiply(server: &TestServer, credential: &str, copies: u32) {
    let numbers = format!(
        "WITH RECURSIVE numbers(n) AS
             (SELECT 10001 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000 + {copies}),
         marks(mark) AS (SELECT CAST(n AS TEXT) FROM numbers)"
    );
    let credentials = format!(
        "{numbers}
         INSERT INTO credential (id, organization_id, account_id, client_id, kind, name,
             folded_name, status, generation, allowed_networks, is_narrowed, created_at, updated_at)
         SELECT id || mark, organization_id, account_id, client_id || mark, kind, name || mark,
                folded_name || mark, status, generation, allowed_networks, is_narrowed, created_at,
                updated_at
         FROM credential, marks WHERE id = '{credential}'"
    );
    let uses = format!(
        "{numbers}
         INSERT INTO last_use (subject_id, organization_id, credential_id, last_at, quiet_from)
         SELECT subject_id || mark, organization_id, credential_id || mark, last_at, quiet_from
         FROM last_use, marks WHERE subject_id = '{credential}'"
    );
    server.run_sql(credentials).await;
    server.run_sql(uses).await;
}

// Of an account that is unused as a whole every credential is passed over, and a page looks at 1,000.
#[tokio::test]
async fn what_is_unused_is_found_behind_very_many_that_are_passed_over() {
    let server = TestServer::start().await;
    let busy = client(&server, "busy-bot", &json!(null)).await;
    let left = second(&server, &busy, "left", &json!(null)).await;
    let idle = client(&server, "idle-bot", &json!(null)).await;
    idle.token("").await;
    server.advance(SECOND);
    left.token("").await;
    // What is noted of use is written.
    none(&server, "unused", &idle.account).await;
    multiply(&server, &idle.credential, 2_500).await;
    server.advance(90 * DAY + SECOND);
    busy.token("").await;
    for (asked, pages) in [("kind=unused", 3), ("severity=info", 3)] {
        let path = format!("/findings?organization=default&limit=200&{asked}");
        let (mut found, mut lengths, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let reply = server.admin("GET", &format!("{path}{cursor}"), None).await;
            assert_eq!(reply.status, 200, "{}", reply.wire());
            let page = reply.json();
            let items = page["items"].as_array().unwrap();
            lengths.push(items.len());
            let unused = items.iter().filter(|item| item["kind"] == "unused");
            found.extend(unused.map(|item| item["subject"]["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, [&*idle.account, &*left.credential], "{asked}");
        assert_eq!(lengths.len(), pages, "{asked}: {lengths:?}");
    }
}
