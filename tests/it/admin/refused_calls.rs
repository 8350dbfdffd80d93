//! Calls that were refused to callers who are known: gathered per actor, action and minute, in the
//! trail of the actor's organization (contract section 4; security cases 69, 84 and 164).
//!
//! These tests read the table: what its endpoint says of it is in `audit_events`.

use std::time::Duration;

use serde_json::json;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::ostler;
use super::audit::changes_of_an_account;
use super::audit::changes_of_apis_and_more;
use super::audit::changes_of_roles_groups_and_apis;
use super::authority::ROUTES;
use super::authority::path;
use super::authority::scoped;

/// The rows of refused calls: whose, what, to what, how often; in the order of the trail.
async fn refused(server: &TestServer) -> Vec<String> {
    server
        .rows(
            "SELECT actor_name || ' ' || action || ' ' || target_type || ' ' || target_id
                 || target_name || ' x' || CAST(occurrences AS TEXT) AS event
             FROM audit_event WHERE result = 'refused' ORDER BY chain, sequence",
        )
        .await
}

/// Lets the minute end, and the rows be written.
async fn end_the_minute(server: &TestServer) {
    server.advance(Duration::from_mins(1));
    server.app.refused_calls.flush().await.unwrap();
}

/// Somebody of the organization `default` who may do nothing but ask about the system.
async fn powerless(server: &TestServer) -> Administrator {
    let nothing = ostler(&["system:read"], &json!("*"));
    Administrator::with(server, "curious-bot", json!([nothing])).await
}

// Security case 164.
#[tokio::test]
async fn a_denied_call_of_every_route_is_a_row_that_says_who_and_what() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    // What it may do is none of these routes.
    let nothing = ostler(&["introspect"], &json!("*"));
    let curious = Administrator::with(&server, "curious-bot", json!([nothing])).await;
    let organization = server.id_of("/organizations/default").await;
    let mut ids = Vec::new();
    for (method, route, _) in ROUTES {
        let reply = curious.send(method, &path(route, "default"), "{").await;
        assert_eq!(reply.status, 403, "{method} {route}");
        ids.push(reply.header("x-request-id").unwrap().to_owned());
    }
    assert!(refused(&server).await.is_empty(), "nothing is written yet");

    end_the_minute(&server).await;
    let rows = refused(&server).await;
    assert!(rows.iter().all(|row| row.ends_with(" x1")), "{rows:?}");
    let mut actions: Vec<_> = rows.iter().map(|row| row.split(' ').nth(1)).collect();
    actions.sort_unstable();
    actions.dedup();
    assert_eq!(
        actions.len(),
        ROUTES.len(),
        "each route is an action: {rows:?}"
    );

    let of = "FROM audit_event WHERE result = 'refused' ORDER BY sequence";
    assert_eq!(server.rows(&format!("SELECT request_id {of}")).await, ids);
    for (column, value) in [
        ("chain", organization.as_str()),
        ("actor_type", "service_account"),
        ("actor_id", curious.account()),
        ("actor_name", "curious-bot"),
        ("actor_address", "127.0.0.1"),
        ("changes", "{}"),
    ] {
        let found = server.rows(&format!("SELECT {column} {of}")).await;
        assert!(found.iter().all(|it| it == value), "{column}: {found:?}");
    }
}

// Security case 164: what is looked for under the name of a change finds its refusals as well.
#[tokio::test]
async fn a_refused_change_is_called_like_one_that_is_made() {
    let server = TestServer::start().await;
    let curious = powerless(&server).await;
    let key = json!({"alg": "ES256"});
    let mut steps = vec![
        ("POST", "/keys".to_owned(), Some(key), "signing_key.create"),
        (
            "POST",
            "/keys/x/activate".to_owned(),
            None,
            "signing_key.activate",
        ),
    ];
    steps.extend(changes_of_apis_and_more());
    steps.extend(changes_of_an_account());
    steps.extend(changes_of_roles_groups_and_apis());
    let mut expected = Vec::new();
    for (method, path, body, action) in steps {
        let reply = curious.call(method, &path, body.as_ref()).await;
        assert_eq!(reply.status, 403, "{method} {path}");
        expected.push(action);
    }
    end_the_minute(&server).await;
    let rows = refused(&server).await;
    let actions: Vec<_> = rows
        .iter()
        .filter_map(|row| row.split(' ').nth(1))
        .collect();
    assert_eq!(actions, expected);
}

// Security cases 164 and 171: a flood is counted, and fills nothing.
#[tokio::test]
async fn a_flood_of_refused_calls_is_one_row_a_minute() {
    let server = TestServer::start().await;
    let curious = powerless(&server).await;
    for _ in 0..3 {
        for _ in 0..40 {
            assert_eq!(curious.get(ACCOUNTS).await.status, 403);
        }
        assert_eq!(curious.get("/keys").await.status, 403);
        end_the_minute(&server).await;
    }
    let list = "curious-bot service_account.list organization default x40";
    let keys = "curious-bot signing_key.list instance  x1";
    assert_eq!(refused(&server).await, [list, keys, list, keys, list, keys]);

    // There is nothing left of it: each minute is written once.
    end_the_minute(&server).await;
    assert_eq!(refused(&server).await.len(), 6);
}

