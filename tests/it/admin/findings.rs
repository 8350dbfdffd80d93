//! Findings, each at its exact threshold. Contract, section 5.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::deploy;
use super::actors::ostler;
use super::actors::refusal;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// The findings of a kind that are about this account, or something of it.
async fn found(server: &TestServer, kind: &str, account: &str) -> Vec<Value> {
    let path = format!("/findings?kind={kind}&limit=200");
    let reply = server.admin("GET", &path, None).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    let answer = reply.json();
    let items = answer["items"].as_array().unwrap().iter();
    let about = |finding: &&Value| finding["evidence"]["service_account"] == account;
    items.filter(about).cloned().collect()
}

/// The only one.
async fn the(server: &TestServer, kind: &str, account: &str) -> Value {
    let mut found = found(server, kind, account).await;
    assert_eq!(found.len(), 1, "{kind}: {found:?}");
    found.remove(0)
}

async fn none(server: &TestServer, kind: &str, account: &str) {
    let found = found(server, kind, account).await;
    assert!(found.is_empty(), "{kind}: {found:?}");
}

/// A path of the harness, as findings write it: with the id of the organization.
async fn full(server: &TestServer, path: &str) -> String {
    let organization = server.id_of("/organizations/default").await;
    format!("/admin/v1{path}").replace(
        "/organizations/default/",
        &format!("/organizations/{organization}/"),
    )
}

/// An account without credential and access.
async fn account(server: &TestServer, name: &str, more: &Value) -> String {
    let mut body = json!({"name": name});
    for (member, value) in more.as_object().unwrap() {
        body[member] = value.clone();
    }
    let made = server.create(ACCOUNTS, body).await;
    made["id"].as_str().unwrap().to_owned()
}

/// A client whose secret lives for so long.
async fn client(server: &TestServer, name: &str, expires_in_seconds: &Value) -> TestClient {
    server.ensure_deploy_api().await;
    let body = json!({
        "name": name,
        "access": [deploy(&["deploy:read"], &json!(["APOLLO"]))],
        "credential": {"name": "first", "expires_in_seconds": expires_in_seconds},
    });
    let made = server.create(ACCOUNTS, body).await;
    server.client_of(&made)
}

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
async fn second(
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

#[tokio::test]
async fn what_nobody_answers_for_never_ends_or_may_write_everywhere_is_found_at_once() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let owned = account(&server, "owned-bot", &json!({"owner": "team-a"})).await;
    let orphan = account(&server, "orphan-bot", &json!({})).await;
    none(&server, "no_owner", &owned).await;
    assert_eq!(
        the(&server, "no_owner", &orphan).await["action"]["method"],
        "PATCH"
    );

    let ending = client(&server, "ending-bot", &json!(60)).await;
    let endless = client(&server, "endless-bot", &json!(null)).await;
    none(&server, "never_expires", &ending.account).await;
    let finding = the(&server, "never_expires", &endless.account).await;
    assert_eq!(
        finding["subject"],
        json!({"type": "credential", "id": endless.credential, "name": "first"})
    );
    assert_eq!(
        finding["action"],
        json!({
            "method": "POST",
            "path": full(&server, &format!("{}/rotate", endless.credential_path())).await,
            "body": {"expires_in_seconds": 7_776_000},
        })
    );

    let access = |grant: Value| json!({"access": [grant]});
    let some = account(
        &server,
        "some-writer",
        &access(deploy(&["deploy:write"], &json!(["APOLLO"]))),
    )
    .await;
    let reader = account(
        &server,
        "all-reader",
        &access(deploy(&["deploy:read"], &json!("*"))),
    )
    .await;
    let every = account(
        &server,
        "all-writer",
        &access(deploy(&["deploy:read", "deploy:write"], &json!("*"))),
    )
    .await;
    none(&server, "write_on_all_resources", &some).await;
    none(&server, "write_on_all_resources", &reader).await;
    let finding = the(&server, "write_on_all_resources", &every).await;
    assert_eq!(finding["evidence"]["api"], "deploy");
    assert_eq!(finding["evidence"]["scopes"], json!(["deploy:write"]));
    assert_eq!(finding["evidence"]["resource_types"], json!(["project"]));
    assert_eq!(finding["action"]["method"], "PUT");
    let narrowed = deploy(&["deploy:read", "deploy:write"], &json!([]));
    assert_eq!(finding["action"]["body"], json!({"access": [narrowed]}));
    // What it names is a call that is understood, and changes nothing by itself. A type that the API
    // was given meanwhile is in it.
    let more = json!({"resource_types": ["project", "space"]});
    let api = "/organizations/default/apis/deploy";
    let edited = server.admin("PATCH", api, Some(&more)).await;
    assert_eq!(edited.status, 200, "{}", edited.wire());
    let finding = the(&server, "write_on_all_resources", &every).await;
    let path = finding["action"]["path"].as_str().unwrap();
    let path = path.strip_prefix("/admin/v1").unwrap();
    let reply = server
        .admin("PUT", path, Some(&finding["action"]["body"]))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    the(&server, "write_on_all_resources", &every).await;
}

