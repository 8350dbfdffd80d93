//! `ostler audit`: read, exported and verified.

use std::fs;

use insta::assert_snapshot;

use crate::harness::TestServer;

use super::Person;

#[tokio::test]
async fn the_trail_is_read_exported_and_verified() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    admin.run("account disable ci-deployer").await.data();

    let line = "audit list --action service_account.disable --target ci-deployer";
    let events = admin.run(line).await;
    let columns: Vec<&str> = events.data().trim_end().split('\t').collect();
    assert_eq!(columns[2], "administrator");
    assert_eq!(
        columns[4..7],
        ["service_account.disable", "ci-deployer", "success"]
    );
    assert_eq!(admin.run("audit list --action x").await.code, Some(1));

    assert_snapshot!(admin.run("audit export --out audit.ndjson").await.screen(), @"
    ! ✓ the events are in audit.ndjson
    exit 0
    ");
    let exported = fs::read_to_string(admin.home().join("audit.ndjson")).unwrap();
    assert!(
        exported
            .lines()
            .all(|line| line.starts_with("{\"id\":\"evt_"))
    );

    let head = admin.run("audit verify -o id").await;
    assert!(head.data().matches('.').count() == 2, "{head}");
    admin.write("head.jws", head.data(), 0o644);
    admin.run("account enable ci-deployer").await.data();
    let verified = admin.run("audit verify --head head.jws -o json").await;
    assert_eq!(verified.json()["ok"], true);
    admin.run("audit verify --instance").await.data();
}

#[tokio::test]
async fn a_head_of_something_else_is_a_negative_answer_or_refused() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let head = admin.run("audit verify --instance -o id").await;
    admin.write("head.jws", head.data(), 0o644);
    let other = admin.run("audit verify --head head.jws").await;
    assert_ne!(other.code, Some(0), "{other}");
}
