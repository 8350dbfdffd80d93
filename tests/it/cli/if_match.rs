//! The shell changes the version of a thing that it has seen, and no other.
//!
//! Contract, section 3, *Concurrency*: our own console and shell always send `If-Match`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::harness::TestServer;

use super::Person;

/// Stands between the shell and a server, and keeps what the shell sends.
struct Between {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Between {
    async fn before(server: &TestServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (kept, server) = (Arc::clone(&sent), server.address);
        tokio::spawn(async move {
            while let Ok((shell, _)) = listener.accept().await {
                tokio::spawn(pass_on(shell, server, Arc::clone(&kept)));
            }
        });
        Self { address, sent }
    }

    /// The heads of the requests that change something below this path, since the last time.
    fn changes(&self, below: &str) -> Vec<String> {
        let sent = std::mem::take(&mut *self.sent.lock().unwrap());
        let sent = String::from_utf8_lossy(&sent).into_owned();
        let is_head = |part: &&str| {
            let mut words = part.lines().next().unwrap_or_default().split(' ');
            let method = words.next().unwrap_or_default();
            let is_change = method.ends_with("PUT")
                || method.ends_with("DELETE")
                || method.ends_with("PATCH")
                || method.ends_with("POST");
            is_change && words.next().is_some_and(|path| path.contains(below))
        };
        let parts = sent.split("\r\n\r\n");
        parts.filter(is_head).map(str::to_ascii_lowercase).collect()
    }
}

async fn pass_on(shell: TcpStream, server: SocketAddr, kept: Arc<Mutex<Vec<u8>>>) {
    let server = TcpStream::connect(server).await.unwrap();
    let (mut from_shell, mut to_shell) = shell.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_shell).await });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from_shell.read(&mut buffer).await {
        kept.lock().unwrap().extend_from_slice(&buffer[..length]);
        if to_server.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

fn each_is_matched(changes: &[String], count: usize, what: &str) {
    assert_eq!(changes.len(), count, "{what}: {changes:#?}");
    for head in changes {
        assert!(head.contains("\r\nif-match: \""), "{what}: {head}");
    }
}

#[tokio::test]
async fn who_is_in_a_group_and_which_key_signs_is_changed_of_the_version_that_was_seen() {
    let server = TestServer::start().await;
    let between = Between::before(&server).await;
    let admin = Person::administrator(&server);
    let url = format!("http://{}", between.address);
    let watched = Person::administrator(&server).with("OSTLER_URL", &url);
    for line in [
        "account create first-bot",
        "account create second-bot",
        "account create third-bot",
        "group create crew",
    ] {
        admin.run(line).await.data();
    }
    watched
        .run("group members add crew first-bot second-bot")
        .await
        .data();
    each_is_matched(&between.changes("/members/"), 2, "added");
    watched
        .run("group members remove crew first-bot")
        .await
        .data();
    each_is_matched(&between.changes("/members/"), 1, "removed");

    let file = "groups:\n  crew: {description: ours, members: [first-bot, third-bot]}\n  fresh: {members: [third-bot]}\n";
    watched.write("crew.yaml", file, 0o600);
    watched.run("apply -f crew.yaml --prune --yes").await.data();
    let changes = between.changes("/members/");
    each_is_matched(&changes, 4, "declared");
    let members = admin.run("group members list crew -o id").await;
    assert_eq!(members.data().lines().count(), 2, "{members}");

    let kid = admin.run("key create ES256 -o id").await;
    let kid = kid.data().trim();
    watched
        .run_words(&["key", "activate", "--force", "--", kid])
        .await
        .data();
    each_is_matched(&between.changes("/activate"), 1, "activated");
}
