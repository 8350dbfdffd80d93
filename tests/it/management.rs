//! The management listener of a whole server (contract section 6).

use std::time::Duration;

use insta::assert_snapshot;

use crate::harness::TestServer;
use crate::harness::wire::Request;

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