#[tokio::test]
async fn a_role_that_may_write_everywhere_is_found_at_who_has_it() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let access = json!([deploy(&["deploy:write"], &json!("*"))]);
    let role = json!({"name": "deployers", "access": access});
    server.create("/organizations/default/roles", role).await;
    let by_role = account(&server, "by-role", &json!({"roles": ["deployers"]})).await;
    let finding = the(&server, "write_on_all_resources", &by_role).await;
    assert_eq!(finding["evidence"]["scopes"], json!(["deploy:write"]));
    let path = finding["action"]["path"].as_str().unwrap();
    let path = path.strip_prefix("/admin/v1").unwrap();
    assert_eq!(server.admin("GET", path, None).await.status, 200);
}

// From when on it is so is when the access became so, and no other edit of the account.
#[tokio::test]
async fn access_is_too_wide_since_it_was_last_changed() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let (roles, groups) = (
        "/organizations/default/roles",
        "/organizations/default/groups",
    );
    let wide = json!([deploy(&["deploy:write"], &json!("*"))]);
    let narrow = json!([deploy(&["deploy:write"], &json!(["APOLLO"]))]);
    server
        .create(roles, json!({"name": "deployer", "access": narrow}))
        .await;
    server.create(groups, json!({"name": "crew"})).await;
    let own = account(&server, "own-access", &json!({"access": wide})).await;
    let by_role = account(&server, "by-a-role", &json!({"roles": ["deployer"]})).await;
    let by_group = account(&server, "by-a-group", &json!({})).await;
    let since = async |account: &str| {
        let finding = the(&server, "write_on_all_resources", account).await;
        finding["since"].as_str().unwrap().to_owned()
    };
    let edit = async |method: &str, path: &str, body: Value| {
        server.advance(SECOND);
        let reply = server.admin(method, path, Some(&body)).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.wire());
    };
    let path = format!("{ACCOUNTS}/own-access");
    edit("PATCH", &path, json!({"owner": "me"})).await;
    assert_eq!(since(&own).await, "2026-03-01T12:00:00Z");
    edit("PUT", &format!("{path}/access"), json!({"access": narrow})).await;
    none(&server, "write_on_all_resources", &own).await;
    edit("PUT", &format!("{path}/access"), json!({"access": wide})).await;
    assert_eq!(since(&own).await, "2026-03-01T12:00:03Z");

    let role = format!("{roles}/deployer");
    none(&server, "write_on_all_resources", &by_role).await;
    edit("PATCH", &role, json!({"access": wide})).await;
    assert_eq!(since(&by_role).await, "2026-03-01T12:00:04Z");
    edit("PATCH", &role, json!({"description": "deploys"})).await;
    assert_eq!(since(&by_role).await, "2026-03-01T12:00:04Z");
    let given = format!("{ACCOUNTS}/by-a-role/roles");
    edit("PUT", &given, json!({"roles": ["auditor", "deployer"]})).await;
    assert_eq!(since(&by_role).await, "2026-03-01T12:00:06Z");

    let member = format!("{groups}/crew/members/by-a-group");
    edit("PUT", &member, json!({})).await;
    none(&server, "write_on_all_resources", &by_group).await;
    edit(
        "PATCH",
        &format!("{groups}/crew"),
        json!({"roles": ["deployer"]}),
    )
    .await;
    assert_eq!(since(&by_group).await, "2026-03-01T12:00:08Z");
    server.advance(SECOND);
    server.delete(&member).await;
    edit("PUT", &member, json!({})).await;
    assert_eq!(since(&by_group).await, "2026-03-01T12:00:10Z");
}

#[tokio::test]
async fn a_signing_key_that_is_active_for_longer_than_the_policy_wants_is_found() {
    let server = TestServer::with()
        .set("keys.rotation_days", "2")
        .start()
        .await;
    let old = async || {
        let reply = server
            .admin("GET", "/findings?kind=signing_key_old", None)
            .await;
        reply.json()["items"].as_array().unwrap().clone()
    };
    server.advance(2 * DAY);
    assert!(old().await.is_empty());
    server.advance(SECOND);
    let found = old().await;
    assert_eq!(found.len(), 3);
    assert_eq!(found[0]["subject"]["type"], "signing_key");
    assert_eq!(found[0]["since"], "2026-03-03T12:00:00Z");
    assert_eq!(found[0]["action"]["path"], "/admin/v1/keys/rotate");
}

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

