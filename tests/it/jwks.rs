//! The published keys (RFC 7517), as resource servers see them.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use insta::assert_snapshot;
use ring::digest::SHA256;
use ring::digest::digest;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::Reply;
use crate::harness::TestServer;
use crate::harness::Verifier;
use crate::harness::client::jwt_part;
use crate::harness::verifier::decode;

const PATH: &str = "/.well-known/jwks.json";

async fn jwks(server: &TestServer) -> Reply {
    server.get(PATH).await
}

// RFC 7517 §5, RFC 9111 §5.2: protocol 113, 115, 116, 118. The test keys are always the same.
#[tokio::test]
async fn the_whole_answer_is_the_public_half_of_each_key() {
    let server = TestServer::start().await;
    assert_snapshot!(jwks(&server).await.wire(), @r#"
    200 OK
    access-control-allow-origin: *
    cache-control: public, max-age=300
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "hdkVTAFT9mwCxCyMrZbevQ"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"keys":[{"use":"sig","alg":"ES256","kid":"plRo66sxQMdUQyihrP-6bJuXitAnnAop9K41UdYBvHU","kty":"EC","crv":"P-256","x":"Oq7W4vWXRAjtqZpWxYSUXUu2lxDJTiwAXMJbOZ62FTM","y":"_1tM7MU4WKM3jo703rp-Y5Lb18H8uza1D9boQS4XaVQ"},{"use":"sig","alg":"RS256","kid":"UkJ1fiCSFe5x6ioqDkXBLqITzUMRrD6JE-lSCaXWoTk","kty":"RSA","n":"zxMRRU_CqfoHTQuw1vqhX5xbvnHSspBq6EoQc4VFKXvRqmM0kas6BD-IoD0YfzUPjZ6nn03ne97svHxKVlWu9ITmUt912AC1adYzEEYAFQKDrWOXURaVoWTQ97cc6y_1EcZRoFCoRF9dz7e0InIG0-ZuXAViBstwWTbUPgneb2XnF3w8KtKXwE910iEC8irCkZpnQ6feeyEW33D0s4498pkX8l4q6ky6Lqe8RU0YTQ4Ix07S4wHDFyQLwqf5aegyNj3UZGgWwyorY12vkDKh9OiFzBKEGRFF2kJqyp91q7GSMotNPqi9cIYkata4gA10tokcVgSfgqcKtlqWKgO14w","e":"AQAB"},{"use":"sig","alg":"EdDSA","kid":"dJmDq3Wpi9jxQDRgQ1QCojpsOzClIpeVqB9cUK06kzs","kty":"OKP","crv":"Ed25519","x":"2i3EzbFYkTx053DqwUG4oMZNyTydGEa5MqLVXSUVm5Y"}]}
    "#);
}

// RFC 7517 §5: protocol 113: `Accept` does not matter.
#[tokio::test]
async fn every_accept_gets_the_same_answer() {
    let server = TestServer::start().await;
    let usual = jwks(&server).await;
    for accept in [
        "application/json",
        "application/jwk-set+json",
        "text/html",
        "*/*",
    ] {
        let asked = server.request("GET", PATH).header("Accept", accept);
        assert_eq!(asked.send().await.wire(), usual.wire(), "{accept}");
    }
}

// Security case 162: public members only.
// RFC 7518 §3.3, §6.2.1, §6.3.1; RFC 8037 §2; RFC 7517 §4.5; RFC 7638: protocol 114 to 117.
#[tokio::test]
async fn every_key_is_well_formed_and_named_by_its_thumbprint() {
    let server = TestServer::start().await;
    let verifier = Verifier::of(&jwks(&server).await);
    let kids: HashSet<_> = verifier.kids().into_iter().collect();
    assert_eq!(kids.len(), 3);

    for key in verifier.keys() {
        let part = |name: &str| decode(key[name].as_str().unwrap());
        let required = match key["kty"].as_str().unwrap() {
            "RSA" => {
                let (n, e) = (part("n"), part("e"));
                assert!(n.len() >= 256 && n[0] & 0x80 != 0, "no leading zero octet");
                assert_eq!(e, [1, 0, 1]);
                json!({"e": key["e"], "kty": "RSA", "n": key["n"]})
            }
            "EC" => {
                assert_eq!((part("x").len(), part("y").len()), (32, 32));
                json!({"crv": "P-256", "kty": "EC", "x": key["x"], "y": key["y"]})
            }
            "OKP" => {
                assert_eq!(part("x").len(), 32);
                json!({"crv": "Ed25519", "kty": "OKP", "x": key["x"]})
            }
            other => panic!("{other}"),
        };
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, required.to_string().as_bytes()));
        assert_eq!(key["kid"], thumbprint);
        let mut members: HashSet<_> = key.as_object().unwrap().keys().cloned().collect();
        members.retain(|name| required.get(name).is_none());
        // Neither a private member nor `key_ops` beside `use`.
        let besides = ["kid", "alg", "use"].map(str::to_owned);
        assert_eq!(members, besides.into_iter().collect());
        assert_eq!(key["use"], "sig");
    }
}

