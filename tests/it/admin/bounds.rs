//! How many there may be of what is made one by one: a limit is told, with what to do about it.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::APIS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::at;
use super::actors::mistakes;
use super::actors::refusal;

const NIGHTLY: &str = "/organizations/default/service-accounts/nightly";

fn quota_reached() -> (u16, String) {
    (409, "quota_reached".to_owned())
}

fn says(reply: &Reply) -> String {
    reply.json()["detail"].as_str().unwrap().to_owned()
}

/// Adds 998 copies of what is there of a kind, with its secrets, behind the server's back.
async fn multiply(server: &TestServer, kind: &str) {
    let numbers = "WITH RECURSIVE numbers(n) AS
                       (SELECT 1000 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1997),
                   marks(mark) AS (SELECT CAST(n AS TEXT) FROM numbers)";
    let whose = format!("WHERE kind = '{kind}' AND name = 'first'");
    let secrets = format!(
        "{numbers}
         INSERT INTO secret
             (id, credential_id, position, hmac, pepper, hint, created_at, ends_at, revoked_at)
         SELECT secret.id || mark, secret.credential_id || mark, secret.position,
                substr(secret.hmac, 1, 39) || mark, secret.pepper, secret.hint, secret.created_at,
                secret.ends_at, secret.revoked_at
         FROM secret, marks
         WHERE secret.credential_id IN (SELECT id FROM credential {whose})"
    );
    let credentials = format!(
        "{numbers}
         INSERT INTO credential (id, organization_id, account_id, client_id, kind, name,
             folded_name, status, generation, allowed_networks, is_narrowed, created_at, updated_at)
         SELECT id || mark, organization_id, account_id, client_id || mark, kind, name || mark,
                folded_name || mark, status, generation, allowed_networks, is_narrowed, created_at,
                updated_at
         FROM credential, marks {whose}"
    );
    server.run_sql(credentials).await;
    server.run_sql(secrets).await;
}

#[tokio::test]
async fn an_account_has_a_thousand_credentials_at_most() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    multiply(&server, "client_secret").await;
    let path = format!("{NIGHTLY}/credentials");
    let make = async |name: &str| admin.post(&path, json!({"name": name})).await;
    assert_eq!(admin.get(NIGHTLY).await.json()["active_credentials"], 999);

    assert_eq!(make("last").await.status, 201);
    let refused = make("one more").await;
    assert_eq!(refusal(&refused), quota_reached());
    assert_eq!(
        says(&refused),
        "an account has at most 1000 credentials, expired and revoked ones among them: delete one \
         that is not needed any more"
    );
    // A revoked one can be deleted, and does not count as active.
    admin.act(&format!("{path}/last/revoke")).await;
    assert_eq!(admin.get(NIGHTLY).await.json()["active_credentials"], 999);
    assert_eq!(refusal(&make("one more").await), quota_reached());
    assert_eq!(admin.delete(&format!("{path}/last")).await.status, 204);
    assert_eq!(make("one more").await.status, 201);
    // Each account has its own.
    server.client("weekly", "deploy:read").await;
}

#[tokio::test]
async fn an_account_has_a_thousand_active_api_tokens_at_most() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    server.api_token(&client, "first", json!({})).await;
    let admin = Administrator::first(&server).await;
    multiply(&server, "api_token").await;
    let path = format!("{NIGHTLY}/api-tokens");
    let make = async |name: &str| admin.post(&path, json!({"name": name})).await;
    assert_eq!(admin.get(NIGHTLY).await.json()["active_api_tokens"], 999);

    assert_eq!(make("last").await.status, 201);
    let refused = make("one more").await;
    assert_eq!(refusal(&refused), quota_reached());
    assert_eq!(
        says(&refused),
        "an account has at most 1000 active API tokens: revoke one, or let one end"
    );
    assert_eq!(admin.delete(&format!("{path}/last")).await.status, 204);
    assert_eq!(make("one more").await.status, 201);
}

#[tokio::test]
async fn an_api_has_a_thousand_scopes_at_most_however_they_are_made() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let scopes: Value = (0..999).map(|n| json!({"name": format!("s{n}")})).collect();
    let api = json!({
        "name": "wide",
        "audience": "https://wide.example.com",
        "scopes": scopes,
    });
    assert_eq!(admin.post(APIS, api).await.status, 201);
    let path = format!("{APIS}/wide/scopes");
    let make = async |name: &str| admin.post(&path, json!({"name": name})).await;

    assert_eq!(make("last").await.status, 201);
    let refused = make("one-more").await;
    assert_eq!(refusal(&refused), quota_reached());
    assert_eq!(
        says(&refused),
        "an API has at most 1000 scopes: delete one that nobody holds, or put the rest at another API"
    );
    assert_eq!(admin.delete(&format!("{path}/s0")).await.status, 204);
    assert_eq!(make("one-more").await.status, 201);
}

