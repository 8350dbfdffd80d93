//! `ostler credential`: made, rotated, taken back.

use std::time::Duration;

use insta::assert_snapshot;

use crate::harness::TestServer;

use super::Person;

/// Who administers a server with the account `ci-deployer` and its credential `github`.
async fn administrator(server: &TestServer) -> (Person, serde_json::Value) {
    let admin = Person::administrator(server);
    admin.run("account create ci-deployer").await.data();
    let line = "credential create ci-deployer/github --expires 30d -o json";
    let credential = admin.run(line).await.json();
    (admin, credential)
}

#[tokio::test]
async fn a_credential_is_made_listed_and_shown_without_its_secret() {
    let server = TestServer::start().await;
    let (admin, made) = administrator(&server).await;
    let secret = made["client_secret"].as_str().unwrap();
    assert_eq!(secret.len(), 59);
    assert_eq!(made["expires_at"], "2026-03-31T12:00:00Z");

    for line in [
        "credential list ci-deployer",
        "credential get ci-deployer/github -o json",
    ] {
        let ran = admin.run(line).await;
        assert!(ran.data().contains(made["id"].as_str().unwrap()), "{ran}");
        assert!(!ran.stdout.contains(secret));
    }
    // By the id of the account and that of the credential, too.
    let account = admin
        .run("account get ci-deployer -o id")
        .await
        .data()
        .trim()
        .to_owned();
    let line = format!(
        "credential get {account}/{} -o csv",
        made["id"].as_str().unwrap()
    );
    let csv = admin.run(&line).await;
    let columns = "id,name,kind,client_id,status,allowed_networks,access,created_at,expires_at,";
    assert!(csv.data().starts_with(columns), "{csv}");
    assert!(csv.stdout.contains(",github,client_secret,sac_"), "{csv}");
}

#[tokio::test]
async fn a_rotation_tells_what_becomes_of_the_old_secret() {
    let server = TestServer::start().await;
    let (admin, _) = administrator(&server).await;

    let line =
        "credential rotate ci-deployer/github --overlap 24h --expires 90d --secret-out new.env";
    let rotated = admin.run(line).await;
    let told: Vec<&str> = rotated.stderr.lines().collect();
    assert_eq!(rotated.code, Some(0), "{rotated}");
    assert!(told[0].starts_with("✓ new secret …"), "{rotated}");
    assert!(
        told[0].ends_with(" written to new.env (0600, shown nowhere else)"),
        "{rotated}"
    );
    assert!(
        told[1].contains(" works until 2026-03-02T12:00:00Z (")
            && told[1].ends_with(", never used"),
        "{rotated}"
    );

    let again = admin
        .run("credential rotate ci-deployer/github -o json")
        .await;
    assert_snapshot!(again.screen(), @"
    ! error: two secrets work already, and the older one does so until 2026-03-02T12:00:00Z: wait, or end that overlap now with `end_overlap` (overlap_in_progress)
    !   fix: wait for its end, or end it now with --end-overlap
    !   request: req_ID
    exit 5
    ");
    let line =
        "credential rotate ci-deployer/github --end-overlap --overlap 0 --revoke-tokens -o json";
    let rotated = admin.run(line).await.json();
    let is_live =
        |secret: &&serde_json::Value| secret["status"] == "active" || secret["status"] == "overlap";
    assert_eq!(
        rotated["secrets"]
            .as_array()
            .unwrap()
            .iter()
            .filter(is_live)
            .count(),
        1
    );
}

#[tokio::test]
async fn the_end_of_the_secret_in_use_is_told_in_time() {
    let server = TestServer::start().await;
    let (admin, made) = administrator(&server).await;
    admin
        .run("account roles set ci-deployer auditor")
        .await
        .data();
    let robot = Person::at(&server)
        .with("OSTLER_CLIENT_ID", made["client_id"].as_str().unwrap())
        .with(
            "OSTLER_CLIENT_SECRET",
            made["client_secret"].as_str().unwrap(),
        );
    assert_eq!(robot.run("account list").await.stderr, "");

    server.advance(Duration::from_hours(24 * 17));
    assert_snapshot!(robot.run("account list -o id").await.stderr, @"warning: the client secret in use ends at 2026-03-31T12:00:00Z; make another with `ostler credential rotate`");
}

#[tokio::test]
async fn a_credential_is_revoked_and_deleted() {
    let server = TestServer::start().await;
    let (admin, _) = administrator(&server).await;
    let revoked = admin
        .run("credential revoke ci-deployer/github -o json")
        .await
        .json();
    assert_eq!(revoked["status"], "revoked");
    assert_snapshot!(admin.run("credential delete ci-deployer/github --yes").await.screen(), @"
    ! ✓ github is deleted
    exit 0
    ");
    assert_eq!(
        admin.run("credential get ci-deployer/github").await.code,
        Some(3)
    );
}

#[tokio::test]
async fn credentials_are_listed_by_the_filters_of_accounts() {
    let server = TestServer::start().await;
    let (admin, _) = administrator(&server).await;
    admin
        .run("credential create ci-deployer/short --expires 1d -o json")
        .await
        .data();
    for (line, expected) in [
        ("credential list --expires-within 2d", "short"),
        ("credential list ci-deployer --expires-within 2d", "short"),
        (
            "credential list ci-deployer --status active --sort -expires_at",
            "github short",
        ),
        ("credential list ci-deployer --q GITH", "github"),
        ("credential list ci-deployer --unused-for 1d", ""),
        ("credential list --scope accounts:write", "init"),
        ("credential list --owner nobody", ""),
    ] {
        let found = admin.run(&format!("{line} -o json")).await.json();
        let items = found["items"].as_array().unwrap().iter();
        let names: Vec<_> = items.filter_map(|item| item["name"].as_str()).collect();
        assert_eq!(names.join(" "), expected, "{line}");
    }
    let odd = admin.run("credential list --status on").await;
    assert_eq!(odd.code, Some(1), "{odd}");
}

#[tokio::test]
async fn a_report_that_waits_is_listed_and_dismissed() {
    let server = TestServer::start().await;
    let (admin, made) = administrator(&server).await;
    let edit = "org edit default --leak-report finding -o json";
    admin.run(edit).await.data();
    let body = serde_json::json!({"secret": made["client_secret"]});
    let request = server.request("POST", "/admin/v1/leaks").json(&body);
    assert_eq!(request.send().await.status, 202);
    let listed = admin.run("report leaks -o json").await.json();
    assert_eq!(listed["items"][0]["subject"]["id"], made["id"]);
    let secret = listed["items"][0]["secret"].as_str().unwrap();
    let dismissed = admin.run(&format!("report dismiss {secret}")).await;
    assert_eq!(dismissed.code, Some(0), "{dismissed}");
    let told = format!("✓ the report of {secret} is dismissed\n");
    assert_eq!(dismissed.stderr, told);
    let again = admin.run(&format!("report dismiss {secret}")).await;
    assert_eq!(again.code, Some(3), "{again}");
    let listed = admin.run("report leaks -o json").await.json();
    assert_eq!(listed["items"], serde_json::json!([]));
}
