//! Where secrets may come from and go to.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::Value;

use crate::harness::TestServer;

use super::Person;
use super::Ran;

// Security case 149.
#[tokio::test]
async fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let person = Person::new();
    let secret = format!("ostler_cs_{}", "a".repeat(49));
    let flag = format!("--client-secret={secret}");
    let jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
    for words in [
        &["token", "get", "--client-secret", &secret][..],
        &["account", "list", &flag],
        &["token", "decode", jwt],
        &[&secret],
    ] {
        let ran = person.run_words(words).await;
        assert_eq!(ran.code, Some(2), "{words:?}");
        assert!(!ran.stderr.contains("aaaa") && !ran.stderr.contains("c2lnbmF0dXJl"));
    }
    assert_snapshot!(person.run_words(&["token", "decode", jwt]).await.screen(), @"
    ! error: there is a token on the command line
    !   every process of this machine can read it there, and the shell remembers it
    !   fix: give it on standard input, in a file or in a variable (ostler help environment), and make a new one: this one has been shown
    exit 2
    ");
}

// Security case 149.
#[tokio::test]
async fn a_new_secret_goes_to_a_pipe_only_when_that_was_said() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    for line in [
        "credential create ci-deployer/github",
        "credential create ci-deployer/github -o id",
        "account create another-robot --credential",
    ] {
        let ran = admin.run(line).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
    }
    assert_snapshot!(admin.run("credential create ci-deployer/github").await.screen(), @"
    ! error: the new secret would go to a pipe, and perhaps to a log
    !   fix: say where it goes: --secret-out FILE, or -o json
    exit 2
    ");
    // Nothing was made that nobody could use.
    assert_eq!(admin.run("credential list ci-deployer").await.data(), "");
    assert_eq!(admin.run("account get another-robot").await.code, Some(3));

    let made = admin
        .run("credential create ci-deployer/github -o json")
        .await
        .json();
    assert!(made["client_secret"].is_string());
}

// Security case 149.
#[tokio::test]
async fn a_file_takes_the_new_secret_and_nothing_else_shows_it() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let line =
        "account create ci-deployer --role auditor --credential=github --secret-out ci.env -o json";
    let made = admin.run(line).await;
    assert!(
        !made.stdout.contains("ostler_cs_") && !made.stderr.contains("ostler_cs_"),
        "{made}"
    );
    assert_eq!(made.json()["credential"]["client_secret"], Value::Null);

    let path = admin.home().join("ci.env");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = fs::read_to_string(&path).unwrap();
    let variable = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap().to_owned()
    };
    let robot = Person::at(&server)
        .with("OSTLER_CLIENT_ID", &variable("OSTLER_CLIENT_ID"))
        .with("OSTLER_CLIENT_SECRET", &variable("OSTLER_CLIENT_SECRET"));
    robot.run("account list").await.data();
}

#[tokio::test]
async fn a_file_that_exists_is_not_overwritten_and_a_refusal_leaves_none() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    admin.write("old.env", "precious", 0o600);

    let ran = admin
        .run("credential create ci-deployer/github --secret-out old.env")
        .await;
    assert_snapshot!(ran.screen(), @"
    ! error: old.env exists already, and is not overwritten
    !   fix: name another file, or remove that one
    exit 1
    ");
    assert_eq!(
        fs::read_to_string(admin.home().join("old.env")).unwrap(),
        "precious"
    );
    assert_eq!(admin.run("credential list ci-deployer").await.data(), "");

    let ran = admin
        .run("credential create nobody-here/github --secret-out new.env")
        .await;
    assert_eq!(ran.code, Some(3), "{ran}");
    assert!(!admin.home().join("new.env").exists());
}

#[tokio::test]
async fn json_is_a_form_of_the_file_too() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    let line = "credential create ci-deployer --secret-out s.json --secret-format json -o id";
    assert!(admin.run(line).await.data().starts_with("cred_"));
    let text = fs::read_to_string(admin.home().join("s.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["issuer"], crate::harness::server::ISSUER);
    assert_eq!(file.as_object().unwrap().len(), 3);
}

// Security case 149: where there is no room for the secret, nothing shows it, and what to do is told.
#[tokio::test]
async fn a_secret_that_cannot_be_written_is_shown_nowhere() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    admin
        .run("credential create ci-deployer/old --secret-out old.env")
        .await
        .data();
    for line in [
        "credential create ci-deployer/github --secret-out new.env",
        "credential rotate ci-deployer/old --secret-out new.env",
        "api-token create ci-deployer/tool --secret-out new.env",
    ] {
        let words: Vec<_> = line.split(' ').collect();
        // A write fails, as on a full disk, and no signal ends the command.
        let no_room = "trap '' XFSZ && ulimit -f 0";
        let child = admin.command_after(no_room, &words).spawn().unwrap();
        let waiting = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        let ran = Ran::from(waiting.await.unwrap());
        assert_eq!(ran.code, Some(1), "{line}: {ran}");
        for shown in [&ran.stdout, &ran.stderr] {
            assert!(!shown.contains("ostler_cs_"), "{line}: {ran}");
            assert!(!shown.contains("ostler_at_"), "{line}: {ran}");
        }
        assert!(ran.stderr.contains("new.env"), "{line}: {ran}");
        assert!(ran.stderr.contains("the secret is lost"), "{line}: {ran}");
        assert!(!admin.home().join("new.env").exists(), "{line}");
    }
}

#[tokio::test]
async fn a_place_for_a_secret_that_is_not_made_is_refused() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let line = "account create ci-deployer --secret-out ci.env";
    assert_snapshot!(admin.run(line).await.screen(), @"
    ! error: no credential is made, so there is no secret to write
    !   fix: add --credential, or take --secret-out away
    exit 2
    ");
    assert_eq!(admin.run("account get ci-deployer").await.code, Some(3));
}
