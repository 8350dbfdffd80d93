//! `edit`, and the states of what exists.

use serde_json::json;

use crate::harness::TestServer;

use super::Person;

#[tokio::test]
async fn an_account_is_edited_member_by_member() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let line =
        "account create ci-deployer --owner me --label team=ops --label tier=1 --description x";
    admin.run(line).await.data();

    let line = "account edit ci-deployer --remove-label tier --label team=dev --expires \
                2027-01-31T12:00:00Z --max-token-lifetime 5m -o json";
    let edited = admin.run(line).await.json();
    assert_eq!(edited["labels"], json!({"team": "dev"}));
    assert_eq!(edited["owner"], "me");
    assert_eq!(edited["expires_at"], "2027-01-31T12:00:00Z");
    assert_eq!(edited["max_token_lifetime_seconds"], 300);

    let words = [
        "account",
        "edit",
        "ci-deployer",
        "--description",
        "",
        "--expires",
        "never",
        "--max-token-lifetime",
        "0",
        "-o",
        "json",
    ];
    let edited = admin.run_words(&words).await.json();
    for member in ["description", "expires_at", "max_token_lifetime_seconds"] {
        assert_eq!(edited[member], json!(null), "{member}");
    }
    assert_eq!(admin.run("account edit ci-deployer").await.code, Some(2));
    admin.run("account revoke-tokens ci-deployer").await.data();
}

#[tokio::test]
async fn an_organization_and_a_credential_are_edited_stopped_and_started() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("org create acme --quota small").await.data();
    let line = "org edit acme --quota none --leak-report finding -o json";
    let edited = admin.run(line).await.json();
    assert_eq!(edited["max_service_accounts"], json!(null));
    assert_eq!(edited["policy"]["leak_report"], "finding");
    for (verb, status) in [("disable", "disabled"), ("enable", "active")] {
        let changed = admin.run(&format!("org {verb} acme -o json")).await;
        assert_eq!(changed.json()["status"], status);
    }

    admin
        .run("account create ci-deployer --credential -o json")
        .await
        .data();
    let line = "credential edit ci-deployer/default --allowed-network 10.0.0.0/8 -o json";
    let edited = admin.run(line).await.json();
    assert_eq!(edited["allowed_networks"], json!(["10.0.0.0/8"]));
    for (verb, status) in [("disable", "disabled"), ("enable", "active")] {
        let changed = admin
            .run(&format!("credential {verb} ci-deployer/default -o json"))
            .await;
        assert_eq!(changed.json()["status"], status);
    }
    assert!(
        admin
            .run("credential list")
            .await
            .data()
            .contains("default")
    );
    admin.run("report expiring --within 100d").await.data();
}
