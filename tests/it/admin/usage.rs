//! Usage series. Contract, sections 3 and 4.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::refusal;

const USAGE: &str = "/organizations/default/usage";

/// The buckets of an answer, as `start key issued refused introspected`.
fn buckets(answer: &Value) -> Vec<String> {
    let buckets = answer["buckets"].as_array().unwrap().iter();
    buckets
        .map(|bucket| {
            let start = bucket["start_at"].as_str().unwrap();
            let key = bucket["key"].as_str().unwrap_or("-");
            let [issued, refused, introspected] =
                ["issued", "refused", "introspected"].map(|what| bucket[what].as_u64().unwrap());
            format!("{start} {key} {issued} {refused} {introspected}")
        })
        .collect()
}

async fn usage(server: &TestServer, path: &str) -> Value {
    let reply = server.admin("GET", path, None).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    reply.json()
}

#[tokio::test]
async fn each_request_is_counted_in_its_hour_by_what_it_was_for_and_what_came_of_it() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let path = format!("{}/usage", bot.account_path());
    assert!(buckets(&usage(&server, &path).await).is_empty());

    let token = bot.token("deploy:read").await;
    bot.token("").await;
    assert!(bot.sees_active(&token).await);
    assert_eq!(bot.ask("scope=deploy:write").await.status, 400);
    assert_eq!(bot.ask("resource=urn:nowhere").await.status, 400);
    let wrong = bot.with_secret(&server.admin.secret);
    assert_eq!(wrong.ask("").await.status, 401);
    server.advance(Duration::from_hours(1) - Duration::from_secs(1));
    bot.token("").await;
    server.advance(Duration::from_secs(1));
    bot.token("").await;

    let (noon, one) = ("2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z");
    assert_eq!(
        buckets(&usage(&server, &path).await),
        [format!("{noon} - 3 3 1"), format!("{one} - 1 0 0")]
    );
    assert_eq!(
        buckets(&usage(&server, &format!("{path}?by=total")).await).len(),
        2
    );
    assert_eq!(
        buckets(&usage(&server, &format!("{path}?by=api")).await),
        [
            format!("{noon} - 0 3 0"),
            format!("{noon} deploy 3 0 1"),
            format!("{one} deploy 1 0 0"),
        ]
    );
    assert_eq!(
        buckets(&usage(&server, &format!("{path}?by=refusal")).await),
        [
            format!("{noon} invalid_client 0 1 0"),
            format!("{noon} invalid_scope 0 1 0"),
            format!("{noon} invalid_target 0 1 0"),
        ]
    );
    let by_credential = usage(&server, &format!("{path}?by=credential")).await;
    assert_eq!(by_credential["buckets"][0]["key"], json!(bot.credential));
}

#[tokio::test]
async fn a_span_takes_whole_hours() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let path = format!("{}/usage", bot.account_path());
    for _ in 0..3 {
        bot.token("").await;
        server.advance(Duration::from_hours(1));
    }
    let hours = async |query: &str| {
        let answer = usage(&server, &format!("{path}?{query}")).await;
        let found: Vec<_> = buckets(&answer)
            .iter()
            .map(|b| b[11..13].to_owned())
            .collect();
        found.join(" ")
    };
    assert_eq!(hours("").await, "12 13 14");
    assert_eq!(hours("from=2026-03-01T13:59:59Z").await, "13 14");
    assert_eq!(hours("from=2026-03-01T14:00:00Z").await, "14");
    assert_eq!(hours("to=2026-03-01T14:00:00Z").await, "12 13");
    assert_eq!(hours("to=2026-03-01T14:00:01Z").await, "12 13 14");
    assert_eq!(
        hours("from=2026-03-01T13:00:00Z&to=2026-03-01T14:00:00Z").await,
        "13"
    );
    assert_eq!(
        hours("from=0000-01-01T00:00:00Z&to=9999-12-30T22:00:00Z").await,
        "12 13 14"
    );
}