// RFC 9110 §13.1.2: protocol 118.
#[tokio::test]
async fn who_has_the_set_already_is_told_so() {
    let server = TestServer::start().await;
    let etag = jwks(&server).await.header("etag").unwrap().to_owned();
    let ask = |tag: &str| server.request("GET", PATH).header("If-None-Match", tag);

    let unchanged = ask(&etag).send().await;
    assert_snapshot!(unchanged.wire().replace(&etag, "<etag>"), @r#"
    304 Not Modified
    access-control-allow-origin: *
    cache-control: public, max-age=300
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    etag: <etag>
    referrer-policy: no-referrer
    x-content-type-options: nosniff
    "#);
    for known in [
        format!("W/{etag}"),
        format!("\"x\", {etag}"),
        "*".to_owned(),
    ] {
        assert_eq!(ask(&known).send().await.status, 304, "{known}");
    }
    assert_eq!(ask("\"another\"").send().await.status, 200);
}

// RFC 9110 §9.3.2, §15.5.6: protocol 121.
#[tokio::test]
async fn it_is_for_everybody_and_only_for_reading() {
    let server = TestServer::start().await;
    let usual = jwks(&server).await;
    let with_query = server.get(&format!("{PATH}?v=1&nonsense=%zz")).await;
    assert_eq!(with_query.wire(), usual.wire());
    // Whoever sends credentials gets no other answer.
    let known = server.request("GET", PATH).basic("sac_x", "wrong");
    assert_eq!(known.send().await.wire(), usual.wire());

    let head = server.request("HEAD", PATH).send().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("etag"), usual.header("etag"));
    assert!(head.body.is_empty());
    for method in ["POST", "PUT", "DELETE"] {
        let reply = server.request(method, PATH).form("").send().await;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some("GET,HEAD"))
        );
    }
}

// RFC 7515 §5.2, RFC 9068 §2.1: what is published verifies what is issued.
#[tokio::test]
async fn tokens_of_every_algorithm_verify_with_the_published_keys() {
    let server = TestServer::start().await;
    let verifier = Verifier::of(&jwks(&server).await);
    for alg in ["ES256", "RS256", "EdDSA"] {
        let name = alg.to_ascii_lowercase();
        let api = json!({
            "name": name, "audience": format!("https://{name}.example.com"),
            "scopes": [{"name": "read"}], "token": {"signing_alg": alg},
        });
        server.create("/organizations/default/apis", api).await;
        let access = json!([{"api": name, "scopes": ["read"], "resources": {}}]);
        let client = server.client_with(&format!("client-{name}"), access).await;
        let token = client.token("").await;
        assert_eq!(jwt_part(&token, 0)["alg"], alg);
        assert!(verifier.accepts(&token), "{alg}");

        let (_, signature) = token.rsplit_once('.').unwrap();
        let other = client.token("").await;
        let (message, _) = other.rsplit_once('.').unwrap();
        assert!(
            !verifier.accepts(&format!("{message}.{signature}")),
            "{alg}"
        );
    }
}

async fn activate(server: &TestServer, kid: &str, body: Value) -> Reply {
    let path = format!("/keys/{kid}/activate");
    server.admin("POST", &path, Some(&body)).await
}

// RFC 8414 §2, RFC 9068 §4: protocol 119.
#[tokio::test]
async fn a_new_key_is_published_long_before_it_signs_and_the_old_one_stays() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let first = jwks(&server).await;
    let made = server.create("/keys", json!({"alg": "ES256"})).await;
    let kid = made["kid"].as_str().unwrap();
    assert_eq!(made["state"], "pending");

    let published = Verifier::of(&jwks(&server).await);
    assert_ne!(jwks(&server).await.header("etag"), first.header("etag"));
    assert_eq!(published.kids().len(), 4);
    assert!(published.kids().contains(&kid));
    let old = ci.token("").await;
    assert_ne!(jwt_part(&old, 0)["kid"], kid);

    server.advance(Duration::from_secs(3599));
    let early = activate(&server, kid, json!({})).await;
    assert_eq!(early.status, 409, "{}", early.wire());
    assert_eq!(early.json()["code"], "not_published_long_enough");
    server.advance(Duration::from_secs(1));
    let old = ci.token("").await;
    assert_ne!(jwt_part(&old, 0)["kid"], kid);
    assert_eq!(activate(&server, kid, json!({})).await.status, 200);

    let new = ci.token("").await;
    assert_eq!(jwt_part(&new, 0)["kid"], kid);
    // With the set of an hour ago, with today's, and at introspection.
    for verifier in [published, Verifier::of(&jwks(&server).await)] {
        assert!(verifier.accepts(&old) && verifier.accepts(&new));
    }
    assert!(ci.sees_active(&old).await && ci.sees_active(&new).await);
}

// RFC 8414 §2, RFC 9068 §4: protocol 119, under load.
#[tokio::test]
async fn every_token_from_around_a_change_of_keys_verifies() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let made = server.create("/keys", json!({"alg": "ES256"})).await;
    let published = Verifier::of(&jwks(&server).await);

    let mut asking = JoinSet::new();
    for _ in 0..40 {
        let ci = ci.clone();
        asking.spawn(async move { ci.token("").await });
    }
    let kid = made["kid"].as_str().unwrap();
    let activated = activate(&server, kid, json!({"force": true})).await;
    assert_eq!(activated.status, 200, "{}", activated.wire());
    let mut tokens = asking.join_all().await;
    tokens.push(ci.token("").await);
    assert_eq!(jwt_part(tokens.last().unwrap(), 0)["kid"], kid);
    for token in tokens {
        assert!(published.accepts(&token));
        assert!(ci.sees_active(&token).await);
    }
}
