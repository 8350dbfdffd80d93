//! `Idempotency-Key`: a call that is made again is not carried out again.
//!
//! Contract, section 3, *Retries*. What holds for every route is in `keyed`.

use std::collections::BTreeSet;
use std::time::Duration;

use insta::assert_snapshot;
use ostler::app::retries;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::Reply;
use crate::harness::TestServer;
use crate::harness::wire::HangUp;

use super::actors::ACCOUNTS;
use super::actors::APIS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

const NIGHTLY: &str = "/organizations/default/service-accounts/nightly";

impl Administrator {
    /// Posts under a key.
    pub async fn keyed(&self, key: &str, path: &str, body: &Value) -> Reply {
        let key = ("Idempotency-Key", key);
        self.call_with(key, "POST", path, Some(body)).await
    }
}

/// Whether it says that it was given before.
pub fn is_replayed(reply: &Reply) -> bool {
    match reply.header("idempotency-replayed") {
        None => false,
        Some(said) => {
            assert_eq!(said, "true");
            true
        }
    }
}

/// The same answer, with `null` where the first one had a secret.
fn redacted(reply: &Reply) -> Value {
    let mut body = reply.json();
    for path in ["/client_secret", "/credential/client_secret"] {
        if let Some(secret) = body.pointer_mut(path) {
            assert!(secret.is_string(), "{secret}");
            *secret = Value::Null;
        }
    }
    body
}

// Security case 144: nor does a retry show the secret, or make a second one.
#[tokio::test]
async fn a_create_that_is_made_again_answers_the_same_without_its_secret() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "nightly", "credential": {"name": "ci"}});

    let first = admin.keyed("create-1", ACCOUNTS, &body).await;
    assert_eq!((first.status, is_replayed(&first)), (201, false));
    let secret = first.json()["credential"]["client_secret"].clone();
    server.advance(Duration::from_mins(1));
    let again = admin.keyed("create-1", ACCOUNTS, &body).await;

    assert_eq!((again.status, is_replayed(&again)), (201, true));
    assert_eq!(again.json(), redacted(&first));
    assert_eq!(again.header("etag"), first.header("etag"));
    assert!(again.json()["credential"]["client_secret"].is_null());
    let credentials = admin.get(&format!("{NIGHTLY}/credentials")).await.json();
    assert_eq!(credentials["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.audited("service_account.create").await.len(), 1);
    // The first secret is the one that works, and it is nowhere in the database.
    let client = server.client_of(&first.json());
    assert_eq!(client.ask("").await.error(), "invalid_target");
    let kept = server
        .rows("SELECT id || ' ' || request || ' ' || body FROM answered_call")
        .await;
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].contains(secret.as_str().unwrap()) && !kept[0].contains("create-1"));
}

#[tokio::test]
async fn a_replay_says_so() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "acme"});
    admin.keyed("k", "/organizations", &body).await;
    let again = admin.keyed("k", "/organizations", &body).await;
    assert_snapshot!(shown(&again), @r#"
    201 Created
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "org_...-1"
    idempotency-replayed: true
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "id": "org_...",
      "name": "acme",
      "status": "active",
      "max_service_accounts": null,
      "policy": {
        "leak_report": "revoke",
        "allow_never_expires": true,
        "max_token_lifetime_seconds": null
      },
      "service_account_count": 0,
      "created_at": "2026-03-01T12:00:00Z"
    }
    "#);
}

#[tokio::test]
async fn a_rotation_that_is_made_again_makes_no_second_secret() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let rotate = format!("{NIGHTLY}/credentials/first/rotate");

    let first = admin.keyed("k", &rotate, &json!({})).await;
    let again = admin.keyed("k", &rotate, &json!({})).await;
    assert_eq!((again.status, is_replayed(&again)), (200, true));
    assert_eq!(again.json(), redacted(&first));
    let found = admin.get(&format!("{NIGHTLY}/credentials/first")).await;
    assert_eq!(found.json()["secrets"].as_array().unwrap().len(), 2);
    let secret = first.json()["client_secret"].clone();
    let rotated = client.with_secret(secret.as_str().unwrap());
    assert_eq!(rotated.ask("").await.status, 200);
}

