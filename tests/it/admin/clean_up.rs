//! Secrets, credentials and API tokens that ended 90 days ago are forgotten.

use std::time::Duration;

use ostler::app::clean_up;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

const ACCOUNT: &str = "/organizations/default/service-accounts/nightly";
const DAY: Duration = Duration::from_hours(24);

/// The statuses in a list of the account, in the order of the names.
async fn statuses(server: &TestServer, list: &str) -> Vec<(String, String)> {
    let reply = server
        .admin("GET", &format!("{ACCOUNT}/{list}"), None)
        .await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let items = reply.json()["items"].clone();
    let items = items.as_array().unwrap().iter();
    let mut statuses: Vec<_> = items
        .map(|item| (text(&item["name"]), text(&item["status"])))
        .collect();
    statuses.sort();
    statuses
}

fn are(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, status): &(&str, &str)| ((*name).to_owned(), (*status).to_owned());
    pairs.iter().map(owned).collect()
}

/// One row per organization and run; returns what it says.
async fn rows(server: &TestServer) -> Vec<Value> {
    let changes = "SELECT changes FROM audit_event WHERE action = 'organization.clean_up'
                   ORDER BY sequence";
    let rows = server.rows(changes).await;
    rows.iter()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect()
}

#[tokio::test]
async fn what_ended_is_found_for_ninety_days_and_then_forgotten() {
    let server = TestServer::start().await;
    server
        .create(
            "/organizations/default/service-accounts",
            json!({"name": "nightly"}),
        )
        .await;
    for (list, body) in [
        (
            "credentials",
            json!({"name": "short", "expires_in_seconds": 3_600}),
        ),
        (
            "credentials",
            json!({"name": "revoked", "expires_in_seconds": null}),
        ),
        (
            "credentials",
            json!({"name": "rotated", "expires_in_seconds": null}),
        ),
        (
            "api-tokens",
            json!({"name": "short", "expires_in_seconds": 86_400}),
        ),
        (
            "api-tokens",
            json!({"name": "revoked", "expires_in_seconds": 31_536_000}),
        ),
        (
            "api-tokens",
            json!({"name": "long", "expires_in_seconds": 31_536_000}),
        ),
    ] {
        server.create(&format!("{ACCOUNT}/{list}"), body).await;
    }
    server
        .act(&format!("{ACCOUNT}/credentials/revoked/revoke"), json!({}))
        .await;
    server
        .delete(&format!("{ACCOUNT}/api-tokens/revoked"))
        .await;
    let rotate = format!("{ACCOUNT}/credentials/rotated/rotate");
    server.act(&rotate, json!({"overlap_seconds": 0})).await;

    server.advance(Duration::from_secs(90 * 86_400 - 1));
    clean_up::once(&server.app).await.unwrap();
    assert_eq!(rows(&server).await, Vec::<Value>::new());
    let credentials = [
        ("revoked", "revoked"),
        ("rotated", "active"),
        ("short", "expired"),
    ];
    assert_eq!(statuses(&server, "credentials").await, are(&credentials));

    server.advance(Duration::from_secs(1));
    clean_up::once(&server.app).await.unwrap();
    assert_eq!(
        statuses(&server, "credentials").await,
        are(&credentials[1..])
    );
    let tokens = [("long", "active"), ("short", "expired")];
    assert_eq!(statuses(&server, "api-tokens").await, are(&tokens));
    let rotated = server
        .admin("GET", &format!("{ACCOUNT}/credentials/rotated"), None)
        .await;
    assert_eq!(rotated.json()["secrets"].as_array().unwrap().len(), 1);

    server.advance(DAY);
    for _ in 0..2 {
        clean_up::once(&server.app).await.unwrap();
    }
    assert_eq!(
        statuses(&server, "credentials").await,
        are(&credentials[1..2])
    );
    assert_eq!(statuses(&server, "api-tokens").await, are(&tokens[..1]));

    // One row for each run that found something, of the server's own doing.
    let rows = rows(&server).await;
    let removed: Vec<_> = rows
        .iter()
        .map(|row| row["secrets"]["before"].clone())
        .collect();
    assert_eq!(removed, [json!(3), json!(2)]);
    let by = server.audited("organization.clean_up").await;
    assert!(
        by[0].starts_with("system clean-up -> organization org_"),
        "{by:?}"
    );
}

