//! The revocation endpoint (RFC 7009), as clients see it.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;

// RFC 7009 §2.1, §2.2: protocol 151, 157. Resource servers that only verify offline see it at `exp`
// (protocol 162, in the README).
#[tokio::test]
async fn a_revoked_token_is_inactive_and_can_be_revoked_again() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let (token, other) = (ci.token("").await, ci.token("").await);

    let reply = ci.revoke(&token).await;
    assert_snapshot!(reply.wire(), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {}
    "#);
    assert!(!ci.sees_active(&token).await);
    assert_eq!(ci.revoke(&token).await.wire(), reply.wire());
    assert!(ci.sees_active(&other).await);
    let new = ci.token("").await;
    assert!(ci.sees_active(&new).await);
}

// Security case 69.
// RFC 7009 §2.2: protocol 152: there is nothing to take back, and that is a success.
#[tokio::test]
async fn what_is_no_active_token_is_revoked_in_the_same_words() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let expired = ci.ask("expires_in=1").await.access_token();
    server.advance(Duration::from_secs(1));
    let token = ci.token("").await;
    let (head, _) = token.rsplit_once('.').unwrap();

    let unknown = ci.revoke("asdf").await;
    assert_eq!(unknown.status, 200);
    for nothing in [
        &expired,
        &format!("{head}.x"),
        &format!("{token}x"),
        "a.b.c",
        ".",
    ] {
        assert_eq!(ci.revoke(nothing).await.wire(), unknown.wire(), "{nothing}");
    }
    assert!(ci.sees_active(&token).await);
    assert!(server.audited("token.revoke").await.is_empty());
}

// RFC 7009 §2.1: protocol 140 for revocation; RFC 7009 §2.2.1: protocol 158: never
// `unsupported_token_type` for an access token.
#[tokio::test]
async fn a_hint_is_only_a_hint() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    for hint in ["access_token", "refresh_token", "nonsense", ""] {
        let token = ci.token("").await;
        let form = format!("token={token}&token_type_hint={hint}");
        assert_eq!(ci.post("/oauth/revoke", &form).await.status, 200, "{hint}");
        assert!(!ci.sees_active(&token).await, "{hint}");
    }
}

// RFC 7009 §2.2.1: protocol 153.
// Security cases 46 and 67.
#[tokio::test]
async fn who_does_not_authenticate_revokes_nothing() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;

    let wrong = ci.with_secret("wrong").revoke(&token).await;
    assert_snapshot!(wrong.wire(), @r#"
    401 Unauthorized
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    www-authenticate: Basic realm="ostler"
    x-content-type-options: nosniff

    {"error":"invalid_client","error_description":"client authentication failed"}
    "#);
    let form = format!("token={token}");
    let post = || server.request("POST", "/oauth/revoke").form(&form);
    let nobody = post().send().await;
    assert_eq!(nobody.wire(), wrong.wire());
    // A token does not take itself back: clients authenticate as clients here.
    let bearer = post().bearer(&token).send().await;
    assert_eq!(
        (bearer.status, bearer.error().as_str()),
        (401, "invalid_client")
    );
    assert!(ci.sees_active(&token).await);
}

// Security case 69; what the audit trail says of it is in `admin::refused_calls`.
// RFC 7009 §2.1: protocol 154.
#[tokio::test]
async fn a_live_token_of_another_account_is_refused_and_stays_active() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let other = server.client("ci-tester", "deploy:read").await;
    let token = ci.ask("expires_in=60").await.access_token();

    let reply = other.revoke(&token).await;
    assert_snapshot!(reply.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"unauthorized_client","error_description":"the token was issued to another account; an administrator can revoke it"}
    "#);
    assert!(ci.sees_active(&token).await);
    // Whoever may introspect may still not revoke here: administrators use the admin API.
    assert_eq!(server.admin.revoke(&token).await.wire(), reply.wire());
    // Nor does an owner of another organization.
    let organization = json!({"name": "other"});
    server.create("/organizations", organization).await;
    let body = json!({"name": "foreign-owner", "roles": ["owner"], "credential": {"name": "x"}});
    let path = "/organizations/other/service-accounts";
    let foreign = server.client_of(&server.create(path, body).await);
    assert_eq!(foreign.revoke(&token).await.wire(), reply.wire());
    assert!(ci.sees_active(&token).await);
    assert!(server.audited("token.revoke").await.is_empty(), "no effect");

    // RFC 7009 §2.2: once it is dead it is nobody's.
    server.advance(Duration::from_mins(1));
    assert_eq!(other.revoke(&token).await.status, 200);
}

