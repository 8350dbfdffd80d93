//! Lists: paging, cursors, parameters.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::APIS;
use super::actors::Administrator;
use super::actors::refusal;

/// The values of `member` in all items of a list, read in pages of `limit`.
async fn all(admin: &Administrator, path: &str, member: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin
            .get(&format!("{path}?limit={limit}{cursor}"))
            .await
            .json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        found.extend(items.iter().map(|item| item[member].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

// protocol.md 184.
#[tokio::test]
async fn every_list_is_read_page_by_page_without_a_gap_or_a_repetition() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    for n in 0..4 {
        admin
            .post(ACCOUNTS, json!({"name": format!("account-{n}")}))
            .await;
        admin
            .post("/organizations", json!({"name": format!("org-{n}")}))
            .await;
        let api = json!({"name": format!("api-{n}"), "audience": format!("urn:x:{n}")});
        admin.post(APIS, api).await;
        let credential = json!({"name": format!("credential {n}")});
        admin
            .post(&format!("{ACCOUNTS}/nightly/credentials"), credential)
            .await;
        let scope = json!({"name": format!("scope-{n}")});
        admin.post(&format!("{APIS}/deploy/scopes"), scope).await;
    }
    for (path, member, length) in [
        (ACCOUNTS.to_owned(), "id", 6),
        ("/organizations".to_owned(), "id", 5),
        (APIS.to_owned(), "id", 5),
        (format!("{ACCOUNTS}/nightly/credentials"), "id", 5),
        (format!("{APIS}/deploy/scopes"), "name", 6),
        (format!("{APIS}/deploy/resources"), "id", 3),
        ("/keys".to_owned(), "kid", 3),
    ] {
        let whole = all(&admin, &path, member, 200).await;
        assert_eq!(whole.len(), length, "{path}");
        for limit in 1..=length {
            assert_eq!(
                all(&admin, &path, member, limit).await,
                whole,
                "{path} by {limit}"
            );
        }
    }
}

#[tokio::test]
async fn a_list_goes_on_after_inserts_and_after_a_deletion() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for n in 0..4 {
        server.advance(Duration::from_millis(1));
        let body = json!({"name": format!("account-{n}")});
        admin.post(ACCOUNTS, body).await;
    }
    let first = admin.get(&format!("{ACCOUNTS}?limit=2")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    assert_eq!(first["items"][1]["name"], "account-0");
    // The very item that the cursor points after.
    server.advance(Duration::from_millis(1));
    admin.delete(&format!("{ACCOUNTS}/account-0")).await;
    admin.post(ACCOUNTS, json!({"name": "account-4"})).await;

    let rest = admin
        .get(&format!("{ACCOUNTS}?cursor={cursor}"))
        .await
        .json();
    let names: Vec<_> = rest["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| &i["name"])
        .collect();
    assert_eq!(names, ["account-1", "account-2", "account-3", "account-4"]);
    assert_eq!(rest["next_cursor"], json!(null));
}

// Security case 89.
#[tokio::test]
async fn a_cursor_is_good_for_the_list_that_gave_it_out_and_for_no_other() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    admin.post("/organizations", json!({"name": "other"})).await;
    for accounts in [ACCOUNTS, "/organizations/other/service-accounts"] {
        for n in 0..2 {
            admin
                .post(accounts, json!({"name": format!("account-{n}")}))
                .await;
        }
    }
    let page = admin.get(&format!("{ACCOUNTS}?limit=1")).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(
        admin
            .get(&format!("{ACCOUNTS}?cursor={cursor}"))
            .await
            .status,
        200
    );

    let cut = &cursor[..cursor.len() - 1];
    let flipped = cursor.replacen(
        &cursor[..1],
        if cursor.starts_with('A') { "B" } else { "A" },
        1,
    );
    for path in [
        format!("/organizations/other/service-accounts?cursor={cursor}"),
        format!("{APIS}?cursor={cursor}"),
        format!("/organizations?cursor={cursor}"),
        format!("{ACCOUNTS}?cursor={cut}"),
        format!("{ACCOUNTS}?cursor={flipped}"),
        format!("{ACCOUNTS}?cursor="),
        format!("{ACCOUNTS}?cursor=%00"),
        format!("{ACCOUNTS}?cursor=sa_01arz3ndektsv4rrffq69g5fav"),
    ] {
        let reply = admin.get(&path).await;
        assert_eq!(refusal(&reply), (400, "validation_failed".into()), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_or_malformed_parameter_is_refused_by_name() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for (query, detail) in [
        ("limit=0", "`limit` is a whole number from 1 to 200"),
        ("limit=201", "`limit` is a whole number from 1 to 200"),
        ("limit=ten", "`limit` is a whole number from 1 to 200"),
        (
            "limit=1&limit=1",
            "the parameter `limit` stands there twice",
        ),
        ("page=2", "there is no parameter `page` here"),
        (
            "access_token=x",
            "there is no parameter `access_token` here",
        ),
    ] {
        let reply = admin.get(&format!("{ACCOUNTS}?{query}")).await;
        assert_eq!(
            refusal(&reply),
            (400, "validation_failed".into()),
            "{query}"
        );
        assert_eq!(reply.json()["detail"], detail, "{query}");
    }
    // Where nothing is paged, there is no parameter at all.
    for path in [
        "/organizations/default",
        "/organizations/default/service-accounts/administrator",
    ] {
        let reply = admin.get(&format!("{path}?limit=1")).await;
        assert_eq!(refusal(&reply), (400, "validation_failed".into()), "{path}");
    }
}
