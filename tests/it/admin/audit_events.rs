//! `/organizations/{org}/audit-events` and `/audit-events`: the trail as it is read and exported.
//!
//! What is in it, and when, is in `audit` and `refused_calls`.

use std::time::Duration;

use insta::assert_snapshot;
use ostler::domain::audit::hash;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown_body;

/// The trail of the first organization.
pub const EVENTS: &str = "/organizations/default/audit-events";

/// The events that a query finds, all pages of them.
pub async fn events(admin: &Administrator, path: &str) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    let separator = if path.contains('?') { '&' } else { '?' };
    loop {
        let page = admin
            .get(&format!("{path}{separator}limit=200{cursor}"))
            .await;
        assert_eq!(page.status, 200, "{path}: {}", page.wire());
        let page = page.json();
        found.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

/// A member of each event.
fn each(events: &[Value], pointer: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    events
        .iter()
        .map(|event| text(event.pointer(pointer).unwrap()))
        .collect()
}

async fn add_account(admin: &Administrator, name: &str) -> Value {
    let reply = admin.post(ACCOUNTS, json!({"name": name})).await;
    assert_eq!(reply.status, 201, "{}", reply.wire());
    reply.json()
}

#[tokio::test]
async fn an_event_says_who_what_and_to_what() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    add_account(&admin, "nightly").await;
    admin.act(&format!("{ACCOUNTS}/nightly/disable")).await;

    let found = admin.get(&format!("{EVENTS}?limit=1")).await;
    let masked = shown_body(&found);
    let cursor = found.json()["next_cursor"].as_str().unwrap().to_owned();
    assert_snapshot!(masked.replace(&cursor, "..."), @r#"
    {
      "items": [
        {
          "id": "evt_...",
          "sequence": 2,
          "at": "2026-03-01T12:00:00Z",
          "actor": {
            "type": "service_account",
            "id": "sa_...",
            "name": "administrator",
            "credential": "sac_...",
            "address": "127.0.0.1",
            "user_agent": null
          },
          "action": "service_account.disable",
          "target": {
            "type": "service_account",
            "id": "sa_...",
            "name": "nightly"
          },
          "result": "success",
          "count": 1,
          "request_id": "req_...",
          "changes": {
            "status": {
              "after": "disabled",
              "before": "active"
            }
          },
          "previous_hash": "...",
          "hash": "..."
        }
      ],
      "next_cursor": "..."
    }
    "#);
}

/// The client ids of the actors of what this account did, the newest first.
async fn credentials_used(admin: &Administrator, query: &str) -> Vec<[String; 2]> {
    let found = events(admin, &format!("{EVENTS}?{query}")).await;
    let pairs = each(&found, "/action")
        .into_iter()
        .zip(each(&found, "/actor/credential"));
    pairs
        .map(|(action, credential)| [action, credential])
        .collect()
}

// Security case 164: an account may have many credentials, and one of them may be stolen.
#[tokio::test]
async fn an_event_says_by_which_credential_its_actor_came() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let grants = json!([ostler(&["accounts:write"], &json!("*"))]);
    let one = server.client_with("manager-bot", grants).await;
    let other = server.second_credential(&one).await;
    let mut expected = Vec::new();
    for (client, name) in [(&one, "by-the-one"), (&other, "by-the-other")] {
        let manager = Administrator::of(client).await;
        add_account(&manager, name).await;
        expected.push(["service_account.create".to_owned(), client.id.clone()]);
    }
    // Whoever revokes a token may have got it by another credential of the account.
    let token = Administrator::of(&one).await.token().to_owned();
    assert_eq!(other.revoke(&token).await.status, 200);
    expected.push(["token.revoke".to_owned(), other.id.clone()]);
    // What each was refused in one minute is its own.
    for client in [&one, &other, &other] {
        assert_eq!(
            Administrator::of(client).await.get("/keys").await.status,
            403
        );
        assert_eq!(client.ask("scope=nothing").await.status, 400);
    }
    server.advance(Duration::from_mins(1));
    server.app.refused_calls.flush().await.unwrap();
    for client in [&one, &other] {
        for action in ["signing_key.list", "token.issue"] {
            expected.push([action.to_owned(), client.id.clone()]);
        }
    }
    expected.reverse();
    let admin = admin.renewed().await;
    assert_eq!(
        credentials_used(&admin, "actor=manager-bot").await,
        expected
    );
    for client in [&one, &other] {
        let own = expected.iter().filter(|[_, used]| *used == client.id);
        let own: Vec<_> = own.cloned().collect();
        let query = format!("actor={}", client.id);
        assert_eq!(credentials_used(&admin, &query).await, own);
    }
    // A token, and what was asked for it, are found by the client id too.
    let targets = format!("target={}", one.id);
    let found = credentials_used(&admin, &targets).await;
    assert_eq!(
        found,
        [["token.issue", &*one.id], ["token.revoke", &*other.id]]
    );

    let init = events(&admin, "/audit-events?actor=init").await;
    assert!(
        !init.is_empty()
            && each(&init, "/actor/credential")
                .iter()
                .all(|it| it == "null")
    );
}

