//! Guessing at clients, at every endpoint that authenticates them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::harness::log;
use crate::harness::server::ISSUER;

use super::endpoints::ENDPOINTS;
use super::endpoints::FORM;
use super::secrets::assert_refused;
use super::secrets::post_in_body;
use super::secrets::unlimited;
use super::secrets::with_the_same_beginning;

/// An account with these further members, and a credential with those.
async fn client(server: &TestServer, name: &str, account: Value, credential: Value) -> TestClient {
    let mut body = json!({"name": name, "access": [], "credential": {"name": "first"}});
    let extend = |object: &mut Value, more: Value| {
        for (name, value) in more.as_object().unwrap() {
            object[name] = value.clone();
        }
    };
    extend(&mut body["credential"], credential);
    extend(&mut body, account);
    let path = "/organizations/default/service-accounts";
    server.client_of(&server.create(path, body).await)
}

/// Everything that may be wrong with a client, or with what it says.
async fn nobodies(server: &TestServer) -> Vec<(&'static str, TestClient)> {
    let made =
        async |name: &str, account, credential| client(server, name, account, credential).await;
    let good = made("good-bot", json!({}), json!({})).await;
    let disabled = made("disabled-bot", json!({}), json!({})).await;
    let deleted = made("deleted-bot", json!({}), json!({})).await;
    let revoked = made("revoked-bot", json!({}), json!({})).await;
    let gone = made("gone-bot", json!({}), json!({})).await;
    let over = made("over-bot", json!({}), json!({"expires_in_seconds": 60})).await;
    let soon = (server.now() + Duration::from_mins(1)).to_string();
    let ended = made("ended-bot", json!({"expires_at": soon}), json!({})).await;
    let foreign = json!({"allowed_networks": ["192.0.2.0/24"]});
    let foreign = made("foreign-bot", json!({}), foreign).await;
    server
        .create("/organizations", json!({"name": "acme"}))
        .await;
    let tenant = json!({"name": "tenant-bot", "credential": {"name": "first"}});
    let tenant = server
        .create("/organizations/acme/service-accounts", tenant)
        .await;
    let tenant = server.client_of(&tenant);
    for client in [
        &good, &disabled, &deleted, &revoked, &gone, &over, &ended, &tenant,
    ] {
        assert_eq!(client.introspect("x").await.status, 200, "{client:?}");
    }

    server
        .act(&format!("{}/disable", disabled.account_path()), json!({}))
        .await;
    server.delete(&deleted.account_path()).await;
    server
        .act(&format!("{}/revoke", revoked.credential_path()), json!({}))
        .await;
    server.delete(&gone.credential_path()).await;
    server.act("/organizations/acme/disable", json!({})).await;
    server.advance(Duration::from_mins(1));
    vec![
        ("unknown", good.with_id("sac_01hzzzzzzzzzzzzzzzzzzzzzzz")),
        ("unknown, and a secret of nobody", {
            let secret = with_the_same_beginning(&good.secret);
            good.with_id("sac_01hzzzzzzzzzzzzzzzzzzzzzzz")
                .with_secret(&secret)
        }),
        ("wrong secret", good.with_secret(&server.admin.secret)),
        (
            "the same beginning",
            good.with_secret(&with_the_same_beginning(&good.secret)),
        ),
        ("disabled", disabled.clone()),
        ("disabled, wrong secret", disabled.with_secret(&good.secret)),
        ("deleted account", deleted),
        ("revoked credential", revoked),
        ("deleted credential", gone),
        ("expired secret", over),
        ("expired account", ended),
        ("foreign network", foreign),
        ("disabled organization", tenant.clone()),
        (
            "disabled organization, wrong secret",
            tenant.with_secret(&good.secret),
        ),
        (
            "wrong checksum",
            good.with_secret(&format!("ostler_cs_{}", "0".repeat(49))),
        ),
        ("no secret of ours", good.with_secret("hunter2")),
        ("no id of ours", good.with_id("nobody")),
    ]
}

