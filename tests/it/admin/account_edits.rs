//! `PATCH .../service-accounts/{account}` and `/revoke-tokens`.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown;

const NIGHTLY: &str = "/organizations/default/service-accounts/nightly";

// RFC 7396 §2.
#[tokio::test]
async fn an_edit_says_only_what_changes() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "nightly", "owner": "ops", "labels": {"env": "prod", "team": "a"}});
    admin.post(ACCOUNTS, body).await;
    server.advance(Duration::from_mins(1));

    let edit = json!({"description": "runs at night", "labels": {"team": null, "tier": "1"}});
    let edited = admin.patch(NIGHTLY, edit).await;
    assert_snapshot!(shown(&edited), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "sa_...-2"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "id": "sa_...",
      "name": "nightly",
      "email": "nightly-...@default.serviceaccount.127.0.0.1",
      "description": "runs at night",
      "owner": "ops",
      "labels": {
        "env": "prod",
        "tier": "1"
      },
      "status": "active",
      "expires_at": null,
      "max_token_lifetime_seconds": null,
      "access": [],
      "roles": [],
      "created_at": "2026-03-01T12:00:00Z",
      "updated_at": "2026-03-01T12:01:00Z",
      "last_used_at": null,
      "active_credentials": 0,
      "active_api_tokens": 0
    }
    "#);
    let mut expected = edited.json();
    for (edit, member, value) in [
        (json!({"owner": null}), "owner", Value::Null),
        (json!({"labels": null}), "labels", json!({})),
        (
            json!({"expires_at": "2027-01-01T00:00:00Z"}),
            "expires_at",
            json!("2027-01-01T00:00:00Z"),
        ),
        (json!({"expires_at": null}), "expires_at", Value::Null),
        (
            json!({"max_token_lifetime_seconds": 60}),
            "max_token_lifetime_seconds",
            json!(60),
        ),
        (json!({"name": "Nightly"}), "name", json!("Nightly")),
        (json!({}), "name", json!("Nightly")),
        (
            json!({"name": "Nightly", "owner": null}),
            "name",
            json!("Nightly"),
        ),
    ] {
        expected[member] = value;
        let edited = admin.patch(NIGHTLY, edit.clone()).await;
        assert_eq!(
            (edited.status, edited.json()),
            (200, expected.clone()),
            "{edit}"
        );
        assert_eq!(admin.get(NIGHTLY).await.json(), expected, "{edit}");
    }
    assert_eq!(server.audited("service_account.update").await.len(), 7);
}

#[tokio::test]
async fn a_name_is_changed_and_the_identity_stays() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let before = admin.get(NIGHTLY).await.json();
    let token = client.token("").await;

    let renamed = admin
        .patch(NIGHTLY, json!({"name": "weekly-job"}))
        .await
        .json();
    assert_eq!(renamed["name"], "weekly-job");
    for member in ["id", "email"] {
        assert_eq!(renamed[member], before[member], "{member}");
    }
    assert!(client.sees_active(&token).await);
    assert_eq!(admin.get(NIGHTLY).await.status, 404);
    assert_eq!(
        admin.get(&format!("{ACCOUNTS}/WEEKLY-job")).await.status,
        200
    );
    // The name it had is free, and the one it has is not.
    server.client("nightly", "deploy:read").await;
    let refused = admin.patch(NIGHTLY, json!({"name": "Weekly-Job"})).await;
    assert_eq!(refusal(&refused), (409, "name_taken".into()));
}

// Security cases 82 and 83.
#[tokio::test]
async fn an_edit_that_cannot_be_made_is_refused_with_its_mistakes() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let before = admin.get(NIGHTLY).await.json();
    let edit = json!({
        "name": null,
        "id": "sa_1",
        "email": "me@example.com",
        "status": "disabled",
        "created_at": "2020-01-01T00:00:00Z",
        "org_id": "org_1",
        "generation": 1,
        "access": [],
        "roles": ["owner"],
        "credential": {"name": "x"},
        "labels": {"a b": "x", "ok": 7},
        "expires_at": "tomorrow",
        "max_token_lifetime_seconds": 0,
    });
    assert_eq!(
        mistakes(&admin.patch(NIGHTLY, edit).await),
        [
            at("/name", "wrong_type"),
            at("/labels/a b", "invalid"),
            at("/labels/ok", "wrong_type"),
            at("/expires_at", "invalid"),
            at("/max_token_lifetime_seconds", "invalid"),
            at("/id", "read_only"),
            at("/email", "read_only"),
            at("/status", "read_only"),
            at("/created_at", "read_only"),
            at("/org_id", "unknown_field"),
            at("/generation", "unknown_field"),
            at("/access", "unknown_field"),
            at("/roles", "unknown_field"),
            at("/credential", "unknown_field"),
        ]
    );
    let labels: serde_json::Map<_, _> = (0..40).map(|n| (format!("a{n}"), json!(""))).collect();
    admin.patch(NIGHTLY, json!({ "labels": labels })).await;
    let more: serde_json::Map<_, _> = (0..25).map(|n| (format!("b{n}"), json!(""))).collect();
    let edit = json!({
        "labels": more,
        "expires_at": "2026-03-01T12:00:00Z",
        "max_token_lifetime_seconds": 3601,
    });
    assert_eq!(
        mistakes(&admin.patch(NIGHTLY, edit).await),
        [
            at("/expires_at", "invalid"),
            at("/max_token_lifetime_seconds", "invalid"),
            at("/labels", "too_many"),
        ]
    );
    let after = admin.get(NIGHTLY).await.json();
    for member in ["name", "expires_at", "status", "roles", "access"] {
        assert_eq!(after[member], before[member], "{member}");
    }
}

