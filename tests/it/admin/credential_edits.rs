//! `PATCH .../credentials/{credential}`, `/disable`, `/enable`, and the inventory.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown_body;

const FIRST: &str = "/organizations/default/service-accounts/nightly/credentials/first";
const INVENTORY: &str = "/organizations/default/credentials";

#[tokio::test]
async fn an_edit_says_only_what_changes() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read deploy:write").await;
    let admin = Administrator::first(&server).await;
    let mut expected = admin.get(FIRST).await.json();
    let narrowing = json!([deploy(&["deploy:read"], &json!(["APOLLO"]))]);
    for (edit, member, value) in [
        (
            json!({"allowed_networks": ["10.0.0.0/8"]}),
            "allowed_networks",
            json!(["10.0.0.0/8"]),
        ),
        (json!({"access": narrowing}), "access", narrowing.clone()),
        (json!({"access": []}), "access", json!([])),
        (json!({"access": null}), "access", Value::Null),
        (
            json!({"allowed_networks": null}),
            "allowed_networks",
            json!([]),
        ),
        (json!({}), "name", json!("first")),
    ] {
        expected[member] = value;
        let edited = admin.patch(FIRST, edit.clone()).await;
        assert_eq!(
            (edited.status, edited.json()),
            (200, expected.clone()),
            "{edit}"
        );
        assert_eq!(admin.get(FIRST).await.json(), expected, "{edit}");
    }
    assert_eq!(server.audited("credential.update").await.len(), 5);

    let renamed = admin.patch(FIRST, json!({"name": "laptop"})).await;
    assert_eq!(renamed.json()["client_id"], expected["client_id"]);
    assert_eq!(admin.get(FIRST).await.status, 404);
    let laptop = FIRST.replace("first", "laptop");
    assert_eq!(admin.get(&laptop).await.json(), renamed.json());
    admin
        .post(
            &format!("{ACCOUNTS}/nightly/credentials"),
            json!({"name": "first"}),
        )
        .await;
    let taken = admin.patch(FIRST, json!({"name": "laptop"})).await;
    assert_eq!(refusal(&taken), (409, "name_taken".into()));
}

// Contract, section 2: a narrowing that leaves less kills the credential's older tokens.
#[tokio::test]
async fn a_narrowing_kills_the_tokens_of_its_credential_and_no_others() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read deploy:write").await;
    let other = server.second_credential(&client).await;
    let admin = Administrator::first(&server).await;
    let (own, theirs) = (client.token("").await, other.token("").await);

    // The same, said explicitly, takes nothing away; nor do networks.
    let all = json!([deploy(
        &["deploy:read", "deploy:write"],
        &json!(["APOLLO", "GEMINI"])
    )]);
    for edit in [
        json!({"access": all}),
        json!({"allowed_networks": ["127.0.0.0/8"]}),
        json!({"name": "first"}),
    ] {
        assert_eq!(admin.patch(FIRST, edit.clone()).await.status, 200);
        assert!(client.sees_active(&own).await, "{edit}");
    }
    let less = json!([deploy(&["deploy:read"], &json!(["APOLLO"]))]);
    assert_eq!(
        admin.patch(FIRST, json!({"access": less})).await.status,
        200
    );
    assert!(!client.sees_active(&own).await);
    assert!(client.sees_active(&theirs).await);
    let narrow = client.ask("").await;
    assert_eq!(narrow.json()["scope"], "deploy:read");
    let narrow = narrow.access_token();
    // More again revives nothing, and kills nothing.
    assert_eq!(
        admin.patch(FIRST, json!({"access": null})).await.status,
        200
    );
    assert!(client.sees_active(&narrow).await);
    assert!(!client.sees_active(&own).await);
    assert_eq!(
        client.ask("").await.json()["scope"],
        "deploy:read deploy:write"
    );

    let elsewhere = json!({"allowed_networks": ["192.0.2.0/24"]});
    assert_eq!(admin.patch(FIRST, elsewhere).await.status, 200);
    assert_eq!(client.ask("").await.error(), "invalid_client");
}

// Security case 83.
#[tokio::test]
async fn an_edit_that_cannot_be_made_is_refused_with_its_mistakes() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let before = admin.get(FIRST).await.json();
    let edit = json!({
        "name": "cred_1",
        "allowed_networks": ["10.0.0.1/8"],
        "access": "*",
        "expires_in_seconds": 60,
        "expires_at": null,
        "status": "active",
        "client_id": "sac_1",
        "secrets": [],
        "kind": "client_secret",
    });
    assert_eq!(
        mistakes(&admin.patch(FIRST, edit).await),
        [
            at("/name", "invalid"),
            at("/allowed_networks/0", "invalid"),
            at("/access", "wrong_type"),
            at("/expires_in_seconds", "unknown_field"),
            at("/expires_at", "read_only"),
            at("/status", "read_only"),
            at("/client_id", "read_only"),
            at("/secrets", "read_only"),
            at("/kind", "read_only"),
        ]
    );
    let unknown = json!([{"api": "depoy", "scopes": ["deploy:read"]}]);
    let reply = admin.patch(FIRST, json!({"access": unknown})).await;
    assert_eq!(mistakes(&reply), [at("/access/0/api", "unknown_api")]);
    assert_eq!(admin.get(FIRST).await.json(), before);
}