#[tokio::test]
async fn another_call_under_the_same_key_is_refused() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "nightly"});
    assert_eq!(admin.keyed("k", ACCOUNTS, &body).await.status, 201);

    // Its name is taken as well, and that is not the point.
    let other = json!({"name": "nightly", "description": "another one"});
    let refused = admin.keyed("k", ACCOUNTS, &other).await;
    assert_snapshot!(shown_body(&refused), @r#"
    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "another call was made under this `Idempotency-Key`: a new call needs a new key",
      "code": "idempotency_conflict",
      "request_id": "req_...",
      "errors": []
    }
    "#);
    let other = json!({"name": "weekly-job"});
    let refused = admin.keyed("k", ACCOUNTS, &other).await;
    assert_eq!(refusal(&refused), (409, "idempotency_conflict".into()));
    assert_eq!(
        admin.get(&format!("{ACCOUNTS}/weekly-job")).await.status,
        404
    );
    // A mistake comes first, and what is missing before it.
    let wrong = admin.keyed("k", ACCOUNTS, &json!({"nmae": 1})).await;
    assert_eq!(wrong.status, 400);
    let path = "/organizations/nowhere/service-accounts";
    assert_eq!(admin.keyed("k", path, &other).await.status, 404);
    assert_eq!(admin.keyed("another", ACCOUNTS, &other).await.status, 201);
}

#[tokio::test]
async fn a_key_belongs_to_its_caller_and_its_route() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let grant = ostler(&["accounts:write"], &json!("*"));
    let other = Administrator::with(&server, "other-admin", json!([grant])).await;
    admin.post("/organizations", json!({"name": "acme"})).await;

    let body = json!({"name": "nightly"});
    assert_eq!(admin.keyed("k", ACCOUNTS, &body).await.status, 201);
    let acme = "/organizations/acme/service-accounts";
    let elsewhere = admin.keyed("k", acme, &body).await;
    assert_eq!((elsewhere.status, is_replayed(&elsewhere)), (201, false));
    let theirs = other.keyed("k", ACCOUNTS, &body).await;
    assert_eq!(refusal(&theirs), (409, "name_taken".into()));
    // Another token of the same account is the same caller.
    let renewed = admin.renewed().await.keyed("k", ACCOUNTS, &body).await;
    assert!(is_replayed(&renewed));
}

// What is answered again is answered to somebody who may still ask.
#[tokio::test]
async fn a_replay_needs_the_same_authority_as_the_call() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let grant = ostler(&["accounts:write", "accounts:read"], &json!(["default"]));
    let manager = Administrator::with(&server, "the-manager", json!([grant])).await;
    let body = json!({"name": "nightly"});
    assert_eq!(manager.keyed("k", ACCOUNTS, &body).await.status, 201);

    let path = format!("{ACCOUNTS}/the-manager/access");
    let less = ostler(&["accounts:read"], &json!(["default"]));
    admin.put(&path, json!({"access": [less]})).await;
    let refused = manager.keyed("k", ACCOUNTS, &body).await;
    assert_eq!(refusal(&refused), (401, "unauthorized".into()));
    let refused = manager.renewed().await.keyed("k", ACCOUNTS, &body).await;
    assert_eq!(refusal(&refused), (403, "forbidden".into()));
}