// Contract section 4: SHA-256 over the RFC 8785 JSON of all members but `hash`.
#[tokio::test]
async fn what_is_shown_is_what_was_hashed() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let labels = json!({"team": "\u{fb33} \u{1f600}", "size": "größe \"x\" \\ /"});
    for n in 0..3 {
        let body = json!({"name": format!("account-{n}"), "labels": labels});
        assert_eq!(admin.post(ACCOUNTS, body).await.status, 201);
    }
    for path in [EVENTS, "/audit-events"] {
        let mut before = None;
        for event in events(&admin, path).await.into_iter().rev() {
            let mut members = event.clone();
            members.as_object_mut().unwrap().shift_remove("hash");
            assert_eq!(hash(&members), event["hash"].as_str().unwrap());
            let previous = before.unwrap_or_else(|| json!("0".repeat(64)));
            assert_eq!(event["previous_hash"], previous);
            before = Some(event["hash"].clone());
        }
        assert!(before.is_some(), "{path}");
    }
}

// Security case 169; protocol.md 184.
#[tokio::test]
async fn a_trail_is_read_newest_first_while_it_grows() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for n in 0..7 {
        add_account(&admin, &format!("account-{n}")).await;
    }
    let whole = events(&admin, EVENTS).await;
    assert_eq!(
        each(&whole, "/sequence"),
        ["7", "6", "5", "4", "3", "2", "1"]
    );

    for limit in 1..=7 {
        let (mut read, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = admin
                .get(&format!("{EVENTS}?limit={limit}{cursor}"))
                .await
                .json();
            read.extend(page["items"].as_array().unwrap().clone());
            add_account(&admin, &format!("more-{limit}-{}", read.len())).await;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let first = read[0]["sequence"].as_i64().unwrap();
        let expected: Vec<_> = (1..=first).rev().map(|n| n.to_string()).collect();
        assert_eq!(each(&read, "/sequence"), expected, "by {limit}");
    }
}

#[tokio::test]
async fn events_are_found_by_what_they_say() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let nightly = add_account(&admin, "nightly").await;
    server.advance(Duration::from_mins(1));
    let disabled = admin.act(&format!("{ACCOUNTS}/nightly/disable")).await;
    server.advance(Duration::from_mins(1));
    add_account(&admin, "another").await;
    let curious = ostler(&["system:read"], &json!("*"));
    let curious = Administrator::with(&server, "curious-bot", json!([curious])).await;
    curious.get(ACCOUNTS).await;
    server.advance(Duration::from_mins(1));
    server.app.refused_calls.flush().await.unwrap();
    let administrator = admin.get(&format!("{ACCOUNTS}/administrator")).await.json();

    let id = |thing: &Value| thing["id"].as_str().unwrap().to_owned();
    let request = disabled.header("x-request-id").unwrap();
    for (query, sequences) in [
        (String::new(), vec![5, 4, 3, 2, 1]),
        ("action=service_account.disable".into(), vec![2]),
        ("action=service_account.create".into(), vec![4, 3, 1]),
        ("action=service_account.invent".into(), vec![]),
        (format!("actor={}", id(&administrator)), vec![4, 3, 2, 1]),
        ("actor=administrator".into(), vec![4, 3, 2, 1]),
        ("actor=curious-bot".into(), vec![5]),
        (format!("target={}", id(&nightly)), vec![2, 1]),
        ("target=nightly".into(), vec![2, 1]),
        ("target=default".into(), vec![5]),
        ("result=refused".into(), vec![5]),
        ("result=success".into(), vec![4, 3, 2, 1]),
        (format!("request_id={request}"), vec![2]),
        ("from=2026-03-01T12:01:00Z".into(), vec![5, 4, 3, 2]),
        ("from=2026-03-01T12:01:00.0001Z".into(), vec![5, 4, 3]),
        ("to=2026-03-01T12:01:00Z".into(), vec![1]),
        ("to=2026-03-01T13:01:00%2B01:00".into(), vec![1]),
        // The refused call was written a minute after it was made.
        (
            "from=2026-03-01T12:02:00Z&to=2026-03-01T12:02:01Z".into(),
            vec![5, 4, 3],
        ),
        ("from=2026-03-01T12:02:01Z".into(), vec![]),
        ("to=2026-03-01T12:00:00Z".into(), vec![]),
        (
            "actor=administrator&action=service_account.create&target=nightly".into(),
            vec![1],
        ),
        ("format=json&result=refused".into(), vec![5]),
    ] {
        let found = events(&admin, &format!("{EVENTS}?{query}")).await;
        let expected: Vec<_> = sequences.iter().map(ToString::to_string).collect();
        assert_eq!(each(&found, "/sequence"), expected, "{query}");
    }
}