#[tokio::test]
async fn an_account_is_in_a_hundred_groups_at_most() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    server.client("weekly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let join = async |account: &str, number: usize| {
        let path = format!("{GROUPS}/g{number}/members/{account}");
        admin.put(&path, json!({})).await
    };
    for number in 0..101 {
        let made = admin
            .post(GROUPS, json!({"name": format!("g{number}")}))
            .await;
        assert_eq!(made.status, 201);
        if number < 100 {
            assert_eq!(join("nightly", number).await.status, 200);
        }
    }

    let refused = join("nightly", 100).await;
    assert_eq!(refusal(&refused), quota_reached());
    assert_eq!(
        says(&refused),
        "an account is in at most 100 groups: take it out of another one first"
    );
    // It is in this one already, and others are not concerned.
    assert_eq!(join("nightly", 99).await.status, 200);
    assert_eq!(join("weekly", 100).await.status, 200);
    let path = format!("{GROUPS}/g0/members/nightly");
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(join("nightly", 100).await.status, 200);
}

/// Adds so many rows behind the server's back, with the columns of `values`; `mark` counts them, in as
/// many digits as an id has.
async fn add(server: &TestServer, (from, count): (usize, usize), table: &str, values: &str) {
    let first = 1_000_000 + from;
    let last = first + count - 1;
    let statement = format!(
        "WITH RECURSIVE numbers(n) AS
             (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}),
         marks(mark) AS (SELECT '0000000000000000000' || CAST(n AS TEXT) FROM numbers)
         INSERT INTO {table} SELECT {values} FROM marks"
    );
    server.run_sql(statement).await;
}

/// Of what may be made once more and is: then it is refused like this, until this is deleted.
async fn is_bounded(admin: &Administrator, path: &str, [one, other]: [Value; 2], says_so: &str) {
    let made = admin.post(path, one.clone()).await;
    assert_eq!(made.status, 201, "{}", made.wire());
    let refused = admin.post(path, other.clone()).await;
    assert_eq!(refusal(&refused), quota_reached());
    assert_eq!(says(&refused), says_so);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(admin.delete(&format!("{path}/{id}")).await.status, 204);
    let made = admin.post(path, other).await;
    assert_eq!(made.status, 201, "{}", made.wire());
}

#[tokio::test]
async fn an_organization_has_so_many_roles_and_groups_at_most() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let organization = server.id_of("/organizations/default").await;
    let values = format!("'role_' || mark, '{organization}', 'r' || mark");
    add(
        &server,
        (0, 1_999),
        "role (id, organization_id, name)",
        &values,
    )
    .await;
    let bodies = || [json!({"name": "one"}), json!({"name": "other"})];
    let says_so = "an organization has at most 2000 roles of its own: delete one that nobody has";
    is_bounded(&admin, ROLES, bodies(), says_so).await;

    let values = format!("'grp_' || mark, '{organization}', 'g' || mark");
    let groups = "account_group (id, organization_id, name)";
    add(&server, (0, 9_999), groups, &values).await;
    let says_so = "an organization has at most 10000 groups: delete one that nobody is in";
    is_bounded(&admin, GROUPS, bodies(), says_so).await;
    // Another organization has its own.
    admin.post("/organizations", json!({"name": "acme"})).await;
    for kind in ["roles", "groups"] {
        let path = format!("/organizations/acme/{kind}");
        assert_eq!(admin.post(&path, json!({"name": "one"})).await.status, 201);
    }
}

#[tokio::test]
async fn an_organization_has_so_many_apis_at_most_and_in_its_time() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let api = |name: &str| {
        let audience = format!("https://{name}.example.com");
        json!({"name": name, "audience": audience, "scopes": [{"name": "read"}]})
    };
    let organization = server.id_of("/organizations/default").await;
    let table = "api (id, organization_id, name, audience, signing_alg, token_typ, created_at,
                      deleted_at)";
    let add = async |rows, deleted_at: &str| {
        let values = format!(
            "'api_' || mark, '{organization}', 'a' || mark, 'https://' || mark, 'ES256', 'JWT', 0,
             CAST({deleted_at} AS BIGINT)"
        );
        add(&server, rows, table, &values).await;
    };
    add((0, 999), "NULL").await;
    let says_so = "an organization has at most 1000 APIs: delete one, or add scopes to one";
    is_bounded(&admin, APIS, [api("one"), api("other")], says_so).await;

    add((1_000, 8_999), "1").await;
    assert_eq!(admin.delete(&format!("{APIS}/other")).await.status, 204);
    let refused = admin.post(APIS, api("last")).await;
    assert_eq!(refusal(&refused), quota_reached());
    assert_eq!(
        says(&refused),
        "an organization has at most 10000 APIs in its time, since the audiences of those that were \
         deleted stay reserved: add scopes to one that there is"
    );
}