// Security cases 80 and 84: nor is it answered to a token that reaches less than the one that asked first,
// though both are of one account.
#[tokio::test]
async fn a_replay_tells_no_more_than_the_token_that_asks_again_reaches() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    assert_eq!(
        admin
            .post("/organizations", json!({"name": "acme"}))
            .await
            .status,
        201
    );
    let body = json!({"name": "their-bot", "roles": ["auditor"], "credential": {"name": "x"}});
    let made = admin
        .post("/organizations/acme/service-accounts", body)
        .await;
    let theirs = server.client_of(&made.json());
    let token = Administrator::of(&theirs).await.token().to_owned();

    let reach = |organizations: Value| json!([ostler(&["accounts:read"], &organizations)]);
    let wide = server.client_with("the-reader", reach(json!("*"))).await;
    let credentials = format!("{ACCOUNTS}/the-reader/credentials");
    let narrowed = json!({"name": "narrowed", "access": reach(json!(["default"]))});
    let narrowed = admin.post(&credentials, narrowed).await.json();
    let narrow = server.client_of(&json!({"id": wide.account, "credential": narrowed}));
    let (wide, narrow) = (
        Administrator::of(&wide).await,
        Administrator::of(&narrow).await,
    );
    let question = json!({"client_id": theirs.id, "resource": server.issuer});
    for (path, body, told) in [
        ("/tokens/inspect", json!({"token": token}), "active"),
        ("/tokens/preview", question, "granted"),
    ] {
        let first = wide.keyed("k", path, &body).await;
        assert_eq!(
            (first.status, &first.json()[told]),
            (200, &json!(true)),
            "{path}"
        );
        let again = narrow.keyed("k", path, &body).await;
        assert_eq!(
            refusal(&again),
            (409, "idempotency_conflict".into()),
            "{path}"
        );
        // Under a key of its own, and without any, it is told what it may know.
        let own = [
            narrow.keyed("own", path, &body).await,
            narrow.post(path, body.clone()).await,
        ];
        for reply in own {
            assert_eq!(
                (reply.status, &reply.json()[told]),
                (200, &json!(false)),
                "{path}"
            );
        }
        let again = wide.renewed().await.keyed("k", path, &body).await;
        assert!(is_replayed(&again), "{path}");
        assert_eq!(again.json(), first.json(), "{path}");
    }
}

#[tokio::test]
async fn a_call_that_was_refused_may_be_made_again_under_its_key() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let taken = admin.post(ACCOUNTS, json!({"name": "nightly"})).await;
    assert_eq!(taken.status, 201);

    let body = json!({"name": "nightly"});
    let refused = admin.keyed("k", ACCOUNTS, &body).await;
    assert_eq!(refusal(&refused), (409, "name_taken".into()));
    let wrong = admin.keyed("k", ACCOUNTS, &json!({"name": 7})).await;
    assert_eq!(wrong.status, 400);
    assert!(server.rows("SELECT id FROM answered_call").await.is_empty());

    admin.delete(NIGHTLY).await;
    let made = admin.keyed("k", ACCOUNTS, &body).await;
    assert_eq!((made.status, is_replayed(&made)), (201, false));
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let path = format!("{NIGHTLY}/credentials/first/rotate");
    let body = json!({"end_overlap": true});
    let first = admin.keyed("k", &path, &body).await;
    assert_eq!(first.status, 200);

    server.advance(Duration::from_hours(24) - Duration::from_secs(1));
    let admin = admin.renewed().await;
    assert!(is_replayed(&admin.keyed("k", &path, &body).await));
    server.advance(Duration::from_secs(1));
    let anew = admin.keyed("k", &path, &body).await;
    assert_eq!((anew.status, is_replayed(&anew)), (200, false));
    assert!(anew.json()["client_secret"].is_string());
    assert!(is_replayed(&admin.keyed("k", &path, &body).await));

    // What is over is removed in the background.
    assert_eq!(
        retries::forget_expired(&server.app, server.now())
            .await
            .unwrap(),
        0
    );
    server.advance(Duration::from_hours(24));
    assert_eq!(
        retries::forget_expired(&server.app, server.now())
            .await
            .unwrap(),
        1
    );
    assert!(server.rows("SELECT id FROM answered_call").await.is_empty());
}

