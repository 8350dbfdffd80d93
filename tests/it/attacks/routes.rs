//! What there is to be found by whoever asks each listener for what other servers have: security case
//! 92. That no route is added unnoticed is in `architecture` and `admin::openapi`.

use std::net::SocketAddr;

use crate::harness::Reply;
use crate::harness::TestServer;
use crate::harness::wire::Connection;
use crate::harness::wire::Request;
use crate::services::free_port;

use super::process::Process;

/// What other servers have been taken over by, or have told too much at.
const FOUND_ELSEWHERE: [&str; 18] = [
    "/debug",
    "/debug/pprof",
    "/debug/pprof/heap",
    "/debug/vars",
    "/metrics",
    "/livez",
    "/readyz",
    "/health",
    "/actuator/env",
    "/init",
    "/setup",
    "/bootstrap",
    "/shutdown",
    "/config",
    "/oauth/init",
    "/admin/v1/init",
    "/admin/v1/debug",
    "/admin/v1/config",
];

/// Asks on a connection of its own, and compares with no document: what is told of a path on one
/// listener is not so on another.
async fn ask(to: SocketAddr, method: &str, target: &str, bearer: Option<&str>) -> Reply {
    let mut request = Request::new(to, method, target);
    if let Some(token) = bearer {
        request = request.bearer(token);
    }
    let mut connection = Connection::open(to).await.unwrap();
    connection.exchange(&request).await.unwrap()
}

/// Shows that there is nothing at any of these paths, for anybody.
async fn finds_nothing(listener: &str, to: SocketAddr, token: &str, paths: &[&str]) {
    for path in paths {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            for bearer in [None, Some(token)] {
                let reply = ask(to, method, path, bearer).await;
                assert_eq!(
                    reply.status,
                    404,
                    "{listener}: {method} {path}: {}",
                    reply.wire()
                );
            }
        }
    }
}

// Security case 92.
#[tokio::test]
async fn nothing_answers_that_other_servers_have() {
    let server = TestServer::start().await;
    let asking = format!("resource={}", server.issuer);
    let token = server.admin.ask(&asking).await.access_token();
    finds_nothing("main", server.address, &token, &FOUND_ELSEWHERE).await;
    // Those that there are on the management listener are asked of nobody else, and change nothing.
    let of_its_own = ["/livez", "/readyz", "/metrics"];
    let others: Vec<_> = FOUND_ELSEWHERE
        .into_iter()
        .filter(|path| !of_its_own.contains(path))
        .collect();
    finds_nothing("management", server.management, &token, &others).await;
    for path in of_its_own {
        assert_eq!(server.manage(path).await.status, 200, "{path}");
        let reply = ask(server.management, "POST", path, None).await;
        assert_eq!(reply.status, 405, "{path}: {}", reply.wire());
    }
}

// Security case 92: two listeners have nothing in common.
#[tokio::test]
async fn an_admin_listener_of_its_own_takes_the_admin_api_away_from_the_main_one() {
    let listen = format!("127.0.0.1:{}", free_port());
    let process = Process::start(&[("OSTLER_ADMIN__LISTEN", &listen)]).await;
    let admin: SocketAddr = listen.parse().unwrap();
    let issuer = format!("http://{}", process.address);
    let asking = format!("resource={issuer}");
    let token = process.admin.ask(&asking).await.access_token();

    let routes = [
        "/organizations",
        "/keys",
        "/openapi.json",
        "/leaks",
        "/docs",
    ];
    for route in routes {
        let target = format!("/admin/v1{route}");
        for bearer in [None, Some(&*token)] {
            let reply = ask(process.address, "GET", &target, bearer).await;
            assert_eq!(reply.status, 404, "{target}: {}", reply.wire());
        }
    }
    let keys = ask(admin, "GET", "/admin/v1/keys", Some(&token)).await;
    assert_eq!(keys.status, 200, "{}", keys.wire());
    let anonymous = ask(admin, "GET", "/admin/v1/keys", None).await;
    assert_eq!(anonymous.status, 401, "{}", anonymous.wire());

    finds_nothing("admin", admin, &token, &FOUND_ELSEWHERE).await;
    for target in [
        "/oauth/token",
        "/oauth/introspect",
        "/oauth/revoke",
        "/oauth/authorize",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        for method in ["GET", "POST"] {
            let reply = ask(admin, method, target, None).await;
            assert_eq!(reply.status, 404, "{method} {target}: {}", reply.wire());
        }
    }
}
