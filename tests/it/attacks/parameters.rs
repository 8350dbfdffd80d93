//! Parameters that two readers could read differently, that are too long, or too many.

use crate::harness::TestServer;
use crate::harness::server::DEPLOY;

use super::endpoints::ENDPOINTS;
use super::endpoints::FORM;
use super::endpoints::PARAMETERS;
use super::endpoints::assert_error;
use super::endpoints::assert_invalid;
use super::endpoints::form_without;
use super::endpoints::post;

// Security case 20; RFC 6749 §3.2, RFC 7662 §2.1, RFC 7009 §2.1: nothing stands there twice, equal or
// not, empty or not, escaped or not.
#[tokio::test]
async fn no_parameter_may_stand_there_twice_at_any_endpoint() {
    let server = TestServer::start().await;
    for path in ENDPOINTS {
        for name in PARAMETERS {
            let escaped = format!("%{:02x}{}", name.as_bytes()[0], &name[1..]);
            for twice in [
                format!("{name}=x&{name}=x"),
                format!("{name}=x&bar=1&{name}=y"),
                format!("{name}=&{name}=x"),
                format!("{name}&{name}"),
                format!("{name}=x&{escaped}=x"),
            ] {
                let form = format!("{}{twice}", form_without(name));
                let reply = post(&server, path).form(&form).send().await;
                assert_invalid(&reply, &format!("{path}: {form}"));
            }
        }
        // Contract section 2, *Parsing*: of `resource` RFC 8707 §2 says more.
        let form = format!("{FORM}&resource={DEPLOY}&resource={DEPLOY}");
        let reply = post(&server, path).form(&form).send().await;
        assert_error(&reply, 400, "invalid_target", path);
    }
}

// Security case 26; contract section 2, *Parsing*: a bound on each value and on all of them. (What it
// costs to say so is measured in `benches/`.)
#[tokio::test]
async fn a_value_that_is_too_long_is_refused() {
    let server = TestServer::start().await;
    for path in ENDPOINTS {
        for name in PARAMETERS {
            let longest = match name {
                "token" => 8_192,
                "authorization_details" => 16_384,
                _ => 4_000,
            };
            for length in [longest + 1, 60_000] {
                let form = format!("{name}={}", "x".repeat(length));
                let reply = post(&server, path).form(&form).send().await;
                assert_invalid(&reply, &format!("{path}: {name} of {length}"));
            }
        }
        for length in [64 * 1024, 2 * 1024 * 1024] {
            let form = format!("scope={}", "x".repeat(length));
            let reply = post(&server, path).form(&form).send().await;
            assert_error(&reply, 413, "invalid_request", path);
        }
        let name = format!("{}=x", "n".repeat(60_000));
        let reply = post(&server, path).form(&name).send().await;
        assert!(reply.status < 500, "{}", reply.wire());
    }
    let scopes: Vec<_> = (0..5_000).map(|n| format!("s{n}")).collect();
    let reply = server
        .admin
        .ask(&format!("scope={}", scopes.join("+")))
        .await;
    assert_invalid(&reply, "5,000 scopes");
    // As many as fit are no scopes of anybody's.
    let reply = server
        .admin
        .ask(&format!("scope={}", scopes[..600].join("+")))
        .await;
    assert_error(&reply, 400, "invalid_scope", "600 scopes");
}

// Security case 27: as many parameters as fit into a body are refused once there are more than any
// request has.
#[tokio::test]
async fn ten_thousand_parameters_are_refused() {
    let server = TestServer::start().await;
    for path in ENDPOINTS {
        for (what, form, status) in [
            ("unknown", many(10_000, |n| format!("p{n}")), 400),
            ("the same", many(10_000, |_| "p".to_owned()), 400),
            ("without a name", many(10_000, |n| format!("={n}")), 400),
            ("without a value", many(10_000, |n| format!("{n}=")), 400),
            ("more than fit", many(20_000, |n| format!("p{n}=")), 413),
        ] {
            let reply = post(&server, path).form(&form).send().await;
            assert_error(
                &reply,
                status,
                "invalid_request",
                &format!("{what} at {path}"),
            );
        }
        // 10,000 times nothing is nothing.
        let form = format!("{}{FORM}", "&".repeat(10_000));
        let reply = post(&server, path).form(&form).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.wire());
    }
}

fn many(count: usize, pair: impl Fn(usize) -> String) -> String {
    let pairs: Vec<_> = (0..count).map(pair).collect();
    pairs.join("&")
}
