//! `-o table|json|yaml|csv|id`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::harness::TestServer;

use super::Person;

#[tokio::test]
async fn json_is_what_the_api_says_byte_for_byte() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("org create acme").await.data();

    let said = server.admin("GET", "/organizations/acme", None).await;
    let shown = admin.run("org get acme -o json").await;
    assert_eq!(shown.data(), format!("{}\n", said.text()));

    let yaml = admin.run("org get acme -o yaml").await;
    let yaml: Value = serde_saphyr::from_str(yaml.data()).unwrap();
    assert_eq!(yaml, said.json());
}

#[tokio::test]
async fn a_list_has_a_form_for_everybody() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let line = "api create jira --audience https://jira.example.com --resource-type space,project";
    admin.run(line).await.data();

    assert_snapshot!(admin.run("api list").await.screen(), @"
    jira	https://jira.example.com	project,space	api_ID
    exit 0
    ");
    assert_snapshot!(admin.run("api list -o table").await.screen(), @"
    NAME  AUDIENCE                  RESOURCE TYPES  ID
    jira  https://jira.example.com  project,space   api_ID
    exit 0
    ");
    assert_snapshot!(admin.run("api list -o csv").await.screen(), @r#"
    name,audience,resource_types,id
    jira,https://jira.example.com,"project,space",api_ID
    exit 0
    "#);
    assert_snapshot!(admin.run("api list -o id").await.screen(), @"
    api_ID
    exit 0
    ");
    assert_snapshot!(admin.run("api list -o xml").await.screen(), @"
    ! error: invalid value 'xml' for '--output <FORMAT>'
    !   [possible values: table, json, yaml, csv, id]
    ! 
    !   tip: a similar value exists: 'yaml'
    ! 
    ! For more information, try '--help'.
    exit 2
    ");
}

#[tokio::test]
async fn a_list_is_whole_unless_a_page_is_asked_for() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    for number in 0..3 {
        admin
            .run(&format!("account create robot-{number}"))
            .await
            .data();
    }
    let page = admin.run("account list --limit 2 -o json").await.json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = admin
        .run(&format!("account list --limit 2 -o id --cursor {cursor}"))
        .await;
    assert_eq!(rest.data().lines().count(), 2);

    let whole = admin.run("account list -o json").await.json();
    assert_eq!(whole["items"].as_array().map(Vec::len), Some(4));
    assert_eq!(whole["next_cursor"], Value::Null);
    assert_eq!(admin.run("account list --limit 201").await.code, Some(2));
}

#[tokio::test]
async fn what_people_wrote_cannot_break_a_line() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    // Marks that turn the direction of what follows them.
    let description = [
        "account",
        "create",
        "ci-deployer",
        "--description",
        "a\u{202e}b \u{2066}c",
    ];
    let made = admin.run_words(&description).await;
    assert!(
        made.data()
            .contains("description\ta\\u{202e}b \\u{2066}c\n"),
        "{made}"
    );
    let read = admin.run("account get ci-deployer -o json").await.json();
    assert_eq!(read["description"], "a\u{202e}b \u{2066}c");
}
