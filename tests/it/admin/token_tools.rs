//! `/tokens/inspect`, `/tokens/revoke`, `/tokens/preview` and `/system/info`. Contract, section 3.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::harness::server::DEPLOY;

use super::actors::Administrator;
use super::actors::at;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;

async fn inspect(admin: &Administrator, token: &str) -> Value {
    let reply = admin.post("/tokens/inspect", json!({"token": token})).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    reply.json()
}

/// What is said of a token that this server knows nothing of.
fn nothing(reason: &str) -> Value {
    json!({
        "active": false,
        "reasons": [reason],
        "header": null,
        "claims": null,
        "account": null,
        "credential": null,
        "key": null,
    })
}

#[tokio::test]
async fn a_token_is_shown_with_all_that_it_says_and_what_it_belongs_to() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let token = bot.token("").await;
    let admin = Administrator::first(&server).await;
    let found = inspect(&admin, &token).await;
    assert_eq!(found["active"], true);
    assert_eq!(found["reasons"], json!([]));
    assert_eq!(found["header"], jwt_part(&token, 0));
    assert_eq!(found["claims"], jwt_part(&token, 1));
    assert_eq!(
        found["account"],
        json!({"id": bot.account, "name": "ci-deployer", "status": "active"})
    );
    assert_eq!(
        found["credential"],
        json!({"id": bot.credential, "name": "first", "client_id": bot.id, "status": "active"})
    );
    assert_eq!(found["key"]["kid"], found["header"]["kid"]);
    assert_eq!(found["key"]["state"], "active");
    // Looking at it is no use of it: usage tells of the account's own doing.
    let path = format!("{}/usage", bot.account_path());
    let usage = admin.get(&path).await.json();
    assert_eq!(usage["buckets"][0]["introspected"], 0);
}

#[tokio::test]
async fn each_reason_why_a_token_is_not_active_is_said() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let reasons = async |admin: &Administrator, token: &str| {
        let found = inspect(admin, token).await;
        assert_eq!(found["active"], false);
        found["reasons"].clone()
    };
    let (one, two) = (bot.token("").await, bot.token("").await);
    bot.revoke(&one).await;
    assert_eq!(reasons(&admin, &one).await, json!(["revoked"]));

    server
        .act(&format!("{}/disable", bot.account_path()), json!({}))
        .await;
    assert_eq!(reasons(&admin, &two).await, json!(["account_disabled"]));
    server
        .act(&format!("{}/enable", bot.account_path()), json!({}))
        .await;
    assert_eq!(reasons(&admin, &two).await, json!(["tokens_revoked"]));

    let three = bot.token("").await;
    server
        .act(&format!("{}/revoke", bot.credential_path()), json!({}))
        .await;
    let found = inspect(&admin, &three).await;
    assert_eq!(found["reasons"], json!(["credential_disabled"]));
    assert_eq!(found["credential"]["status"], "revoked");

    // Several at once, and the account is still named when it is gone.
    server.advance(Duration::from_mins(15));
    server.delete(&bot.account_path()).await;
    let admin = admin.renewed().await;
    let found = inspect(&admin, &three).await;
    assert_eq!(
        found["reasons"],
        json!(["expired", "account_or_credential_deleted"])
    );
    assert_eq!(found["claims"]["sub"], json!(bot.account));
    assert_eq!(
        (&found["account"], &found["credential"]),
        (&json!(null), &json!(null))
    );
}

#[tokio::test]
async fn a_token_that_we_did_not_sign_says_nothing() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let token = bot.token("").await;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{flipped}{}", &signature[1..]);
    assert_eq!(inspect(&admin, &forged).await, nothing("unknown"));
    for text in ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "\u{1f434}", " "] {
        assert_eq!(inspect(&admin, text).await, nothing("malformed"), "{text}");
    }
}

// Security cases 84 and 88: another organization's token is like one that never was.
#[tokio::test]
async fn a_token_of_another_organization_is_unknown_to_every_tool() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let token = bot.token("").await;
    let other = server
        .create("/organizations", json!({"name": "other"}))
        .await;
    let scopes = ["accounts:read", "accounts:write"];
    let access = json!([ostler(&scopes, &json!([other["id"]]))]);
    let stranger = Administrator::with(&server, "stranger", access).await;
    assert_eq!(inspect(&stranger, &token).await, nothing("unknown"));
    let reply = stranger
        .post("/tokens/revoke", json!({"token": token}))
        .await;
    assert_eq!((reply.status, reply.json()), (200, nothing("unknown")));
    assert!(bot.sees_active(&token).await);

    let preview = async |client_id: &str| {
        let body = json!({"client_id": client_id});
        stranger.post("/tokens/preview", body).await.json()
    };
    let foreign = preview(&bot.id).await;
    assert_eq!(foreign["granted"], false);
    assert_eq!(foreign, preview("sac_01arz3ndektsv4rrffq69g5fav").await);
}

