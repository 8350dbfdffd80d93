//! `ostler apply` and `ostler diff`: an organization as a file declares it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;

use super::Person;

/// An API with two projects, and an account that may read one of them.
const DECLARED: &str = "\
apis:
  jira:
    audience: https://jira.example.com
    resource_types: [project]
    scopes:
      read: See issues
      write:
    resources:
      project:
        APOLLO: Apollo 11
        GEMINI:
accounts:
  ci-deployer:
    description: Deploys
    owner: ops@example.com
    labels: {team: ops}
    access:
      - api: jira
        scopes: [read]
        resources: {project: [APOLLO]}
    credentials:
      github:
        expires_in_seconds: 2592000
";

async fn with(file: &str) -> (TestServer, Person) {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.write("acme.yaml", file, 0o644);
    (server, admin)
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let (server, admin) = with(DECLARED).await;
    let differs = admin.run("diff -f acme.yaml").await;
    assert_eq!(differs.code, Some(6), "{differs}");

    let applied = admin
        .run("apply -f acme.yaml --secret-out secrets --yes")
        .await;
    assert_snapshot!(applied.screen(), @"
    + api jira
        audience: https://jira.example.com
        scopes: read (See issues)
        scopes: write
        resource_types: project
    + resource jira project:APOLLO
    + resource jira project:GEMINI
    + account ci-deployer
        description: Deploys
        owner: ops@example.com
        labels: team=ops
        access: jira: read on project APOLLO
    + credential ci-deployer/github
        expires_in_seconds: 2592000
    ! ✓ api jira made
    ! ✓ resource jira project:APOLLO made
    ! ✓ resource jira project:GEMINI made
    ! ✓ account ci-deployer made
    ! ✓ its secret is in secrets/ci-deployer.github.env (0600, shown nowhere else)
    ! ✓ credential ci-deployer/github made
    exit 0
    ");

    let same = admin.run("diff -f acme.yaml").await;
    assert_snapshot!(same.screen(), @"
    ! ✓ everything is as declared
    exit 0
    ");
    let before = server
        .admin("GET", "/organizations/default/service-accounts", None)
        .await;
    let again = admin.run("apply -f acme.yaml").await;
    assert_snapshot!(again.screen(), @"
    ! ✓ everything is as declared: nothing to do
    exit 0
    ");
    let after = server
        .admin("GET", "/organizations/default/service-accounts", None)
        .await;
    assert_eq!(before.json(), after.json());
}

#[tokio::test]
async fn the_secrets_of_new_credentials_go_to_files_and_nowhere_else() {
    let (server, admin) = with(DECLARED).await;
    let refused = admin.run("apply -f acme.yaml --yes").await;
    assert_snapshot!(refused.screen(), @"
    ! error: there are credentials to make, and no place for their secrets
    !   ci-deployer/github
    !   fix: say where they go: --secret-out DIR
    exit 2
    ");
    assert_eq!(admin.run("api get jira").await.code, Some(3));

    let applied = admin
        .run("apply -f acme.yaml --secret-out secrets -o json")
        .await;
    let shown = format!("{}{}", applied.stdout, applied.stderr);
    assert!(!shown.contains("ostler_cs_"), "{applied}");
    let path = admin.home().join("secrets/ci-deployer.github.env");
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let text = fs::read_to_string(path).unwrap();
    let variable = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap().to_owned()
    };
    let robot = Person::at(&server)
        .with("OSTLER_CLIENT_ID", &variable("OSTLER_CLIENT_ID="))
        .with("OSTLER_CLIENT_SECRET", &variable("OSTLER_CLIENT_SECRET="));
    robot.run("token get --scope read").await.data();
}

// What the server would refuse half-way is refused before anything is changed.
#[tokio::test]
async fn a_text_that_is_too_long_is_told_before_anything_is_changed() {
    let text = |length: usize| "x".repeat(length);
    let (_server, admin) = with(&format!(
        "\
apis:
  jira:
    audience: https://jira.example.com
    scopes: {{read: {description}, write: {}}}
    resource_types: [project]
    resources: {{project: {{APOLLO: {description}}}}}
roles:
  reader: {{description: {description}}}
groups:
  readers: {{description: {description}}}
accounts:
  ci-deployer:
    description: {description}
    owner: {}
    labels: {{tier: {}, team: {}}}
",
        text(1_000),
        text(201),
        text(256),
        text(255),
        description = text(1_001),
    ))
    .await;
    let refused = admin.run("apply -f acme.yaml").await;
    assert_eq!(refused.code, Some(1), "{refused}");
    let told = refused
        .stderr
        .lines()
        .filter(|line| line.contains("characters"));
    let told: Vec<_> = told.map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(
        told,
        [
            "apis.jira.scopes.read",
            "apis.jira.resources.project.APOLLO",
            "roles.reader.description",
            "groups.readers.description",
            "accounts.ci-deployer.description",
            "accounts.ci-deployer.owner",
            "accounts.ci-deployer.labels.tier",
        ],
        "{refused}"
    );
    assert_eq!(admin.run("api get jira").await.code, Some(3));
}

#[tokio::test]
async fn a_value_beyond_its_limits_is_told_before_anything_is_changed() {
    let (_server, admin) = with(
        "\
apis:
  jira:
    audience: https://jira.example.com
    token: {lifetime_seconds: 0}
accounts:
  ci-deployer:
    labels: {my team: ops}
    expires_at: \"2030-01-31 12:00:00Z\"
    max_token_lifetime_seconds: 4294967296
    credentials:
      github:
        expires_in_seconds: 0
        allowed_networks: [10.0.0.1/8, 10.0.0.0/8, \"::ffff:10.0.0.0/104\"]
",
    )
    .await;
    let refused = admin.run("apply -f acme.yaml --secret-out secrets").await;
    assert_snapshot!(refused.screen(), @"
    ! error: acme.yaml has 7 mistakes; nothing was changed
    !   acme.yaml:4: apis.jira.token.lifetime_seconds: this has to be a whole number from 1 to 4294967295
    !   acme.yaml:7: accounts.ci-deployer.labels.my team: the name of a label is 1 to 63 of A-Z, a-z, 0-9, `-`, `_`, `.` and `/`
    !   acme.yaml:8: accounts.ci-deployer.expires_at: an instant as RFC 3339 writes it, such as `2030-01-31T12:00:00Z`
    !   acme.yaml:9: accounts.ci-deployer.max_token_lifetime_seconds: this has to be a whole number from 1 to 4294967295
    !   acme.yaml:12: accounts.ci-deployer.credentials.github.expires_in_seconds: this has to be a whole number from 1 to 316224000
    !   acme.yaml:13: accounts.ci-deployer.credentials.github.allowed_networks[0]: the address has bits beyond the prefix; `10.0.0.0/8` is meant
    !   acme.yaml:13: accounts.ci-deployer.credentials.github.allowed_networks[2]: these are IPv4 addresses in IPv6 notation; `10.0.0.0/8` is meant
    exit 1
    ");
    assert_eq!(admin.run("api get jira").await.code, Some(3));
}

// The server keeps it to the second.
#[tokio::test]
async fn an_end_within_a_second_differs_only_once() {
    let (_server, admin) =
        with("accounts: {ci-deployer: {expires_at: \"2030-01-31T12:00:00.5Z\"}}\n").await;
    admin.run("apply -f acme.yaml").await.data();
    assert_eq!(admin.run("diff -f acme.yaml").await.code, Some(0));
}

#[tokio::test]
async fn all_mistakes_are_told_at_once_with_their_place() {
    let (_server, admin) = with(
        "\
apis:
  jira:
    audience: https://jira.example.com
    resource_types: [project]
    scopes: {read: , write: }
    resources: {project: {APOLLO: }}
  wiki:
    scopes: {'a b': }
accounts:
  bot:
    owner: me
  ci-deployer:
    ownr: me
    labels: {tier: 1}
    roles: [operater]
    access:
      - api: jira
        scopes: [raed]
        resources: {project: [APOLO]}
      - {api: jria, scopes: [read]}
      - {api: jira, scopes: [write]}
",
    )
    .await;
    let refused = admin.run("apply -f acme.yaml").await;
    assert_snapshot!(refused.screen(), @r#"
    ! error: acme.yaml has 10 mistakes; nothing was changed
    !   acme.yaml:8: apis.wiki.scopes.a b: a scope is printable ASCII without blanks, quotes and backslashes
    !   acme.yaml:8: apis.wiki: `audience` is required: this API is to be made
    !   acme.yaml:11: accounts.bot: a service account's name is 6 to 30 letters, digits or single inner hyphens
    !   acme.yaml:13: accounts.ci-deployer.ownr: there is no member `ownr` here; did you mean `owner`?
    !   acme.yaml:14: accounts.ci-deployer.labels.tier: this is no text: put it into quotes
    !   acme.yaml:15: accounts.ci-deployer.roles[0]: there is no role `operater`; did you mean `operator`?
    !   acme.yaml:18: accounts.ci-deployer.access[0].scopes[0]: there is no scope `raed` at API `jira`; did you mean `read`?
    !   acme.yaml:19: accounts.ci-deployer.access[0].resources.project[0]: there is no project `APOLO` at API `jira`; did you mean `APOLLO`?
    !   acme.yaml:20: accounts.ci-deployer.access[1].api: there is no API `jria`; did you mean `jira`?
    !   acme.yaml:21: accounts.ci-deployer.access[2]: say which `project` under `resources`: "*" for all, or a list
    exit 1
    "#);
    assert_eq!(admin.run("api get jira").await.code, Some(3));

    admin.write("acme.yaml", "accounts:\n  ci-deployer: [\n", 0o644);
    let refused = admin.run("apply -f acme.yaml").await;
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.stderr.contains("error: acme.yaml:"), "{refused}");
}

#[tokio::test]
async fn a_secret_in_a_declaration_is_refused_and_not_repeated() {
    let secret = format!("ostler_cs_{}", "a".repeat(49));
    let (_server, admin) = with(&format!(
        "accounts:\n  ci-deployer:\n    owner: '{secret}'\n"
    ))
    .await;
    let refused = admin.run("apply -f acme.yaml").await;
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(!refused.stderr.contains("aaaa"), "{refused}");
}

#[tokio::test]
async fn access_is_brought_to_what_is_declared() {
    let (_server, admin) = with(DECLARED).await;
    let apply = "apply -f acme.yaml --secret-out secrets";
    admin.run(apply).await.data();
    let line = "account access grant ci-deployer --api jira --scope write --project GEMINI";
    admin.run(line).await.data();

    assert_snapshot!(admin.run("diff -f acme.yaml").await.screen(), @"
    ~ account ci-deployer
        access: - jira: write on project GEMINI
    ! ✗ the organization differs from acme.yaml in 1 place
    !   fix: bring it there: ostler apply -f acme.yaml
    exit 6
    ");
    admin.run(apply).await.data();
    let access = admin.run("account access show ci-deployer").await;
    assert_eq!(access.data(), "access\tjira: read on project APOLLO\n");
}

#[tokio::test]
async fn json_is_a_declaration_too_and_comes_from_standard_input() {
    let (_server, admin) = with("").await;
    let file = json!({"apis": {"jira": {"audience": "https://jira.example.com", "scopes": {"read": null}}}});
    let line = ["apply", "-f", "-"];
    admin.run_with_input(&line, &file.to_string()).await.data();
    let again = admin
        .run_with_input(&["diff", "-f", "-"], &file.to_string())
        .await;
    assert_eq!(again.code, Some(0), "{again}");
}

#[tokio::test]
async fn what_is_not_declared_goes_only_when_that_is_said() {
    let (_server, admin) = with(DECLARED).await;
    admin
        .run("apply -f acme.yaml --secret-out secrets")
        .await
        .data();
    admin.run("account create other-robot").await.data();
    admin
        .run("credential create ci-deployer/other -o json")
        .await
        .data();
    admin.run("scope create jira admin").await.data();
    assert_eq!(admin.run("diff -f acme.yaml").await.code, Some(0));

    assert_snapshot!(admin.run("diff -f acme.yaml --prune").await.screen(), @"
    - credential ci-deployer/other
    - account other-robot
    - scope jira admin
    ! ✗ the organization differs from acme.yaml in 3 places
    !   fix: bring it there: ostler apply -f acme.yaml --prune
    exit 6
    ");
    admin.run("apply -f acme.yaml --prune").await.data();
    assert_eq!(admin.run("account show other-robot").await.code, Some(3));
    // Who administers stays, declared or not.
    admin.run("account show administrator").await.data();
    assert_eq!(admin.run("diff -f acme.yaml --prune").await.code, Some(0));
}

#[tokio::test]
async fn roles_and_groups_are_declared_with_what_they_refer_to() {
    let declared = format!(
        "{DECLARED}roles:\n  deployer:\n    access:\n      - {{api: jira, scopes: [write], \
         resources: {{project: \"*\"}}}}\ngroups:\n  ci:\n    roles: [deployer]\n    members: [ci-deployer]\n"
    );
    let (_server, admin) = with(&declared).await;
    let apply = "apply -f acme.yaml --secret-out secrets";
    admin.run(apply).await.data();
    let effective = admin.run("account effective-access ci-deployer").await;
    assert!(
        effective.data().contains("role:deployer") || effective.data().contains("group:ci"),
        "{effective}"
    );

    admin
        .run("group members remove ci ci-deployer")
        .await
        .data();
    admin
        .run("role edit deployer --description x --api jira --scope read --project APOLLO")
        .await
        .data();
    assert_snapshot!(admin.run("diff -f acme.yaml").await.screen(), @"
    ~ role deployer
        access: - jira: read on project APOLLO
        access: + jira: write on all project
    + member ci ci-deployer
    ! ✗ the organization differs from acme.yaml in 2 places
    !   fix: bring it there: ostler apply -f acme.yaml
    exit 6
    ");
    admin.run(apply).await.data();
    assert_eq!(admin.run("diff -f acme.yaml").await.code, Some(0));
}
