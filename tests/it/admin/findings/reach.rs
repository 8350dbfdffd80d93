//! Whose findings are told, and how many at once.

use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::super::actors::ACCOUNTS;
use super::super::actors::Administrator;
use super::super::actors::ostler;
use super::super::actors::refusal;
use super::SECOND;
use super::account;

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
