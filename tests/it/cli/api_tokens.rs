//! `ostler api-token`, and `ostler credential retire`.

use std::fs;

use insta::assert_snapshot;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::Person;

#[tokio::test]
async fn an_api_token_is_made_listed_and_revoked() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();

    let line =
        "api-token create ci-deployer/dashboard --expires 30d --secret-out dashboard.env -o json";
    let made = admin.run(line).await;
    assert!(!made.stdout.contains("ostler_at_"), "{made}");
    assert_eq!(made.json()["expires_at"], "2026-03-31T12:00:00Z");
    let file = fs::read_to_string(admin.home().join("dashboard.env")).unwrap();
    assert!(file.contains("\nOSTLER_API_TOKEN=ostler_at_"), "{file}");

    let of_account = admin.run("api-token list ci-deployer").await;
    assert!(
        of_account.data().starts_with("dashboard\tactive\t"),
        "{of_account}"
    );
    assert_eq!(of_account.stderr, "1 active\n");
    let inventory = admin.run("api-token list -o json").await.json();
    assert_eq!(inventory["items"].as_array().map(Vec::len), Some(1));
    for (filter, count) in [
        ("--status active", 1),
        ("--status revoked", 0),
        ("--expires-within 14d", 0),
        ("--expires-within 30d --sort -last_used_at", 1),
        ("--q board", 1),
        ("--api ostler", 0),
    ] {
        for account in ["", " ci-deployer"] {
            let line = format!("api-token list{account} {filter} -o json");
            let found = admin.run(&line).await.json();
            assert_eq!(
                found["items"].as_array().map(Vec::len),
                Some(count),
                "{line}"
            );
        }
    }

    assert_snapshot!(admin.run("api-token revoke ci-deployer/dashboard").await.screen(), @"
    ! ✓ dashboard is revoked, with what was exchanged for it
    exit 0
    ");
    let revoked = admin
        .run("api-token show ci-deployer/dashboard -o json")
        .await;
    assert_eq!(revoked.json()["status"], "revoked");
}

#[tokio::test]
async fn an_old_secret_is_retired_once_nobody_uses_it() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let old = server.client("ci-deployer", "deploy:read").await;
    old.token("deploy:read").await;
    let credential = &old.credential;
    let line = format!("credential rotate ci-deployer/{credential} --overlap 24h -o json");
    let rotated = admin.run(&line).await.json();
    let new: TestClient = old.with_secret(rotated["client_secret"].as_str().unwrap());

    let retire = format!("credential retire ci-deployer/{credential}");
    let early = admin.run(&retire).await;
    assert_eq!(early.code, Some(5), "{early}");
    assert!(early.stderr.contains("(secret_in_use)"), "{early}");
    assert!(early.stderr.contains("--force"), "{early}");

    server.advance(std::time::Duration::from_secs(1));
    new.token("deploy:read").await;
    let retired = admin.run(&retire).await;
    assert_eq!(retired.code, Some(0), "{retired}");
    assert!(retired.stderr.ends_with(" is retired\n"), "{retired}");
    let none = admin.run(&retire).await;
    assert_eq!(none.code, Some(3), "{none}");
}