#[tokio::test]
async fn an_administrator_revokes_one_token_and_no_other() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let (one, two) = (bot.token("").await, bot.token("").await);
    let admin = Administrator::first(&server).await;
    for _ in 0..2 {
        let reply = admin.post("/tokens/revoke", json!({"token": one})).await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        assert_eq!(reply.json()["reasons"], json!(["revoked"]));
        assert_eq!(reply.json()["claims"]["jti"], jwt_part(&one, 1)["jti"]);
    }
    assert!(!bot.sees_active(&one).await);
    assert!(bot.sees_active(&two).await);
    let reply = admin.post("/tokens/revoke", json!({"token": "x"})).await;
    assert_eq!((reply.status, reply.json()), (200, nothing("malformed")));

    // It is durable.
    let _server = server.restart().await;
    assert!(!bot.sees_active(&one).await);
    assert!(bot.sees_active(&two).await);
}

#[tokio::test]
async fn the_tools_take_their_scopes() {
    let server = TestServer::start().await;
    let organization = server.id_of("/organizations/default").await;
    let with = async |name: &str, scopes: &[&str]| {
        let access = json!([ostler(scopes, &json!([organization]))]);
        Administrator::with(&server, name, access).await
    };
    let reader = with("reader-bot", &["accounts:read"]).await;
    let writer = with("writer-bot", &["accounts:write"]).await;
    let system = with("system-bot", &["system:read"]).await;
    let status = async |admin: &Administrator, path: &str| {
        admin
            .post(path, json!({"token": "x", "client_id": "x"}))
            .await
            .status
    };
    for (path, expected) in [
        ("/tokens/inspect", [400, 400, 403]),
        ("/tokens/preview", [400, 400, 403]),
        ("/tokens/revoke", [403, 400, 403]),
    ] {
        for (admin, expected) in [&reader, &writer, &system].into_iter().zip(expected) {
            assert_eq!(status(admin, path).await, expected, "{path}");
        }
    }
    assert_eq!(system.get("/system/info").await.status, 200);
    assert_eq!(
        refusal(&writer.get("/system/info").await),
        (403, "forbidden".into())
    );
}