#[tokio::test]
async fn a_signing_key_and_a_token_are_found_by_their_ids() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let key = admin.post("/keys", json!({"alg": "ES256"})).await.json();
    let kid = key["kid"].as_str().unwrap();
    let found = events(&admin, &format!("/audit-events?target={kid}")).await;
    assert_eq!(each(&found, "/action"), ["signing_key.create"]);

    let client = server.client("nightly", "deploy:read").await;
    let token = client.token("").await;
    client.revoke(&token).await;
    let jti = crate::harness::client::jwt_part(&token, 1)["jti"].clone();
    let path = format!("{EVENTS}?target={}", jti.as_str().unwrap());
    assert_eq!(
        each(&events(&admin, &path).await, "/target/id"),
        [jti.as_str().unwrap()]
    );
}

#[tokio::test]
async fn a_parameter_that_is_wrong_is_refused_by_name() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for (query, detail) in [
        (
            "action=disable",
            "`action` is an action, such as `credential.rotate`",
        ),
        (
            "action=",
            "`action` is an action, such as `credential.rotate`",
        ),
        ("actor=", "`actor` is an id, or a name of at most 255 bytes"),
        (
            "target=%00",
            "`target` is an id, or a name of at most 255 bytes",
        ),
        ("result=maybe", "`result` is `success` or `refused`"),
        (
            "request_id=req_1",
            "`request_id` is the id of a request, `req_...`",
        ),
        (
            "from=yesterday",
            "`from` is an instant as RFC 3339 writes it, such as `2030-01-31T12:00:00Z`",
        ),
        (
            "to=2026-03-01",
            "`to` is an instant as RFC 3339 writes it, such as `2030-01-31T12:00:00Z`",
        ),
        ("format=csv", "`format` is `json` or `ndjson`"),
        ("limit=0", "`limit` is a whole number from 1 to 200"),
        ("acton=x.y", "there is no parameter `acton` here"),
        (
            "result=success&result=success",
            "the parameter `result` stands there twice",
        ),
        // An export has no pages.
        (
            "format=ndjson&limit=7",
            "there is no parameter `limit` here",
        ),
    ] {
        for path in [EVENTS, "/audit-events"] {
            let reply = admin.get(&format!("{path}?{query}")).await;
            assert_eq!(
                refusal(&reply),
                (400, "validation_failed".into()),
                "{query}"
            );
            assert_eq!(reply.json()["detail"], detail, "{query}");
        }
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_the_very_list_that_gave_it_out() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for n in 0..3 {
        add_account(&admin, &format!("account-{n}")).await;
    }
    let page = admin.get(&format!("{EVENTS}?limit=1")).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = admin.get(&format!("{EVENTS}?cursor={cursor}")).await;
    assert_eq!(next.status, 200);
    for path in [
        format!("/audit-events?cursor={cursor}"),
        format!("{EVENTS}?result=success&cursor={cursor}"),
        format!("{EVENTS}?cursor=7"),
    ] {
        assert_eq!(admin.get(&path).await.status, 400, "{path}");
    }
}