// Contract, section 2: an earlier end kills the older tokens, a lower lifetime counts from the next.
#[tokio::test]
async fn an_earlier_end_kills_tokens_and_a_later_one_revives_none() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let old = client.token("").await;

    let lower = admin
        .patch(NIGHTLY, json!({"max_token_lifetime_seconds": 60}))
        .await;
    assert_eq!(lower.status, 200);
    assert!(client.sees_active(&old).await);
    assert_eq!(client.ask("").await.json()["expires_in"], 60);

    let end = json!({"expires_at": "2026-03-01T12:00:30Z"});
    assert_eq!(admin.patch(NIGHTLY, end).await.status, 200);
    assert!(!client.sees_active(&old).await);
    let short = client.ask("").await;
    assert_eq!(short.json()["expires_in"], 30);
    let short = short.access_token();

    let later = json!({"expires_at": "2026-03-01T13:00:00Z"});
    assert_eq!(admin.patch(NIGHTLY, later).await.status, 200);
    assert!(client.sees_active(&short).await);
    assert!(!client.sees_active(&old).await);
    server.advance(Duration::from_hours(1));
    assert_eq!(client.ask("").await.status, 401);
    let admin = admin.renewed().await;
    assert_eq!(admin.get(NIGHTLY).await.json()["status"], "expired");
    // What has expired may be edited, and comes to life by a later end.
    let described = admin.patch(NIGHTLY, json!({"description": "over"})).await;
    assert_eq!(described.status, 200);
    let edited = admin.patch(NIGHTLY, json!({"expires_at": null})).await;
    assert_eq!(edited.json()["status"], "active");
    assert_eq!(client.ask("").await.status, 200);
    assert!(!server.admin.sees_active(&short).await);
}

// Security case 80.
#[tokio::test]
async fn nobody_edits_an_account_that_may_do_more_than_they() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let grant = ostler(&["accounts:write"], &json!(["default"]));
    let manager = Administrator::with(&server, "the-manager", json!([grant])).await;
    let mighty = ostler(&["accounts:write", "keys:write"], &json!(["default"]));
    let access = json!([mighty]);
    Administrator::with(&server, "mighty-one", access).await;
    let mighty = format!("{ACCOUNTS}/mighty-one");
    admin
        .patch(&mighty, json!({"expires_at": "2027-01-01T00:00:00Z"}))
        .await;

    for edit in [
        json!({"expires_at": null}),
        json!({"expires_at": "2028-01-01T00:00:00Z"}),
        json!({"name": "another-one"}),
        json!({"owner": "me"}),
    ] {
        let refused = manager.patch(&mighty, edit.clone()).await;
        assert_eq!(refusal(&refused), (403, "forbidden".into()), "{edit}");
    }
    // Taking away is another matter.
    let earlier = json!({"expires_at": "2026-04-01T00:00:00Z", "max_token_lifetime_seconds": 60});
    assert_eq!(manager.patch(&mighty, earlier).await.status, 200);
    let own = format!("{ACCOUNTS}/the-manager");
    assert_eq!(
        manager.patch(&own, json!({"owner": "me"})).await.status,
        200
    );
}

