//! The audit chains.

use ostler::domain::audit::Chain;
use ostler::domain::audit::GENESIS;
use ostler::domain::audit::hash;
use ostler::domain::id::OrganizationId;
use ostler::domain::id::RequestId;
use ostler::store::StoreError;
use serde_json::Value;
use serde_json::json;
use sqlx::Row;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::account;
use crate::store_contract::things::event;
use crate::store_contract::things::event_of;

/// The hashes of a chain, in order, after checking every link of it from what is stored.
async fn check_chain(bench: &Bench, chain: Chain) -> Vec<String> {
    let mut connection = bench.connect().await;
    let rows = sqlx::query("SELECT * FROM audit_event WHERE chain = $1 ORDER BY sequence")
        .bind(chain.name())
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let mut hashes = vec![GENESIS.to_owned()];
    for (row, sequence) in rows.iter().zip(1_i64..) {
        let text = |column: &str| row.get::<Option<String>, _>(column);
        let at = jiff::Timestamp::from_millisecond(row.get("at")).unwrap();
        let changes: Value = serde_json::from_str(&text("changes").unwrap()).unwrap();
        let members = json!({
            "id": text("id"),
            "sequence": sequence,
            "at": at.to_string(),
            "actor": {
                "type": text("actor_type"),
                "id": text("actor_id"),
                "name": text("actor_name"),
                "credential": text("actor_credential"),
                "address": text("actor_address"),
                "user_agent": text("actor_user_agent"),
            },
            "action": text("action"),
            "target": {
                "type": text("target_type"),
                "id": text("target_id"),
                "name": text("target_name"),
            },
            "result": text("result"),
            "count": row.get::<i64, _>("occurrences"),
            "request_id": text("request_id"),
            "changes": changes,
            "previous_hash": hashes.last(),
        });
        assert_eq!(row.get::<i64, _>("sequence"), sequence);
        assert_eq!(text("previous_hash").as_ref(), hashes.last());
        assert_eq!(text("hash"), Some(hash(&members)));
        hashes.push(hash(&members));
    }
    let head = sqlx::query("SELECT sequence, hash FROM audit_head WHERE chain = $1")
        .bind(chain.name())
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(
        head.get::<i64, _>("sequence"),
        i64::try_from(rows.len()).unwrap()
    );
    assert_eq!(&head.get::<String, _>("hash"), hashes.last().unwrap());
    hashes
}

pub async fn each_change_has_its_event_and_the_chain_holds(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    for number in 0..3 {
        bench
            .account(organization, &format!("deploy-bot-{number}"))
            .await;
    }
    let mut bare = event_of(organization);
    bare.actor.credential = None;
    bare.actor.address = None;
    bare.actor.user_agent = Some("agent “x”".to_owned());
    bare.request_id = Some(RequestId::from_bits(5));
    bare.count = 12;
    bench
        .change(organization)
        .await
        .commit(&bare)
        .await
        .unwrap();

    bench.reopen().await;
    let hashes = check_chain(bench, Chain::Organization(organization)).await;
    assert_eq!(hashes.len(), 1 + 4);
}

pub async fn chains_are_apart(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    // A change inside an organization may be one for the instance's chain.
    bench
        .change(alpha)
        .await
        .commit(&event(Chain::Instance))
        .await
        .unwrap();
    bench.account(alpha, "deploy-bot").await;
    bench.account(beta, "deploy-bot").await;
    bench.account(alpha, "second-bot").await;
    bench.close().await;
    for (chain, events) in [
        (Chain::Instance, 3),
        (Chain::Organization(alpha), 2),
        (Chain::Organization(beta), 1),
    ] {
        assert_eq!(check_chain(bench, chain).await.len(), 1 + events);
    }
}