// Security cases 84 and 169.
#[tokio::test]
async fn a_trail_is_read_by_who_may_and_shows_nothing_of_others() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    admin.post("/organizations", json!({"name": "other"})).await;
    let others = "/organizations/other/service-accounts";
    admin.post(others, json!({"name": "other-bot"})).await;
    add_account(&admin, "nightly").await;
    let organization = server.id_of("/organizations/default").await;
    let own = ostler(&["audit:read"], &json!([organization]));
    let auditor = Administrator::with(&server, "auditor", json!([own])).await;

    let mine = events(&auditor, EVENTS).await;
    assert!(!mine.is_empty());
    assert!(!json!(mine).to_string().contains("other"));
    let export = auditor.get(&format!("{EVENTS}?format=ndjson")).await;
    assert_eq!(export.status, 200);
    assert!(!export.text().contains("other"));
    let theirs = admin.get("/organizations/other/audit-events").await.json();
    assert_eq!(theirs["items"].as_array().unwrap().len(), 1);

    for (method, path, status) in [
        ("GET", "/organizations/other/audit-events", 404),
        (
            "GET",
            "/organizations/other/audit-events?format=ndjson",
            404,
        ),
        ("POST", "/organizations/other/audit-events/verify", 404),
        ("GET", "/audit-events", 403),
        ("GET", "/audit-events?format=ndjson", 403),
        ("POST", "/audit-events/verify", 403),
    ] {
        assert_eq!(
            auditor.call(method, path, None).await.status,
            status,
            "{path}"
        );
    }
    let nothing = ostler(&["accounts:read"], &json!("*"));
    let curious = Administrator::with(&server, "curious-bot", json!([nothing])).await;
    for path in [EVENTS, "/audit-events"] {
        assert_eq!(curious.get(path).await.status, 403, "{path}");
    }
}

// Security case 169; contract section 4: a row for exports.
#[tokio::test]
async fn an_export_is_the_whole_trail_and_an_event_itself() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    // More than are read at once.
    for n in 0..205 {
        add_account(&admin, &format!("account-{n}")).await;
    }
    let before = events(&admin, EVENTS).await;

    let export = admin.get(&format!("{EVENTS}?format=ndjson")).await;
    assert_eq!(export.status, 200);
    assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(export.header("transfer-encoding"), Some("chunked"));
    assert!(export.is_whole);
    let lines = export.text().lines();
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, before);

    let after = events(&admin, EVENTS).await;
    assert_eq!(after[1..], before);
    let noted = &after[0];
    assert_eq!(noted["action"], "audit_event.export");
    assert_eq!(noted["target"]["name"], "default");
    assert_eq!(
        noted["changes"],
        json!({
            "filtered": {"before": null, "after": false},
            "up_to_sequence": {"before": null, "after": 205},
        })
    );

    let of_instance = admin
        .get("/audit-events?format=ndjson&action=organization.create")
        .await;
    assert_eq!((of_instance.status, of_instance.text()), (200, ""));
    let newest = &events(&admin, "/audit-events").await[0];
    assert_eq!(newest["action"], "audit_event.export");
    assert_eq!(newest["target"]["type"], "instance");
    assert_eq!(newest["changes"]["filtered"]["after"], true);
}

// Nothing goes out of which there is no trace.
#[tokio::test]
async fn an_export_whose_event_cannot_be_written_is_none() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    add_account(&admin, "nightly").await;
    server
        .refuse_inserts("audit_event", "NEW.action = 'audit_event.export'")
        .await;
    let export = admin.get(&format!("{EVENTS}?format=ndjson")).await;
    assert_eq!(refusal(&export), (503, "unavailable".into()));
}

#[tokio::test]
async fn a_body_is_what_a_verification_takes() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let verify = format!("{EVENTS}/verify");
    let wrong = admin.post(&verify, json!({"haed": "x"})).await;
    assert_eq!(
        mistakes(&wrong),
        [("/haed".to_owned(), "unknown_field".to_owned())]
    );
    let wrong = admin.post(&verify, json!({"head": 7})).await;
    assert_eq!(
        mistakes(&wrong),
        [("/head".to_owned(), "wrong_type".to_owned())]
    );
}