#[tokio::test]
async fn what_comes_after_a_minute_was_written_is_another_row() {
    let server = TestServer::start().await;
    let curious = powerless(&server).await;
    for count in [2, 3] {
        for _ in 0..count {
            assert_eq!(curious.get("/keys").await.status, 403);
        }
        server.app.refused_calls.flush_all().await.unwrap();
    }
    let row = |count: u32| format!("curious-bot signing_key.list instance  x{count}");
    assert_eq!(refused(&server).await, [row(2), row(3)]);
}

#[tokio::test]
async fn what_is_allowed_and_who_is_not_known_leave_no_such_row() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let token = ci.token("").await;
    assert_eq!(admin.get(ACCOUNTS).await.status, 200);
    assert_eq!(ci.revoke("unknown").await.status, 200);
    assert_eq!(ci.introspect(&token).await.status, 200);
    // Failed authentication is counted and logged, never a row that anybody could multiply.
    let stranger = ci.with_secret("wrong");
    assert_eq!(stranger.ask("scope=nothing").await.status, 401);
    assert_eq!(stranger.revoke(&token).await.status, 401);
    let nobody = admin.with_token(&token);
    assert_eq!(nobody.get(ACCOUNTS).await.status, 401);
    // Neither is a mistake, a conflict, or a name that is not known in one's own organization.
    assert_eq!(ci.ask("scope=a&scope=b").await.error(), "invalid_request");
    let conflict = admin.post(ACCOUNTS, json!({"name": "ci-deployer"})).await;
    assert_eq!(conflict.status, 409);
    assert_eq!(admin.post(ACCOUNTS, json!({"name": "x"})).await.status, 400);
    assert_eq!(admin.get(&format!("{ACCOUNTS}/unknown")).await.status, 404);

    end_the_minute(&server).await;
    assert!(refused(&server).await.is_empty());
}

// Security cases 69 and 164, at the OAuth endpoints.
#[tokio::test]
async fn what_a_client_may_not_have_is_a_row_as_well() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let other = server.client("ci-tester", "deploy:read").await;
    let token = ci.token("").await;

    for _ in 0..2 {
        assert_eq!(other.revoke(&token).await.error(), "unauthorized_client");
    }
    assert_eq!(
        other.ask("scope=deploy:write").await.error(),
        "invalid_scope"
    );
    let elsewhere = "resource=https%3A%2F%2Felsewhere.example";
    assert_eq!(other.ask(elsewhere).await.error(), "invalid_target");
    let curious = powerless(&server).await;
    let asked = server.request("POST", "/oauth/introspect");
    let asked = asked
        .bearer(curious.token())
        .form(&format!("token={token}"));
    let asked = asked.send().await;
    assert_eq!(
        (asked.status, asked.error().as_str()),
        (403, "insufficient_scope")
    );

    end_the_minute(&server).await;
    let claims = jwt_part(&token, 1);
    let (jti, client) = (claims["jti"].as_str().unwrap(), &ci.id);
    assert_eq!(
        refused(&server).await,
        [
            format!("ci-tester token.revoke token {jti}{client} x2"),
            format!(
                "ci-tester token.issue credential {}{} x2",
                other.credential, other.id
            ),
            "curious-bot token.introspect token  x1".to_owned(),
        ]
    );
}

// Security case 84: audited, and in such a way that the trail does not tell what others have.
#[tokio::test]
async fn what_is_foreign_leaves_the_same_row_as_what_is_unknown() {
    let server = TestServer::start().await;
    let nightly = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    admin.post("/organizations", json!({"name": "other"})).await;
    let accounts = "/organizations/other/service-accounts";
    let body = json!({"name": "foreign-admin", "roles": ["owner"], "credential": {"name": "x"}});
    let made = admin.post(accounts, body).await.json();
    let foreign = Administrator::of(&server.client_of(&made)).await;
    let default = server.id_of("/organizations/default").await;
    let other = server.id_of("/organizations/other").await;
    let unknown = "sa_00000000000000000000000000";

    // One path a minute, for each is a row then.
    let mut expected = Vec::new();
    let (list, read) = ("service_account.list organization", "service_account.read");
    for (path, row) in [
        (ACCOUNTS, format!("{list} default")),
        (
            "/organizations/nowhere/service-accounts",
            format!("{list} nowhere"),
        ),
        (
            &format!("/organizations/{default}/service-accounts"),
            format!("{list} {default}"),
        ),
        (
            &format!("{ACCOUNTS}/{}", nightly.account),
            format!("{read} organization default"),
        ),
        (
            &format!("{accounts}/{}", nightly.account),
            format!("{read} service_account {}", nightly.account),
        ),
        (
            &format!("{accounts}/{unknown}"),
            format!("{read} service_account {unknown}"),
        ),
        (
            &format!("{accounts}/{}/credentials/x", nightly.account),
            format!("credential.read service_account {}", nightly.account),
        ),
    ] {
        assert_eq!(foreign.get(path).await.status, 404, "{path}");
        expected.push(format!("foreign-admin {row} x1"));
        end_the_minute(&server).await;
    }
    assert_eq!(refused(&server).await, expected);
    // And all of it is in the trail of the one who asked.
    let chains = "SELECT DISTINCT chain FROM audit_event WHERE result = 'refused'";
    assert_eq!(server.rows(chains).await, [other]);
}

