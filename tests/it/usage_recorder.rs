//! Usage on its way from the request to the store: nothing is invisible, lost or waited for.

mod stage;
mod trouble;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::SignedDuration;
use ostler::app::usage::UsageRecorder;
use ostler::app::usage::Use;
use ostler::domain::id::SecretId;
use ostler::domain::usage::LastUse;
use ostler::domain::usage::UsageKind;
use ostler::domain::usage::UsageSubject;
use ostler::live::SharedUsage;
use ostler::store::SqlOptions;
use ostler::store::SqlStore;
use ostler::store::Store;
use ostler::store::StoreError;
use ostler::telemetry::registry::Registry;
use stage::ACCOUNT;
use stage::CREDENTIAL;
use stage::Database;
use stage::NEVER;
use stage::SUBJECTS;
use stage::at;
use stage::authenticated;
use stage::last_use;
use stage::node;
use stage::running;
use stage::seen;
use stage::stamps;
use stage::wait_until_seen;
use tempfile::TempDir;

use crate::live_contract;

/// Where other nodes look, if there may be any.
type Live = Option<Arc<dyn SharedUsage>>;

macro_rules! cases {
    ($($case:ident)*) => {
        mod alone {
            $(#[tokio::test]
            async fn $case() {
                super::$case(None).await;
            })*
        }

        mod in_redis {
            $(#[tokio::test]
            async fn $case() {
                super::$case(Some(crate::live_contract::shared_usage().await)).await;
            })*
        }
    };
}

cases! {
    a_use_is_seen_at_once_on_the_account_the_credential_and_the_secret
    a_sight_of_a_token_is_seen_at_once_and_delivered_like_a_use
    uses_of_one_credential_are_one_entry
    whoever_asks_for_a_list_has_the_order_brought_up_to_date
    uses_may_be_noted_in_any_order
    the_newest_of_all_sources_wins
    what_the_store_did_not_take_is_kept_and_merged
    a_use_is_never_invisible_while_it_is_being_stored
    a_use_during_a_write_is_written_next_time
    without_the_store_there_is_no_reading
}

async fn a_use_is_seen_at_once_on_the_account_the_credential_and_the_secret(live: Live) {
    let node = node(&Database::default(), &live);
    node.note(&authenticated(10));

    let reading = node.read(&SUBJECTS).await.unwrap();
    assert!(reading.complete);
    assert_eq!(reading.stamps.len(), 3);
    for subject in SUBJECTS {
        let stamp = reading.stamp(subject, UsageKind::Authenticated).unwrap();
        assert_eq!((stamp.first_at, stamp.last_at), (at(10), at(10)));
        assert_eq!(stamp.address, Some(IpAddr::from([192, 0, 2, 1])));
        assert_eq!(stamp.user_agent.as_deref(), Some("curl/8"));
        assert!(reading.stamp(subject, UsageKind::Issued).is_none());
    }
}

async fn a_sight_of_a_token_is_seen_at_once_and_delivered_like_a_use(live: Live) {
    let database = Database::default();
    let (here, there) = (node(&database, &live), node(&Database::default(), &live));
    here.note(&seen(10));
    assert_eq!(last_use(&here).await, Some(at(10)));

    // Each delivery by itself has those that nobody has read.
    here.note(&seen(20));
    here.flush_to_store().await.unwrap();
    for subject in &SUBJECTS[..2] {
        assert_eq!(database.stamp(*subject).unwrap().last_at, at(20));
    }
    here.note(&seen(30));
    here.flush_to_live().await.unwrap();
    assert_eq!(last_use(&there).await, live.map(|_| at(30)));
}

