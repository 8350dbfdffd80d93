//! `ostler token get`, `decode`, `verify` and `revoke`.

use std::time::Duration;

use insta::assert_snapshot;
use ostler::clock::Clock;
use ostler::clock::SystemClock;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::DEPLOY;

use super::Person;
use super::Ran;

/// A server whose clock shows the time of the shell's, with a client of the API `deploy`.
async fn server_of_today() -> (TestServer, TestClient) {
    let server = TestServer::start().await;
    server.clock.set(SystemClock.now());
    let client = server
        .client("ci-deployer", "deploy:read deploy:write")
        .await;
    (server, client)
}

async fn verify(person: &Person, token: &str, flags: &str) -> Ran {
    let mut words = vec!["token", "verify", "-"];
    words.extend(flags.split_whitespace());
    person.run_with_input(&words, token).await
}

#[tokio::test]
async fn a_token_is_the_only_thing_on_standard_output() {
    let (server, client) = server_of_today().await;
    let person = Person::as_client(&server, &client);
    let ran = person.run("token get --scope deploy:read").await;
    assert_eq!(ran.stderr, "");
    assert!(client.sees_active(ran.data().trim()).await);

    let whole = person
        .run(&format!("token get --resource {DEPLOY} -o json"))
        .await
        .json();
    assert_eq!(whole["scope"], "deploy:read deploy:write");
    assert_eq!(whole["token_type"], "Bearer");
}

#[tokio::test]
async fn what_a_token_says_is_shown_instead_of_it() {
    let (server, client) = server_of_today().await;
    let shown = Person::as_client(&server, &client)
        .run("token get --show")
        .await;
    assert_eq!(shown.json()["aud"], DEPLOY);
    assert!(
        shown.stderr.starts_with("✓ signature ok (ES256), 1"),
        "{shown}"
    );
    assert!(!shown.stdout.contains("eyJ"), "{shown}");
}

