//! `.../audit-events/verify`, and what retention leaves of a trail: security cases 166 and 167.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler::app::audit::retention;
use ostler::domain::audit::Chain;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::mistakes;
use super::actors::refusal;
use super::audit_events::EVENTS;
use super::audit_events::events;

const DAY: Duration = Duration::from_hours(24);

async fn verify(admin: &Administrator, body: Value) -> Value {
    let reply = admin.post(&format!("{EVENTS}/verify"), body).await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    reply.json()
}

/// A server with a trail of this many events.
async fn with_events(count: usize) -> (TestServer, Administrator) {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    grow(&admin, 0, count).await;
    (server, admin)
}

async fn grow(admin: &Administrator, from: usize, count: usize) {
    for n in from..from + count {
        let body = json!({"name": format!("account-{n}")});
        assert_eq!(admin.post(ACCOUNTS, body).await.status, 201);
    }
}

/// Does to the trail of the first organization what nobody can do through the server: its triggers
/// are out of the way, and `{chain}` is the name of the chain.
pub async fn tamper(server: &TestServer, statements: &str) {
    let organization = server.id_of("/organizations/default").await;
    let statements = statements.replace("{chain}", &format!("chain = '{organization}'"));
    let (off, on) = if server.is_embedded() {
        (
            "DROP TRIGGER IF EXISTS audit_event_is_not_edited;
             DROP TRIGGER IF EXISTS audit_event_is_not_deleted;",
            "",
        )
    } else {
        (
            "ALTER TABLE audit_event DISABLE TRIGGER USER;",
            "ALTER TABLE audit_event ENABLE TRIGGER USER;",
        )
    };
    server.run_sql(format!("{off} {statements}; {on}")).await;
}

fn found(answer: &Value) -> (bool, i64) {
    let broken_at = answer["first_bad_sequence"].as_i64().unwrap_or(0);
    assert_eq!(answer["ok"], broken_at == 0, "{answer}");
    assert_eq!(answer["head"].is_null(), broken_at != 0, "{answer}");
    (answer["ok"].as_bool().unwrap(), broken_at)
}

#[tokio::test]
async fn a_trail_that_was_left_alone_holds_and_its_head_is_signed() {
    let (server, admin) = with_events(4).await;
    let answer = verify(&admin, json!({})).await;
    assert_eq!(found(&answer), (true, 0));
    assert_eq!(answer["checked"], 4);

    let head = answer["head"].as_str().unwrap();
    let (header, claims) = (jwt_part(head, 0), jwt_part(head, 1));
    assert_eq!(
        (&header["alg"], head.split('.').count()),
        (&json!("EdDSA"), 3)
    );
    let newest = &events(&admin, EVENTS).await[0];
    assert_eq!(claims["sequence"], newest["sequence"]);
    assert_eq!(claims["hash"], newest["hash"]);
    // Security case 160: the key that signs it is for nothing else.
    let jwks = server.get("/.well-known/jwks.json").await;
    assert!(!jwks.text().contains(header["kid"].as_str().unwrap()));

    // It holds later, and after a restart.
    grow(&admin, 4, 2).await;
    let server = server.restart().await;
    let later = verify(&admin, json!({"head": head})).await;
    assert_eq!((found(&later), &later["checked"]), ((true, 0), &json!(6)));
    let none = admin.act(&format!("{EVENTS}/verify")).await;
    assert_eq!(none.json()["ok"], true);
    drop(server);
}

#[tokio::test]
async fn the_instance_has_a_chain_of_its_own_and_an_empty_one_holds() {
    let (_server, admin) = with_events(1).await;
    let instance = admin.act("/audit-events/verify").await.json();
    assert_eq!(found(&instance), (true, 0));
    assert_eq!(
        jwt_part(instance["head"].as_str().unwrap(), 1)["chain"],
        "instance"
    );

    admin.post("/organizations", json!({"name": "other"})).await;
    let path = "/organizations/other/audit-events/verify";
    let empty = admin.act(path).await.json();
    assert_eq!((found(&empty), &empty["checked"]), ((true, 0), &json!(0)));
    let again = admin
        .post(path, json!({"head": empty["head"]}))
        .await
        .json();
    assert_eq!(found(&again), (true, 0));
}