#[tokio::test]
async fn other_nodes_see_a_use_by_the_live_state_and_a_restart_by_the_store() {
    let live = Some(live_contract::shared_usage().await);
    let database = Database::default();
    let (here, there) = (node(&database, &live), node(&database, &live));
    here.note(&authenticated(10));
    assert_eq!(last_use(&there).await, None);

    here.flush_to_live().await.unwrap();
    assert_eq!(last_use(&there).await, Some(at(10)));

    here.flush_to_store().await.unwrap();
    let restarted = node(&database, &None);
    assert_eq!(last_use(&restarted).await, Some(at(10)));
}

async fn uses_of_one_credential_are_one_entry(live: Live) {
    let database = Database::default();
    let node = node(&database, &live);
    for second in 0..10_000 {
        node.note(&authenticated(second));
    }
    node.flush_to_store().await.unwrap();
    assert_eq!(database.written(), 1);
    assert_eq!(node.dropped(), 0);

    // What was delivered is not delivered again.
    node.flush_to_store().await.unwrap();
    assert_eq!(database.written(), 1);
    let reading = node.read(&SUBJECTS).await.unwrap();
    let stamp = reading
        .stamp(SUBJECTS[0], UsageKind::Authenticated)
        .unwrap();
    assert_eq!((stamp.first_at, stamp.last_at), (at(0), at(9_999)));
}

async fn whoever_asks_for_a_list_has_the_order_brought_up_to_date(live: Live) {
    let database = Database::default();
    let node = node(&database, &live);
    node.note(&authenticated(10));
    node.note(&authenticated(20));
    node.flush_to_store().await.unwrap();
    node.note(&authenticated(30));
    node.flush_to_store().await.unwrap();
    node.flush_to_store().await.unwrap();
    let moved = |first, last| LastUse {
        account: ACCOUNT,
        credential: CREDENTIAL,
        first_at: at(first),
        last_at: at(last),
    };
    assert_eq!(database.order(), [moved(10, 20), moved(30, 30)]);
}

async fn uses_may_be_noted_in_any_order(live: Live) {
    let node = node(&Database::default(), &live);
    for (second, agent) in [(20, "b"), (30, "c"), (10, "a")] {
        node.note(&Use {
            user_agent: Some(agent),
            ..authenticated(second)
        });
    }
    let reading = node.read(&SUBJECTS).await.unwrap();
    let stamp = reading
        .stamp(SUBJECTS[2], UsageKind::Authenticated)
        .unwrap();
    assert_eq!((stamp.first_at, stamp.last_at), (at(10), at(30)));
    assert_eq!(stamp.user_agent.as_deref(), Some("c"));
}

async fn the_newest_of_all_sources_wins(live: Live) {
    // Each source in turn has the newest: the memory, the store, the live state if there is one.
    for newest in 0..2 + i64::from(live.is_some()) {
        let database = Database::default();
        let node = node(&database, &live);
        let second = |source| {
            if source == newest {
                100 + source
            } else {
                source
            }
        };
        node.note(&authenticated(second(0)));
        database.keep(&stamps(second(1)));
        if let Some(live) = &live {
            live.touch(&stamps(second(2))).await.unwrap();
        }

        let reading = node.read(&SUBJECTS).await.unwrap();
        assert_eq!(reading.stamps.len(), 3);
        let last = reading.last_used(SUBJECTS[2]).unwrap().last_at;
        // The live state still has what an earlier turn told it.
        assert_eq!(last, at(100 + newest), "{newest}");
    }
}

async fn what_the_store_did_not_take_is_kept_and_merged(live: Live) {
    let database = Database::default();
    let node = node(&database, &live);
    node.note(&authenticated(10));
    database.go_away();
    assert!(node.flush_to_store().await.is_err());
    node.note(&authenticated(20));
    assert!(node.flush_to_store().await.is_err());

    database.come_back();
    node.flush_to_store().await.unwrap();
    let stored = database.stamp(SUBJECTS[2]).unwrap();
    assert_eq!((stored.first_at, stored.last_at), (at(10), at(20)));
    assert_eq!(database.written(), 1);
}

