//! Many at once: connections, names, guesses, signatures. What there may be many of has a bound, and
//! those who behave are served all the while.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::token::TokenTyp;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::harness::wire::Request;
use crate::key_ring;
use crate::services::free_port;
use crate::transport::harness::within;

use super::process::Process;

/// A connection from this address on which a request was answered, and which is kept.
async fn idle(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let request = b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut status = [0; 12];
    within(stream.read_exact(&mut status)).await.unwrap();
    assert_eq!(status, *b"HTTP/1.1 200");
    stream
}

// Security case 119.
#[tokio::test]
async fn idle_connections_of_many_addresses_leave_the_other_listeners_alone() {
    const PLACES: u8 = 30;
    let [admin, management] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let process = Process::start(&[
        ("OSTLER_LIMITS__CONNECTIONS", &PLACES.to_string()),
        ("OSTLER_ADMIN__LISTEN", &admin.to_string()),
        ("OSTLER_MANAGEMENT__LISTEN", &management.to_string()),
    ])
    .await;
    let mut idlers = Vec::new();
    for number in 0..PLACES {
        idlers.push(idle([127, 0, 0, 2 + number % 5], process.address).await);
    }

    for _ in 0..5 {
        // It is told before it has said anything.
        let mut newest = TcpStream::connect(process.address).await.unwrap();
        let mut said = String::new();
        within(newest.read_to_string(&mut said)).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
        assert!(said.contains("retry-after: 1\r\n"), "{said}");
    }
    let list = Request::new(admin, "GET", "/admin/v1/organizations");
    assert_eq!(list.send().await.status, 401);
    // Its document leads there, and not to the issuer, where there is no such route.
    let document = Request::new(admin, "GET", "/admin/v1/openapi.json");
    let document = document.send().await.json();
    assert_eq!(document["servers"], serde_json::json!([{"url": "/"}]));
    let alive = Request::new(management, "GET", "/livez").send().await;
    assert_eq!((alive.status, alive.text()), (200, "alive\n"));

    drop(idlers);
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    loop {
        let reply = process.admin.ask("").await;
        if reply.status == 200 {
            break;
        }
        assert_eq!(reply.status, 503, "{}", reply.wire());
        within(ticks.tick()).await;
    }
}

/// The series of `/metrics`, without their values.
async fn series(server: &TestServer) -> BTreeSet<String> {
    let numbers = server.manage("/metrics").await;
    let lines = numbers.text().lines();
    let series = lines.filter_map(|line| line.rsplit_once(' ').map(|(series, _)| series));
    series.map(str::to_owned).collect()
}

// Security case 120; that the counters of failures are bounded is in `live_contract`.
#[tokio::test]
async fn names_that_a_caller_makes_up_are_no_names_of_series() {
    let server = TestServer::with()
        .set("server.trusted_proxies", "127.0.0.0/8")
        .start()
        .await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;
    let (_, rest) = token.split_once('.').unwrap();
    let flood = async |from: u32, to: u32| {
        for number in from..to {
            let name = format!("made-up-{number}");
            let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": name}).to_string();
            let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
            let [a, b, _, _] = number.to_be_bytes().map(u32::from);
            let address = format!("203.{a}.{b}.{}", number % 256);
            for request in [
                server.request("GET", &format!("/{name}/{name}")),
                server.request("GET", &format!("/admin/v1/organizations/{name}")),
                server.request(&name, "/oauth/token"),
                server.request("POST", "/oauth/token").basic(&name, &name),
                ci.form("/oauth/introspect", &format!("token={forged}")),
                ci.form("/oauth/token", &format!("grant_type={name}&{name}={name}")),
            ] {
                let request = request.header("X-Forwarded-For", &address);
                let request = request.header("Accept-Language", &name);
                let status = request.header("User-Agent", &name).send().await.status;
                assert!(status < 500, "{status}");
            }
        }
    };
    flood(0, 2).await;
    let before = series(&server).await;
    flood(2, 60).await;
    let after = series(&server).await;
    assert_eq!(before, after);
    assert!(after.iter().all(|series| !series.contains("made-up")));
}