// Security cases 2, 3 and 61; RFC 6749 §5.2: the same bytes and header fields for all causes. That an
// unknown client costs as much as a known one is shown in `oauth::client_auth`, and measured in
// `benches/`.
#[tokio::test]
async fn whatever_is_wrong_with_a_client_is_told_in_the_same_bytes() {
    let server = unlimited().await;
    let mut answers = BTreeMap::new();
    let mut reasons = Vec::new();
    for (cause, client) in nobodies(&server).await {
        for path in ENDPOINTS {
            let by_header = client.post(path, FORM).await;
            let by_body = post_in_body(&client, path).await;
            for reply in [&by_header, &by_body] {
                assert_eq!(
                    (reply.status, &*reply.error()),
                    (401, "invalid_client"),
                    "{cause}"
                );
                let bytes = reply.bytes_but_its_own();
                answers.entry(bytes).or_insert_with(Vec::new).push(cause);
            }
            if path == ENDPOINTS[0] {
                reasons.push(format!("{cause}: {}", reason_of(&by_header)));
            }
        }
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    // Only the log tells them apart; whoever guesses wrong is not even told there how the client is.
    insta::assert_snapshot!(reasons.join("\n"), @r"
    unknown: unknown client
    unknown, and a secret of nobody: unknown client
    wrong secret: wrong secret
    the same beginning: wrong secret
    disabled: the client is dead: the account is disabled
    disabled, wrong secret: wrong secret
    deleted account: unknown client
    revoked credential: the client is dead: the credential is disabled or revoked
    deleted credential: unknown client
    expired secret: the secret has expired
    expired account: the client is dead: the account has expired
    foreign network: not from a network that the credential allows
    disabled organization: the client is dead: the organization is disabled
    disabled organization, wrong secret: wrong secret
    wrong checksum: the credentials are malformed
    no secret of ours: the credentials are malformed
    no id of ours: the credentials are malformed
    ");
}

// Security case 2: nor does it come sooner. A client that is remembered needs no look-up, and one that
// does not exist does, so a guess about the one asks the store as much as a guess about the other.
#[tokio::test]
async fn a_guess_about_a_client_that_is_remembered_asks_the_store_too() {
    let server = unlimited().await;
    if !server.is_embedded() {
        return;
    }
    let known = client(&server, "known-bot", json!({}), json!({})).await;
    let guess = known.with_secret(&server.admin.secret);
    assert_eq!(guess.post(ENDPOINTS[0], FORM).await.status, 401);

    server.may_fail();
    let hide = "ALTER TABLE secret RENAME TO hidden_secret".to_owned();
    server.run_sql(hide).await;
    assert_eq!(guess.post(ENDPOINTS[0], FORM).await.status, 503);
}

/// The reason that the log gives for a refusal.
fn reason_of(reply: &Reply) -> String {
    let lines = log::lines_of(reply);
    let mut reasons = lines.iter().filter_map(|line| line["reason"].as_str());
    reasons.next().expect("a reason").to_owned()
}

// Security case 13; RFC 6749 §3.2.1: who is named twice has to be one.
#[tokio::test]
async fn a_client_that_names_another_beside_itself_is_nobody() {
    let server = unlimited().await;
    let admin = &server.admin;
    let other = client(&server, "other-bot", json!({}), json!({})).await;
    let spaced = format!("+{}", admin.id);
    for id in [
        &*other.id,
        "nobody",
        "%20",
        &spaced,
        &admin.id.to_uppercase(),
        "sac_",
    ] {
        for path in ENDPOINTS {
            let reply = admin.post(path, &format!("{FORM}&client_id={id}")).await;
            assert_refused(&reply, id);
        }
    }
}

// Security case 17; contract section 2, *Throttling*: one bucket for every spelling of a client's id,
// and its owner is not locked out.
#[tokio::test]
async fn a_guesser_has_no_more_tries_by_spelling_the_id_otherwise() {
    let limited = TestServer::with().redis("");
    let server = limited
        .set("limits.failed_auth_per_minute", "8")
        .start()
        .await;
    let (admin, id) = (&server.admin, server.admin.id.clone());
    let upper = id.to_uppercase();
    let of_one_client = [
        id.clone(),
        upper.clone(),
        id.replace("sac_", "Sac_"),
        format!("+{id}"),
        format!("{id}++"),
        format!("%09{upper}"),
        id.replace('a', "%61"),
        id.replace('_', "%5f"),
    ];
    let wrong = with_the_same_beginning(&admin.secret);
    let guess = async |id: &str| {
        let form = format!("{FORM}&client_id={id}&client_secret={wrong}");
        let request = admin.request("POST", ENDPOINTS[0]);
        request.form(&form).send().await.status
    };
    for id in &of_one_client {
        assert_eq!(guess(id).await, 401, "{id}");
    }
    for id in &of_one_client {
        assert_eq!(guess(id).await, 429, "{id}");
        assert_eq!(admin.ask("").await.status, 200, "its owner, after {id}");
    }
    // What can be nobody's id is one more bucket, however it is written: NFC, NFD, escapes of escapes.
    let of_nobody = [
        "caf%C3%A9",
        "cafe%CC%81",
        "%2573ac_",
        "sac_%2500",
        "nobody",
        "%EF%BD%93ac_",
        "sac%E2%80%8B_",
    ];
    let mut statuses = Vec::new();
    for id in of_nobody.iter().cycle().take(3 * of_nobody.len()) {
        statuses.push(guess(id).await);
    }
    let tries = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(tries, 8, "{statuses:?}");
}

// Security case 18: what a caller says about itself changes neither what it is called in limits and in
// the audit trail, nor what this server calls itself.
#[tokio::test]
async fn headers_of_a_proxy_that_nobody_trusts_say_nothing() {
    let limited = TestServer::with().redis("");
    let server = limited
        .set("limits.failed_auth_per_minute", "2")
        .start()
        .await;
    let guesser = server
        .admin
        .with_secret(&with_the_same_beginning(&server.admin.secret));
    let claiming = |client: &TestClient, path: &str, number: usize| {
        client
            .request("POST", path)
            .header(
                "X-Forwarded-For",
                &format!("192.0.2.{number}, 198.51.100.{number}"),
            )
            .header(
                "Forwarded",
                &format!("for=203.0.113.{number};host=evil.example;proto=https"),
            )
            .header("X-Real-IP", "not-an-ip")
            .header("X-Client-IP", "localhost")
            .header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Port", "443")
            .header("Host", "evil.example")
            .basic(&client.id, &client.secret)
    };
    let mut statuses = Vec::new();
    for number in 0..5 {
        let request = claiming(&guesser, ENDPOINTS[0], number);
        statuses.push(request.form(FORM).send().await.status);
    }
    assert_eq!(statuses, [401, 401, 429, 429, 429]);

    let reply = claiming(&server.admin, ENDPOINTS[0], 9)
        .form(FORM)
        .send()
        .await;
    let token = reply.access_token();
    assert_eq!(jwt_part(&token, 1)["iss"], ISSUER);
    let form = format!("token={token}");
    let revoked = claiming(&server.admin, ENDPOINTS[2], 9)
        .form(&form)
        .send()
        .await;
    assert_eq!(revoked.status, 200);
    let addresses = "SELECT actor_address FROM audit_event WHERE action = 'token.revoke'";
    assert_eq!(server.rows(addresses).await, ["127.0.0.1"]);

    let metadata = server.request("GET", "/.well-known/oauth-authorization-server");
    let metadata = metadata.header("X-Forwarded-Host", "evil.example");
    let reply = metadata.header("Host", "evil.example").send().await;
    assert_eq!(reply.json()["issuer"], ISSUER);
    assert!(!reply.text().contains("evil.example"), "{}", reply.text());
}