async fn a_use_is_never_invisible_while_it_is_being_stored(live: Live) {
    let database = Database::default();
    let node = node(&database, &live);
    node.note(&authenticated(10));
    database.hold_writes();
    let storing = tokio::spawn({
        let node = node.clone();
        async move { node.flush_to_store().await }
    });
    database.wait_for_a_held_write().await;
    assert_eq!(last_use(&node).await, Some(at(10)));

    database.let_writes_go();
    storing.await.unwrap().unwrap();
    assert_eq!(last_use(&node).await, Some(at(10)));
}

async fn a_use_during_a_write_is_written_next_time(live: Live) {
    let database = Database::default();
    let node = node(&database, &live);
    node.note(&authenticated(10));
    database.hold_writes();
    let storing = tokio::spawn({
        let node = node.clone();
        async move { node.flush_to_store().await }
    });
    database.wait_for_a_held_write().await;
    node.note(&authenticated(20));
    // Whoever looks moves the note on to where the one that is being written waits.
    assert_eq!(last_use(&node).await, Some(at(20)));
    database.let_writes_go();
    storing.await.unwrap().unwrap();

    assert_eq!(last_use(&node).await, Some(at(20)));
    node.flush_to_store().await.unwrap();
    assert_eq!(database.stamp(SUBJECTS[2]).unwrap().last_at, at(20));
}

async fn without_the_store_there_is_no_reading(live: Live) {
    // Security section 2: the database down is a 503, not evidence of rest.
    let database = Database::default();
    let node = node(&database, &live);
    node.note(&authenticated(10));
    database.go_away();
    let refused = node.read(&SUBJECTS).await.unwrap_err();
    assert!(matches!(refused, StoreError::Deadline));
}

#[tokio::test]
async fn a_first_use_of_a_secret_is_delivered_at_once() {
    let live = Some(live_contract::shared_usage().await);
    let database = Database::default();
    let (here, there) = (node(&database, &live), node(&database, &live));
    let running = running(&here, NEVER);
    for number in 0..3 {
        let secret = SecretId::from_bits(100 + number);
        here.note(&Use {
            secret: Some(secret),
            ..authenticated(10)
        });
        wait_until_seen(&there, UsageSubject::Secret(secret)).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn the_end_delivers_everything() {
    let live = Some(live_contract::shared_usage().await);
    let database = Database::default();
    let (here, there) = (node(&database, &live), node(&Database::default(), &live));
    let running = running(&here, NEVER);
    here.note(&seen(10));
    running.stop().await;

    assert_eq!(database.stamp(SUBJECTS[0]).unwrap().last_at, at(10));
    assert_eq!(last_use(&there).await, Some(at(10)));
}

#[tokio::test]
async fn the_database_says_exactly_what_the_memory_said() {
    let directory = TempDir::new().unwrap();
    let options = SqlOptions {
        url: format!("sqlite://{}/ostler.db", directory.path().display()).into(),
        create_if_missing: true,
        connections: SqlOptions::CONNECTIONS,
    };
    let store: Arc<dyn Store> = Arc::new(SqlStore::open(&options).await.unwrap());
    let on_it = || UsageRecorder::new(store.clone(), None, &Registry::new());
    let before = on_it();
    for (kind, nanos) in UsageKind::ALL.into_iter().zip([1, 500_000, 999_999]) {
        before.note(&Use {
            kind,
            at: at(10) + SignedDuration::from_nanos(nanos),
            ..authenticated(0)
        });
    }
    let noted = before.read(&SUBJECTS).await.unwrap();
    assert_eq!(noted.stamps.len(), 9);
    before.flush_to_store().await.unwrap();

    let restarted = on_it();
    let stored = restarted.read(&SUBJECTS).await.unwrap();
    assert_eq!(stored.stamps, noted.stamps);
    assert_eq!(before.read(&SUBJECTS).await.unwrap().stamps, noted.stamps);
}