#[tokio::test]
async fn a_refused_scope_is_named() {
    let (server, client) = server_of_today().await;
    let ran = Person::as_client(&server, &client)
        .run("token get --scope deploy:all")
        .await;
    assert_snapshot!(ran.screen(), @"
    ! error: the scope 'deploy:all' is not granted at https://deploy.example.com (invalid_scope)
    !   request: req_ID
    exit 4
    ");
}

#[tokio::test]
async fn decoding_checks_nothing_and_says_so() {
    let (_server, client) = server_of_today().await;
    let token = client.token("deploy:read").await;
    let forged = format!("{}.c2ln", &token[..token.rfind('.').unwrap()]);
    let person = Person::new();
    let ran = person
        .run_with_input(&["token", "decode", "-"], &forged)
        .await;
    let decoded = ran.json();
    assert_eq!(decoded["header"]["alg"], "ES256");
    assert_eq!(decoded["claims"]["scope"], "deploy:read");
    assert!(!ran.stdout.contains("c2ln"));
    assert_snapshot!(ran.stderr, @"note: nothing was checked; `ostler token verify` does");

    let ran = person
        .run_with_input(&["token", "decode", "-"], "hunter2")
        .await;
    assert_snapshot!(ran.screen(), @"
    ! error: this is not a signed JWT: three parts of base64url with JSON in the first two
    exit 1
    ");
}

#[tokio::test]
async fn a_good_token_verifies_offline_and_at_the_server() {
    let (server, client) = server_of_today().await;
    let token = client.token("deploy:read").await;
    let nobody = verify(
        &Person::at(&server),
        &token,
        &format!("--audience {DEPLOY}"),
    )
    .await;
    assert_eq!(nobody.json()["sub"], client.account);
    assert!(
        nobody
            .stderr
            .ends_with("; not asked whether it was revoked: no identity is named\n")
    );

    let person = Person::as_client(&server, &client);
    let asked = verify(&person, &token, "--require-scope deploy:read").await;
    assert_eq!(asked.code, Some(0), "{asked}");
    assert!(
        asked
            .stderr
            .ends_with("; the server says that it is active\n"),
        "{asked}"
    );

    let admin = Person::administrator(&server);
    let by_api = verify(&admin, &token, "--api deploy").await;
    assert_eq!(by_api.code, Some(0), "{by_api}");
}

#[tokio::test]
async fn a_token_in_the_environment_is_verified_and_does_not_vouch_for_itself() {
    let (server, client) = server_of_today().await;
    let token = client.token("").await;
    let ran = Person::at(&server)
        .with("OSTLER_TOKEN", &token)
        .run("token verify")
        .await;
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(
        ran.stderr
            .starts_with("note: this is the token in OSTLER_TOKEN\n✓ "),
        "{ran}"
    );
    assert!(ran.stderr.ends_with("no identity is named\n"), "{ran}");
}

#[tokio::test]
async fn a_bad_token_is_told_with_what_mends_it() {
    let (server, client) = server_of_today().await;
    let nobody = Person::at(&server);
    let token = client.token("deploy:read").await;

    let ran = verify(&nobody, &token, "--require-scope deploy:write --api-x").await;
    assert_eq!(ran.code, Some(2), "{ran}");
    let ran = verify(&nobody, &token, "--require-scope deploy:write").await;
    assert_snapshot!(ran.screen(), @"
    ! ✗ scope deploy:write missing (the token has deploy:read)
    !   fix: ostler account access grant sa_ID --api API --scope deploy:write
    exit 6
    ");
    let ran = verify(&nobody, &token, "--audience https://other.example.com").await;
    assert_snapshot!(ran.screen(), @"
    ! ✗ the token is for https://deploy.example.com, not for https://other.example.com
    !   fix: ostler token get --resource https://other.example.com
    exit 6
    ");

    let last = if token.ends_with("AA") { "BB" } else { "AA" };
    let forged = format!("{}{last}", &token[..token.len() - 2]);
    let ran = verify(&nobody, &forged, "").await;
    assert_eq!(ran.code, Some(6), "{ran}");
    assert_snapshot!(verify(&nobody, "hunter2", "").await.screen(), @"
    ! ✗ the token is not a signed JWT
    exit 6
    ");
}

#[tokio::test]
async fn an_expired_token_is_not_good() {
    let server = TestServer::start().await;
    // The server's clock is some time ago.
    let client = server.client("ci-deployer", "deploy:read").await;
    let token = client.token("").await;
    assert_snapshot!(verify(&Person::at(&server), &token, "").await.screen(), @"
    ! ✗ the token has expired
    !   fix: get a new one: ostler token get
    exit 6
    ");
}

#[tokio::test]
async fn a_revoked_token_is_good_only_until_the_server_is_asked() {
    let (server, client) = server_of_today().await;
    let token = client.token("").await;
    assert_eq!(client.revoke(&token).await.status, 200);
    assert_eq!(verify(&Person::at(&server), &token, "").await.code, Some(0));
    let ran = verify(&Person::as_client(&server, &client), &token, "").await;
    assert_snapshot!(ran.screen(), @"
    ! ✗ the server says that the token is not active
    !   it was revoked, its account or credential was stopped or lost access, or
    !   you may not see it: that takes the scope `introspect` for its API
    !   fix: get a new one (ostler token get), or look at its account
    exit 6
    ");
}

#[tokio::test]
async fn a_token_that_the_server_does_not_know_is_not_called_revoked() {
    let (server, client) = server_of_today().await;
    let admin = Person::administrator(&server);
    let token = client.token("").await;
    let cut = &token[..token.len() - 4];
    for unknown in [cut, "hunter2", "ostler_at_hunter2"] {
        let ran = admin.run_with_input(&["token", "revoke"], unknown).await;
        assert_eq!(ran.code, Some(3), "{ran}");
        let told = "error: the server knows no such token\n  nothing was revoked\n  fix: see that";
        assert!(ran.stderr.starts_with(told), "{ran}");
    }
    assert!(client.sees_active(&token).await);

    let revoke = ["token", "revoke", "-o", "json"];
    let ran = admin.run_with_input(&revoke, &token).await;
    assert_eq!(ran.json()["reasons"], json!(["revoked"]));
    assert_eq!(ran.stderr, "✓ the token is revoked\n");
    assert!(!client.sees_active(&token).await);
}

#[tokio::test]
async fn a_preview_is_the_whole_answer_where_a_form_is_asked_for() {
    let (server, client) = server_of_today().await;
    let admin = Person::administrator(&server);
    let preview = format!("token preview {}", client.id);
    let claims = admin.run(&preview).await.json();
    assert_eq!(claims["aud"], DEPLOY);
    let granted = admin.run(&format!("{preview} -o json")).await.json();
    assert_eq!(granted["granted"], true);
    assert_eq!(granted["claims"]["aud"], DEPLOY);

    let no = format!("{preview} --scope deploy:nothing");
    let refused = admin.run(&no).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(6), ""));
    let told = admin.run(&format!("{no} -o json")).await;
    assert_eq!((told.code, &told.stderr), (Some(6), &refused.stderr));
    let answer: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(answer["error"], "invalid_scope");
}

#[tokio::test]
async fn a_preview_may_ask_for_some_resources() {
    let (server, client) = server_of_today().await;
    let admin = Person::administrator(&server);
    let line = format!("token preview {} --authorization-details -", client.id);
    let words: Vec<&str> = line.split_whitespace().collect();
    let wanted = r#"[{"type": "project", "identifiers": ["NOWHERE"]}]"#;
    let ran = admin.run_with_input(&words, wanted).await;
    assert_eq!(ran.code, Some(6), "{ran}");
    assert!(
        ran.stderr.contains("(invalid_authorization_details)"),
        "{ran}"
    );
}

#[tokio::test]
async fn the_mending_command_mends() {
    let (server, _) = server_of_today().await;
    let reader = server
        .client_with(
            "deploy-reader",
            json!([{"api": "deploy", "scopes": ["deploy:read"], "resources": {"project": "*"}}]),
        )
        .await;
    let token = reader.token("").await;
    let admin = Person::administrator(&server);
    let told = verify(&admin, &token, "--api deploy --require-scope deploy:write").await;
    assert_eq!(told.code, Some(6), "{told}");
    let mending = told
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("  fix: ostler "))
        .unwrap();
    let mended = admin.run(&format!("{mending} --project APOLLO")).await;
    assert_eq!(mended.code, Some(0), "{mended}");

    server.advance(Duration::from_secs(1));
    let token = reader.token("deploy:write").await;
    let good = verify(&admin, &token, "--api deploy --require-scope deploy:write").await;
    assert_eq!(good.code, Some(0), "{good}");
}
