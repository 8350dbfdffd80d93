//! What a person at a terminal sees, and is asked.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Read;
use std::io::Write;

use rustix::pty::OpenptFlags;
use serde_json::json;

use crate::admin::actors::Administrator;
use crate::admin::actors::ROLES;
use crate::harness::TestServer;

use super::Person;
use super::shell::steady;

impl Person {
    /// Runs a command line on a terminal: each answer is typed when its question is there. Returns
    /// all that was on the screen, and the exit code.
    async fn on_terminal(&self, line: &str, answers: &[(&str, &str)]) -> (String, Option<i32>) {
        let (mut screen, terminal) = terminal();
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut command = self.command(&words);
        command
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal);
        let mut child = command.spawn().unwrap();
        // The screen ends when nobody holds the terminal any more.
        drop(command);
        let answers: Vec<(String, String)> = answers
            .iter()
            .map(|(question, answer)| ((*question).to_owned(), format!("{answer}\n")))
            .collect();
        let watching = tokio::task::spawn_blocking(move || {
            let mut seen = Vec::new();
            let mut answers = answers.into_iter().peekable();
            let mut buffer = [0; 4096];
            // Linux says EIO when the last holder of the terminal has gone.
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                seen.extend_from_slice(&buffer[..count]);
                let text = String::from_utf8_lossy(&seen);
                if let Some((_, answer)) = answers.next_if(|(question, _)| text.contains(question))
                {
                    screen.write_all(answer.as_bytes()).unwrap();
                }
            }
            assert!(answers.next().is_none(), "an unasked question");
            let text = String::from_utf8(seen).unwrap().replace("\r\n", "\n");
            (steady(&text), child.wait().unwrap().code())
        });
        watching.await.unwrap()
    }
}

/// A new terminal: the side of the person, and that of programs.
fn terminal() -> (File, File) {
    let person = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&person).unwrap();
    rustix::pty::unlockpt(&person).unwrap();
    let path = rustix::pty::ptsname(&person, Vec::new()).unwrap();
    let programs = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path.to_str().unwrap())
        .unwrap();
    (person.into(), programs)
}

#[tokio::test]
async fn a_list_is_a_table_and_json_is_indented() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("org create acme").await.data();
    let (screen, _) = admin.on_terminal("org list", &[]).await;
    let lines: Vec<&str> = screen.lines().collect();
    assert_eq!(lines[0], "NAME     STATUS  ACCOUNTS  QUOTA  ID");
    assert!(
        lines.contains(&"acme     active  0         -      org_ID"),
        "{screen}"
    );

    let (screen, code) = admin.on_terminal("org get acme -o json", &[]).await;
    assert!(
        screen.starts_with("{\n  \"id\": \"org_ID\",\n  \"name\": \"acme\",\n"),
        "{screen}"
    );
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn a_new_secret_is_shown_with_a_word_of_warning() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    let (screen, code) = admin
        .on_terminal("credential create ci-deployer/github", &[])
        .await;
    assert!(
        screen.contains("\nclient secret     ostler_cs_SECRET\n"),
        "{screen}"
    );
    let warning = "This secret is shown once, and cannot be shown again: store it now.\n";
    assert!(screen.ends_with(warning), "{screen}");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn a_secret_is_asked_for_and_not_shown() {
    let server = TestServer::start().await;
    let person = Person::at(&server).with("OSTLER_CLIENT_ID", &server.admin.id);
    let answers = [("Client secret of", server.admin.secret.as_str())];
    let (screen, code) = person.on_terminal("account list -o id", &answers).await;
    assert_eq!(screen, "Client secret of sac_ID: \nsa_ID\n");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn a_person_is_asked_before_something_is_gone() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    let delete = "account delete ci-deployer";
    let question = "Delete ci-deployer with 0 live credentials, last used never? It cannot be \
                    undone. [y/N] ";

    let (screen, code) = admin.on_terminal(delete, &[("[y/N]", "")]).await;
    assert_eq!(screen, format!("{question}\nerror: nothing was changed\n"));
    assert_eq!(code, Some(1));
    admin.run("account get ci-deployer").await.data();

    let (screen, code) = admin.on_terminal(delete, &[("[y/N]", "y")]).await;
    assert_eq!(screen, format!("{question}y\n✓ ci-deployer is deleted\n"));
    assert_eq!(code, Some(0));
    assert_eq!(admin.run("account get ci-deployer").await.code, Some(3));
}

// console.md section 4: a person who waits is told how far it has come, and sees only the end of it.
#[tokio::test]
async fn a_long_list_tells_how_far_it_has_come_and_leaves_no_trace() {
    let server = TestServer::start().await;
    let first = Administrator::first(&server).await;
    for number in 0..201 {
        let role = json!({"name": format!("role-{number}")});
        assert_eq!(first.post(ROLES, role).await.status, 201);
    }
    let admin = Person::administrator(&server);
    let (screen, code) = admin.on_terminal("role list -o id", &[]).await;
    assert_eq!(code, Some(0), "{screen}");
    let told = "\r\u{1b}[K200 read ...\r\u{1b}[Krole_ID\n";
    assert!(screen.starts_with(told), "{screen:?}");
    // The three that are built in, and those that were made.
    assert_eq!(screen.matches("role_ID").count(), 204);
    // On a pipe there is nobody to tell.
    let piped = admin.run("role list -o id").await;
    assert_eq!(
        (piped.data().lines().count(), piped.stderr.as_str()),
        (204, "")
    );

    let (screen, _) = admin.on_terminal("audit export --out e.ndjson", &[]).await;
    let told = "\r\u{1b}[K✓ the events are in e.ndjson\n";
    assert!(
        screen.contains(" events written ...") && screen.ends_with(told),
        "{screen:?}"
    );
    let (screen, _) = admin.on_terminal("audit verify", &[]).await;
    assert!(
        screen.starts_with("\r\u{1b}[Kthe server is at it ...\r\u{1b}[K"),
        "{screen:?}"
    );
}

#[tokio::test]
async fn an_export_does_not_steer_the_terminal() {
    let server = TestServer::start().await;
    let first = Administrator::first(&server).await;
    let role = json!({"name": "deployer", "description": "a\u{202e}b"});
    assert_eq!(first.post(ROLES, role).await.status, 201);
    let admin = Person::administrator(&server);
    assert!(
        admin
            .run("audit export")
            .await
            .data()
            .contains("a\u{202e}b")
    );
    let (screen, code) = admin.on_terminal("audit export", &[]).await;
    assert_eq!(code, Some(0), "{screen}");
    assert!(
        screen.contains("a\\u202eb") && !screen.contains('\u{202e}'),
        "{screen}"
    );
}