#[tokio::test]
async fn the_last_administrator_gets_no_end() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let path = format!("{ACCOUNTS}/administrator");
    let end = json!({"expires_at": "2027-01-01T00:00:00Z"});
    let refused = admin.patch(&path, end.clone()).await;
    assert_eq!(refusal(&refused), (409, "last_administrator".into()));
    assert_eq!(admin.patch(&path, json!({"owner": "me"})).await.status, 200);

    // Another one has to be there after that end.
    let everything = admin.get(&format!("{path}/access")).await.json()["access"].clone();
    Administrator::with(&server, "second-admin", everything).await;
    let second = format!("{ACCOUNTS}/second-admin");
    let sooner = json!({"expires_at": "2026-12-31T00:00:00Z"});
    assert_eq!(admin.patch(&second, sooner).await.status, 200);
    let refused = admin.patch(&path, end.clone()).await;
    assert_eq!(refusal(&refused), (409, "last_administrator".into()));
    assert_eq!(
        admin
            .patch(&second, json!({"expires_at": null}))
            .await
            .status,
        200
    );
    assert_eq!(admin.patch(&path, end).await.status, 200);
}

#[tokio::test]
async fn the_ends_of_administrators_one_after_the_other_leave_one_without() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let first = format!("{ACCOUNTS}/administrator");
    let everything = admin.get(&format!("{first}/access")).await.json()["access"].clone();
    for name in ["second-admin", "third-admin"] {
        Administrator::with(&server, name, everything.clone()).await;
    }
    let refused = (409, "last_administrator".to_owned());
    let end = async |name: &str, end: Value| {
        let path = format!("{ACCOUNTS}/{name}");
        admin.patch(&path, json!({"expires_at": end})).await
    };
    assert_eq!(
        end("second-admin", json!("2030-01-01T00:00:00Z"))
            .await
            .status,
        200
    );
    assert_eq!(
        end("third-admin", json!("2030-06-01T00:00:00Z"))
            .await
            .status,
        200
    );
    // The others are there after it, but not for as long as this one would have been.
    let reply = end("administrator", json!("2029-01-01T00:00:00Z")).await;
    assert_eq!(refusal(&reply), refused);
    let reply = end("administrator", json!("2031-01-01T00:00:00Z")).await;
    assert_eq!(refusal(&reply), refused);
    // An end comes earlier where another one is at least as late.
    assert_eq!(
        end("third-admin", json!("2030-03-01T00:00:00Z"))
            .await
            .status,
        200
    );
    assert_eq!(end("second-admin", Value::Null).await.status, 200);
    assert_eq!(
        end("administrator", json!("2029-01-01T00:00:00Z"))
            .await
            .status,
        200
    );
    // That has ended the token of who set it.
    let admin = admin.renewed().await;
    let last = json!({"expires_at": "2040-01-01T00:00:00Z"});
    let reply = admin.patch(&format!("{ACCOUNTS}/second-admin"), last).await;
    assert_eq!(refusal(&reply), refused);
}

// An end of the only credential is an end of who administers by it.
#[tokio::test]
async fn the_last_administrator_keeps_a_secret_for_as_long_as_before() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let account = format!("{ACCOUNTS}/administrator");
    let init = format!("{account}/credentials/init");
    let refused = (409, "last_administrator".to_owned());
    let rotate = async |path: &str, body: Value| admin.post(&format!("{path}/rotate"), body).await;
    let day = 24 * 60 * 60;
    for body in [
        json!({"expires_in_seconds": day}),
        json!({"expires_in_seconds": day, "overlap_seconds": 0}),
        json!({"expires_in_seconds": 90 * day, "overlap_seconds": 30 * day}),
    ] {
        let reply = rotate(&init, body.clone()).await;
        assert_eq!(refusal(&reply), refused, "{body}");
    }
    // Without an end the new one takes its place, and may not go and leave the old one's overlap.
    let rotated = rotate(&init, json!({"overlap_seconds": day})).await;
    assert_eq!(rotated.status, 200, "{}", rotated.wire());
    let secret = |at: usize| {
        rotated.json()["secrets"][at]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let reply = admin
        .delete(&format!("{init}/secrets/{}?force=true", secret(1)))
        .await;
    assert_eq!(refusal(&reply), refused);
    let reply = admin
        .delete(&format!("{init}/secrets/{}?force=true", secret(0)))
        .await;
    assert_eq!(reply.status, 204, "{}", reply.wire());

    // Another credential of the account counts when it works for as long, and so does another account.
    let credentials = format!("{account}/credentials");
    let spare = json!({"name": "spare", "expires_in_seconds": 300 * day});
    admin.post(&credentials, spare).await;
    let ends = json!({"expires_in_seconds": 90 * day});
    assert_eq!(refusal(&rotate(&init, ends.clone()).await), refused);
    let endless = json!({"name": "endless", "expires_in_seconds": null});
    admin.post(&credentials, endless).await;
    assert_eq!(rotate(&init, ends.clone()).await.status, 200);
    let endless = format!("{credentials}/endless");
    assert_eq!(refusal(&rotate(&endless, ends.clone()).await), refused);
    let everything = admin.get(&format!("{account}/access")).await.json()["access"].clone();
    let second = json!({"name": "second-admin", "access": everything});
    assert_eq!(admin.post(ACCOUNTS, second).await.status, 201);
    assert_eq!(rotate(&endless, ends).await.status, 200);
}

