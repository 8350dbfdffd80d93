//! Guesses are slowed down; whoever knows the secret never is.
//!
//! These servers count in their own memory, so that the counts are exact however busy the machine is:
//! when Redis does not answer in time, a server goes on counting by itself, and tighter. The tests of
//! the throttle show the same on Redis.

use std::time::Duration;

use insta::assert_snapshot;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::TestServerBuilder;

use super::GRANT;
use super::TOKEN;
use super::assert_refused;
use super::post_as;

async fn server_with_limit(failures: &str) -> TestServer {
    limited_to(failures).start().await
}

fn limited_to(failures: &str) -> TestServerBuilder {
    let in_memory = TestServer::with().redis("");
    in_memory.set("limits.failed_auth_per_minute", failures)
}

/// The status of each of so many requests.
async fn statuses(client: &TestClient, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(client.ask("").await.status);
    }
    statuses
}

// RFC 6749 §2.3.1: protect against brute force; RFC 6585 §4; RFC 9110 §10.2.3.
// protocol 52, protocol 174
#[tokio::test]
async fn a_guesser_is_told_to_wait_until_the_minute_ends() {
    let server = server_with_limit("3").await;
    let guesser = server.admin.with_secret("wrong");
    assert_eq!(statuses(&guesser, 5).await, [401, 401, 401, 429, 429]);
    assert_snapshot!(guesser.ask("").await.wire(), @r#"
    429 Too Many Requests
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    retry-after: 60
    x-content-type-options: nosniff

    {"error":"invalid_client","error_description":"too many failed authentications of this client from this address"}
    "#);

    server.advance(Duration::from_millis(20_500));
    assert_eq!(guesser.ask("").await.header("retry-after"), Some("40"));
    server.advance(Duration::from_millis(39_500));
    assert_eq!(statuses(&guesser, 4).await, [401, 401, 401, 429]);
}

/// The default is 60.
#[tokio::test]
async fn sixty_failures_in_a_minute_are_borne() {
    let server = TestServer::with().redis("").start().await;
    let guesser = server.admin.with_secret("wrong");
    let statuses = statuses(&guesser, 62).await;
    assert!(
        statuses[..60].iter().all(|status| *status == 401),
        "{statuses:?}"
    );
    assert_eq!(statuses[60..], [429, 429]);
}

#[tokio::test]
async fn zero_is_no_limit() {
    let server = server_with_limit("0").await;
    let statuses = statuses(&server.admin.with_secret("wrong"), 70).await;
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
}

// protocol 52: nobody locks another one out by guessing in their name.
// Security case 17.
#[tokio::test]
async fn a_correct_secret_always_works() {
    let server = server_with_limit("1").await;
    let (admin, guesser) = (&server.admin, server.admin.with_secret("wrong"));
    assert_eq!(statuses(&guesser, 3).await, [401, 429, 429]);
    assert_eq!(statuses(admin, 3).await, [200, 200, 200]);
    // A refusal that is not of the authentication is answered as ever, too.
    assert_refused(&admin.ask("scope=x").await, 400, "invalid_scope", "scope");
    // And it does not give the guesser new tries.
    assert_eq!(statuses(&guesser, 2).await, [429, 429]);
}

// protocol 32: what is counted tells not which ids exist.
#[tokio::test]
async fn an_unknown_client_is_slowed_like_a_known_one() {
    let server = server_with_limit("2").await;
    let known = server.admin.with_secret("wrong");
    let unknown = known.with_id("sac_01hzzzzzzzzzzzzzzzzzzzzzzz");
    for _ in 0..4 {
        assert_eq!(known.ask("").await.wire(), unknown.ask("").await.wire());
    }
}

/// However a guess is spelled and wherever it stands, it counts under the same name.
// Security case 17.
#[tokio::test]
async fn all_guesses_at_one_client_count_together() {
    let server = server_with_limit("4").await;
    let guesser = server.admin.with_secret("wrong");
    let id = &guesser.id;
    let in_body = async |id: &str| -> Reply {
        let form = format!("{GRANT}&client_id={id}&client_secret=wrong");
        guesser.request("POST", TOKEN).form(&form).send().await
    };
    assert_eq!(guesser.ask("").await.status, 401);
    assert_eq!(in_body(id).await.status, 401);
    assert_eq!(
        guesser.with_id(&id.to_uppercase()).ask("").await.status,
        401
    );
    assert_eq!(in_body(&format!("+{id}")).await.status, 401);
    for reply in [guesser.ask("").await, in_body(id).await] {
        assert_eq!(reply.status, 429, "{}", reply.wire());
    }
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        assert_eq!(guesser.post(path, "token=x").await.status, 429, "{path}");
    }
}

/// Limits are per client and address.
#[tokio::test]
async fn another_client_or_address_is_not_slowed() {
    let limited = limited_to("1").set("server.trusted_proxies", "127.0.0.1/32");
    let server = limited.start().await;
    let guesser = server.admin.with_secret("wrong");
    let from = async |client: &TestClient, address: &str| {
        let request = post_as(client).header("X-Forwarded-For", address);
        request.form(GRANT).send().await.status
    };
    assert_eq!(from(&guesser, "192.0.2.1").await, 401);
    assert_eq!(from(&guesser, "192.0.2.1").await, 429);
    assert_eq!(from(&guesser, "192.0.2.2").await, 401);
    let other = guesser.with_id("sac_01hzzzzzzzzzzzzzzzzzzzzzzz");
    assert_eq!(from(&other, "192.0.2.1").await, 401);
    assert_eq!(from(&server.admin, "192.0.2.1").await, 200);
}

/// Without a trusted proxy, nobody chooses the address that is counted.
// Security case 18.
#[tokio::test]
async fn a_forwarded_address_is_believed_of_trusted_proxies_only() {
    let server = server_with_limit("1").await;
    let guesser = server.admin.with_secret("wrong");
    for (address, status) in [("192.0.2.1", 401), ("192.0.2.2", 429), ("192.0.2.3", 429)] {
        let request = post_as(&guesser).header("X-Forwarded-For", address);
        assert_eq!(request.form(GRANT).send().await.status, status, "{address}");
    }
}

/// Nothing but failed authentications is counted.
#[tokio::test]
async fn other_refusals_and_successes_are_not_counted() {
    let server = server_with_limit("1").await;
    for more in ["", "scope=x", "resource=x", "foo=1&foo=2", ""] {
        for _ in 0..3 {
            assert_ne!(server.admin.ask(more).await.status, 429, "{more}");
        }
    }
    let guesser = server.admin.with_secret("wrong");
    assert_eq!(statuses(&guesser, 2).await, [401, 429]);
}