pub async fn events_of_what_is_no_change_are_appended_once(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let events: Vec<_> = (0..3).map(|_| event_of(organization)).collect();
    let store = bench.store();
    ok!(store.record_events(organization, &events[..2]));
    // As whoever does it whose answer was lost.
    ok!(store.record_events(organization, &events));
    ok!(store.record_events(organization, &[]));
    bench.account(organization, "deploy-bot").await;

    bench.refuse_inserts("audit_event").await;
    let more = [event_of(organization)];
    let refused = bench.store().record_events(organization, &more).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    bench.allow_inserts("audit_event").await;

    bench.close().await;
    let hashes = check_chain(bench, Chain::Organization(organization)).await;
    assert_eq!(hashes.len(), 1 + 3 + 1);
}

/// What there is to change an event with, on both databases and on each alone.
const ANYWHERE: [&str; 4] = [
    "UPDATE audit_event SET result = 'refused'",
    "UPDATE audit_event SET hash = hash WHERE sequence = 1",
    "DELETE FROM audit_event",
    "DELETE FROM audit_event WHERE sequence = 1",
];
const ON_SQLITE: [&str; 6] = [
    "UPDATE OR REPLACE audit_event SET result = 'refused'",
    "UPDATE OR REPLACE audit_event SET sequence = 2 WHERE sequence = 1",
    "INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event",
    "REPLACE INTO audit_event SELECT * FROM audit_event WHERE sequence = 1",
    // Another place in the chain under an id that is there.
    "INSERT OR REPLACE INTO audit_event
         (chain, sequence, id, at, latest_at, actor_type, actor_id, actor_name, action, target_type,
          target_id, target_name, result, occurrences, changes, previous_hash, hash)
     SELECT chain, sequence + 1000, id, at, latest_at, actor_type, actor_id, actor_name, action,
          target_type, target_id, target_name, result, occurrences, changes, previous_hash, hash
     FROM audit_event",
    "INSERT INTO audit_event SELECT * FROM audit_event WHERE true
     ON CONFLICT DO UPDATE SET result = 'refused'",
];
const ON_POSTGRES: [&str; 4] = [
    "TRUNCATE audit_event",
    "TRUNCATE audit_event, audit_head CASCADE",
    "INSERT INTO audit_event SELECT * FROM audit_event
     ON CONFLICT (chain, sequence) DO UPDATE SET result = 'refused'",
    "INSERT INTO audit_event SELECT * FROM audit_event
     ON CONFLICT (id) DO UPDATE SET result = 'refused'",
];

// Security case 167: by no statement of the server's own.
pub async fn an_event_is_never_edited_or_deleted(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    bench.account(organization, "deploy-bot").await;
    let of_its_own: &[&str] = if bench.is_sqlite() {
        &ON_SQLITE
    } else {
        &ON_POSTGRES
    };
    for statement in ANYWHERE.iter().chain(of_its_own) {
        let refused = bench.sql(statement).await.unwrap_err();
        assert!(
            refused.to_string().contains("an audit event is never"),
            "{statement}: {refused}"
        );
    }
    check_chain(bench, Chain::Organization(organization)).await;
}

pub async fn a_change_whose_event_cannot_be_written_has_not_happened(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    bench.account(organization, "deploy-bot").await;
    let before = check_chain(bench, Chain::Organization(organization)).await;
    bench.refuse_inserts("audit_event").await;

    let mut change = bench.change(organization).await;
    ok!(change.add_account(&account(organization, "second-bot")));
    let refused = change.commit(&event_of(organization)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(
        bench.store().is_open(),
        "a trigger says nothing about the database"
    );

    assert_eq!(
        bench
            .reopen()
            .await
            .count_accounts(organization)
            .await
            .unwrap(),
        1
    );
    bench.allow_inserts("audit_event").await;
    assert_eq!(
        check_chain(bench, Chain::Organization(organization)).await,
        before
    );
    try_again(bench, organization).await;
}

async fn try_again(bench: &Bench, organization: OrganizationId) {
    bench.account(organization, "second-bot").await;
    let hashes = check_chain(bench, Chain::Organization(organization)).await;
    assert_eq!(hashes.len(), 1 + 2);
}
