//! What ends soon, and what should have ended.

use std::time::Duration;

use serde_json::json;

use crate::harness::TestServer;

use super::super::actors::refusal;
use super::DAY;
use super::SECOND;
use super::account;
use super::client;
use super::found;
use super::full;
use super::none;
use super::the;

#[tokio::test]
async fn what_ends_within_fourteen_days_is_found() {
    let server = TestServer::start().await;
    let days_15 = 15 * DAY.as_secs();
    let bot = client(&server, "ci-deployer", &json!(days_15)).await;
    let ending = account(
        &server,
        "passing",
        &json!({"expires_at": "2026-03-16T12:00:00Z"}),
    )
    .await;
    server.advance(DAY.saturating_sub(SECOND));
    none(&server, "expiring_soon", &bot.account).await;
    none(&server, "expiring_soon", &ending).await;
    server.advance(SECOND);
    let secret = the(&server, "expiring_soon", &bot.account).await;
    assert_eq!(secret["severity"], "warning");
    assert_eq!(secret["subject"]["type"], "secret");
    assert_eq!(secret["since"], "2026-03-02T12:00:00Z");
    assert_eq!(secret["evidence"]["ends_at"], "2026-03-16T12:00:00Z");
    assert_eq!(secret["action"]["method"], "POST");
    let rotate = secret["action"]["path"].as_str().unwrap();
    let expected = format!("{}/rotate", bot.credential_path());
    assert_eq!(rotate, full(&server, &expected).await);
    let account = the(&server, "expiring_soon", &ending).await;
    assert_eq!(
        account["subject"],
        json!({"type": "service_account", "id": ending, "name": "passing"})
    );
    assert_eq!(account["action"]["method"], "PATCH");

    // The call that it names mends it: the old secret ends too, and that is meant.
    let path = rotate.strip_prefix("/admin/v1").unwrap();
    server.act(path, secret["action"]["body"].clone()).await;
    let left = found(&server, "expiring_soon", &bot.account).await;
    assert!(
        left.iter()
            .all(|one| one["evidence"]["ends_at"] != "2026-03-16T12:00:00Z"),
        "{left:?}"
    );
    server.advance(14 * DAY);
    none(&server, "expiring_soon", &ending).await;
}

#[tokio::test]
async fn a_credential_that_is_left_with_its_old_secret_is_found() {
    let server = TestServer::start().await;
    let bot = client(&server, "ci-deployer", &json!(10 * DAY.as_secs())).await;
    let rotate = format!("{}/rotate", bot.credential_path());
    let rotation = |days: u64, lifetime: Duration| {
        let (overlap, lifetime) = (days * DAY.as_secs(), lifetime.as_secs());
        json!({"overlap_seconds": overlap, "expires_in_seconds": lifetime, "end_overlap": true})
    };
    let rotated = server.act(&rotate, rotation(9, 100 * DAY)).await;
    none(&server, "expiring_soon", &bot.account).await;
    let [old, new] = [0, 1].map(|at| rotated["secrets"][at]["id"].as_str().unwrap());
    server
        .delete(&format!(
            "{}/secrets/{new}?force=true",
            bot.credential_path()
        ))
        .await;
    let finding = the(&server, "expiring_soon", &bot.account).await;
    assert_eq!(finding["subject"]["id"], old);
    assert_eq!(finding["evidence"]["ends_at"], "2026-03-10T12:00:00Z");

    // Also when the new one has ended by itself.
    server.act(&rotate, rotation(8, SECOND)).await;
    the(&server, "expiring_soon", &bot.account).await;
    server.advance(SECOND);
    let finding = the(&server, "expiring_soon", &bot.account).await;
    assert_eq!(finding["subject"]["id"], old);
    assert_eq!(finding["evidence"]["ends_at"], "2026-03-09T12:00:00Z");
}