#[tokio::test]
async fn an_api_has_so_many_resources_at_most() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let api = server.id_of(&format!("{APIS}/deploy")).await;
    let values = format!("'res_' || mark, '{api}', 'project', 'P' || mark");
    let table = "resource (id, api_id, resource_type, resource_key)";
    // It has three already.
    add(&server, (0, 99_996), table, &values).await;
    let counted = format!("UPDATE api SET resource_count = 99999 WHERE id = '{api}'");
    server.run_sql(counted).await;
    let bodies = ["ONE", "OTHER"].map(|key| json!({"type": "project", "key": key}));
    let says_so = "an API has at most 100000 resources: delete those that are gone, or grant \"*\"";
    is_bounded(&admin, &format!("{APIS}/deploy/resources"), bodies, says_so).await;
}

#[tokio::test]
async fn of_the_api_tokens_of_an_account_that_have_ended_the_last_thousand_are_kept() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let first = server.api_token(&client, "first", json!({})).await;
    let admin = Administrator::first(&server).await;
    multiply(&server, "api_token").await;
    let path = format!("{NIGHTLY}/api-tokens");
    let count = async || {
        let count = "SELECT CAST(count(*) AS TEXT) FROM credential WHERE kind = 'api_token'";
        server.rows(count).await.remove(0)
    };
    let make = async |name: &str| {
        let made = admin.post(&path, json!({"name": name})).await;
        assert_eq!(made.status, 201, "{}", made.wire());
        made.json()["id"].as_str().unwrap().to_owned()
    };
    // All of them end at once, 999, and then one after the other.
    let then = server.now().as_millisecond();
    server
        .run_sql(format!(
            "UPDATE credential SET status = 'revoked', revoked_at = {then} WHERE kind = 'api_token'"
        ))
        .await;
    server.advance(Duration::from_secs(1));
    let second = make("second").await;
    let third = make("third").await;
    assert_eq!(admin.delete(&format!("{path}/{second}")).await.status, 204);
    make("fourth").await;
    assert_eq!(count().await, "1002");
    assert_eq!(admin.delete(&format!("{path}/{third}")).await.status, 204);
    assert_eq!(count().await, "1002");

    // The first one ended before these, and there are a thousand without it.
    let oldest = first["id"].as_str().unwrap();
    make("fifth").await;
    assert_eq!(count().await, "1002");
    assert_eq!(admin.get(&format!("{path}/{oldest}")).await.status, 404);
    assert_eq!(admin.get(&format!("{path}/{third}")).await.status, 200);
    let forgets = "SELECT changes FROM audit_event WHERE changes LIKE '%forgotten_api_tokens%'";
    let said = server.rows(forgets).await;
    assert_eq!(said.len(), 1);
    assert!(said[0].contains(oldest), "{}", said[0]);
}

#[tokio::test]
async fn the_scopes_of_an_api_have_so_many_bytes_with_what_is_written_about_them() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let scope = |name: &str| json!({"name": name, "description": "x".repeat(1_000)});
    let api = |count: usize| {
        let scopes: Value = (0..count).map(|n| scope(&format!("s{n:03}"))).collect();
        json!({"name": "wide", "audience": "https://wide.example.com", "scopes": scopes})
    };
    // Each has 1004.
    let refused = admin.post(APIS, api(262)).await;
    assert_eq!(mistakes(&refused), [at("/scopes", "too_large")]);
    assert_eq!(admin.post(APIS, api(261)).await.status, 201);
    let path = format!("{APIS}/wide/scopes");
    let refused = admin.post(&path, scope("more")).await;
    assert_eq!(refusal(&refused), quota_reached());
    assert_eq!(
        says(&refused),
        "the scopes of an API and their descriptions have at most 262144 bytes in all: delete one that \
         nobody holds, or put the rest at another API"
    );
    let short = json!({"name": "more", "description": "x".repeat(96)});
    assert_eq!(admin.post(&path, short).await.status, 201);
    assert_eq!(
        refusal(&admin.post(&path, json!({"name": "x"})).await),
        quota_reached()
    );
    assert_eq!(admin.delete(&format!("{path}/s000")).await.status, 204);
    assert_eq!(admin.post(&path, scope("last")).await.status, 201);
}
