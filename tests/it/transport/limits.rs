//! Peers that are slow, greedy or many.

use std::fs::File;
use std::time::Duration;

use ostler::http::limits::Limits;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::harness::Client;
use super::harness::SHORT;
use super::harness::Server;
use super::harness::get;
use super::harness::header;
use super::harness::is_apart;
use super::harness::json;
use super::harness::most_memory_bytes;
use super::harness::run_apart;
use super::harness::status;
use super::harness::within;

// Cases 107 to 110, 119 and 122: what the tests below shorten is in force as the cases say.
#[test]
fn the_limits_that_are_in_force_are_those_of_the_cases() {
    let limits = Limits::default();
    let secs = Duration::from_secs;
    assert_eq!(limits.body_bytes, 65_536);
    assert_eq!(limits.admin_body_bytes, 1_048_576);
    assert_eq!(limits.headers, 100);
    assert!(limits.head_bytes < 65_536);
    assert!((secs(1)..=secs(15)).contains(&limits.header_read));
    assert!((secs(1)..=secs(10)).contains(&limits.body_read));
    assert!((secs(1)..=secs(10)).contains(&limits.request));
    assert!((secs(1)..=secs(30)).contains(&limits.write_stall));
    assert!((secs(1)..=secs(10)).contains(&limits.tls_handshake));
    assert_eq!(limits.connections, 10_000);
    // What is left of ten seconds is for what is flushed after it.
    assert!((secs(1)..secs(10)).contains(&limits.drain));
}

