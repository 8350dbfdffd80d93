//! `ostler account`, `api`, `scope`, `resource`, `org` and `key`.

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::Person;

/// Somebody who administers a server with the API `jira`.
async fn administrator(server: &TestServer) -> Person {
    let admin = Person::administrator(server);
    let api = "api create jira --audience https://jira.example.com --scope read --scope write=Change \
               --resource-type project";
    admin.run(api).await.data();
    for key in ["APOLLO", "GEMINI"] {
        let resource = json!({"type": "project", "key": key});
        server
            .create("/organizations/default/apis/jira/resources", resource)
            .await;
    }
    admin
}

#[tokio::test]
async fn an_account_is_created_with_its_access_in_one_line() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;

    let line = "account create ci-deployer --api jira --scope read,write --project APOLLO,GEMINI \
                --label team=ops --owner me --role auditor --expires 2027-01-31T12:00:00Z -o json";
    let made = admin.run(line).await.json();
    let members = ["name", "owner", "labels", "roles", "expires_at", "access"];
    assert_eq!(
        members.map(|member| made[member].clone()),
        [
            json!("ci-deployer"),
            json!("me"),
            json!({"team": "ops"}),
            json!(["auditor"]),
            json!("2027-01-31T12:00:00Z"),
            json!([{"api": "jira", "scopes": ["read", "write"],
                    "resources": {"project": ["APOLLO", "GEMINI"]}}]),
        ]
    );
    let found = admin.run("account get ci-deployer -o json").await.json();
    assert_eq!(found["id"], made["id"]);
    assert_eq!(
        admin.run("account list -o id").await.data().lines().count(),
        2
    );
}

