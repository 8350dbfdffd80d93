//! A request that is shown instead of sent, and one that is sent twice.

use insta::assert_snapshot;

use crate::harness::TestServer;

use super::Person;
use super::Ran;

/// The line that a command printed, run by a shell with the administrator's token.
async fn paste(server: &TestServer, line: &str) -> String {
    let admin = Person::administrator(server);
    let token = admin.run("token get").await.data().trim().to_owned();
    let mut bash = std::process::Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", line])
        .env("OSTLER_TOKEN", token)
        .env("NO_PROXY", "127.0.0.1");
    let ran = tokio::task::spawn_blocking(move || bash.output().unwrap()).await;
    String::from_utf8(ran.unwrap().stdout).unwrap()
}

fn without_key(ran: &Ran) -> String {
    let lines = ran.stdout.lines();
    let lines = lines.filter(|line| !line.contains("idempotency-key"));
    lines.map(|line| line.to_owned() + "\n").collect()
}

#[tokio::test]
async fn a_shown_request_does_the_same_when_it_is_pasted() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);

    let shown = admin
        .run("account create ci-deployer --owner it's --credential --curl")
        .await;
    let text = without_key(&shown).replace(&server.address.to_string(), "HOST");
    assert_snapshot!(text, @r#"
    curl -sS \
      -X POST \
      'http://HOST/admin/v1/organizations/default/service-accounts' \
      -H "Authorization: Bearer $OSTLER_TOKEN" \
      -H 'content-type: application/json' \
      -d '{"name":"ci-deployer","owner":"it'\''s","credential":{"name":"default"}}'
    "#);
    assert_eq!(shown.code, Some(0), "{shown}");
    assert_eq!(shown.stderr, "");
    assert_eq!(admin.run("account get ci-deployer").await.code, Some(3));

    let made: serde_json::Value =
        serde_json::from_str(&paste(&server, shown.data()).await).unwrap();
    assert_eq!(made["owner"], "it's");
    let read = admin.run("account list --limit 1 --curl").await;
    let list = paste(&server, read.data()).await;
    assert!(list.contains("\"next_cursor\":\""), "{list}");
}

#[tokio::test]
async fn a_request_is_shown_to_somebody_who_is_nobody() {
    let nobody = Person::new().with("OSTLER_URL", "https://auth.example.com");
    let shown = nobody.run("account disable ci-deployer --curl").await;
    assert_snapshot!(without_key(&shown), @r#"
    curl -sS \
      -X POST \
      'https://auth.example.com/admin/v1/organizations/default/service-accounts/ci-deployer/disable' \
      -H "Authorization: Bearer $OSTLER_TOKEN" \
      -H 'content-type: application/json' \
      -d '{}'
    "#);
    let shown = nobody
        .run("token get --scope a,b --expires-in 5m --curl")
        .await;
    assert_snapshot!(shown.data(), @r#"
    curl -sS -u "$OSTLER_CLIENT_ID:$OSTLER_CLIENT_SECRET" \
      -d grant_type=client_credentials \
      --data-urlencode 'scope=a b' \
      --data-urlencode 'expires_in=300' \
      'https://auth.example.com/oauth/token'
    "#);
}

#[tokio::test]
async fn a_token_in_a_request_is_not_shown() {
    let person = Person::new().with("OSTLER_URL", "https://auth.example.com");
    for verb in ["revoke", "inspect"] {
        let line = ["token", verb, "-", "--curl"];
        let shown = person.run_with_input(&line, "eyJhidden.a.b").await;
        let data = shown.data();
        assert!(data.contains(r#"-d '{"token":"'"$TOKEN"'"}'"#), "{data}");
        assert!(!data.contains("hidden"), "{data}");
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_asks_nothing() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    assert_snapshot!(admin.run("account delete ci-deployer --dry-run").await.screen(), @"
    ! would send: DELETE /admin/v1/organizations/default/service-accounts/ci-deployer
    exit 0
    ");
    let line = "account create another-robot --credential --dry-run";
    assert_snapshot!(admin.run(line).await.screen(), @r#"
    ! would send: POST /admin/v1/organizations/default/service-accounts {"name":"another-robot","credential":{"name":"default"}}
    exit 0
    "#);
    admin.run("group create crew").await.data();
    let line = "group members add crew ci-deployer another-robot --dry-run";
    assert_snapshot!(admin.run(line).await.screen(), @"
    ! would send: PUT /admin/v1/organizations/default/groups/crew/members/ci-deployer {}
    ! would send: PUT /admin/v1/organizations/default/groups/crew/members/another-robot {}
    exit 0
    ");
    let names = admin.run("account list --dry-run").await;
    assert_eq!(names.data().lines().count(), 2, "{names}");
}

#[tokio::test]
async fn what_is_sent_twice_under_one_key_is_done_once() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let line = "account create ci-deployer --credential --idempotency-key k1 -o json";
    let first = admin.run(line).await.json();
    assert!(first["credential"]["client_secret"].is_string());

    let again = admin.run(line).await;
    assert_eq!(again.json()["id"], first["id"]);
    assert!(again.stderr.contains("was done before"), "{again}");
    assert!(!again.stdout.contains("ostler_cs_"), "{again}");
    assert_eq!(
        admin.run("account list -o id").await.data().lines().count(),
        2
    );
}

#[tokio::test]
async fn a_key_that_no_server_takes_is_told_before_anything_is_sent() {
    let person = Person::new().with("OSTLER_URL", "https://auth.example.com");
    for key in ["", "a\nb", "\u{e4}"] {
        let words = ["account", "create", "ci-deployer", "--idempotency-key", key];
        let ran = person.run_words(&words).await;
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.stderr.contains("printable ASCII"), "{ran}");
    }
}
