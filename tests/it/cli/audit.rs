//! `ostler audit`: read, exported and verified.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::admin::audit_verify::tamper;
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
    assert!(columns[3].starts_with("sa_"), "{events}");
    assert_eq!(columns[4], server.admin.id);
    assert_eq!(columns[6..8], ["service_account.disable", "ci-deployer"]);
    assert_eq!(columns[9], "success");
    assert_eq!(admin.run("audit list --action x").await.code, Some(1));

    assert_snapshot!(admin.run("audit export --out audit.ndjson").await.screen(), @"
    ! ✓ the events are in audit.ndjson
    exit 0
    ");
    let exported = fs::read_to_string(admin.home().join("audit.ndjson")).unwrap();
    let exported: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = admin.run("audit list -o json").await.json();
    let told = told["items"]
        .as_array()
        .unwrap_or_else(|| told.as_array().unwrap());
    assert_eq!(exported.len(), 2, "{exported:?}");
    for event in told
        .iter()
        .filter(|event| event["action"] != "audit_event.export")
    {
        assert!(exported.contains(event), "{event}");
    }

    let head = admin.run("audit verify -o id").await;
    assert!(head.data().matches('.').count() == 2, "{head}");
    admin.write("head.jws", head.data(), 0o644);
    admin.run("account enable ci-deployer").await.data();
    let verified = admin.run("audit verify --head head.jws -o json").await;
    assert_eq!(verified.json()["ok"], true);
    admin.run("audit verify --instance").await.data();
}

#[tokio::test]
async fn an_export_that_is_only_shown_is_no_event_and_no_file() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    let line = "audit export --result success --dry-run";
    let tried = admin.run(line).await.screen();
    assert_snapshot!(tried, @"
    ! would send: GET /admin/v1/organizations/default/audit-events?result=success&format=ndjson
    exit 0
    ");
    let to_a_file = admin.run(&format!("{line} --out audit.ndjson")).await;
    assert_eq!(to_a_file.screen(), tried);
    let shown = admin.run("audit export --curl --out audit.ndjson").await;
    assert!(shown.data().starts_with("curl -sS"), "{shown}");
    assert!(!admin.home().join("audit.ndjson").exists());
    let exports = admin.run("audit list --action audit_event.export").await;
    assert_eq!(exports.data(), "");

    // What is no event is read all the same, as every list is.
    for line in [
        "audit list --dry-run",
        "audit verify --dry-run",
        "report system --dry-run",
        "account get ci-deployer --dry-run",
        "token get --dry-run",
    ] {
        let read = admin.run(line).await;
        assert!(!read.data().is_empty(), "{line}: {read}");
    }
}

// Security case 168: a name may be another thing's later.
#[tokio::test]
async fn what_has_the_same_name_is_told_apart_by_its_id() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let made = admin.run("account create ci-deployer -o id").await;
        ids.push(made.data().trim().to_owned());
        admin.run("account delete ci-deployer --yes").await.data();
    }
    ids.reverse();
    let line = "audit list --action service_account.delete --target ci-deployer";
    let events = admin.run(line).await;
    let targets = events.data().lines().map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        (columns[7], columns[8])
    });
    let expected = ids.iter().map(|id| ("ci-deployer", id.as_str()));
    assert!(targets.eq(expected), "{events}");
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

/// A trail of five events, and somebody who reads it.
async fn with_a_trail() -> (TestServer, Person) {
    let server = TestServer::start().await;
    for n in 0..5 {
        let body = json!({"name": format!("account-{n}")});
        let accounts = "/organizations/default/service-accounts";
        server.create(accounts, body).await;
    }
    let admin = Person::administrator(&server);
    (server, admin)
}

// Security case 166: what was done to the database behind the server's back, as a person is told it.
#[tokio::test]
async fn a_chain_that_was_forged_is_told_with_its_first_bad_event() {
    for (what, statements, first_bad) in [
        (
            "an edit",
            "UPDATE audit_event SET target_name = 'x' WHERE {chain} AND sequence = 3",
            3,
        ),
        (
            "a deletion",
            "DELETE FROM audit_event WHERE {chain} AND sequence = 2",
            2,
        ),
        (
            "another order",
            "UPDATE audit_event SET sequence = 100 WHERE {chain} AND sequence = 2;
             UPDATE audit_event SET sequence = 2 WHERE {chain} AND sequence = 4;
             UPDATE audit_event SET sequence = 4 WHERE {chain} AND sequence = 100",
            2,
        ),
    ] {
        let (server, admin) = with_a_trail().await;
        assert_eq!(admin.run("audit verify").await.code, Some(0), "{what}");
        tamper(&server, statements).await;
        let told = admin.run("audit verify -o json").await;
        let answer: Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!(answer["ok"], false, "{what}: {told}");
        assert_eq!(answer["first_bad_sequence"], first_bad, "{what}: {told}");
        assert_eq!(told.code, Some(6), "{what}: {told}");
        // The head of such a chain is signed by nobody, so there is none to keep.
        let head = admin.run("audit verify -o id").await;
        assert_eq!(
            (head.code, head.stdout.as_str()),
            (Some(6), ""),
            "{what}: {head}"
        );
    }
}

// Security case 166: a tail that is cut off together with its head is found by one that was kept.
#[tokio::test]
async fn a_chain_that_was_cut_is_told_against_a_head_that_was_kept() {
    let (server, admin) = with_a_trail().await;
    let head = admin.run("audit verify -o id").await;
    admin.write("head.jws", head.data(), 0o644);
    tamper(
        &server,
        "DELETE FROM audit_event WHERE {chain} AND sequence > 3;
         UPDATE audit_head SET sequence = 3, hash =
             (SELECT hash FROM audit_event WHERE {chain} AND sequence = 3) WHERE {chain}",
    )
    .await;
    assert_eq!(admin.run("audit verify").await.code, Some(0));
    assert_snapshot!(admin.run("audit verify --head head.jws").await.screen(), @"
    ok	false
    checked	3
    first_bad_sequence	4
    head	
    ! ✗ the audit chain is not whole
    !   the first event that is not right is 4
    !   fix: keep the database as it is, and compare it with a backup and with exported events
    exit 6
    ");
    // From standard input, as a job that keeps it elsewhere gives it.
    let line = ["audit", "verify", "--head", "-"];
    let told = admin.run_with_input(&line, head.data()).await;
    assert_eq!(told.code, Some(6), "{told}");
    // The chain of the instance is another one.
    assert_eq!(admin.run("audit verify --instance").await.code, Some(0));
}