// Security case 121: guesses are told to wait, and the right secret never is.
#[tokio::test]
async fn a_flood_of_guesses_does_not_shut_out_who_knows_the_secret() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let guesser = ci.with_secret(&server.admin.secret);
    let mut flood = JoinSet::new();
    for _ in 0..8 {
        let guesser = guesser.clone();
        flood.spawn(async move {
            let mut statuses = Vec::new();
            for _ in 0..20 {
                let reply = guesser.ask("").await;
                assert_eq!(reply.error(), "invalid_client");
                assert_eq!(reply.status == 429, reply.header("retry-after").is_some());
                statuses.push(reply.status);
            }
            statuses
        });
    }
    for _ in 0..20 {
        assert_eq!(ci.ask("").await.status, 200);
    }
    let statuses = flood.join_all().await.concat();
    let count = |status| statuses.iter().filter(|it| **it == status).count();
    assert_eq!(count(401) + count(429), 160);
    // A process that counts for itself because Redis was slow allows a quarter more.
    assert!(count(401) <= 60 + 15, "{} guesses were judged", count(401));
}

// Security case 121: as large as a token may be, and like one of ours up to its signature.
#[tokio::test]
async fn large_tokens_that_look_right_are_answered_one_by_one() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;
    let (header, _) = token.split_once('.').unwrap();
    let (_, signature) = token.rsplit_once('.').unwrap();
    let forged = |scope: usize| {
        let mut claims = jwt_part(&token, 1);
        claims["scope"] = json!("x".repeat(scope));
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("{header}.{claims}.{signature}")
    };
    let fixed = forged(0).len();
    let large = forged((8 * 1024 - fixed) / 4 * 3);
    assert!((8_000..=8_192).contains(&large.len()), "{}", large.len());
    let mut asking = JoinSet::new();
    for _ in 0..100 {
        let (ci, large) = (ci.clone(), large.clone());
        asking.spawn(async move { ci.sees_active(&large).await });
    }
    for _ in 0..10 {
        assert!(ci.sees_active(&token).await);
    }
    assert!(asking.join_all().await.iter().all(|active| !active));
    let too_large = ci.introspect(&forged(8 * 1024)).await;
    assert_eq!(too_large.error(), "invalid_request");
}

// Security case 121: signatures that cost much have a queue of their own, which has an end.
#[tokio::test]
async fn more_rsa_signatures_than_can_be_made_are_refused_at_once_and_cost_nobody_else() {
    let server = TestServer::start().await;
    server.may_fail();
    let ci = server.client("ci-deployer", "deploy:read").await;
    let api = json!({"name": "rsa", "audience": "https://rsa.example.com", "resource_types": [],
                     "scopes": [{"name": "read"}], "token": {"signing_alg": "RS256"}});
    server.create("/organizations/default/apis", api).await;
    let access = json!([{"api": "rsa", "scopes": ["read"], "resources": {}}]);
    let rsa = server.client_with("rsa-client", access).await;

    // Somewhat more than wait and work at once (`jwt::rsa_lane`).
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for _ in 0..cores * 257 + 40 {
        let (app, stop) = (server.app.clone(), Arc::clone(&stop));
        load.spawn(async move {
            let claims = key_ring::claims();
            while !stop.load(Ordering::Relaxed) {
                let signing = app
                    .key_ring
                    .sign(TokenTyp::AtJwt, Algorithm::Rs256, &claims);
                drop(signing.await);
                tokio::task::yield_now().await;
            }
        });
    }
    let mut refused = None;
    for _ in 0..200 {
        assert_eq!(ci.ask("").await.status, 200, "ES256");
        let reply = rsa.ask("").await;
        if reply.status != 200 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("an end of the queue");
    assert_eq!(refused.status, 503, "{}", refused.wire());
    assert_eq!(refused.error(), "temporarily_unavailable");
    assert!(refused.header("retry-after").is_some());

    stop.store(true, Ordering::Relaxed);
    load.join_all().await;
    assert_eq!(rsa.ask("").await.status, 200);
}