#[tokio::test]
async fn a_mistake_in_a_grant_is_told_with_what_was_meant() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;

    let line = "account create ci-deployer --api jira --scope read,writ --project APOLO";
    assert_snapshot!(admin.run(line).await.screen(), @"
    ! error: the request has 2 mistakes (validation_failed)
    !   /access/0/scopes/1: there is no scope `writ` at API `jira`; did you mean `write`?
    !   /access/0/resources/project/0: there is no project `APOLO`; did you mean `APOLLO`?
    !   request: req_ID
    exit 1
    ");

    let line = "account create ci-deployer --api jira --scope read --projct APOLLO";
    assert_snapshot!(admin.run(line).await.screen(), @"
    ! error: --projct is no flag, and the API jira has no resource type `projct`
    !   fix: did you mean --project?
    exit 2
    ");

    assert_eq!(
        admin.run("account list -o id").await.data().lines().count(),
        1
    );
}

#[tokio::test]
async fn access_is_read_edited_tried_and_set() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;
    let line = "account create ci-deployer --api jira --scope read --project APOLLO";
    admin.run(line).await.data();

    let read = admin.run("account access get ci-deployer -o json").await;
    let edited = read.data().replace("APOLLO", "GEMINI");
    let set = ["account", "access", "set", "ci-deployer", "--file", "-"];
    let tried = admin
        .run_with_input(&[&set[..], &["--dry-run"]].concat(), &edited)
        .await;
    assert_snapshot!(tried.screen(), @"
    access	jira: read on project GEMINI
    diff.added	jira: read on project GEMINI
    diff.removed	jira: read on project APOLLO
    tokens_revoked	true
    warnings	
    ! note: something was taken away: the account's tokens would be dead
    exit 0
    ");
    assert_eq!(
        admin.run("account access get ci-deployer").await.data(),
        "access\tjira: read on project APOLLO\n"
    );

    admin.run_with_input(&set, &edited).await.data();
    assert_snapshot!(admin.run("account access get ci-deployer").await.screen(), @"
    access	jira: read on project GEMINI
    exit 0
    ");
}

#[tokio::test]
async fn a_grant_is_added_to_the_others() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;
    let line = "account create ci-deployer --api jira --scope read --resource project=*";
    admin.run(line).await.data();

    let line = "account access grant ci-deployer --api jira --scope write --project APOLLO";
    admin.run(line).await.data();
    let access = admin.run("account access get ci-deployer").await;
    assert_eq!(
        access.data(),
        "access\tjira: read on all project; jira: write on project APOLLO\n"
    );
}

#[tokio::test]
async fn access_comes_from_a_file_at_creation_too() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;
    let grants = json!([{"api": "jira", "scopes": ["read"], "resources": {"project": []}}]);
    admin.write("access.json", &grants.to_string(), 0o644);

    let made = admin
        .run("account create ci-deployer --access-file access.json -o json")
        .await;
    assert_eq!(made.json()["access"], grants);

    admin.write("access.json", "{\"access\": ostler", 0o644);
    let refused = admin
        .run("account create other-one --access-file access.json")
        .await;
    assert_snapshot!(refused.screen(), @"
    ! error: access.json is not JSON at line 1, column 12
    exit 2
    ");
}

#[tokio::test]
async fn an_account_is_stopped_started_and_deleted() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;
    admin.run("account create ci-deployer").await.data();

    let status = |ran: super::Ran| ran.json()["status"].clone();
    assert_eq!(
        status(admin.run("account disable ci-deployer -o json").await),
        "disabled"
    );
    // Disabling what is disabled is no mistake.
    assert_eq!(
        status(admin.run("account disable CI-Deployer -o json").await),
        "disabled"
    );
    assert_eq!(
        status(admin.run("account enable ci-deployer -o json").await),
        "active"
    );

    assert_snapshot!(admin.run("account delete ci-deployer").await.screen(), @"
    ! ✓ ci-deployer is deleted
    exit 0
    ");
    assert_snapshot!(admin.run("account get ci-deployer").await.screen(), @"
    ! error: there is no such service account (not_found)
    !   request: req_ID
    exit 3
    ");
}

#[tokio::test]
async fn roles_are_set_and_taken_away() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;
    admin.run("account create ops-robot").await.data();

    admin
        .run("account roles set ops-robot operator auditor")
        .await
        .data();
    let roles = admin
        .run("account roles get ops-robot -o json")
        .await
        .json();
    assert_eq!(roles, json!({"roles": ["operator", "auditor"]}));

    // Nothing is taken away by forgetting to say what to keep.
    assert_eq!(admin.run("account roles set ops-robot").await.code, Some(2));
    let taken = admin.run("account roles set ops-robot --none").await;
    assert_snapshot!(taken.screen(), @"
    roles	
    tokens_revoked	true
    exit 0
    ");
}

#[tokio::test]
async fn another_organization_is_administered_by_naming_it() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;
    admin
        .run("org create acme --max-service-accounts 1")
        .await
        .data();
    admin
        .run("account create acme-robot --organization acme")
        .await
        .data();

    let full = admin
        .run("account create acme-robot-2 --organization acme")
        .await;
    assert_snapshot!(full.screen(), @"
    ! error: the organization may have 1 service accounts (`max_service_accounts`) (quota_reached)
    !   request: req_ID
    exit 5
    ");
    assert_eq!(admin.run("account get acme-robot").await.code, Some(3));
    assert_eq!(
        admin.run("org get acme -o json").await.json()["service_account_count"],
        1
    );
    assert_eq!(admin.run("org list -o csv").await.data().lines().count(), 3);
}

#[tokio::test]
async fn an_api_grows_scopes_and_resources() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;

    let description = [
        "scope",
        "create",
        "jira",
        "admin:all",
        "--description",
        "Everything, \"all\"",
    ];
    admin.run_words(&description).await.data();
    assert_snapshot!(admin.run("scope list jira -o csv").await.screen(), @r#"
    name,description
    admin:all,"Everything, ""all"""
    read,
    write,Change
    exit 0
    "#);
    let mut resources: Vec<String> = {
        let list = admin.run("resource list jira").await;
        list.data().lines().map(str::to_owned).collect()
    };
    resources.sort();
    assert!(
        resources[0].starts_with("project	APOLLO		res_"),
        "{resources:?}"
    );
    assert_eq!(resources.len(), 2);
    let found = admin
        .run("resource get jira project:GEMINI -o json")
        .await
        .json();
    assert_eq!(found["key"], "GEMINI");
    let api = admin.run("api get jira -o json").await.json();
    assert_eq!(api["scopes"].as_array().map(Vec::len), Some(3));
    assert_eq!(api["token"]["signing_alg"], "ES256");
}

#[tokio::test]
async fn a_key_is_made_and_activated() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let kid = admin
        .run("key create ES256 -o id")
        .await
        .data()
        .trim()
        .to_owned();
    let early = admin.run(&format!("key activate -- {kid}")).await;
    assert_eq!(early.code, Some(5), "{early}");
    assert!(
        early
            .stderr
            .contains("fix: wait, or activate it now with --force"),
        "{early}"
    );

    admin
        .run(&format!("key activate --force -- {kid}"))
        .await
        .data();
    let keys = admin.run("key list -o json").await.json();
    let state = |key: &&Value| key["kid"] == kid.as_str() && key["state"] == "active";
    assert!(
        keys["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|key| state(&key)),
        "{keys}"
    );
}

#[tokio::test]
async fn what_the_server_warns_of_is_told() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;
    // More keys than fit into a token.
    let mut keys = Vec::new();
    for number in 0..60 {
        let key = format!("{}-{number}", "LONG".repeat(20));
        let resource = json!({"type": "project", "key": key});
        server
            .create("/organizations/default/apis/jira/resources", resource)
            .await;
        keys.push(key);
    }
    admin.run("account create ci-deployer").await.data();
    let grants = json!([{"api": "jira", "scopes": ["read"], "resources": {"project": keys}}]);
    let set = [
        "account",
        "access",
        "set",
        "ci-deployer",
        "--file",
        "-",
        "-o",
        "json",
    ];
    let ran = admin.run_with_input(&set, &grants.to_string()).await;
    let warned = ran.json()["warnings"][0].as_str().unwrap().to_owned();
    assert_eq!(ran.stderr, format!("warning: {warned}\n"));
}

#[tokio::test]
async fn access_is_revoked_in_parts() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;
    let line = "account create ci-deployer --api jira --scope read,write --project APOLLO,GEMINI";
    admin.run(line).await.data();

    let revoke = "account access revoke ci-deployer --api jira";
    let line = format!("{revoke} --scope write --project APOLLO");
    admin.run(&line).await.data();
    let access = admin.run("account access show ci-deployer").await;
    assert_eq!(
        access.data(),
        "access\tjira: read on project APOLLO, GEMINI; jira: write on project GEMINI\n"
    );
    assert_eq!(
        admin.run(&format!("{revoke} --scope nothing")).await.code,
        Some(2)
    );
    let tried = admin.run(&format!("{revoke} --dry-run")).await;
    assert!(
        tried.data().contains("\naccess\t\n") || tried.data().starts_with("access\t\n"),
        "{tried}"
    );
    admin.run(revoke).await.data();
    assert_eq!(
        admin.run("account access show ci-deployer").await.data(),
        "access\t\n"
    );
}