/// The holders of grants that are credentials, by each table that has a part of a grant.
async fn narrowed(server: &TestServer) -> usize {
    let mut holders = Vec::new();
    for table in [
        "access_grant",
        "access_scope",
        "access_type",
        "access_resource",
    ] {
        let of_credentials = format!(
            "SELECT DISTINCT holder_id FROM {table} WHERE holder_id LIKE 'cred%' ORDER BY holder_id"
        );
        holders.push(server.rows(&of_credentials).await);
    }
    assert!(
        holders.iter().all(|found| *found == holders[0]),
        "{holders:?}"
    );
    holders[0].len()
}

// To the second, however a token ended: by itself, or by being taken back. With its account it goes at
// once.
#[tokio::test]
async fn what_an_api_token_was_narrowed_to_goes_with_it() {
    let server = TestServer::start().await;
    let weekly = "/organizations/default/service-accounts/weekly";
    let narrow = json!([{
        "api": "deploy", "scopes": ["deploy:read"], "resources": {"project": ["APOLLO"]},
    }]);
    let mut ids = Vec::new();
    for (account, name, days) in [
        ("nightly", "taken-back", 365),
        ("nightly", "over", 1),
        ("nightly", "live", 365),
        ("weekly", "of-a-deleted-one", 365),
    ] {
        if name == "taken-back" || account == "weekly" {
            server.client(account, "deploy:read").await;
        }
        let body = json!({
            "name": name, "expires_in_seconds": days * 86_400, "access": narrow,
        });
        let path = format!("/organizations/default/service-accounts/{account}/api-tokens");
        ids.push(server.create(&path, body).await["id"].clone());
    }
    server
        .delete(&format!("{ACCOUNT}/api-tokens/taken-back"))
        .await;
    assert_eq!(narrowed(&server).await, 4);
    server.delete(weekly).await;
    assert_eq!(narrowed(&server).await, 3);

    for (wait, left) in [
        (90 * 86_400 - 1, 3),
        (1, 2),
        (86_400 - 1, 2),
        (1, 1),
        (50 * 86_400, 1),
    ] {
        server.advance(Duration::from_secs(wait));
        clean_up::once(&server.app).await.unwrap();
        assert_eq!(narrowed(&server).await, left, "{}", server.now());
    }
    let forgotten = rows(&server).await;
    let forgotten: Vec<_> = forgotten
        .iter()
        .map(|row| row["api_tokens"]["before"].as_array().unwrap().len())
        .collect();
    assert_eq!(forgotten, [1, 1]);
    let told = rows(&server).await;
    let told = json!([
        told[0]["api_tokens"]["before"],
        told[1]["api_tokens"]["before"]
    ]);
    let told = told.to_string();
    for (id, is_told) in ids.iter().zip([true, true, false, false]) {
        assert_eq!(told.contains(id.as_str().unwrap()), is_told, "{id}: {told}");
    }
    assert_eq!(
        statuses(&server, "api-tokens").await,
        are(&[("live", "active")])
    );
}

#[tokio::test]
async fn each_organization_is_cleaned_up_in_its_own_chain() {
    let server = TestServer::start().await;
    server
        .create("/organizations", json!({"name": "other"}))
        .await;
    for organization in ["default", "other"] {
        let credential = json!({"name": "first", "expires_in_seconds": 1});
        let body = json!({"name": "nightly", "credential": credential});
        let path = format!("/organizations/{organization}/service-accounts");
        server.create(&path, body).await;
    }
    server.advance(91 * DAY);
    clean_up::once(&server.app).await.unwrap();
    let chains = "SELECT chain FROM audit_event WHERE action = 'organization.clean_up'";
    let chains = server.rows(chains).await;
    assert_eq!(chains.len(), 2);
    assert_ne!(chains[0], chains[1]);
}
