//! `ostler apply` where it is hard: what is renamed, taken away or stopped half-way, and names that
//! stand for the same thing. After each, a second run finds nothing to do.

use std::fs;

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;

use super::Person;

/// An API with two types of resources.
const JIRA: &str = "\
apis:
  jira:
    audience: https://jira.example.com
    resource_types: [project]
    scopes: {read: , write: }
    resources: {project: {APOLLO: , GEMINI: }}
";

/// Puts a declaration there, applies it, and sees that there is nothing left to do.
async fn bring(admin: &Person, declared: &str, flags: &str) -> String {
    let apply = format!("apply -f acme.yaml --secret-out secrets {flags}");
    admin.write("acme.yaml", declared, 0o644);
    let applied = admin.run(&apply).await;
    let screen = applied.screen();
    assert_eq!(applied.code, Some(0), "{screen}");
    let again = admin.run(&format!("diff -f acme.yaml {flags}")).await;
    assert_eq!(
        again.code,
        Some(0),
        "a second run:\n{again}\nafter\n{screen}"
    );
    let _ = fs::remove_dir_all(admin.home().join("secrets"));
    screen
}

async fn refused(admin: &Person, declared: &str, flags: &str) -> String {
    admin.write("acme.yaml", declared, 0o644);
    let before = admin.run("audit list -o id").await;
    let line = format!("apply -f acme.yaml --secret-out secrets {flags}");
    let applied = admin.run(&line).await;
    assert_eq!(applied.code, Some(1), "{applied}");
    let after = admin.run("audit list -o id").await;
    assert_eq!(
        before.data(),
        after.data(),
        "nothing was changed: {applied}"
    );
    applied.screen()
}

#[tokio::test]
async fn a_thing_is_the_same_by_each_of_its_names() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    bring(&admin, JIRA, "").await;
    let id = admin
        .run("api show jira -o id")
        .await
        .data()
        .trim()
        .to_owned();
    for name in ["jira", &id, "https://jira.example.com"] {
        let grant = format!("{{api: '{name}', scopes: [read], resources: {{project: [APOLLO]}}}}");
        let accounts = format!("accounts:\n  ci-deployer:\n    access: [{grant}]\n");
        bring(&admin, &accounts, "").await;
    }
    // In a grant of `ostler`, where answers have ids.
    let org = server.id_of("/organizations/default").await;
    for (organization, api) in [("default", "jira"), (&org, &id)] {
        let resources = format!("{{organization: [{organization}], api: [{api}]}}");
        let grant = format!("{{api: ostler, scopes: [introspect], resources: {resources}}}");
        let accounts = format!("accounts:\n  ci-deployer:\n    access: [{grant}]\n");
        bring(&admin, &accounts, "").await;
    }
    // A name in another spelling is the same name.
    bring(&admin, "accounts:\n  CI-Deployer:\n    owner: ops\n", "").await;
}