#[tokio::test]
async fn an_organization_counts_all_of_its_accounts_together_and_nobody_elses() {
    let server = TestServer::start().await;
    let (one, two) = (
        server.client("first-bot", "deploy:read").await,
        server.client("second-bot", "deploy:read").await,
    );
    one.token("").await;
    two.token("").await;
    two.ask("scope=nothing").await;
    server
        .create("/organizations", json!({"name": "other"}))
        .await;
    let by_api = usage(&server, &format!("{USAGE}?by=api")).await;
    let noon = "2026-03-01T12:00:00Z";
    assert!(buckets(&by_api).contains(&format!("{noon} deploy 2 0 0")));
    let refused = usage(&server, &format!("{USAGE}?by=refusal")).await;
    assert_eq!(buckets(&refused), [format!("{noon} invalid_scope 0 1 0")]);
    let by_credential = usage(&server, &format!("{USAGE}?by=credential")).await;
    let keys: Vec<_> = by_credential["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| bucket["key"].as_str().unwrap().to_owned())
        .collect();
    assert!(keys.contains(&one.credential) && keys.contains(&two.credential));
    let other = usage(&server, "/organizations/other/usage").await;
    assert_eq!(other, json!({"buckets": [], "addresses": []}));
}

#[tokio::test]
async fn the_addresses_that_most_requests_came_from_come_first() {
    let server = TestServer::with()
        .set("server.trusted_proxies", "127.0.0.1/32")
        .start()
        .await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let from = async |address: &str, times: usize| {
        for _ in 0..times {
            bot.form("/oauth/token", "grant_type=client_credentials")
                .header("X-Forwarded-For", address)
                .send()
                .await;
        }
    };
    from("192.0.2.1", 1).await;
    from("2001:db8::1", 3).await;
    server.advance(Duration::from_hours(1));
    from("192.0.2.1", 1).await;
    let answer = usage(&server, &format!("{}/usage", bot.account_path())).await;
    assert_eq!(
        answer["addresses"],
        json!([
            {"address": "2001:db8::1", "count": 3, "last_seen_at": "2026-03-01T12:00:00Z"},
            {"address": "192.0.2.1", "count": 2, "last_seen_at": "2026-03-01T13:00:00Z"},
        ])
    );
    let answer = usage(
        &server,
        &format!("{}/usage?from=2026-03-01T13:00:00Z", bot.account_path()),
    )
    .await;
    assert_eq!(answer["addresses"][0]["count"], 1);
}

// Contract section 3: a bad checksum is refused before any look-up; section 4: it is counted.
#[tokio::test]
async fn a_secret_that_cannot_be_one_is_counted_for_whom_it_was_presented() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let mut mistyped = bot.secret.clone();
    let last = mistyped.pop().unwrap();
    mistyped.push(if last == '0' { '1' } else { '0' });
    for secret in [mistyped.as_str(), "hunter2", "ostler_cs_"] {
        assert_eq!(bot.with_secret(secret).ask("").await.status, 401);
    }
    // Nothing but a name was presented, or a name that is only spelled wrongly.
    let alone = format!("grant_type=client_credentials&client_id={}", bot.id);
    let loud = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        bot.id.to_uppercase(),
        bot.secret
    );
    for form in [alone, loud] {
        let request = server.request("POST", "/oauth/token").form(&form);
        assert_eq!(request.send().await.status, 401);
    }
    // Two ways at once.
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret=x",
        bot.id
    );
    assert_eq!(bot.form("/oauth/token", &form).send().await.status, 400);
    let path = format!("{}/usage?by=refusal", bot.account_path());
    let answer = usage(&server, &path).await;
    assert_eq!(
        buckets(&answer),
        [
            "2026-03-01T12:00:00Z invalid_client 0 5 0",
            "2026-03-01T12:00:00Z invalid_request 0 1 0",
        ]
    );
    assert_eq!(answer["addresses"][0]["count"], 6);
    let account = server.admin("GET", &bot.account_path(), None).await.json();
    assert!(account["last_used_at"].is_null());
    let by_credential = format!("{}/usage?by=credential", bot.account_path());
    assert_eq!(
        buckets(&usage(&server, &by_credential).await),
        [format!("2026-03-01T12:00:00Z {} 0 6 0", bot.credential)]
    );
}

