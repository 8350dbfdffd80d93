//! Lists of credentials and of API tokens, of an account and of the organization, by filters and in an
//! order. Contract, section 3.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::refusal;

const CREDENTIALS: &str = "/organizations/default/credentials";
const TOKENS: &str = "/organizations/default/api-tokens";
const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

/// The names in a list, in its order; those of the administrator's own are left out.
async fn names(server: &TestServer, path: &str) -> Vec<String> {
    let reply = server.admin("GET", path, None).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.wire());
    let answer = reply.json();
    let items = answer["items"].as_array().unwrap().iter();
    let names = items.map(|item| item["name"].as_str().unwrap().to_owned());
    names.filter(|name| name != "init").collect()
}

/// The same, read one by one.
async fn paged(server: &TestServer, path: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{path}&limit=1{cursor}");
        found.extend(names(server, &path).await);
        let page = server.admin("GET", &path, None).await.json();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

/// An account with `deploy:read` and `deploy:write` on APOLLO and GEMINI, a credential `whole` that
/// never ends, and an owner.
async fn bot(server: &TestServer, name: &str, owner: &str) -> TestClient {
    server.ensure_deploy_api().await;
    // Ids are in the order of their milliseconds.
    server.advance(Duration::from_millis(1));
    let scopes = ["deploy:read", "deploy:write"];
    let body = json!({
        "name": name,
        "owner": owner,
        "access": [deploy(&scopes, &json!(["APOLLO", "GEMINI"]))],
        "credential": {"name": format!("whole-{name}"), "expires_in_seconds": null},
    });
    server.client_of(&server.create(ACCOUNTS, body).await)
}

/// A credential or an API token of the account, which lives for so many days.
async fn make(server: &TestServer, list: &str, name: &str, days: u64, access: Value) -> Value {
    server.advance(Duration::from_millis(1));
    let lifetime = days * DAY.as_secs();
    let body = json!({"name": name, "expires_in_seconds": lifetime, "access": access});
    server.create(list, body).await
}

#[tokio::test]
async fn credentials_are_found_by_what_is_left_to_them() {
    let server = TestServer::start().await;
    let bot = bot(&server, "ci-deployer", "team-a").await;
    let list = format!("{}/credentials", bot.account_path());
    let reads = json!([deploy(&["deploy:read"], &json!("*"))]);
    let apollo = json!([deploy(&["deploy:read", "deploy:write"], &json!(["APOLLO"]))]);
    for (name, access) in [("reads", reads), ("apollo", apollo), ("none", json!([]))] {
        make(&server, &list, name, 30, access).await;
    }
    for (query, expected) in [
        ("api=deploy", &["whole-ci-deployer", "reads", "apollo"][..]),
        (
            "scope=deploy:read",
            &["whole-ci-deployer", "reads", "apollo"],
        ),
        ("scope=deploy:write", &["whole-ci-deployer", "apollo"]),
        ("resource=project:GEMINI", &["whole-ci-deployer", "reads"]),
        (
            "scope=deploy:write&resource=project:GEMINI",
            &["whole-ci-deployer"],
        ),
        ("resource=project:MERCURY", &[]),
        ("api=ostler", &[]),
        ("api=deploy&scope=accounts:read", &[]),
    ] {
        for path in [CREDENTIALS, &list] {
            let path = format!("{path}?{query}");
            assert_eq!(names(&server, &path).await, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn credentials_are_found_by_how_they_stand_and_by_when_they_end() {
    let server = TestServer::start().await;
    let bot = bot(&server, "ci-deployer", "team-a").await;
    let list = format!("{}/credentials", bot.account_path());
    for (name, days) in [("short", 1), ("month", 30), ("stopped", 30), ("gone", 30)] {
        make(&server, &list, name, days, json!(null)).await;
    }
    server
        .act(&format!("{list}/stopped/disable"), json!({}))
        .await;
    server.act(&format!("{list}/gone/revoke"), json!({})).await;
    let find = async |query: &str| {
        let of_account = names(&server, &format!("{list}?{query}")).await;
        let every = names(&server, &format!("{CREDENTIALS}?{query}")).await;
        assert_eq!(of_account, every, "{query}");
        every.join(" ")
    };
    assert_eq!(find("status=active").await, "whole-ci-deployer short month");
    assert_eq!(find("status=disabled").await, "stopped");
    assert_eq!(find("status=revoked").await, "gone");
    assert_eq!(find("expires_within=1d").await, "short");
    assert_eq!(find("expires_within=2w").await, "short");
    assert_eq!(
        find("expires_within=30d&status=active").await,
        "short month"
    );
    assert_eq!(find("q=SHO").await, "short");
    let id = server.id_of(&format!("{list}/month")).await;
    assert_eq!(find(&format!("q={id}")).await, "month");
    assert_eq!(
        find("sort=-expires_at").await,
        "whole-ci-deployer gone stopped month short"
    );
    server.advance(DAY);
    assert_eq!(find("status=expired").await, "short");
    assert_eq!(find("expires_within=2w").await, "");
}

#[tokio::test]
async fn credentials_of_all_are_found_by_their_owner_and_by_their_use() {
    let server = TestServer::start().await;
    let one = bot(&server, "first-bot", "team-a").await;
    let two = bot(&server, "second-bot", "team-b").await;
    let find = async |query: &str| names(&server, &format!("{CREDENTIALS}?{query}")).await;
    assert_eq!(find("owner=team-b").await, ["whole-second-bot"]);
    two.token("").await;
    server.advance(90 * DAY);
    assert_eq!(
        find("unused_for=90d").await,
        ["whole-first-bot", "whole-second-bot"]
    );
    one.token("").await;
    assert_eq!(find("unused_for=90d").await, ["whole-second-bot"]);
    let of_one = format!("{}/credentials?unused_for=90d", one.account_path());
    assert!(names(&server, &of_one).await.is_empty());
    assert_eq!(
        find("sort=-last_used_at").await,
        ["whole-first-bot", "whole-second-bot"]
    );
    for sort in ["name", "-name", "created_at", "last_used_at", "-expires_at"] {
        let path = format!("{CREDENTIALS}?owner=team-a&sort={sort}");
        assert_eq!(paged(&server, &path).await, ["whole-first-bot"]);
        let path = format!("{CREDENTIALS}?sort={sort}");
        assert_eq!(paged(&server, &path).await, names(&server, &path).await);
    }
}

// Contract section 3: how many are active, when created, when they expire and when last used is one
// request, of an account and of the organization.
#[tokio::test]
async fn api_tokens_are_found_as_credentials_are() {
    let server = TestServer::start().await;
    let (bot, other) = (
        bot(&server, "ci-deployer", "team-a").await,
        bot(&server, "other-bot", "team-b").await,
    );
    let list = format!("{}/api-tokens", bot.account_path());
    let reads = json!([deploy(&["deploy:read"], &json!(["APOLLO"]))]);
    let mut made = Vec::new();
    for (name, days, access) in [
        ("short", 1, json!(null)),
        ("reads", 100, reads),
        ("gone", 100, json!(null)),
        ("whole", 100, json!(null)),
    ] {
        made.push(make(&server, &list, name, days, access).await);
    }
    let others = format!("{}/api-tokens", other.account_path());
    make(&server, &others, "others", 100, json!([])).await;
    server.delete(&format!("{list}/gone")).await;
    let find = async |query: &str| {
        let of_account = names(&server, &format!("{list}?{query}")).await;
        assert_eq!(paged(&server, &format!("{list}?{query}")).await, of_account);
        let every = format!("{TOKENS}?owner=team-a&{query}");
        assert_eq!(names(&server, &every).await, of_account, "{query}");
        of_account.join(" ")
    };
    assert_eq!(find("status=active").await, "short reads whole");
    assert_eq!(find("status=revoked").await, "gone");
    assert_eq!(find("expires_within=14d").await, "short");
    assert_eq!(find("scope=deploy:write").await, "short gone whole");
    assert_eq!(
        find("resource=project:APOLLO&status=active").await,
        "short reads whole"
    );
    assert_eq!(
        find("resource=project:GEMINI&status=active").await,
        "short whole"
    );
    assert_eq!(find("q=HOL").await, "whole");
    let id = made[1]["id"].as_str().unwrap();
    assert_eq!(find(&format!("q={id}")).await, "reads");
    assert_eq!(find("sort=-name").await, "whole short reads gone");
    server.advance(DAY);
    assert_eq!(find("status=expired").await, "short");
    assert_eq!(find("unused_for=1d&status=active").await, "reads whole");
    server
        .exchange(made[3]["token"].as_str().unwrap(), "")
        .await;
    assert_eq!(find("unused_for=1d&status=active").await, "reads");
    assert_eq!(
        find("sort=-last_used_at&status=active").await,
        "whole reads"
    );
    assert_eq!(
        names(&server, &format!("{TOKENS}?owner=team-b")).await,
        ["others"]
    );

    // How many are active is told of all, whatever is asked for.
    for (path, active) in [(&list[..], 2), (TOKENS, 3)] {
        for query in ["", "?status=revoked", "?limit=1", "?q=nothing-like-it"] {
            let reply = server.admin("GET", &format!("{path}{query}"), None).await;
            assert_eq!(reply.json()["active_count"], active, "{path}{query}");
        }
    }
}

// P9, security case 89.
#[tokio::test]
async fn what_is_no_filter_is_refused_by_name() {
    let server = TestServer::start().await;
    let bot = bot(&server, "ci-deployer", "team-a").await;
    for name in ["one", "two"] {
        let list = format!("{}/api-tokens", bot.account_path());
        make(&server, &list, name, 30, json!(null)).await;
        let list = format!("{}/credentials", bot.account_path());
        make(&server, &list, name, 30, json!(null)).await;
    }
    let admin = Administrator::first(&server).await;
    let lists = [
        CREDENTIALS.to_owned(),
        TOKENS.to_owned(),
        format!("{}/credentials", bot.account_path()),
        format!("{}/api-tokens", bot.account_path()),
    ];
    let mut cursors = Vec::new();
    for list in &lists {
        for odd in [
            "status=on",
            "unused_for=90",
            "expires_within=-1d",
            "resource=APOLLO",
            "scope=a%20b",
            "api=nowhere",
            "sort=size",
            "q=",
            "colour=red",
            "status=active&status=active",
        ] {
            let reply = admin.get(&format!("{list}?{odd}")).await;
            assert_eq!(mistakes(&reply).len(), 1, "{list}?{odd}");
        }
        let page = admin.get(&format!("{list}?limit=1&status=active")).await;
        let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
        let goes_on = format!("{list}?status=active&cursor={cursor}");
        assert_eq!(admin.get(&goes_on).await.status, 200);
        let other = admin.get(&format!("{list}?cursor={cursor}")).await;
        assert_eq!(refusal(&other), (400, "validation_failed".into()));
        cursors.push(cursor);
    }
    // A cursor is good for its own list only.
    for (place, list) in lists.iter().enumerate() {
        for (other, cursor) in cursors.iter().enumerate() {
            let path = format!("{list}?status=active&cursor={cursor}");
            let is_own = place == other;
            assert_eq!(admin.get(&path).await.status == 200, is_own, "{path}");
        }
    }
    let unknown = format!("{ACCOUNTS}/nobody-here/api-tokens?status=on");
    assert_eq!(
        refusal(&admin.get(&unknown).await),
        (404, "not_found".into())
    );
}

// A use is counted to the second, also of an API token.
#[tokio::test]
async fn unused_is_counted_to_the_second() {
    let server = TestServer::start().await;
    let bot = bot(&server, "ci-deployer", "team-a").await;
    let list = format!("{}/api-tokens", bot.account_path());
    let made = make(&server, &list, "tool", 365, json!(null)).await;
    server.exchange(made["token"].as_str().unwrap(), "").await;
    let path = format!("{TOKENS}?unused_for=90d");
    server.advance((90 * DAY).saturating_sub(SECOND));
    assert!(names(&server, &path).await.is_empty());
    server.advance(SECOND);
    assert_eq!(names(&server, &path).await, ["tool"]);
}