#[tokio::test]
async fn what_there_is_not_or_will_not_be_is_refused_before_anything_is_changed() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    // Of another organization there is nothing to be named.
    server
        .create("/organizations", json!({"name": "other"}))
        .await;
    let api = json!({"name": "wiki", "audience": "https://wiki.example.com", "scopes": [{"name": "read"}]});
    let wiki = server.create("/organizations/other/apis", api).await;
    let wiki = wiki["id"].as_str().unwrap();
    bring(&admin, JIRA, "").await;
    let grants = format!(
        "accounts:
  ci-deployer:
    access:
      - {{api: wiki, scopes: [read]}}
      - {{api: {wiki}, scopes: [read]}}
      - {{api: https://wiki.example.com, scopes: [read]}}
      - {{api: ostler, scopes: [introspect], resources: {{organization: [nowhere], api: '*'}}}}
  Ci-Deployer:
"
    );
    assert_snapshot!(refused(&admin, &grants, "").await, @"
    ! error: acme.yaml has 5 mistakes; nothing was changed
    !   acme.yaml:2: accounts: `Ci-Deployer` is there twice, in another spelling
    !   acme.yaml:4: accounts.ci-deployer.access[0].api: there is no API `wiki`
    !   acme.yaml:5: accounts.ci-deployer.access[1].api: there is no API `api_ID`
    !   acme.yaml:6: accounts.ci-deployer.access[2].api: there is no API `https://wiki.example.com`
    !   acme.yaml:7: accounts.ci-deployer.access[3].resources.organization[0]: there is no organization `nowhere`
    exit 1
    ");

    // What goes by not being declared cannot be named either.
    admin.run("role create reader").await.data();
    admin.run("account create old-robot").await.data();
    let pruned = "\
apis:
  jira:
    scopes: {read: }
    resources: {project: {APOLLO: }}
roles: {}
accounts:
  ci-deployer:
    roles: [reader]
    access: [{api: jira, scopes: [write], resources: {project: [GEMINI]}}]
groups:
  ci: {members: [old-robot, administrator]}
";
    assert_snapshot!(refused(&admin, pruned, "--prune").await, @"
    ! error: acme.yaml has 4 mistakes; nothing was changed
    !   acme.yaml:8: accounts.ci-deployer.roles[0]: there is no role `reader`
    !   acme.yaml:9: accounts.ci-deployer.access[0].scopes[0]: there is no scope `write` at API `jira`
    !   acme.yaml:9: accounts.ci-deployer.access[0].resources.project[0]: there is no project `GEMINI` at API `jira`
    !   acme.yaml:11: groups.ci.members[0]: there is no service account `old-robot`
    exit 1
    ");
}

#[tokio::test]
async fn a_resource_type_comes_before_its_grants_and_goes_after_them() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let with = |types: &str, resources: &str, granted: &str| {
        format!(
            "apis:
  jira:
    audience: https://jira.example.com
    resource_types: [{types}]
    scopes: {{read: }}
    resources: {{{resources}}}
roles:
  reader:
    access: [{{api: jira, scopes: [read], resources: {{{granted}}}}}]
accounts:
  ci-deployer:
    roles: [reader]
    access: [{{api: jira, scopes: [read], resources: {{{granted}}}}}]
    credentials: {{github: {{access: [{{api: jira, scopes: [read], resources: {{{granted}}}}}]}}}}
"
        )
    };
    let project = with("project", "project: {APOLLO: }", "project: [APOLLO]");
    bring(&admin, &project, "--prune").await;
    let both = with(
        "project, space",
        "project: {APOLLO: }, space: {OPS: }",
        "project: [APOLLO], space: [OPS]",
    );
    bring(&admin, &both, "--prune").await;
    // One goes while another comes.
    let other = with(
        "project, board",
        "project: {APOLLO: }, board: {B1: }",
        "project: [APOLLO], board: [B1]",
    );
    assert_snapshot!(bring(&admin, &other, "--prune").await, @r#"
    ~ api jira
        resource_types: ["project","space"] -> ["project","board","space"]
    + resource jira board:B1
    ~ role reader
        access: - jira: read on project APOLLO, space OPS
        access: + jira: read on project APOLLO, board B1, no space
    ~ account ci-deployer
        access: - jira: read on project APOLLO, space OPS
        access: + jira: read on project APOLLO, board B1, no space
    ~ credential ci-deployer/github
        access: - jira: read on project APOLLO, space OPS
        access: + jira: read on project APOLLO, board B1, no space
    - resource jira space:OPS
    ~ api jira
        resource_types: ["project","board"]
    ! ✓ api jira changed
    ! ✓ resource jira board:B1 made
    ! ✓ role reader changed
    ! ✓ account ci-deployer changed
    ! ✓ credential ci-deployer/github changed
    ! ✓ resource jira space:OPS deleted
    ! ✓ api jira changed
    exit 0
    "#);
    bring(&admin, &project, "--prune").await;
}

#[tokio::test]
async fn what_is_renamed_is_made_anew_and_the_old_goes_last() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let named = |role: &str, group: &str, account: &str| {
        format!(
            "{JIRA}roles:
  {role}:
    access: [{{api: jira, scopes: [read], resources: {{project: '*'}}}}]
accounts:
  {account}: {{roles: [{role}]}}
groups:
  {group}: {{roles: [{role}], members: [{account}]}}
"
        )
    };
    bring(&admin, &named("reader", "crew", "old-robot"), "--prune").await;
    bring(&admin, &named("viewer", "team", "new-robot"), "--prune").await;
    for gone in [
        "role show reader",
        "group show crew",
        "account show old-robot",
    ] {
        assert_eq!(admin.run(gone).await.code, Some(3), "{gone}");
    }
    // All of it, but for who administers.
    bring(
        &admin,
        "apis: {}\nroles: {}\naccounts: {}\ngroups: {}\n",
        "--prune",
    )
    .await;
    let left = admin.run("account list -o csv").await;
    assert_eq!(left.data().lines().count(), 2, "{left}");
}

#[tokio::test]
async fn a_run_that_broke_off_is_gone_on_with() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let with = |end: &str| {
        format!(
            "{JIRA}accounts:
  first-robot: {{credentials: {{github: }}}}
  second-robot: {{expires_at: {end}}}
  third-robot: {{enabled: false}}
"
        )
    };
    // Only the server knows whether that is still to come.
    admin.write("acme.yaml", &with("2001-01-31T12:00:00Z"), 0o644);
    let broken = admin.run("apply -f acme.yaml --secret-out secrets").await;
    assert_eq!(broken.code, Some(1), "{broken}");
    let told = "4 of 8 changes were made before that; run it again to go on";
    assert!(broken.stderr.contains(told), "{broken}");
    admin.run("account show first-robot").await.data();

    let applied = bring(&admin, &with("2099-01-31T12:00:00Z"), "").await;
    assert!(!applied.contains("first-robot\n"), "{applied}");
    assert!(
        applied.contains("credential first-robot/github made"),
        "{applied}"
    );
}

#[tokio::test]
async fn no_secret_is_made_that_has_no_place() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let declared = "accounts:\n  ci-deployer: {credentials: {'a b': , a_b: }}\n";
    assert_snapshot!(refused(&admin, declared, "").await, @"
    + account ci-deployer
    + credential ci-deployer/a b
    + credential ci-deployer/a_b
    ! error: secrets/ci-deployer.a_b.env would be the file of two secrets, one of them that of ci-deployer/a_b; nothing was changed
    !   fix: give one of the two credentials another name
    exit 1
    ");
    admin.write("secrets/ci-deployer.github.env", "precious", 0o600);
    let declared = "accounts:\n  ci-deployer: {credentials: {github: }}\n";
    assert_snapshot!(refused(&admin, declared, "").await, @"
    + account ci-deployer
    + credential ci-deployer/github
    ! error: secrets/ci-deployer.github.env exists already, and is not overwritten; nothing was changed
    !   fix: name another directory, or remove that file
    exit 1
    ");
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.write("acme.yaml", JIRA, 0o644);
    assert_snapshot!(admin.run("apply -f acme.yaml --dry-run").await.screen(), @"
    + api jira
        audience: https://jira.example.com
        scopes: read
        scopes: write
        resource_types: project
    + resource jira project:APOLLO
    + resource jira project:GEMINI
    ! 3 changes would be made, and none was
    exit 0
    ");
    assert_eq!(admin.run("api show jira").await.code, Some(3));
}

// Security case 81: a declaration hands on no more than whoever applies it holds, however it is said; and
// what was refused is not half done.
#[tokio::test]
async fn a_declaration_hands_on_nothing_that_is_not_held() {
    let server = TestServer::start().await;
    let scopes = json!([
        "accounts:write",
        "access:write",
        "apis:write",
        "credentials:write"
    ]);
    let own = json!({"organization": ["default"], "api": "*"});
    let grant = json!([{"api": "ostler", "scopes": scopes, "resources": own}]);
    let manager = server.client_with("the-manager", grant).await;
    let manager = Person::as_client(&server, &manager);
    let reaching = "{api: ostler, scopes: [keys:read], resources: {organization: '*', api: []}}";
    for declared in [
        format!("accounts: {{climber: {{access: [{reaching}]}}}}\n"),
        "accounts: {climber: {roles: [owner]}}\n".to_owned(),
        format!("roles: {{ladder: {{access: [{reaching}]}}}}\n"),
        "groups: {ladder: {roles: [owner]}}\n".to_owned(),
    ] {
        manager.write("acme.yaml", &declared, 0o644);
        let ran = manager
            .run("apply -f acme.yaml --secret-out secrets --yes")
            .await;
        assert_eq!(ran.code, Some(4), "{declared}{ran}");
        for made in ["account get climber", "role get ladder", "group get ladder"] {
            assert_eq!(manager.run(made).await.code, Some(3), "{declared}{made}");
        }
    }
}
