//! Each exit code of the contract, by a command that ends with it.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;

use insta::assert_snapshot;
use rustix::process::Pid;
use rustix::process::Signal;

use crate::harness::TestServer;

use super::Person;
use super::Ran;

#[tokio::test]
async fn every_way_to_end_has_its_code() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    for (line, code) in [
        ("account get ci-deployer", 0),
        ("account create x", 1),
        ("account frobnicate", 2),
        ("account get", 2),
        ("account get ..", 2),
        ("account get nobody-here", 3),
        ("account list --organization elsewhere", 3),
        // A key's id may begin with a dash.
        ("key activate -G0ne", 3),
        ("key activate --force -- -h0me", 3),
        ("token get --scope nothing", 4),
        ("account create ci-deployer", 5),
    ] {
        let ran = admin.run(line).await;
        assert_eq!(ran.code, Some(code), "{line}: {ran}");
        assert_eq!(ran.stdout.is_empty(), code != 0, "{line}: {ran}");
    }
}

#[tokio::test]
async fn a_mistyped_word_is_told_with_what_was_meant() {
    let person = Person::new();
    assert_snapshot!(person.run("acount list").await.screen(), @"
    ! error: unrecognized subcommand 'acount'
    ! 
    !   tip: some similar subcommands exist: 'audit', 'account'
    ! 
    ! Usage: ostler <COMMAND>
    ! 
    ! For more information, try '--help'.
    exit 2
    ");
    assert_snapshot!(person.run("account create ci-deployer --descripton x").await.screen(), @"
    ! error: unexpected argument '--descripton' found
    ! 
    !   tip: a similar argument exists: '--description'
    ! 
    ! Usage: ostler account create --description <TEXT> <NAME>
    ! 
    ! For more information, try '--help'.
    exit 2
    ");
}

#[tokio::test]
async fn without_a_server_the_next_step_is_told() {
    let person = Person::new();
    assert_snapshot!(person.run("account list").await.screen(), @"
    ! error: no server is named
    !   `ostler dev` writes a profile beside its data: --profile ./.ostler-dev/profile.toml
    !   fix: give --url URL, set OSTLER_URL, or name a profile with --profile or OSTLER_PROFILE
    exit 2
    ");

    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ran = person
        .run(&format!("token verify --url http://{nobody} /dev/null"))
        .await;
    assert_eq!(ran.code, Some(2), "an empty file is no token: {ran}");
    let person = person.with("OSTLER_TOKEN", "a.b.c");
    let ran = person
        .run(&format!("account list --url http://{nobody}"))
        .await;
    assert_snapshot!(ran.screen(), @"
    ! error: cannot reach http://127.0.0.1:PORT: Connection refused (os error 111)
    !   fix: start the server (`ostler serve`, `ostler dev`), or mend the URL
    exit 1
    ");
}

#[tokio::test]
async fn a_page_that_is_no_server_is_not_shown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = tokio::spawn(async move {
        use tokio::io::AsyncReadExt;
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let body = "<h1>ostler_cs_hidden</h1>";
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let person = Person::new().with("OSTLER_TOKEN", "a.b.c");
    let ran = person
        .run(&format!("account list --url http://{address}"))
        .await;
    page.await.unwrap();
    assert_snapshot!(ran.screen(), @"
    ! error: the server answered 200 OK with something that is not JSON
    !   fix: see whether the URL is that of Ostler, and not of a page or a proxy
    exit 1
    ");
}

#[tokio::test]
async fn ctrl_c_ends_a_command_that_waits() {
    // A server that accepts and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let person = Person::new()
        .with("OSTLER_URL", &url)
        .with("OSTLER_TOKEN", "a.b.c");
    let child = person.start(&["account", "list"]);
    let (_connection, _) = listener.accept().unwrap();

    let pid = Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_snapshot!(ran.screen(), @"
    ! error: interrupted
    exit 130
    ");
}

#[tokio::test]
async fn a_reader_that_has_gone_is_no_failure() {
    let person = Person::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for line in [&["exit-codes"][..], &["help", "environment"], &["--help"]] {
        let mut command = person.command(line);
        command.stdout(Stdio::from(writer.try_clone().unwrap()));
        let mut child = command.spawn().unwrap();
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{line:?}: {stderr}");
        assert_eq!(stderr, "");
    }
}