// Contract section 2: the credential's own account.
#[tokio::test]
async fn another_credential_of_the_same_account_may_revoke() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let second = server.second_credential(&ci).await;
    let token = ci.token("").await;
    assert_eq!(second.revoke(&token).await.status, 200);
    assert!(!ci.sees_active(&token).await);
}

// RFC 7009 §2.1; security cases 59 and 125: a clock that goes back after a token was issued makes it
// inactive for a while only, so there is something to take back.
#[tokio::test]
async fn a_token_from_the_future_is_revoked_before_it_counts_again() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let other = server.client("ci-tester", "deploy:read").await;
    let (token, kept) = (ci.token("").await, ci.token("").await);
    let issued = server.now();

    server.clock.set(issued - Duration::from_hours(1));
    assert!(!ci.sees_active(&token).await);
    assert_eq!(other.revoke(&token).await.error(), "unauthorized_client");
    assert_eq!(ci.revoke(&token).await.status, 200);
    assert_eq!(server.audited("token.revoke").await.len(), 1);

    server.clock.set(issued);
    assert!(!ci.sees_active(&token).await);
    assert!(ci.sees_active(&kept).await);
}

// RFC 7009 §2.1, §2.2.1; RFC 6749 §3.2: protocol 156, 159.
#[tokio::test]
async fn a_request_without_exactly_one_token_in_its_body_is_refused() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;

    let missing = ci
        .post("/oauth/revoke", "token_type_hint=access_token")
        .await;
    assert_snapshot!(missing.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_request","error_description":"token is missing"}
    "#);
    for (path, form) in [
        ("/oauth/revoke", format!("token={token}&token={token}")),
        ("/oauth/revoke", format!("token={token}&a=1&a=2")),
        (&format!("/oauth/revoke?token={token}"), String::new()),
    ] {
        let reply = ci.post(path, &form).await;
        assert_eq!(
            (reply.status, reply.error().as_str()),
            (400, "invalid_request")
        );
    }
    assert!(ci.sees_active(&token).await);
}

// RFC 7009 §2.1: protocol 159.
#[tokio::test]
async fn only_post_is_answered() {
    let server = TestServer::start().await;
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let reply = server.request(method, "/oauth/revoke?token=x").send().await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    }
}

// Security case 68.
// RFC 7009 §2.1: however many ask at once, it happens once.
#[tokio::test]
async fn fifty_revocations_at_once_all_succeed_and_are_one_event() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;

    let mut revoking = JoinSet::new();
    for _ in 0..50 {
        let (ci, token) = (ci.clone(), token.clone());
        revoking.spawn(async move {
            let reply = ci.revoke(&token).await;
            // Whoever has an answer can rely on it, also when another request did the work.
            (reply.status, ci.sees_active(&token).await)
        });
    }
    let answers = revoking.join_all().await;
    assert!(
        answers.iter().all(|one| *one == (200, false)),
        "{answers:?}"
    );

    let jti = jwt_part(&token, 1)["jti"].as_str().unwrap().to_owned();
    assert_eq!(
        server.audited("token.revoke").await,
        [format!(
            "service_account ci-deployer -> token {jti} success"
        )]
    );
    assert_eq!(server.rows("SELECT jti FROM revoked_token").await, [jti]);
}

// RFC 7009 §5, RFC 6749 §10.3: what is kept is the token's id, never the token.
#[tokio::test]
async fn the_record_of_a_revocation_does_not_hold_the_token() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;
    assert_eq!(ci.revoke(&token).await.status, 200);

    let (_, signature) = token.rsplit_once('.').unwrap();
    let events = server
        .rows("SELECT changes || actor_id || target_id || target_name FROM audit_event")
        .await;
    assert!(!events.is_empty());
    for secret in [signature, &ci.secret] {
        assert!(events.iter().all(|event| !event.contains(secret)));
    }
}