#[tokio::test]
async fn an_old_secret_that_is_used_in_the_last_half_of_its_overlap_is_found() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let path = format!("{}/rotate", bot.credential_path());
    server.act(&path, json!({"overlap_seconds": 100})).await;
    server.advance(49 * SECOND);
    bot.token("").await;
    none(&server, "overlap_still_used", &bot.account).await;
    server.advance(SECOND);
    none(&server, "overlap_still_used", &bot.account).await;
    bot.token("").await;
    let finding = the(&server, "overlap_still_used", &bot.account).await;
    assert_eq!(finding["subject"]["type"], "secret");
    assert_eq!(finding["since"], "2026-03-01T12:00:50Z");
    assert_eq!(finding["evidence"]["last_used_at"], "2026-03-01T12:00:50Z");
    assert_eq!(finding["evidence"]["ends_at"], "2026-03-01T12:01:40Z");
    // What it names is what tells who has to move on; to retire the secret would be refused.
    assert_eq!(finding["action"]["method"], "GET");
    let shown = finding["action"]["path"].as_str().unwrap();
    assert_eq!(shown, full(&server, &bot.credential_path()).await);
    let shown = server
        .admin("GET", shown.strip_prefix("/admin/v1").unwrap(), None)
        .await;
    let old = &shown.json()["secrets"][0];
    assert_eq!(old["id"], finding["subject"]["id"]);
    assert_eq!(old["last_used_at"], "2026-03-01T12:00:50Z");
    assert_eq!(old["last_used_address"], "127.0.0.1");
    let old = format!(
        "{}/secrets/{}",
        bot.credential_path(),
        old["id"].as_str().unwrap()
    );
    let refused = server.admin("DELETE", &old, None).await;
    assert_eq!(refusal(&refused), (409, "secret_in_use".into()));
    server.advance(50 * SECOND);
    none(&server, "overlap_still_used", &bot.account).await;
}

#[tokio::test]
async fn a_secret_that_nothing_is_to_take_the_place_of_is_in_no_overlap() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let path = format!("{}/rotate", bot.credential_path());
    let overlap = json!({"overlap_seconds": 100});
    let rotated = server.act(&path, overlap.clone()).await;
    server.advance(60 * SECOND);
    bot.token("").await;
    the(&server, "overlap_still_used", &bot.account).await;
    let new = rotated["secrets"][1]["id"].as_str().unwrap();
    let secret = format!("{}/secrets/{new}?force=true", bot.credential_path());
    server.delete(&secret).await;
    none(&server, "overlap_still_used", &bot.account).await;
    // With another one there is an overlap again.
    server.act(&path, overlap).await;
    none(&server, "overlap_still_used", &bot.account).await;
    server.advance(39 * SECOND);
    bot.token("").await;
    the(&server, "overlap_still_used", &bot.account).await;
}

#[tokio::test]
async fn an_api_token_that_ends_soon_and_one_that_was_reported_are_found() {
    let server = TestServer::start().await;
    let policy = json!({"name": "careful", "policy": {"leak_report": "finding"}});
    server.create("/organizations", policy).await;
    let accounts = "/organizations/careful/service-accounts";
    let made = server.create(accounts, json!({"name": "token-bot"})).await;
    let account = made["id"].as_str().unwrap();
    let tokens = format!("{accounts}/{account}/api-tokens");
    let days_15 = 15 * DAY.as_secs();
    let body = json!({"name": "monitor", "expires_in_seconds": days_15, "access": []});
    let token = server.create(&tokens, body).await;
    server.advance(DAY.saturating_sub(SECOND));
    none(&server, "expiring_soon", account).await;
    server.advance(SECOND);
    let ending = the(&server, "expiring_soon", account).await;
    let subject = json!({"type": "api_token", "id": token["id"], "name": "monitor"});
    assert_eq!(ending["subject"], subject);
    assert_eq!(ending["action"]["method"], "POST");
    let path = ending["action"]["path"].as_str().unwrap();
    let path = path.strip_prefix("/admin/v1").unwrap();
    server.create(path, ending["action"]["body"].clone()).await;

    // A name as long as a name may be leaves no room for one that says more.
    let longest = "é".repeat(100);
    let body = json!({"name": longest, "expires_in_seconds": DAY.as_secs(), "access": []});
    server.create(&tokens, body).await;
    let all = found(&server, "expiring_soon", account).await;
    let mut named = all.iter().filter(|one| one["subject"]["name"] == longest);
    let body = named.next().unwrap()["action"]["body"].clone();
    server.create(path, body).await;

    none(&server, "leak_reported", account).await;
    let report = json!({"secret": token["token"]});
    let reply = server.admin("POST", "/leaks", Some(&report)).await;
    assert_eq!(reply.status, 202, "{}", reply.wire());
    let reported = the(&server, "leak_reported", account).await;
    assert_eq!(reported["subject"], subject);
    assert_eq!(reported["severity"], "critical");
    assert_eq!(reported["since"], "2026-03-02T12:00:00Z");
    assert_eq!(reported["action"]["method"], "DELETE");
    let path = reported["action"]["path"].as_str().unwrap();
    server.delete(path.strip_prefix("/admin/v1").unwrap()).await;
    none(&server, "leak_reported", account).await;
}
