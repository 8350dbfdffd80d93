//! A change whose answer was lost: the store said no, or nothing, and has it all the same. Whoever
//! asks again is told the truth, and so is everybody else from then on.
//!
//! The answer is lost here in two steps: the change fails at its audit event, and then happens in the
//! store behind the application's back, as a commit does that ends after its deadline.

use std::time::Duration;

use ostler::domain::audit::AuditDraft;
use ostler::domain::id::OrganizationId;
use ostler::domain::organization::Status;
use ostler::domain::signing_key::KeyState;
use ostler::store::Change;
use ostler::store::RevokedToken;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::Connection;
use tempfile::TempDir;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::store_contract::things::event_of;

const ACCOUNTS: &str = "/organizations/default/service-accounts";

/// A server on the embedded store, with a client and its token.
struct Scene {
    server: TestServer,
    bot: TestClient,
    token: String,
    data: TempDir,
}

async fn scene() -> Scene {
    let data = tempfile::tempdir().unwrap();
    let server = TestServer::with().database(&url_in(&data)).start().await;
    let bot = server.client("deploy-bot", "deploy:read").await;
    let token = bot.token("").await;
    assert!(bot.sees_active(&token).await);
    Scene {
        server,
        bot,
        token,
        data,
    }
}

fn url_in(data: &TempDir) -> String {
    format!("sqlite://{}", data.path().join("ostler.db").display())
}

fn organization_of(token: &str) -> OrganizationId {
    let claims = jwt_part(token, 1);
    claims["org"].as_str().unwrap().parse().unwrap()
}

/// Lets every audit event fail, or no longer.
async fn set_audit_fails(data: &TempDir, fails: bool) {
    let mut database = AnyConnection::connect(&url_in(data)).await.unwrap();
    let statement = if fails {
        "CREATE TRIGGER no_audit BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'no'); END"
    } else {
        "DROP TRIGGER no_audit"
    };
    sqlx::raw_sql(statement)
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
}

/// Changes the store behind the application's back.
async fn land(
    server: &TestServer,
    organization: OrganizationId,
    work: impl AsyncFnOnce(&mut dyn Change),
) {
    let mut change = server.app.store.begin(Some(organization)).await.unwrap();
    work(change.as_mut()).await;
    let event: AuditDraft = event_of(organization);
    change.commit(&event).await.unwrap();
}

#[tokio::test]
async fn a_revocation_that_is_durable_already_counts_from_its_acknowledgement() {
    // Security cases 59, 68 and 70; RFC 7009 section 2.2.
    let Scene {
        server,
        bot,
        token,
        data,
    } = scene().await;
    set_audit_fails(&data, true).await;
    assert_eq!(bot.revoke(&token).await.status, 503);
    assert!(bot.sees_active(&token).await);
    set_audit_fails(&data, false).await;

    let claims = jwt_part(&token, 1);
    let organization = organization_of(&token);
    let revoked = RevokedToken {
        id: claims["jti"].as_str().unwrap().parse().unwrap(),
        organization,
        expires_at: server.now() + Duration::from_mins(15),
    };
    let now = server.now();
    land(&server, organization, async |change| {
        assert!(change.add_revoked_token(&revoked, now).await.unwrap());
    })
    .await;

    assert_eq!(bot.revoke(&token).await.status, 200);
    assert!(!bot.sees_active(&token).await);
}

#[tokio::test]
async fn an_account_that_was_disabled_too_late_is_disabled_for_everybody() {
    // Security cases 60 and 134.
    let Scene {
        server,
        bot,
        token,
        data,
    } = scene().await;
    let disable = format!("{ACCOUNTS}/{}/disable", bot.account);
    set_audit_fails(&data, true).await;
    assert_eq!(server.admin("POST", &disable, None).await.status, 503);
    set_audit_fails(&data, false).await;
    // What is read now is from before the change, and must not be remembered after it.
    assert!(bot.sees_active(&token).await);

    let account = bot.account.parse().unwrap();
    let (organization, now) = (organization_of(&token), server.now());
    land(&server, organization, async |change| {
        let raised = change.raise_account_generation(organization, account).await;
        raised.unwrap();
        change
            .set_account_status(organization, account, Status::Disabled, now)
            .await
            .unwrap();
    })
    .await;

    assert!(!server.admin.sees_active(&token).await);
    let again = server.admin("POST", &disable, None).await;
    assert_eq!(again.status, 200, "{}", again.wire());
    assert!(!server.admin.sees_active(&token).await);
    assert_eq!(bot.ask("").await.status, 401);
}

#[tokio::test]
async fn a_key_that_was_activated_signs_when_its_activation_is_asked_for_again() {
    // Contract section 3, keys.
    let Scene { server, bot, .. } = scene().await;
    let made = server.create("/keys", json!({"alg": "ES256"})).await;
    let kid = made["kid"].as_str().unwrap();

    let mut change = server.app.store.begin(None).await.unwrap();
    let keys = change.list_signing_keys().await.unwrap();
    let of = |kid: &str| keys.iter().find(|key| key.kid == kid).unwrap().clone();
    let old = jwt_part(&bot.token("").await, 0)["kid"].clone();
    let mut old = of(old.as_str().unwrap());
    old.state = KeyState::Retiring;
    change.update_signing_key(&old).await.unwrap();
    let mut new = of(kid);
    new.state = KeyState::Active;
    new.active_from = Some(server.now());
    change.update_signing_key(&new).await.unwrap();
    let event = event_of(OrganizationId::from_bits(0));
    change.commit(&event).await.unwrap();

    let path = format!("/keys/{kid}/activate");
    assert_eq!(server.admin("POST", &path, None).await.status, 200);
    assert_eq!(jwt_part(&bot.token("").await, 0)["kid"], kid);
}

#[tokio::test]
async fn a_clock_that_was_ahead_at_the_start_revives_no_revoked_token() {
    // Security case 125: a clock that is wrong until somebody sets it.
    let scene = scene().await;
    let (server, bot, token) = (scene.server, scene.bot, scene.token);
    assert_eq!(bot.revoke(&token).await.status, 200);
    let right = server.now();
    server.advance(Duration::from_hours(1));
    let server = server.restart().await;
    server.clock.set(right);
    assert!(!bot.sees_active(&token).await);
}