#[tokio::test]
async fn findings_are_those_of_the_organizations_that_a_token_reaches() {
    let server = TestServer::start().await;
    server
        .create("/organizations", json!({"name": "other"}))
        .await;
    let path = "/organizations/other/service-accounts";
    let theirs = server.create(path, json!({"name": "their-bot"})).await;
    let ours = account(&server, "our-bot-1", &json!({})).await;
    let default = server.id_of("/organizations/default").await;
    let read = |organizations: &Value| json!([ostler(&["accounts:read"], organizations)]);
    let narrow = Administrator::with(&server, "reader-bot", read(&json!([default]))).await;

    let subjects = async |admin: &Administrator, query: &str| {
        let reply = admin.get(&format!("/findings?kind=no_owner{query}")).await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        let answer = reply.json();
        let items = answer["items"].as_array().unwrap().iter();
        items
            .map(|item| item["subject"]["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let theirs = theirs["id"].as_str().unwrap().to_owned();
    let seen = subjects(&narrow, "").await;
    assert!(seen.contains(&ours) && !seen.contains(&theirs));
    assert_eq!(subjects(&narrow, "&organization=default").await, seen);
    let foreign = narrow.get("/findings?organization=other").await;
    assert_eq!(refusal(&foreign), (404, "not_found".into()));
    let unknown = narrow.get("/findings?organization=nowhere").await;
    assert_eq!(
        foreign.json()["detail"]
            .as_str()
            .unwrap()
            .replace("other", "nowhere"),
        unknown.json()["detail"].as_str().unwrap()
    );

    let first = Administrator::first(&server).await;
    assert_eq!(
        subjects(&first, "&organization=other").await,
        std::slice::from_ref(&theirs)
    );
    let all = subjects(&first, "").await;
    assert!(all.contains(&ours) && all.contains(&theirs));
    // Page by page, through all kinds.
    let (mut paged, mut cursor) = (0, String::new());
    loop {
        let page = first
            .get(&format!("/findings?limit=1{cursor}"))
            .await
            .json();
        paged += page["items"].as_array().unwrap().len();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let whole = first.get("/findings?limit=200").await.json();
    assert_eq!(whole["items"].as_array().unwrap().len(), paged);

    let nobody = Administrator::with(
        &server,
        "other-one",
        json!([ostler(&["apis:read"], &json!([default]))]),
    )
    .await;
    assert_eq!(
        refusal(&nobody.get("/findings").await),
        (403, "forbidden".into())
    );
    for query in [
        "kind=harmless",
        "severity=high",
        "limit=0",
        "organization=",
        "sort=kind",
    ] {
        let reply = first.get(&format!("/findings?{query}")).await;
        assert_eq!(
            refusal(&reply),
            (400, "validation_failed".into()),
            "{query}"
        );
    }
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

// What has to be looked at one by one is, up to a number for each page.
#[tokio::test]
async fn a_page_ends_where_two_hundred_accounts_were_looked_at_for_nothing() {
    let server = TestServer::start().await;
    let api = json!({
        "name": "files",
        "audience": "https://files.example.com",
        "scopes": [{"name": "overwrite"}, {"name": "write"}],
        "resource_types": ["folder"],
    });
    server.create("/organizations/default/apis", api).await;
    let admin = Administrator::first(&server).await;
    // Its name looks like one that lets its holder change something, and does not say so.
    let make = async |name: String, scope: &str| {
        let grant = json!({"api": "files", "scopes": [scope], "resources": {"folder": "*"}});
        let body = json!({"name": name, "access": [grant]});
        let made = admin.post(ACCOUNTS, body).await;
        assert_eq!(made.status, 201, "{}", made.wire());
        made.json()["id"].as_str().unwrap().to_owned()
    };
    for number in 0..200 {
        make(format!("harmless-{number}"), "overwrite").await;
    }
    // Accounts of one instant are in no order.
    server.advance(SECOND);
    let wide = make("harmful".to_owned(), "write").await;

    let path = "/findings?kind=write_on_all_resources&limit=1";
    let first = admin.get(path).await.json();
    assert_eq!(first["items"], json!([]));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = admin.get(&format!("{path}&cursor={cursor}")).await.json();
    assert_eq!(second["items"][0]["subject"]["id"], wide);
    assert!(second["next_cursor"].is_null(), "{second}");
}