#[tokio::test]
async fn all_tokens_of_an_account_are_revoked_at_once() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let other = server.client("weekly-job", "deploy:read").await;
    let second = server.second_credential(&client).await;
    let admin = Administrator::first(&server).await;
    let old = [client.token("").await, second.token("").await];
    let theirs = other.token("").await;

    let reply = admin.act(&format!("{NIGHTLY}/revoke-tokens")).await;
    assert_eq!(
        (reply.status, reply.json()["status"].as_str()),
        (200, Some("active"))
    );
    for token in &old {
        assert!(!client.sees_active(token).await);
    }
    assert!(other.sees_active(&theirs).await);
    let new = client.token("").await;
    assert!(client.sees_active(&new).await);
    let id = &client.account;
    assert_eq!(
        server.audited("service_account.revoke_tokens").await,
        [format!(
            "service_account administrator -> service_account {id} success"
        )]
    );
}

#[tokio::test]
async fn what_is_edited_is_found_in_the_trail_before_and_after() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let edit = json!({"owner": "ops", "labels": {"env": "prod"}});
    admin.patch(NIGHTLY, edit).await;
    let changes = server
        .rows("SELECT changes FROM audit_event WHERE action = 'service_account.update'")
        .await;
    assert_snapshot!(changes[0], @r#"{"labels":{"after":{"env":"prod"},"before":{}},"owner":{"after":"ops","before":null}}"#);
}

// RFC 3339 §5.6; what only ISO 8601 allows is refused.
#[tokio::test]
async fn an_end_is_written_as_rfc_3339_writes_it() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let edited = admin
        .patch(
            NIGHTLY,
            json!({"expires_at": "2030-01-01t02:00:00.9+02:00"}),
        )
        .await;
    assert_eq!(edited.json()["expires_at"], "2030-01-01T00:00:00Z");
    for odd in [
        "2030-01-01 00:00Z",
        "20300101T000000Z",
        "2030-01-01T00Z",
        "2030-01-01T00:00:00+00:00[UTC]",
        "2030-01-01T00:00:00-25:00",
        "+002030-01-01T00:00:00Z",
    ] {
        let refused = admin.patch(NIGHTLY, json!({"expires_at": odd})).await;
        assert_eq!(mistakes(&refused), [at("/expires_at", "invalid")], "{odd}");
    }
    let audit = "/organizations/default/audit-events?from=20300101T000000Z";
    assert_eq!(admin.get(audit).await.status, 400);
}

// What was allowed when it was set is no mistake of an edit that says nothing of it.
#[tokio::test]
async fn a_lifetime_from_before_the_limit_was_lowered_stands_in_the_way_of_no_edit() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let default = "/organizations/default";
    let api = "/organizations/default/apis/deploy";
    let lifetimes = |seconds: u32| {
        let lifetime = json!({"max_token_lifetime_seconds": seconds});
        [
            (NIGHTLY, lifetime.clone()),
            (default, json!({"policy": lifetime})),
            (api, json!({"token": {"lifetime_seconds": seconds}})),
        ]
    };
    for (path, edit) in lifetimes(3_600) {
        assert_eq!(admin.patch(path, edit).await.status, 200, "{path}");
    }

    let stopped = server.stop().await;
    let stopped = stopped.set("tokens.max_lifetime_seconds", "1800");
    let server = stopped.start().await;
    let admin = Administrator::first(&server).await;
    let others = [
        (NIGHTLY, json!({"description": "another"})),
        (default, json!({"policy": {"leak_report": "finding"}})),
        (api, json!({"resource_types": ["project", "space"]})),
    ];
    for (path, edit) in others.into_iter().chain(lifetimes(3_600)) {
        let edited = admin.patch(path, edit).await;
        assert_eq!(edited.status, 200, "{}", edited.wire());
    }
    // It counts for nothing, and no new one may be above the limit.
    assert_eq!(client.ask("").await.json()["expires_in"], 1_800);
    for (path, edit) in lifetimes(3_599) {
        assert_eq!(admin.patch(path, edit).await.status, 400, "{path}");
    }
}