#[tokio::test]
async fn a_disabled_credential_has_no_token_and_gets_none() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let other = server.second_credential(&client).await;
    let admin = Administrator::first(&server).await;
    let (own, theirs) = (client.token("").await, other.token("").await);

    let disabled = admin.act(&format!("{FIRST}/disable")).await;
    assert_eq!(
        (disabled.status, disabled.json()["status"].as_str()),
        (200, Some("disabled"))
    );
    assert_eq!(client.ask("").await.error(), "invalid_client");
    assert!(!other.sees_active(&own).await);
    assert!(other.sees_active(&theirs).await);
    let again = admin.act(&format!("{FIRST}/disable")).await;
    assert_eq!((again.status, again.json()), (200, disabled.json()));
    let account = admin.get(&format!("{ACCOUNTS}/nightly")).await.json();
    assert_eq!(account["active_credentials"], 1);

    // Enabling revives nothing, and twice is once.
    let enabled = admin.act(&format!("{FIRST}/enable")).await;
    assert_eq!(enabled.json()["status"], "active");
    assert!(!other.sees_active(&own).await);
    let new = client.token("").await;
    let again = admin.act(&format!("{FIRST}/enable")).await;
    assert_eq!(again.status, 200);
    assert!(client.sees_active(&new).await);

    assert_eq!(admin.act(&format!("{FIRST}/revoke")).await.status, 200);
    for action in ["enable", "disable"] {
        let refused = admin.act(&format!("{FIRST}/{action}")).await;
        assert_eq!(refusal(&refused), (409, "wrong_state".into()), "{action}");
    }
}

// Security cases 65, 80 and 81.
#[tokio::test]
async fn nobody_widens_or_enables_a_credential_that_may_do_more_than_they() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let grant = ostler(&["credentials:write"], &json!(["default"]));
    let manager = Administrator::with(&server, "the-manager", json!([grant])).await;
    let access = json!([ostler(
        &["credentials:write", "keys:write"],
        &json!(["default"])
    )]);
    Administrator::with(&server, "mighty-one", access).await;
    let first = format!("{ACCOUNTS}/mighty-one/credentials/first");
    let little = json!([ostler(&["credentials:write"], &json!(["default"]))]);
    admin.patch(&first, json!({"access": little})).await;
    assert_eq!(
        manager.patch(&first, json!({"name": "first"})).await.status,
        200
    );

    let refused = manager.patch(&first, json!({"access": null})).await;
    assert_eq!(refusal(&refused), (403, "forbidden".into()));
    admin
        .patch(
            &first,
            json!({"access": null, "allowed_networks": ["10.0.0.0/8"]}),
        )
        .await;
    for edit in [
        json!({"allowed_networks": []}),
        json!({"allowed_networks": ["0.0.0.0/0"]}),
        json!({"name": "mine"}),
    ] {
        let refused = manager.patch(&first, edit.clone()).await;
        assert_eq!(refusal(&refused), (403, "forbidden".into()), "{edit}");
    }
    // Taking away is another matter: but not giving it back.
    let narrower = json!({"allowed_networks": ["10.1.0.0/16"], "access": []});
    assert_eq!(manager.patch(&first, narrower).await.status, 200);
    admin.patch(&first, json!({"access": null})).await;
    assert_eq!(manager.act(&format!("{first}/disable")).await.status, 200);
    let refused = manager.act(&format!("{first}/enable")).await;
    assert_eq!(refusal(&refused), (403, "forbidden".into()));
}

#[tokio::test]
async fn the_last_administrator_keeps_a_credential_that_may_do_all() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let path = format!("{ACCOUNTS}/administrator/credentials");
    let listed = admin.get(&path).await.json();
    let name = listed["items"][0]["name"].as_str().unwrap().to_owned();
    let first = format!("{path}/{name}");
    let reader = json!([ostler(&["accounts:read"], &json!("*"))]);

    for reply in [
        admin.patch(&first, json!({"access": reader})).await,
        admin.patch(&first, json!({"access": []})).await,
        admin.act(&format!("{first}/disable")).await,
    ] {
        assert_eq!(refusal(&reply), (409, "last_administrator".into()));
    }
    // One that is narrowed itself does not count; one that may do all does.
    admin
        .post(&path, json!({"name": "reader", "access": reader}))
        .await;
    let refused = admin.act(&format!("{first}/disable")).await;
    assert_eq!(refusal(&refused), (409, "last_administrator".into()));
    admin.post(&path, json!({"name": "spare"})).await;
    assert_eq!(admin.act(&format!("{first}/disable")).await.status, 200);
}

