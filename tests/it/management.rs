//! The management listener of a whole server (contract section 6).

use std::time::Duration;

use insta::assert_snapshot;

use crate::harness::TestServer;
use crate::harness::wire::Request;
use crate::services;
use crate::services::Fault;
use crate::services::FaultProxy;
use crate::services::RedisServer;

#[tokio::test]
async fn a_server_that_is_well_says_so() {
    let server = TestServer::start().await;
    assert_snapshot!(server.manage("/livez").await.wire(), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: text/plain; charset=utf-8
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    alive
    "#);
    assert_snapshot!(server.manage("/readyz").await.wire(), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: text/plain; charset=utf-8
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    ready
    "#);
    let verbose = server.manage("/readyz?verbose").await.json();
    assert_eq!(verbose["status"], "ready");
    let checks = verbose["checks"].as_array().unwrap();
    assert!(
        checks.iter().all(|check| check["status"] == "ok"),
        "{verbose}"
    );
    let names: Vec<_> = checks.iter().filter_map(|c| c["name"].as_str()).collect();
    let always = ["database", "migrations", "signing_key", "clock"];
    assert!(names.starts_with(&always), "{names:?}");
}

#[tokio::test]
async fn a_server_whose_clock_is_before_its_own_keys_is_not_ready() {
    let server = TestServer::start().await;
    server.may_fail();
    let hour = Duration::from_hours(1);
    server.clock.set(server.now().saturating_sub(hour).unwrap());
    let reply = server.manage("/readyz").await;
    assert_eq!((reply.status, reply.text()), (503, "not ready: clock\n"));
    server.advance(hour);
    assert_eq!(server.manage("/readyz").await.status, 200);
}

// Security cases 143 and 152: how the database and Redis are reached is told nowhere, while they can
// be reached and while they cannot. (In no line of the log either: `harness::log`.)
#[tokio::test]
async fn no_password_of_what_is_behind_the_server_is_shown() {
    let database = services::postgres_database().await;
    let (to_database, database_url) = FaultProxy::before(database.url()).await;
    let redis = RedisServer::start();
    let (to_redis, redis_url) = FaultProxy::before(&redis.url()).await;
    let server = TestServer::with()
        .database(&database_url)
        .redis(&redis_url)
        .start()
        .await;
    server.may_fail();
    let passwords = server.passwords();
    assert_eq!(passwords.len(), 2, "of both");
    let asking = format!("resource={}", server.issuer);
    let token = server.admin.ask(&asking).await.access_token();
    for fault in [Fault::Pass, Fault::Cut] {
        to_database.set(fault);
        to_redis.set(fault);
        let mut told = Vec::new();
        for target in ["/livez", "/readyz", "/readyz?verbose", "/metrics"] {
            told.push(server.manage(target).await);
        }
        for target in ["/admin/v1/system/info", "/admin/v1/findings", "/"] {
            told.push(server.request("GET", target).bearer(&token).send().await);
        }
        told.push(server.admin.ask("").await);
        for reply in told {
            let wire = reply.wire();
            for hidden in passwords
                .iter()
                .map(String::as_str)
                .chain(["postgres:", "redis:/"])
            {
                assert!(!wire.contains(hidden), "{wire}");
            }
        }
    }
}

// The number of label values must not grow with clients or tokens.
#[tokio::test]
async fn the_numbers_name_endpoints_and_never_a_client() {
    let server = TestServer::start().await;
    let token = server.admin.token("").await;
    server.admin.sees_active(&token).await;
    server.get("/no/such/path").await;

    let reply = server.manage("/metrics").await;
    assert_eq!(reply.status, 200);
    let text = reply.text();
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(
        samples
            .iter()
            .all(|line| line.is_empty() || line.starts_with("ostler_"))
    );
    assert!(
        text.contains("route=\"introspect\",status=\"2xx\"} 1"),
        "{text}"
    );
    for unbounded in [&server.admin.id, &token, "/no/such/path"] {
        assert!(!text.contains(unbounded), "{unbounded}");
    }
}

#[tokio::test]
async fn each_listener_has_its_own_paths() {
    let server = TestServer::start().await;
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
        let post = Request::new(server.management, "POST", path).send().await;
        assert_eq!(post.status, 405, "{path}");
    }
    for path in [
        "/oauth/token",
        "/.well-known/jwks.json",
        "/admin/v1/organizations",
        "/",
    ] {
        assert_eq!(server.manage(path).await.status, 404, "{path}");
    }
}