// Security case 147: what is wrong with a body is said without what is in it.
#[tokio::test]
async fn a_token_in_a_malformed_body_is_not_repeated() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let token = bot.token("").await;
    let admin = Administrator::first(&server).await;
    let long = format!("{token}{}", "x".repeat(9_000));
    for body in [
        json!({"token": [token]}).to_string(),
        json!({"token": long}).to_string(),
        json!({"token": token, "tokn": token}).to_string(),
        json!({"token": token, (token.as_str()): 1}).to_string(),
        format!(r#"{{"token": "{token}""#),
        format!(r#"{{"token": "{token}\u0000"}}"#),
        format!(r#""{token}""#),
    ] {
        for path in ["/tokens/inspect", "/tokens/revoke"] {
            let reply = admin.send("POST", path, body.clone()).await;
            assert_eq!(reply.status, 400, "{}", reply.wire());
            let signature = token.rsplit('.').next().unwrap();
            assert!(!reply.wire().contains(signature), "{}", reply.wire());
        }
    }
    let reply = admin.post("/tokens/inspect", json!({})).await;
    assert_eq!(mistakes(&reply), [at("/token", "required")]);
}

#[tokio::test]
async fn an_api_token_is_looked_at_and_revoked_like_any_other() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let path = format!("{}/api-tokens", bot.account_path());
    let made = server.create(&path, json!({"name": "monitor"})).await;
    let token = made["token"].as_str().unwrap();
    let found = inspect(&admin, token).await;
    assert_eq!(found["active"], true, "{found}");
    assert_eq!(found["credential"]["id"], made["id"]);
    assert_eq!(found["account"]["name"], "ci-deployer");
    assert_eq!(
        (&found["header"], &found["key"]),
        (&json!(null), &json!(null))
    );

    let other = server
        .create("/organizations", json!({"name": "other"}))
        .await;
    let access = json!([ostler(&["accounts:write"], &json!([other["id"]]))]);
    let stranger = Administrator::with(&server, "stranger", access).await;
    let body = json!({"token": token});
    let reply = stranger.post("/tokens/revoke", body.clone()).await;
    assert_eq!((reply.status, reply.json()), (200, nothing("unknown")));
    assert_eq!(inspect(&admin, token).await["active"], true);

    let reply = admin.post("/tokens/revoke", body).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    assert_eq!(reply.json()["active"], false);
    assert_eq!(inspect(&admin, token).await, reply.json());
}

async fn preview(admin: &Administrator, body: Value) -> Value {
    let reply = admin.post("/tokens/preview", body).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    reply.json()
}

#[tokio::test]
async fn a_preview_says_what_the_token_would_say() {
    let server = TestServer::start().await;
    let bot = server
        .client("ci-deployer", "deploy:read deploy:write")
        .await;
    let admin = Administrator::first(&server).await;
    let details = json!([{"type": "project", "identifiers": ["APOLLO"]}]);
    let text = details.to_string();
    for (parameters, body) in [
        ("", json!({})),
        ("scope=deploy:read", json!({"scope": "deploy:read"})),
        ("expires_in=60", json!({"expires_in": 60})),
        (
            &format!("resource={DEPLOY}&authorization_details={text}"),
            json!({"resource": DEPLOY, "authorization_details": details}),
        ),
        (
            &format!("authorization_details={text}"),
            json!({"authorization_details": text}),
        ),
    ] {
        let mut body = body;
        body["client_id"] = json!(bot.id);
        let answer = preview(&admin, body).await;
        assert_eq!(answer["granted"], true, "{answer}");
        let token = bot.ask(parameters).await.access_token();
        let mut claims = jwt_part(&token, 1);
        claims.as_object_mut().unwrap().remove("jti");
        assert_eq!(answer["claims"], claims, "{parameters}");
    }
    // Nobody used it but the bot.
    let path = format!("{}/usage?by=total", bot.account_path());
    let usage = admin.get(&path).await.json();
    assert_eq!(usage["buckets"][0]["issued"], 5);
}

#[tokio::test]
async fn a_preview_says_the_refusal_that_the_client_would_get_and_why() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    for (parameters, body) in [
        ("scope=deploy:write", json!({"scope": "deploy:write"})),
        ("scope=deploy:read++x", json!({"scope": "deploy:read  x"})),
        ("resource=urn:nowhere", json!({"resource": "urn:nowhere"})),
        ("expires_in=0", json!({"expires_in": 0})),
        (
            r#"authorization_details=[{"type":"project","identifiers":["MERCURY"]}]"#,
            json!({"authorization_details": [{"type": "project", "identifiers": ["MERCURY"]}]}),
        ),
    ] {
        let mut body = body;
        body["client_id"] = json!(bot.id);
        let answer = preview(&admin, body).await;
        let refused = bot.ask(parameters).await.json();
        assert_eq!(answer["granted"], false);
        assert_eq!(answer["error"], refused["error"], "{parameters}");
        assert_eq!(answer["error_description"], refused["error_description"]);
        assert!(answer.get("hint").is_some());
    }
    let held = preview(
        &admin,
        json!({"client_id": bot.id, "scope": "deploy:write"}),
    )
    .await;
    assert_eq!(
        held["hint"],
        json!(format!("this credential holds: {DEPLOY} (deploy:read)"))
    );

    // A client learns nothing but that it failed; an administrator may know why.
    server
        .act(&format!("{}/disable", bot.account_path()), json!({}))
        .await;
    let dead = preview(&admin, json!({"client_id": bot.id})).await;
    assert_eq!(
        dead,
        json!({
            "granted": false,
            "error": "invalid_client",
            "error_description": "client authentication failed",
            "hint": "the account is disabled",
        })
    );
}

// P9.
#[tokio::test]
async fn no_bytes_in_a_question_are_more_than_a_refusal() {
    let server = TestServer::start().await;
    let bot = server.client("ci-deployer", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    for odd in [
        "",
        "\u{1f434}",
        "a\nb",
        "%00",
        &"x".repeat(5_000),
        "[",
        "{}",
    ] {
        for member in ["client_id", "scope", "resource", "authorization_details"] {
            let mut body = json!({"client_id": bot.id});
            body[member] = json!(odd);
            let reply = admin.post("/tokens/preview", body).await;
            assert!(
                [200, 400].contains(&reply.status),
                "{member}: {}",
                reply.wire()
            );
        }
    }
    for odd in [json!(-1), json!(1.5), json!("60"), json!(u64::MAX)] {
        let body = json!({"client_id": bot.id, "expires_in": odd});
        let reply = admin.post("/tokens/preview", body).await;
        assert!([200, 400].contains(&reply.status), "{}", reply.wire());
    }
}

#[tokio::test]
async fn the_system_says_what_it_is_and_how_it_is_and_no_secret() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let reply = admin.get("/system/info").await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    let info = reply.json();
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info["issuer"], server.issuer);
    assert_eq!(
        info["health"],
        json!({"database": "ok", "live_state": "ok", "signing_keys": "ok"})
    );
    assert_eq!(info["token_lifetime_seconds"], 900);
    for hidden in ["postgres://", "redis://", "sqlite:", "/keys", "pepper"] {
        assert!(!reply.wire().contains(hidden), "{}", reply.wire());
    }
    assert_eq!(
        refusal(&admin.get("/system/info?verbose").await),
        (400, "validation_failed".into())
    );
}
