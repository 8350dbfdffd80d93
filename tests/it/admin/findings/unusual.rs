//! Use that is not as it was before.

use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::DAY;
use super::SECOND;
use super::client;
use super::none;
use super::the;

#[tokio::test]
async fn a_dormant_account_that_is_used_is_found() {
    let server = TestServer::start().await;
    let (sleeper, other) = (
        client(&server, "sleeper-bot", &json!(null)).await,
        client(&server, "other-bot", &json!(null)).await,
    );
    for bot in [&sleeper, &other] {
        bot.token("").await;
        server.app.usage.flush_to_store().await.unwrap();
    }
    server.advance((60 * DAY).saturating_sub(SECOND));
    other.token("").await;
    none(&server, "dormant_woke_up", &other.account).await;
    server.advance(SECOND);
    sleeper.token("").await;
    let finding = the(&server, "dormant_woke_up", &sleeper.account).await;
    assert_eq!(finding["severity"], "critical");
    assert_eq!(finding["since"], "2026-04-30T12:00:00Z");
    assert_eq!(finding["evidence"]["quiet_since"], "2026-03-01T12:00:00Z");
    // It goes on being found while it is used, and is over some time later.
    server.advance(DAY);
    sleeper.token("").await;
    let again = the(&server, "dormant_woke_up", &sleeper.account).await;
    assert_eq!(again["since"], "2026-04-30T12:00:00Z");
    server.advance(29 * DAY);
    none(&server, "dormant_woke_up", &sleeper.account).await;
}

async fn behind_a_proxy() -> TestServer {
    TestServer::with()
        .set("server.trusted_proxies", "127.0.0.1/32")
        .start()
        .await
}

async fn from(bot: &TestClient, address: &str) {
    let request = bot.form("/oauth/token", "grant_type=client_credentials");
    request.header("X-Forwarded-For", address).send().await;
}

#[tokio::test]
async fn a_first_use_from_another_network_is_found() {
    let server = behind_a_proxy().await;
    let bot = client(&server, "ci-deployer", &json!(null)).await;
    from(&bot, "192.0.2.1").await;
    // The first network of all is none that is new, and an address of the same is neither.
    none(&server, "new_network", &bot.account).await;
    server.advance(SECOND);
    from(&bot, "192.0.2.200").await;
    none(&server, "new_network", &bot.account).await;
    // Nor is one that somebody tries to authenticate from.
    from(&bot.with_secret(&server.admin.secret), "203.0.113.9").await;
    none(&server, "new_network", &bot.account).await;
    server.advance(SECOND);
    from(&bot, "198.51.100.7").await;
    let finding = the(&server, "new_network", &bot.account).await;
    assert_eq!(finding["evidence"]["network"], "198.51.100.0/24");
    assert_eq!(finding["since"], "2026-03-01T12:00:02Z");
    assert_eq!(finding["severity"], "critical");
    server.advance(SECOND);
    from(&bot, "2001:db8:1:2::3").await;
    let finding = the(&server, "new_network", &bot.account).await;
    assert_eq!(finding["evidence"]["network"], "2001:db8:1::/48");
}

#[tokio::test]
async fn a_network_is_new_again_after_thirty_days() {
    let server = behind_a_proxy().await;
    let bot = client(&server, "ci-deployer", &json!(null)).await;
    from(&bot, "192.0.2.1").await;
    server.advance(SECOND);
    from(&bot, "198.51.100.7").await;
    the(&server, "new_network", &bot.account).await;
    server.advance(30 * DAY);
    from(&bot, "198.51.100.7").await;
    // The finding of the first time is over, and 30 days are not too long.
    none(&server, "new_network", &bot.account).await;
    server.advance(30 * DAY);
    from(&bot, "192.0.2.1").await;
    server.app.series.flush(server.now()).await.unwrap();
    server.advance(SECOND);
    from(&bot, "198.51.100.7").await;
    let finding = the(&server, "new_network", &bot.account).await;
    assert_eq!(finding["since"], "2026-04-30T12:00:02Z");
}

#[tokio::test]
async fn refusals_far_above_the_habit_are_found() {
    let server = TestServer::with()
        .set("limits.failed_auth_per_minute", "0")
        .start()
        .await;
    let bot = client(&server, "ci-deployer", &json!(null)).await;
    let refuse = async |times: usize| {
        for _ in 0..times {
            bot.ask("scope=nothing").await;
        }
    };
    // A week of one an hour would be a habit of one; 20 in one hour are few all the same.
    refuse(20).await;
    none(&server, "refusals_above_habit", &bot.account).await;
    refuse(1).await;
    let finding = the(&server, "refusals_above_habit", &bot.account).await;
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["since"], "2026-03-01T12:00:00Z");
    assert_eq!(finding["evidence"]["refused"], 21);
    assert_eq!(finding["evidence"]["refused_in_the_week_before"], 0);
    server.advance(DAY.saturating_sub(SECOND));
    the(&server, "refusals_above_habit", &bot.account).await;
    server.advance(SECOND);
    none(&server, "refusals_above_habit", &bot.account).await;
}