// Security case 171: nobody makes rows for those who do not exist.
#[tokio::test]
async fn the_name_of_nobody_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let count = "SELECT subject_id FROM usage_hour";
    server.app.series.flush(server.now()).await.unwrap();
    let before = server.rows(count).await.len();
    let id = "sac_01kj0xg5a6c2t8y3r5e7w9q1zd";
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret=x");
    let request = server.request("POST", "/oauth/token").form(&form);
    assert_eq!(request.send().await.status, 401);
    server.app.series.flush(server.now()).await.unwrap();
    assert_eq!(server.rows(count).await.len(), before);
}

#[tokio::test]
async fn an_exchange_that_is_refused_is_counted_for_who_holds_the_token() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let other = server.client("other-bot", "deploy:read").await;
    let day = json!({"expires_in_seconds": 86_400});
    let made = server.api_token(&bot, "tool", day).await;
    let token = made["token"].as_str().unwrap();
    let refused = async |token: &str, parameters: &str| {
        let reply = server.exchange(token, parameters).await;
        assert_eq!(reply.status, 400, "{}", reply.wire());
    };
    // It is granted nothing of it, and it is not who it says that it is.
    refused(token, "scope=deploy:write").await;
    let reply = server
        .exchange(token, &format!("client_id={}", other.id))
        .await;
    assert_eq!(reply.status, 401, "{}", reply.wire());
    // What cannot be a token is counted for whoever presents it, if they say who that is.
    refused("ostler_at_x", &format!("client_id={}", other.id)).await;
    refused("ostler_at_x", "").await;
    server.advance(Duration::from_hours(24));
    refused(token, "").await;

    let of = async |client: &TestClient| {
        let path = format!("{}/usage?by=refusal", client.account_path());
        buckets(&usage(&server, &path).await)
    };
    let (first, second) = ("2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z");
    assert_eq!(
        of(&bot).await,
        [
            format!("{first} invalid_client 0 1 0"),
            format!("{first} invalid_scope 0 1 0"),
            format!("{second} invalid_request 0 1 0"),
        ]
    );
    assert_eq!(of(&other).await, [format!("{first} invalid_request 0 1 0")]);
}