// Security case 166.
#[tokio::test]
async fn an_edit_a_deletion_and_a_reordering_are_found_at_the_first_bad_event() {
    for (statement, first_bad) in [
        (
            "UPDATE audit_event SET target_name = 'x' WHERE {chain} AND sequence = 3",
            3,
        ),
        (
            "UPDATE audit_event SET at = at + 1 WHERE {chain} AND sequence = 3",
            3,
        ),
        (
            "UPDATE audit_event SET actor_address = NULL WHERE {chain} AND sequence = 2",
            2,
        ),
        (
            "UPDATE audit_event SET changes = '{}' WHERE {chain} AND sequence = 1",
            1,
        ),
        (
            "UPDATE audit_event SET changes = 'none' WHERE {chain} AND sequence = 4",
            4,
        ),
        (
            "UPDATE audit_event SET hash = previous_hash WHERE {chain} AND sequence = 5",
            5,
        ),
        ("DELETE FROM audit_event WHERE {chain} AND sequence = 1", 1),
        ("DELETE FROM audit_event WHERE {chain} AND sequence = 3", 3),
        ("DELETE FROM audit_event WHERE {chain} AND sequence >= 4", 4),
        (
            "UPDATE audit_event SET sequence = 100 WHERE {chain} AND sequence = 2;
             UPDATE audit_event SET sequence = 2 WHERE {chain} AND sequence = 4;
             UPDATE audit_event SET sequence = 4 WHERE {chain} AND sequence = 100",
            2,
        ),
        // A head that was set back, so that the last events seem to belong to nothing.
        (
            "UPDATE audit_head SET sequence = 3, hash =
                 (SELECT hash FROM audit_event WHERE {chain} AND sequence = 3) WHERE {chain}",
            4,
        ),
    ] {
        let (server, admin) = with_events(5).await;
        tamper(&server, statement).await;
        let answer = verify(&admin, json!({})).await;
        assert_eq!(found(&answer), (false, first_bad), "{statement}");
    }
}

// Security case 166: a tail that is cut off together with the head is told by a head kept elsewhere.
#[tokio::test]
async fn a_truncation_is_found_against_a_head_that_was_exported() {
    let (server, admin) = with_events(5).await;
    let kept = verify(&admin, json!({})).await["head"].clone();
    tamper(
        &server,
        "DELETE FROM audit_event WHERE {chain} AND sequence > 3;
         UPDATE audit_head SET sequence = 3, hash =
             (SELECT hash FROM audit_event WHERE {chain} AND sequence = 3) WHERE {chain}",
    )
    .await;
    assert_eq!(found(&verify(&admin, json!({})).await), (true, 0));
    let against = verify(&admin, json!({"head": kept})).await;
    assert_eq!(found(&against), (false, 4));

    // Also when others have taken the place of those that are gone.
    grow(&admin, 10, 4).await;
    assert_eq!(found(&verify(&admin, json!({})).await), (true, 0));
    let against = verify(&admin, json!({"head": kept})).await;
    assert_eq!(found(&against), (false, 5));
}

#[tokio::test]
async fn a_head_that_is_foreign_forged_or_malformed_is_refused_by_name() {
    let (_server, admin) = with_events(2).await;
    let (_other, stranger) = with_events(2).await;
    let of_instance = admin.act("/audit-events/verify").await.json()["head"].clone();
    let of_other = verify(&stranger, json!({})).await["head"].clone();
    let good = verify(&admin, json!({})).await["head"].clone();
    let good = good.as_str().unwrap();
    let mut parts: Vec<_> = good.split('.').map(str::to_owned).collect();
    let mut claims = jwt_part(good, 1);
    claims["sequence"] = json!(1);
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    let forged = parts.join(".");
    let token = admin.token().to_owned();
    for head in [
        of_instance.as_str().unwrap(),
        of_other.as_str().unwrap(),
        &forged,
        &good[..good.len() - 1],
        &token,
        "",
        "a.b.c",
        &"x".repeat(100_000),
    ] {
        let reply = admin
            .post(&format!("{EVENTS}/verify"), json!({"head": head}))
            .await;
        assert_eq!(
            mistakes(&reply),
            [("/head".to_owned(), "invalid".to_owned())],
            "{head}"
        );
    }
    assert_eq!(
        found(&verify(&admin, json!({"head": good})).await),
        (true, 0)
    );
}