// Taken back, deleted or left without a secret, it is gone as well as when it is stopped.
#[tokio::test]
async fn the_last_administrator_keeps_its_last_credential() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let path = format!("{ACCOUNTS}/administrator/credentials");
    let shown = admin.get(&path).await.json()["items"][0].clone();
    let first = format!("{path}/{}", shown["id"].as_str().unwrap());
    let secret = shown["secrets"][0]["id"].as_str().unwrap();
    let secret = format!("{first}/secrets/{secret}?force=true");
    let ways = [
        ("POST", format!("{first}/revoke"), 200),
        ("DELETE", first.clone(), 204),
        ("DELETE", secret.clone(), 204),
    ];
    for (method, path, _) in &ways {
        let refused = admin.call(method, path, None).await;
        assert_eq!(
            refusal(&refused),
            (409, "last_administrator".into()),
            "{method} {path}"
        );
    }
    assert_eq!(admin.get(&first).await.json()["status"], "active");
    assert!(server.admin.sees_active(admin.token()).await);

    // One of two secrets may go, one of two credentials too, and that of one of two administrators.
    admin.post(&format!("{first}/rotate"), json!({})).await;
    assert_eq!(admin.delete(&secret).await.status, 204);
    for (number, (method, _, status)) in ways.iter().enumerate() {
        let made = admin
            .post(&path, json!({"name": format!("spare-{number}")}))
            .await
            .json();
        let spare = format!("{path}/spare-{number}");
        let secret = made["secrets"][0]["id"].as_str().unwrap();
        let target = match number {
            0 => format!("{spare}/revoke"),
            1 => spare,
            _ => format!("{spare}/secrets/{secret}?force=true"),
        };
        let done = admin.call(method, &target, None).await;
        assert_eq!(done.status, *status, "{}", done.wire());
    }
    let everything = admin
        .get(&format!("{ACCOUNTS}/administrator/access"))
        .await
        .json()["access"]
        .clone();
    let second = json!({"name": "second-admin", "access": everything});
    assert_eq!(admin.post(ACCOUNTS, second).await.status, 201);
    let revoked = admin.act(&format!("{first}/revoke")).await;
    assert_eq!(revoked.json()["status"], "revoked");
}

#[tokio::test]
async fn the_inventory_shows_every_credential_with_whose_it_is() {
    let server = TestServer::start().await;
    // The ids of one instant are in no order.
    server.advance(Duration::from_millis(1));
    let client = server.client("nightly", "deploy:read").await;
    server.advance(Duration::from_millis(1));
    server.client("weekly-job", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    admin.post("/organizations", json!({"name": "acme"})).await;
    let body = json!({"name": "elsewhere", "credential": {"name": "canary"}});
    admin
        .post("/organizations/acme/service-accounts", body)
        .await;

    let all = admin.get(INVENTORY).await;
    let items = all.json()["items"].as_array().unwrap().clone();
    let owners: Vec<_> = items
        .iter()
        .map(|item| item["account"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(owners, ["administrator", "nightly", "weekly-job"]);
    // Security case 87.
    assert!(!all.text().contains("canary") && !all.text().contains("ostler_cs_"));
    let mut own = items[1].clone();
    let owner = own.as_object_mut().unwrap().remove("account").unwrap();
    assert_eq!(owner, json!({"id": client.account, "name": "nightly"}));
    assert_eq!(own, admin.get(FIRST).await.json());

    let page = admin.get(&format!("{INVENTORY}?limit=2")).await.json();
    assert_eq!(page["items"].as_array().unwrap()[..], items[..2]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = admin
        .get(&format!("{INVENTORY}?cursor={cursor}"))
        .await
        .json();
    assert_eq!(rest, json!({"items": items[2..], "next_cursor": null}));
    // Security case 89: a cursor of another list is none.
    let list = format!("{ACCOUNTS}/nightly/credentials?cursor={cursor}");
    assert_eq!(
        refusal(&admin.get(&list).await),
        (400, "validation_failed".into())
    );
    let wrong = admin.get(&format!("{INVENTORY}?lmit=2")).await;
    assert_snapshot!(shown_body(&wrong), @r#"
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "detail": "there is no parameter `lmit` here",
      "code": "validation_failed",
      "request_id": "req_...",
      "errors": [
        {
          "pointer": null,
          "code": "unknown_parameter",
          "detail": "there is no parameter `lmit` here",
          "hint": "did you mean `limit`?"
        }
      ]
    }
    "#);
}