#[tokio::test]
async fn of_many_calls_at_once_under_one_key_one_is_carried_out() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "nightly", "credential": {"name": "ci"}});
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (admin, body) = (admin.clone(), body.clone());
        calls.spawn(async move { admin.keyed("k", ACCOUNTS, &body).await });
    }
    let replies = calls.join_all().await;
    let carried_out = replies
        .iter()
        .filter(|reply| reply.status == 201 && !is_replayed(reply));
    assert_eq!(carried_out.count(), 1);
    let secrets: BTreeSet<_> = replies
        .iter()
        .filter_map(|reply| {
            let secret = reply.json()["credential"]["client_secret"].clone();
            secret.as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(secrets.len(), 1);
    for reply in &replies {
        if reply.status != 201 {
            assert_eq!(refusal(reply), (409, "idempotency_conflict".into()));
        }
    }
    assert_eq!(server.audited("service_account.create").await.len(), 1);
    assert!(is_replayed(&admin.keyed("k", ACCOUNTS, &body).await));
}

// What changed nothing is kept as well: made again later, it might change something.
#[tokio::test]
async fn an_action_that_had_nothing_to_do_does_nothing_later_either() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let (disable, enable) = (format!("{NIGHTLY}/disable"), format!("{NIGHTLY}/enable"));
    admin.act(&disable).await;

    let first = admin.keyed("k", &disable, &json!({})).await;
    assert_eq!((first.status, is_replayed(&first)), (200, false));
    admin.act(&enable).await;
    let again = admin.keyed("k", &disable, &json!({})).await;
    assert_eq!((again.status, is_replayed(&again)), (200, true));
    assert_eq!(again.json(), first.json());
    assert_eq!(admin.get(NIGHTLY).await.json()["status"], "active");
    // Nor is the key free for another call.
    let refused = admin
        .call_with(("Idempotency-Key", "k"), "POST", &disable, None)
        .await;
    assert_eq!(refusal(&refused), (409, "idempotency_conflict".into()));
}

// Contract, section 3: the answer is stored in the change's transaction.
#[tokio::test]
async fn a_change_whose_answer_cannot_be_kept_is_not_made() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "nightly", "credential": {"name": "ci"}});
    server
        .refuse_inserts("answered_call", "NEW.status = 201")
        .await;
    let refused = admin.keyed("k", ACCOUNTS, &body).await;
    assert_eq!(refusal(&refused), (503, "unavailable".into()));
    assert_eq!(admin.get(NIGHTLY).await.status, 404);
    assert!(server.audited("service_account.create").await.is_empty());

    server.allow_inserts("answered_call").await;
    let made = admin.keyed("k", ACCOUNTS, &body).await;
    assert_eq!((made.status, is_replayed(&made)), (201, false));
}

#[tokio::test]
async fn an_answer_outlives_the_server_that_gave_it() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "nightly", "credential": {"name": "ci"}});
    let first = admin.keyed("k", ACCOUNTS, &body).await;
    let server = server.restart().await;
    let again = admin.keyed("k", ACCOUNTS, &body).await;
    assert_eq!((again.status, is_replayed(&again)), (201, true));
    assert_eq!(again.json(), redacted(&first));
    assert_eq!(server.audited("service_account.create").await.len(), 1);
}

// A client that hangs up does not know what became of its call: that is what the key is for.
#[tokio::test]
async fn a_call_whose_caller_hung_up_is_answered_when_it_is_made_again() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "nightly", "credential": {"name": "ci"}});
    let request = server
        .request("POST", &format!("/admin/v1{ACCOUNTS}"))
        .bearer(admin.token())
        .header("Idempotency-Key", "k")
        .json(&body);
    let length = request.len();
    request.hang_up(length, HangUp::Close, async {}).await;

    let answer = loop {
        let reply = admin.keyed("k", ACCOUNTS, &body).await;
        if reply.status == 201 {
            break reply;
        }
        assert_eq!(refusal(&reply), (409, "idempotency_conflict".into()));
    };
    assert_eq!(answer.json()["name"], "nightly");
    assert_eq!(server.audited("service_account.create").await.len(), 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let body = json!({"name": "nightly"});
    for bad in ["", &"x".repeat(256), "a\u{e4}"] {
        let refused = admin.keyed(bad, ACCOUNTS, &body).await;
        assert_eq!(mistakes(&refused), [at("", "invalid_header")], "{bad:?}");
    }
    let twice = server
        .request("POST", &format!("/admin/v1{ACCOUNTS}"))
        .bearer(admin.token())
        .header("Idempotency-Key", "a")
        .header("Idempotency-Key", "a");
    let refused = twice.json(&body).send().await;
    assert_eq!(mistakes(&refused), [at("", "invalid_header")]);
    let longest = "x".repeat(255);
    assert_eq!(admin.keyed(&longest, ACCOUNTS, &body).await.status, 201);
    assert!(is_replayed(&admin.keyed(&longest, ACCOUNTS, &body).await));
}