// Security case 167; contract section 4: retention leaves a signed checkpoint.
#[tokio::test]
async fn what_is_too_old_goes_and_what_is_left_still_holds() {
    let (server, admin) = with_events(3).await;
    let early = verify(&admin, json!({})).await["head"].clone();
    server.advance(DAY * 300);
    let admin = admin.renewed().await;
    grow(&admin, 3, 2).await;
    let middle = verify(&admin, json!({})).await["head"].clone();

    // 2026-03-01 is 400 days ago, but not yet all of it: the day is kept until it is over.
    let half_a_day = Duration::from_hours(12) + Duration::from_secs(1);
    server.advance((DAY * 101).saturating_sub(half_a_day));
    assert_eq!(retention::once(&server.app).await.unwrap(), 0);
    server.advance(Duration::from_secs(1));
    // Three here, and what `init` wrote into the chain of the instance.
    assert!(retention::once(&server.app).await.unwrap() > 3);
    assert_eq!(retention::once(&server.app).await.unwrap(), 0);

    let admin = admin.renewed().await;
    let left = events(&admin, &format!("{EVENTS}?action=service_account.create")).await;
    let sequences: Vec<_> = left.iter().map(|event| event["sequence"].clone()).collect();
    assert_eq!(sequences, [5, 4]);
    let job = events(&admin, &format!("{EVENTS}?action=audit_event.expire")).await;
    assert_eq!(job.len(), 1);
    assert_eq!(
        job[0]["actor"],
        json!({"type": "system", "id": "", "name": "audit-retention", "credential": null,
               "address": null, "user_agent": null})
    );
    assert_eq!(job[0]["target"]["name"], "default");
    assert_eq!(
        job[0]["changes"],
        json!({"first_sequence": {"before": 1, "after": 4}})
    );

    for head in [json!(null), early, middle] {
        let answer = verify(&admin, json!({"head": head})).await;
        assert_eq!((found(&answer), &answer["checked"]), ((true, 0), &json!(3)));
    }
    assert_eq!(
        found(&admin.act("/audit-events/verify").await.json()),
        (true, 0)
    );
}

// Security cases 166 and 167: nobody passes a deletion off as retention.
#[tokio::test]
async fn a_checkpoint_that_the_server_did_not_sign_stands_for_nothing() {
    let (server, admin) = with_events(4).await;
    let head = verify(&admin, json!({})).await["head"].clone();
    let head = head.as_str().unwrap();
    tamper(
        &server,
        &format!(
            "INSERT INTO audit_checkpoint (chain, sequence, hash, signed)
             SELECT chain, sequence, hash, '{head}' FROM audit_event
             WHERE {{chain}} AND sequence = 4;
             DELETE FROM audit_event WHERE {{chain}} AND sequence <= 4"
        ),
    )
    .await;
    let answer = verify(&admin, json!({})).await;
    assert_eq!(found(&answer), (false, 1));
    // Nor does retention go on from there.
    server.advance(DAY * 500);
    let organization = server.id_of("/organizations/default").await;
    let admin = admin.renewed().await;
    grow(&admin, 4, 1).await;
    server.advance(DAY * 500);
    retention::once(&server.app).await.unwrap();
    let left =
        format!("SELECT CAST(count(*) AS TEXT) FROM audit_event WHERE chain = '{organization}'");
    assert_eq!(server.rows(&left).await, ["1"]);
}

#[tokio::test]
async fn a_trail_that_does_not_hold_is_left_as_it_is() {
    let (server, admin) = with_events(3).await;
    tamper(
        &server,
        "UPDATE audit_event SET target_name = 'x' WHERE {chain} AND sequence = 2",
    )
    .await;
    let organization = server.id_of("/organizations/default").await;
    server.advance(DAY * 500);
    retention::once(&server.app).await.unwrap();
    let left =
        format!("SELECT CAST(count(*) AS TEXT) FROM audit_event WHERE chain = '{organization}'");
    assert_eq!(server.rows(&left).await, ["3"]);
    let admin = admin.renewed().await;
    assert_eq!(found(&verify(&admin, json!({})).await), (false, 2));
}

// One tenant takes no place from another, and nobody waits for an answer that nobody works on.
#[tokio::test]
async fn a_trail_is_verified_once_at_a_time_and_whoever_waits_is_told_to_come_back() {
    let (server, admin) = with_events(2).await;
    // What is answered then is a 503, and meant.
    server.may_fail();
    let organization = server.id_of("/organizations/default").await;
    let chain = Chain::Organization(organization.parse().unwrap());
    let turn = server.app.walks.begin(chain).await.unwrap();

    let busy = admin.act(&format!("{EVENTS}/verify")).await;
    assert_eq!(refusal(&busy), (503, "unavailable".to_owned()));
    assert_eq!(busy.header("retry-after"), Some("5"));
    let instance = admin.act("/audit-events/verify").await.json();
    assert_eq!(found(&instance), (true, 0));
    drop(turn);
    let answer = verify(&admin, json!({})).await;
    assert_eq!((found(&answer), &answer["checked"]), ((true, 0), &json!(2)));
}