// What says who it is from by nothing but the token that it brings.
#[tokio::test]
async fn an_exchange_that_is_not_understood_is_counted_for_whose_token_it_brings() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let made = server.api_token(&bot, "tool", json!({})).await;
    let token = made["token"].as_str().unwrap();
    let other_type = "subject_token_type=urn:ietf:params:oauth:token-type:jwt";
    for form in [
        format!("subject_token={token}"),
        format!("subject_token={token}&{other_type}"),
        format!("subject_token={token}&actor_token=x"),
        format!("subject_token=ostler_at_x&{other_type}"),
        other_type.to_owned(),
    ] {
        let form = format!("grant_type=urn:ietf:params:oauth:grant-type:token-exchange&{form}");
        let request = server.request("POST", "/oauth/token").form(&form);
        assert_eq!(request.send().await.status, 400, "{form}");
    }
    // An access token is no API token, and it is known whose it is; one that is forged is nobody's.
    let jwt = bot.token("").await;
    let forged = format!("{}x", &jwt[..jwt.len() - 3]);
    for token in [&jwt, &forged] {
        assert_eq!(server.exchange(token, "").await.status, 400);
    }
    let path = format!("{}/usage?by=credential", bot.account_path());
    let noon = "2026-03-01T12:00:00Z";
    let mut expected = [
        format!("{noon} {} 0 3 0", made["id"].as_str().unwrap()),
        format!("{noon} {} 1 1 0", bot.credential),
    ];
    expected.sort_unstable();
    let mut found = buckets(&usage(&server, &path).await);
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_revocation_that_is_refused_is_counted_for_who_asked() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let other = server.client("other-bot", "deploy:read").await;
    let theirs = other.token("").await;
    assert_eq!(bot.revoke(&theirs).await.status, 400);
    let tool = server.api_token(&other, "tool", json!({})).await;
    assert_eq!(
        bot.revoke(tool["token"].as_str().unwrap()).await.status,
        400
    );
    assert_eq!(bot.post("/oauth/revoke", "").await.status, 400);
    // What is nobody's is revoked already.
    assert_eq!(bot.revoke("nothing").await.status, 200);
    let path = format!("{}/usage?by=refusal", bot.account_path());
    let noon = "2026-03-01T12:00:00Z";
    assert_eq!(
        buckets(&usage(&server, &path).await),
        [
            format!("{noon} invalid_request 0 1 0"),
            format!("{noon} unauthorized_client 0 2 0"),
        ]
    );
    let path = format!("{}/usage?by=refusal", other.account_path());
    assert!(
        !buckets(&usage(&server, &path).await)
            .iter()
            .any(|bucket| bucket.contains("unauthorized_client"))
    );
}

#[tokio::test]
async fn an_api_token_is_counted_under_its_own_id() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let made = server.api_token(&bot, "tool", json!({})).await;
    let token = made["token"].as_str().unwrap();
    let jwt = server.exchange(token, "").await.access_token();
    for seen in [token, &jwt] {
        assert!(bot.sees_active(seen).await);
    }
    let id = made["id"].as_str().unwrap();
    for path in [format!("{}/usage", bot.account_path()), USAGE.to_owned()] {
        let answer = usage(&server, &format!("{path}?by=credential")).await;
        let expected = format!("2026-03-01T12:00:00Z {id} 1 0 2");
        assert!(buckets(&answer).contains(&expected), "{answer}");
    }
}

// Security case 171: what anybody can cause is counted, and adds no row each time.
#[tokio::test]
async fn a_flood_of_failures_is_a_number() {
    let server = TestServer::with()
        .set("limits.failed_auth_per_minute", "0")
        .start()
        .await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let wrong = bot.with_secret(&server.admin.secret);
    for _ in 0..50 {
        assert_eq!(wrong.ask("").await.status, 401);
    }
    let path = format!("{}/usage?by=refusal", bot.account_path());
    let answer = usage(&server, &path).await;
    assert_eq!(
        buckets(&answer),
        ["2026-03-01T12:00:00Z invalid_client 0 50 0"]
    );
    assert_eq!(answer["addresses"][0]["count"], 50);
    let events = "/organizations/default/service-accounts?q=ci-deployer";
    assert!(usage(&server, events).await["items"][0]["last_used_at"].is_null());
}

// Security case 171.
#[tokio::test]
async fn a_flood_from_everywhere_fills_neither_the_disk_nor_the_place_of_a_real_client() {
    let server = TestServer::with()
        .set("limits.failed_auth_per_minute", "0")
        .set("server.trusted_proxies", "127.0.0.1/32")
        .start()
        .await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let wrong = bot.with_secret(&server.admin.secret);
    let from = async |client: &TestClient, address: String| {
        let request = client.form("/oauth/token", "grant_type=client_credentials");
        request.header("X-Forwarded-For", &address).send().await
    };
    for n in 1..=80 {
        from(&wrong, format!("192.0.2.{n}")).await;
        if n == 40 {
            // What was written is remembered, so a second part of the flood adds nothing.
            server.app.series.flush(server.now()).await.unwrap();
        }
    }
    assert_eq!(from(&bot, "198.51.100.7".to_owned()).await.status, 200);
    server.app.series.flush(server.now()).await.unwrap();
    let kept = format!(
        "SELECT address FROM usage_address WHERE subject_id = '{}'",
        bot.account
    );
    let kept = server.rows(&kept).await;
    assert_eq!(kept.len(), 33, "{kept:?}");
    assert!(kept.contains(&"198.51.100.7".to_owned()));
    let path = format!("{}/usage", bot.account_path());
    let answer = usage(&server, &path).await;
    assert_eq!(answer["addresses"].as_array().unwrap().len(), 20);
    assert_eq!(buckets(&answer), ["2026-03-01T12:00:00Z - 1 80 0"]);
}