#[tokio::test]
async fn a_role_reaches_accounts_by_itself_and_through_a_group() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;
    admin.run("account create ci-deployer").await.data();
    let role = "role create deployer --api jira --scope write --project APOLLO -o json";
    let role = admin.run(role).await.json();
    assert_eq!(
        role["access"][0]["resources"],
        json!({"project": ["APOLLO"]})
    );

    admin
        .run("account roles add ci-deployer deployer")
        .await
        .data();
    let roles = admin.run("account roles show ci-deployer").await;
    assert_eq!(roles.data(), "roles\tdeployer\n");
    admin.run("group create ci --role deployer").await.data();
    assert_snapshot!(admin.run("group members add ci ci-deployer").await.screen(), @"
    ! ✓ ci-deployer is in ci
    exit 0
    ");
    let members = admin.run("group members list ci").await;
    assert!(
        members.data().starts_with("ci-deployer\tci-deployer-"),
        "{members}"
    );
    let effective = admin
        .run("account effective-access ci-deployer -o json")
        .await
        .json();
    assert!(effective.to_string().contains("group:ci"), "{effective}");

    let in_use = admin.run("role delete deployer").await;
    assert_eq!(in_use.code, Some(5), "{in_use}");
    admin
        .run("group members remove ci ci-deployer")
        .await
        .data();
    admin.run("group delete ci").await.data();
    admin
        .run("account roles remove ci-deployer deployer")
        .await
        .data();
    admin.run("role delete deployer").await.data();
    assert_eq!(admin.run("role show deployer").await.code, Some(3));
}

#[tokio::test]
async fn what_an_api_has_is_edited_and_deleted() {
    let server = TestServer::start().await;
    let admin = administrator(&server).await;
    let line = "account create ci-deployer --api jira --scope read --project APOLLO";
    admin.run(line).await.data();

    let api = admin
        .run("api edit jira --add-resource-type space --lifetime 5m -o json")
        .await;
    let api = api.json();
    assert_eq!(api["resource_types"], json!(["project", "space"]));
    assert_eq!(api["token"]["lifetime_seconds"], 300);
    let resource = admin
        .run("resource edit jira project:GEMINI --name Gemini -o json")
        .await;
    assert_eq!(resource.json()["name"], "Gemini");
    assert_eq!(
        admin.run("resource edit jira project:GEMINI").await.code,
        Some(2)
    );

    admin.run("scope delete jira write").await.data();
    let in_use = admin.run("resource delete jira project:APOLLO").await;
    assert_eq!(in_use.code, Some(5), "{in_use}");
    assert!(in_use.stderr.contains("--force"), "{in_use}");
    admin
        .run("resource delete jira project:APOLLO --force")
        .await
        .data();
    admin.run("api delete jira --force").await.data();
    assert_eq!(admin.run("api show jira").await.code, Some(3));
}

#[tokio::test]
async fn a_key_is_retired_and_revoked() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let rotated = admin.run("key rotate ES256 --force -o json").await.json();
    let kid = rotated["items"][0]["kid"].as_str().unwrap().to_owned();
    let shown = admin.run(&format!("key show -o json -- {kid}")).await;
    assert_eq!(shown.json()["state"], "active");

    let only = admin.run(&format!("key retire -- {kid}")).await;
    assert_eq!(only.code, Some(5), "{only}");
    let revoked = admin.run(&format!("key revoke -o json -- {kid}")).await;
    assert_eq!(revoked.json()["state"], "revoked");
}

#[tokio::test]
async fn a_grant_that_cannot_be_meant_is_told_with_what_to_write() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Person::administrator(&server);
    let line = "account create ci-deployer --scope deploy:read --project APOLLO --api";
    let mistyped = admin.run(&format!("{line} deplay")).await;
    assert_snapshot!(mistyped.screen(), @"
    ! error: there is no API `deplay`
    !   fix: did you mean deploy?
    exit 3
    ");
    let other = admin.run(&format!("{line} jira")).await;
    assert!(
        other
            .stderr
            .contains("fix: see which there are: ostler api list"),
        "{other}"
    );
    let unsaid = admin
        .run("account create ci-deployer --scope deploy:read --api deploy")
        .await;
    let fix = "fix: say which with --project KEY,KEY or, for all of them, --project '*'";
    assert!(unsaid.stderr.contains(fix), "{unsaid}");
}