// Security case 84: what is not in the path is somewhere.
#[tokio::test]
async fn what_a_query_names_is_told_like_what_a_path_names() {
    let server = TestServer::start().await;
    let nightly = server.client("nightly", "deploy:read").await;
    let other = server.client("another-bot", "deploy:read").await;
    let token = server
        .api_token(&other, "tool", json!({"access": []}))
        .await;
    let token = token["id"].as_str().unwrap().to_owned();
    let admin = Administrator::first(&server).await;
    let grant = ostler(&["accounts:read"], &json!(["default"]));
    let reader = Administrator::with(&server, "the-reader", json!([grant])).await;
    let made = admin.post("/organizations", json!({"name": "acme"})).await;
    let acme = made.json()["id"].as_str().unwrap().to_owned();
    let effective = format!("{}/effective-access?credential", nightly.account_path());
    let unknown = "cred_00000000000000000000000000";
    let mut expected = Vec::new();
    for (path, row) in [
        (
            format!("{effective}={}", other.credential),
            Some(&other.credential),
        ),
        (format!("{effective}={unknown}"), Some(&unknown.to_owned())),
        (format!("{effective}={token}"), Some(&token)),
        // A name that is not known in one's own organization is a slip.
        (format!("{effective}=another"), None),
    ] {
        assert_eq!(reader.get(&path).await.status, 404, "{path}");
        let action = "service_account.read_effective_access";
        expected.extend(row.map(|id| format!("the-reader {action} credential {id} x1")));
        server.app.refused_calls.flush_all().await.unwrap();
    }
    for named in [acme.as_str(), "acme", "nowhere"] {
        let path = format!("/findings?organization={named}");
        assert_eq!(reader.get(&path).await.status, 404, "{path}");
        expected.push(format!("the-reader finding.list organization {named} x1"));
        server.app.refused_calls.flush_all().await.unwrap();
    }
    assert_eq!(refused(&server).await, expected);
}

#[tokio::test]
async fn a_secret_in_a_path_is_not_kept() {
    let server = TestServer::start().await;
    let curious = powerless(&server).await;
    for name in [
        server.admin.secret.as_str(),
        "%00%1b[31m",
        &"x".repeat(4_000),
    ] {
        curious.get(&format!("/organizations/{name}")).await;
        end_the_minute(&server).await;
    }
    let rows = refused(&server).await;
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0], "curious-bot organization.read organization  x1");
    assert_eq!(
        rows[1],
        r"curious-bot organization.read organization \u{0}\u{1b}[31m x1"
    );
    assert!(rows[2].len() < 200, "{}", rows[2]);
}

// Contract section 4: each minute and at shutdown.
#[tokio::test]
async fn a_server_that_stops_writes_what_it_has_gathered() {
    let server = TestServer::start().await;
    let curious = powerless(&server).await;
    assert_eq!(curious.get(ACCOUNTS).await.status, 403);
    let server = server.restart().await;
    let row = "curious-bot service_account.list organization default x1";
    assert_eq!(refused(&server).await, [row]);
}

#[tokio::test]
async fn a_row_that_cannot_be_written_waits_until_it_can() {
    let server = TestServer::start().await;
    let curious = powerless(&server).await;
    assert_eq!(curious.get(ACCOUNTS).await.status, 403);
    server.refuse_inserts("audit_event", "1 = 1").await;
    server.advance(Duration::from_mins(1));
    assert!(server.app.refused_calls.flush().await.is_err());
    // Requests go on meanwhile, refused ones too.
    assert_eq!(curious.get(ACCOUNTS).await.status, 403);
    assert_eq!(server.admin.ask("").await.status, 200);

    server.allow_inserts("audit_event").await;
    end_the_minute(&server).await;
    let row = "curious-bot service_account.list organization default x1";
    assert_eq!(refused(&server).await, [row, row]);
}

#[tokio::test]
async fn an_actor_whose_account_is_gone_is_still_named_by_its_id() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let curious = powerless(&server).await;
    let reader = scoped(&server, &admin, &["accounts:read"]).await;
    assert_eq!(
        reader
            .delete(&format!("{ACCOUNTS}/curious%2dbot"))
            .await
            .status,
        403
    );
    assert_eq!(curious.get(ACCOUNTS).await.status, 403);
    admin.delete(&format!("{ACCOUNTS}/curious-bot")).await;
    end_the_minute(&server).await;
    assert_eq!(
        refused(&server).await,
        [
            "administrator service_account.delete service_account curious-bot x1",
            " service_account.list organization default x1",
        ]
    );
    let actors = "SELECT actor_id FROM audit_event WHERE result = 'refused' ORDER BY sequence";
    assert_eq!(server.rows(actors).await[1], curious.account());
}