// Whoever may only read does not make the database grow without end.
#[tokio::test]
async fn of_calls_that_only_read_so_many_answers_are_kept_a_day() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let inspect = async |key: &str| {
        let reply = admin
            .keyed(key, "/tokens/inspect", &json!({"token": "x"}))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        reply
    };
    for number in 0..502 {
        inspect(&format!("k{number}")).await;
    }
    let kept = async || server.rows("SELECT id FROM answered_call").await.len();
    assert_eq!(kept().await, 500);
    assert!(is_replayed(&inspect("k499").await));
    let anew = inspect("k501").await;
    assert!(!is_replayed(&anew));
    assert_eq!(anew.json()["active"], false);

    // What changes something is always kept.
    let body = json!({"name": "nightly"});
    assert_eq!(admin.keyed("k", ACCOUNTS, &body).await.status, 201);
    assert!(is_replayed(&admin.keyed("k", ACCOUNTS, &body).await));
    server.advance(Duration::from_hours(24));
    let admin = admin.renewed().await;
    let read = json!({"token": "x"});
    for replayed in [false, true] {
        let reply = admin.keyed("tomorrow", "/tokens/inspect", &read).await;
        assert_eq!(is_replayed(&reply), replayed);
    }
}

// Nor does whoever may write, by what changes nothing.
#[tokio::test]
async fn of_calls_that_turn_out_to_change_nothing_so_many_answers_are_kept_a_day() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    assert_eq!(
        admin
            .post(ACCOUNTS, json!({"name": "nightly"}))
            .await
            .status,
        201
    );
    let disable = async |key: &str| {
        let path = format!("{NIGHTLY}/disable");
        let reply = admin.keyed(key, &path, &json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        is_replayed(&reply)
    };
    for number in 0..502 {
        assert!(!disable(&format!("k{number}")).await);
    }
    let kept = async || server.rows("SELECT id FROM answered_call").await.len();
    // The one that changed something, and these.
    assert_eq!(kept().await, 501);
    assert!(disable("k0").await && disable("k500").await && !disable("k501").await);
    assert_eq!(server.audited("service_account.disable").await.len(), 1);
    let enable = format!("{NIGHTLY}/enable");
    let enabled = admin.keyed("another", &enable, &json!({})).await;
    assert_eq!((enabled.status, kept().await), (200, 502));
}

#[tokio::test]
async fn a_large_answer_is_kept_where_something_changed_and_nowhere_else() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let scope = |number: usize| format!("{number:0>64}");
    let scopes: Value = (0..600).map(|n| json!({"name": scope(n)})).collect();
    let api = json!({"name": "wide", "audience": "https://wide.example.com", "scopes": scopes});
    assert_eq!(admin.post(APIS, api).await.status, 201);
    let scopes: Vec<_> = (0..600).map(scope).collect();
    let access = json!([{"api": "wide", "scopes": scopes, "resources": {}}]);
    let body = json!({"name": "nightly", "access": access});
    assert_eq!(admin.post(ACCOUNTS, body).await.status, 201);

    let disable = async |key: &str| {
        let path = format!("{NIGHTLY}/disable");
        let reply = admin.keyed(key, &path, &json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        assert!(reply.body.len() > 32 * 1024);
        is_replayed(&reply)
    };
    assert!(!disable("first").await && disable("first").await);
    assert!(!disable("again").await && !disable("again").await);
    assert_eq!(server.rows("SELECT id FROM answered_call").await.len(), 1);
}
