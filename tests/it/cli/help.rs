//! What the shell tells of itself: topics, completions, manual pages.

use std::fs;
use std::process::Command;

use super::Person;

#[tokio::test]
async fn every_topic_has_a_text() {
    let person = Person::new();
    for (topic, word) in [
        ("environment", "OSTLER_CLIENT_SECRET_FILE"),
        ("formatting", "tabs"),
        ("exit-codes", "130"),
        ("config", "failed_auth_per_minute"),
    ] {
        let told = person.run(&format!("help {topic}")).await;
        assert!(told.data().contains(word), "{topic}: {told}");
    }
    assert!(person.run("help config").await.data().contains("check"));
}

#[tokio::test]
async fn every_noun_tells_its_verbs() {
    let person = Person::new();
    for (noun, verbs) in [
        ("org", "create show list edit disable enable"),
        (
            "account",
            "create show list edit disable enable delete revoke-tokens access roles \
             effective-access usage",
        ),
        (
            "credential",
            "create list show edit rotate retire disable enable revoke delete",
        ),
        ("api-token", "create list show revoke"),
        ("api", "create show list edit delete"),
        ("scope", "create show list delete"),
        ("resource", "create show list edit delete"),
        ("role", "create show list edit delete"),
        ("group", "create show list edit delete members"),
        ("key", "list create activate retire revoke rotate"),
        ("audit", "list export verify"),
        ("token", "get decode verify inspect revoke preview"),
        (
            "report",
            "findings unused expiring leaks dismiss leak system usage",
        ),
        ("config", "check show reference"),
        ("admin", "recover"),
    ] {
        let told = person.run(&format!("{noun} --help")).await;
        let is_told = |verb: &str| {
            let begins = |line: &str| line.split_whitespace().next() == Some(verb);
            told.stdout.lines().any(begins)
        };
        let missing: Vec<_> = verbs
            .split_whitespace()
            .filter(|verb| !is_told(verb))
            .collect();
        assert!(missing.is_empty(), "{noun}: {missing:?}");
    }
}

#[tokio::test]
async fn completions_are_programs_that_their_shell_understands() {
    let person = Person::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = person.run(&format!("completions {shell}")).await;
        let script = script.data();
        for word in ["effective-access", "idempotency-key"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let script = person.run("completions bash").await;
    let path = person.write("completions.bash", script.data(), 0o600);
    let checked = Command::new("bash").arg("-n").arg(path).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

#[tokio::test]
async fn there_is_a_manual_page_for_each_command() {
    let person = Person::new();
    let directory = person.home().join("man");
    fs::create_dir(&directory).unwrap();
    person.run("man man").await.data();
    for page in [
        "ostler.1",
        "ostler-account-create.1",
        "ostler-admin-recover.1",
        "ostler-apply.1",
    ] {
        let text = fs::read_to_string(directory.join(page)).unwrap();
        assert!(text.contains(".SH"), "{page}");
    }
    assert_eq!(person.run("man nowhere").await.code, Some(1));
}
