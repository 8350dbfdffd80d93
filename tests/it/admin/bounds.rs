//! How many there may be of what is made one by one: a limit is told, with what to do about it.

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::APIS;
use super::actors::Administrator;
use super::actors::GROUPS;
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
