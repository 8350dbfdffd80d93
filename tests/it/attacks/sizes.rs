//! Tokens and secrets that are too long, or too short by any number of characters.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::stage::Stage;

/// The longest token that is looked at.
const LONGEST: usize = 8 * 1024;

/// No exchange takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What introspection answers about each of these, all on one connection.
async fn introspect_each(stage: &Stage, tokens: impl Iterator<Item = &str>) -> Vec<String> {
    let admin = &stage.server.admin;
    let basic = STANDARD.encode(format!("{}:{}", admin.id, admin.secret));
    let request = |token: &str, more: &str| {
        let length = "token=".len() + token.len();
        format!(
            "POST /oauth/introspect HTTP/1.1\r\nHost: ostler.test\r\nAuthorization: Basic {basic}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n{more}\r\n\
             token={token}"
        )
    };
    let mut requests: String = tokens.map(|token| request(token, "")).collect();
    requests += &request("x", "Connection: close\r\n");
    let (mut from, mut to) = TcpStream::connect(stage.server.address)
        .await
        .unwrap()
        .into_split();
    let writing = async { to.write_all(requests.as_bytes()).await.unwrap() };
    let mut all = String::new();
    let reading = async { from.read_to_string(&mut all).await.unwrap() };
    let exchange = async { tokio::join!(writing, reading) };
    let done = tokio::time::timeout(PATIENCE, exchange).await;
    done.expect("the server answers all of them");
    let bodies = all.split("HTTP/1.1 200 OK\r\n").skip(1);
    let mut bodies: Vec<_> = bodies
        .map(|reply| reply.split_once("\r\n\r\n").expect("a head").1.to_owned())
        .collect();
    assert_eq!(
        bodies.pop().as_deref(),
        Some(r#"{"active":false}"#),
        "{all}"
    );
    bodies
}

// Security case 6: a token has no shorter form.
#[tokio::test]
async fn a_token_without_its_end_is_inactive_however_much_is_left() {
    let stage = Stage::set().await;
    let (message, signature) = stage.token.rsplit_once('.').unwrap();
    let cut = |length: usize| &stage.token[..length];
    let answers = introspect_each(&stage, (1..stage.token.len()).map(cut)).await;
    assert_eq!(answers.len(), stage.token.len() - 1);
    assert!(
        answers.iter().all(|answer| answer == r#"{"active":false}"#),
        "{answers:?}"
    );
    for length in [1, 20, message.len() / 2]
        .into_iter()
        .chain(message.len()..stage.token.len())
    {
        stage.refuses(cut(length), cut(length)).await;
    }
    let nothing = stage.introspect("").await;
    assert_eq!(
        (nothing.status, &*nothing.error()),
        (400, "invalid_request")
    );
    stage.refuses("a signature alone", signature).await;
    stage.is_unharmed().await;
}

// Security case 43; contract section 2, *Parsing*: over 8 KiB it is not even split.
#[tokio::test]
async fn a_token_of_more_than_8_kib_is_not_looked_at() {
    let stage = Stage::set().await;
    let padded = |length: usize| {
        let signed = stage
            .draft()
            .claim("x", format!("\"{}\"", "x".repeat(length)));
        signed.signed()
    };
    // The largest that our own key can have signed is read; a byte more, and it is not.
    let mut most = 5_000;
    while padded(most + 1).len() <= LONGEST {
        most += 1;
    }
    stage.accepts("8 KiB", &padded(most)).await;

    for (what, token, status) in [
        (
            "one character more than 8 KiB",
            "x".repeat(LONGEST + 1),
            400,
        ),
        ("signed, and one character too long", padded(most + 1), 400),
        ("8 KiB of dots", ".".repeat(LONGEST), 200),
        ("more dots", ".".repeat(LONGEST + 1), 400),
        (
            "a header of 7 KiB",
            format!("{}.x.x", "e".repeat(7_168)),
            200,
        ),
        ("60 KiB", "x".repeat(60 * 1024), 400),
        ("64 KiB", "x".repeat(64 * 1024), 413),
        ("1 MiB", "x".repeat(1 << 20), 413),
        ("a million dots", ".".repeat(1_000_000), 413),
    ] {
        for path in ["/oauth/introspect", "/oauth/revoke"] {
            let form = format!("token={token}");
            let reply = stage.server.admin.post(path, &form).await;
            assert_eq!(reply.status, status, "{what} at {path}: {}", reply.wire());
            if status != 200 {
                assert_eq!(reply.error(), "invalid_request", "{what}");
            }
        }
        let status = match token.len() {
            // A header of 16 KiB is too large, whatever is in it.
            0..16_000 => 401,
            _ => 431,
        };
        for reply in [
            stage.introspect_as(&token).await,
            stage.administer_as(&token).await,
        ] {
            assert_eq!(reply.status, status, "{what}: {}", reply.wire());
        }
    }
    stage.is_unharmed().await;
}

// Security case 43: what is announced is refused before it comes.
#[tokio::test]
async fn what_says_that_it_is_enormous_is_not_waited_for() {
    let stage = Stage::set().await;
    for (megabytes, path) in [
        (64, "/oauth/introspect"),
        (64, "/oauth/revoke"),
        (4_097, "/oauth/introspect"),
        (64, "/oauth/token"),
        (64, "/admin/v1/organizations"),
    ] {
        let length = megabytes * 1024 * 1024_u64;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: ostler.test\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\ntoken=x"
        );
        let mut stream = TcpStream::connect(stage.server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        let reading = stream.read_exact(&mut status);
        let read = tokio::time::timeout(PATIENCE, reading).await;
        read.expect("an answer before the body").unwrap();
        assert_eq!(&status, b"HTTP/1.1 413", "{path}");
    }
    stage.is_unharmed().await;
}