// Case 109: slowloris
#[tokio::test]
async fn a_head_that_does_not_end_is_closed() {
    let server = Server::start(Limits {
        header_read: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET /hello HTTP/1.1\r\nhost: a\r\nx: ").await;
    assert!(client.is_closed().await);
}

// Case 109: as many as an attacker has addresses for, each with a byte now and then.
#[tokio::test]
async fn many_heads_that_never_end_keep_nobody_else_waiting() {
    let server = Server::start(Limits {
        header_read: SHORT,
        ..Limits::default()
    })
    .await;
    let mut slow = JoinSet::new();
    for _ in 0..200 {
        let mut client = server.connect().await;
        slow.spawn(async move {
            let mut ticks = tokio::time::interval(SHORT / 12);
            let mut head = b"GET /hello HTTP/1.1\r\nhost: a\r\n"
                .iter()
                .chain(b"x: y\r\n".iter().cycle());
            loop {
                tokio::select! {
                    closed = client.is_closed() => return closed,
                    _ = ticks.tick() => client.try_send([*head.next().unwrap()]).await,
                }
            }
        });
    }
    for _ in 0..20 {
        assert_eq!(status(&server.exchange(get("/hello")).await), 200);
    }
    assert!(slow.join_all().await.into_iter().all(|closed| closed));
    server
        .until(|numbers| numbers.contains("ostler_connections 0\n"))
        .await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let server = Server::start(Limits {
        header_read: SHORT,
        ..Limits::default()
    })
    .await;
    assert!(server.connect().await.is_closed().await);
}

// Case 110; RFC 9110 §15.5.9
#[tokio::test]
async fn a_body_that_does_not_arrive_is_a_408() {
    let server = Server::start(Limits {
        body_read: SHORT,
        ..Limits::default()
    })
    .await;
    for start in [
        "content-length: 10\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let response = server
            .exchange(format!("POST /echo HTTP/1.1\r\nhost: a\r\n{start}"))
            .await;
        assert_eq!(status(&response), 408);
        assert_eq!(json(&response)["error"], "invalid_request");
        assert_eq!(header(&response, "connection"), Some("close"));
        assert!(header(&response, "x-request-id").is_some());
    }
}

// Case 110: the whole body has a deadline, not each of its bytes.
#[tokio::test]
async fn a_body_that_dribbles_is_a_408() {
    let server = Server::start(Limits {
        body_read: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 60000\r\n\r\n")
        .await;
    let (mut reader, mut writer) = client.0.split();
    let dribble = async {
        let mut ticks = tokio::time::interval(SHORT / 12);
        while writer.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
    };
    let mut answer = Vec::new();
    let answered = within(reader.read_to_end(&mut answer));
    tokio::select! {
        read = answered => drop(read),
        () = dribble => panic!("the connection was cut without an answer"),
    }
    assert_eq!(status(&String::from_utf8(answer).unwrap()), 408);
}

#[tokio::test]
async fn when_both_deadlines_pass_at_once_the_body_is_to_blame() {
    let server = Server::start(Limits {
        body_read: Duration::from_hours(1),
        request: SHORT,
        ..Limits::default()
    })
    .await;
    let response = server
        .exchange("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")
        .await;
    assert_eq!(status(&response), 408);
}

// RFC 9110 §15.6.4
#[tokio::test]
async fn a_handler_that_does_not_answer_is_a_503() {
    let server = Server::start(Limits {
        request: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET /never HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!(status(&response), 503);
    assert_eq!(header(&response, "retry-after"), Some("1"));
    assert_eq!(json(&response)["error"], "temporarily_unavailable");
}

// Case 107; RFC 9110 §15.5.14
#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_a_413_before_it_is_read() {
    let server = Server::start(Limits::default()).await;
    for (path, most, kind) in [
        ("/echo", 64 * 1024, "application/json"),
        ("/admin/echo", 1024 * 1024, "application/problem+json"),
    ] {
        let head = |length: usize| {
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n")
        };
        let response = server
            .exchange(head(most + 1) + "expect: 100-continue\r\n\r\n")
            .await;
        assert_eq!(status(&response), 413, "{path}");
        assert_eq!(header(&response, "content-type"), Some(kind));
        assert_eq!(header(&response, "connection"), Some("close"));
        let huge = server.exchange(head(5 << 30) + "\r\n").await;
        assert_eq!(status(&huge), 413, "{path}");

        let mut client = server.connect().await;
        client.send(head(most) + "\r\n").await;
        client.send(vec![b'x'; most]).await;
        assert_eq!(status(&client.response().await), 200, "{path}");
    }
}

// RFC 9112 §9.6
#[tokio::test]
async fn a_client_can_send_to_the_end_before_it_reads_that_it_was_too_much() {
    let server = Server::start(Limits {
        linger: Duration::from_secs(10),
        ..Limits::default()
    })
    .await;
    let most = 1024 * 1024;
    for _ in 0..3 {
        // With a small buffer, so that the answer overtakes the end of the body.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(4096).unwrap();
        let mut client = Client(socket.connect(server.address).await.unwrap());
        client
            .send(format!(
                "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {most}\r\n\r\n"
            ))
            .await;
        client.send(vec![b'x'; most]).await;
        assert_eq!(status(&client.rest().await), 413);
    }
}

// Case 107
#[tokio::test]
async fn an_endless_chunked_body_is_a_413() {
    let server = Server::start(Limits::default()).await;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for (path, most) in [("/echo", 65_536), ("/admin/echo", 1_048_576)] {
        // What may be sent is taken, and not a chunk more.
        for (chunks, end, expected) in [
            (most / 0x1000, "0\r\n\r\n", 200),
            (most / 0x1000 + 1, "", 413),
        ] {
            let mut client = server.connect().await;
            let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
            client
                .send(format!("{head}transfer-encoding: chunked\r\n\r\n"))
                .await;
            for _ in 0..chunks {
                client.try_send(&chunk).await;
            }
            client.try_send(end).await;
            assert_eq!(status(&client.rest().await), expected, "{path}");
        }
    }

    // One chunk that says it is 64 GiB, and one whose extensions never end.
    for chunk in ["fffffffff\r\n".to_owned(), format!("1;{}", "x".repeat(64))] {
        let mut client = server.connect().await;
        client
            .send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        client.try_send(chunk).await;
        client.try_send("x".repeat(65 * 1024)).await;
        let refusal = status(&client.rest().await);
        assert!([400, 413].contains(&refusal), "{refusal}");
    }
}

#[tokio::test]
async fn a_handler_that_ignores_its_body_is_heard() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    client
        .send("POST /unread HTTP/1.1\r\nhost: a\r\ncontent-length: 60000\r\n\r\n")
        .await;
    client.try_send(vec![b'x'; 60_000]).await;
    assert!(client.rest().await.ends_with("did not look"));
}

// Case 108; RFC 6585 §5
#[tokio::test]
async fn too_many_or_too_large_header_fields_are_a_431() {
    let server = Server::start(Limits::default()).await;
    let fields = |count: usize| "x: y\r\n".repeat(count);
    let head = |fields: &str| {
        format!("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{fields}\r\n")
    };

    // `host` and `connection` are two more.
    assert_eq!(status(&server.exchange(head(&fields(98))).await), 200);
    assert_eq!(status(&server.exchange(head(&fields(99))).await), 431);

    for size in [16 * 1024, 64 * 1024, 1024 * 1024] {
        let mut client = server.connect().await;
        client
            .try_send(head(&format!("x: {}\r\n", "y".repeat(size))))
            .await;
        assert_eq!(status(&client.rest().await), 431, "{size}");
    }
    let cookies = "cookie: a=b\r\n".repeat(10_000);
    let mut client = server.connect().await;
    client.try_send(head(&cookies)).await;
    assert_eq!(status(&client.rest().await), 431);
}

// Cases 107 and 108: what is refused is not kept.
#[test]
fn bodies_and_heads_that_are_too_large_cost_no_memory() {
    if !is_apart() {
        let name = "bodies_and_heads_that_are_too_large_cost_no_memory";
        run_apart(&format!("transport::limits::{name}"), "");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let server = Server::start(Limits::default()).await;
        let huge = "x".repeat(32 * 1024 * 1024);
        let attack = async || {
            for head in [
                "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n",
                "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5000000000\r\n\r\n",
                "GET /hello HTTP/1.1\r\nhost: a\r\nx: ",
                "GET /",
            ] {
                let mut client = server.connect().await;
                client.try_send(head).await;
                client.try_send(&huge).await;
                let refusal = status(&client.rest().await);
                assert!([400, 413, 414, 431].contains(&refusal), "{refusal}");
            }
        };
        assert_eq!(status(&server.exchange(get("/hello")).await), 200);
        let before = most_memory_bytes();
        for _ in 0..5 {
            attack().await;
        }
        let grown = most_memory_bytes() - before;
        assert!(grown < 8 * 1024 * 1024, "{grown} bytes more");
    });
}

// Case 119
#[tokio::test]
async fn the_newest_connection_is_refused_when_there_are_too_many() {
    let server = Server::start(Limits {
        connections: 2,
        ..Limits::default()
    })
    .await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    for client in [&mut first, &mut second] {
        client.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(status(&client.response().await), 200);
    }

    let mut third = server.connect().await;
    let refusal = third.rest().await;
    assert_eq!(status(&refusal), 503);
    assert_eq!(json(&refusal)["error"], "temporarily_unavailable");

    // Those that are in are served as before, and a place that is given up is free again.
    first
        .send("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(status(&first.rest().await), 200);
    drop(first);
    server
        .until(|numbers| numbers.contains("ostler_connections 1\n"))
        .await;
    let mut fourth = server.connect().await;
    fourth.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(status(&fourth.response().await), 200);

    let numbers = server.registry.render();
    assert!(numbers.contains("ostler_connections_refused_total 1\n"));
}

// Case 111
#[tokio::test]
async fn a_reader_that_does_not_read_is_closed() {
    let server = Server::start(Limits {
        write_stall: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // The server's gauge, not a guess of the time, says when it has given up.
    server
        .until(|numbers| numbers.contains("seconds_count{route=\"other\"} 1\n"))
        .await;
    server
        .until(|numbers| numbers.contains("ostler_connections 0\n"))
        .await;
}

// Case 111: a byte now and then is no reading either.
#[tokio::test]
async fn a_reader_of_single_bytes_is_closed() {
    let server = Server::start(Limits {
        write_stall: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let reading = async {
        let mut ticks = tokio::time::interval(SHORT / 12);
        while client.0.read_u8().await.is_ok() {
            ticks.tick().await;
        }
    };
    let begun = "seconds_count{route=\"other\"} 1\n";
    let closed = server
        .until(|numbers| numbers.contains(begun) && numbers.contains("ostler_connections 0\n"));
    // What is in the kernel's buffers is read for hours.
    tokio::select! {
        () = reading => {}
        () = closed => {}
    }
}

// Case 119
#[test]
fn a_server_that_runs_out_of_files_accepts_again_when_there_are_some() {
    if !is_apart() {
        let name = "a_server_that_runs_out_of_files_accepts_again_when_there_are_some";
        run_apart(&format!("transport::limits::{name}"), "ulimit -n 48 &&");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let server = Server::start(Limits::default()).await;
        // Without an await, so that the server does not run: the client waits in the kernel's queue,
        // and there is no file left to accept it with. Files, not connections, use them up: of many
        // connections the newest may be refused, which is another case.
        let client = std::net::TcpStream::connect(server.address).unwrap();
        let files: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        server
            .until(|numbers| !numbers.contains("ostler_accepts_failed_total 0\n"))
            .await;

        drop(files);
        client.set_nonblocking(true).unwrap();
        let mut client = Client(TcpStream::from_std(client).unwrap());
        client.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(status(&client.response().await), 200);
    });
}