#[tokio::test]
async fn counts_survive_a_restart_and_are_forgotten_after_their_days() {
    let server = TestServer::with()
        .set("usage.retention_days", "2")
        .start()
        .await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    bot.token("").await;
    let server = server.restart().await;
    let path = format!("{}/usage", bot.account_path());
    assert_eq!(
        buckets(&usage(&server, &path).await),
        ["2026-03-01T12:00:00Z - 1 0 0"]
    );
    server.advance(Duration::from_hours(48));
    ostler::app::usage::report::forget_old(&server.app, server.now())
        .await
        .unwrap();
    let whole = format!("{path}?from=2026-01-01T00:00:00Z");
    assert_eq!(buckets(&usage(&server, &whole).await).len(), 1);
    server.advance(Duration::from_hours(1));
    ostler::app::usage::report::forget_old(&server.app, server.now())
        .await
        .unwrap();
    assert!(buckets(&usage(&server, &whole).await).is_empty());
}

#[tokio::test]
async fn the_built_in_api_has_its_name() {
    let server = TestServer::start().await;
    Administrator::first(&server).await;
    let path = format!("{ACCOUNTS}/administrator/usage?by=api");
    let answer = usage(&server, &path).await;
    assert_eq!(answer["buckets"][0]["key"], "ostler");
}

// P9.
#[tokio::test]
async fn what_is_wrong_with_a_span_is_said() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for query in [
        "from=yesterday",
        "from=",
        "to=%00",
        "by=account",
        "by=",
        "limit=1",
        "from=2026-03-01T13:00:00Z&to=2026-03-01T12:00:00Z",
        "from=2026-03-02T13:00:00Z",
        "to=99999999999999999999",
        "by=total&by=total",
    ] {
        for path in [USAGE, &format!("{ACCOUNTS}/administrator/usage")] {
            let reply = admin.get(&format!("{path}?{query}")).await;
            assert_eq!(
                refusal(&reply),
                (400, "validation_failed".into()),
                "{query}"
            );
        }
    }
    let unknown = admin
        .get(&format!("{ACCOUNTS}/nobody-here/usage?by=account"))
        .await;
    assert_eq!(refusal(&unknown), (404, "not_found".into()));
}

// What remains of a deleted account is a tombstone, which its counts can still name.
#[tokio::test]
async fn the_usage_of_a_deleted_account_is_read_by_its_id() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    bot.token("").await;
    let path = format!("{}/usage", bot.account_path());
    let before = usage(&server, &path).await;
    server.delete(&bot.account_path()).await;
    server.advance(Duration::from_mins(1));
    assert_eq!(usage(&server, &path).await, before);
    assert_eq!(buckets(&before).len(), 1);

    let admin = Administrator::first(&server).await;
    admin.post("/organizations", json!({"name": "acme"})).await;
    for unknown in [
        path.replace("default", "acme"),
        format!("{ACCOUNTS}/ci-deployer/usage"),
        format!("{ACCOUNTS}/sa_00000000000000000000000000/usage"),
    ] {
        let refused = admin.get(&unknown).await;
        assert_eq!(refusal(&refused), (404, "not_found".into()), "{unknown}");
    }
}
