//! A store that hangs, a Redis that is gone, and more than there is room for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ostler::app::usage::Pace;
use ostler::app::usage::UsageRecorder;
use ostler::app::usage::Use;
use ostler::clock::ManualClock;
use ostler::domain::id::AccountId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::SecretId;
use ostler::domain::token::Epoch;
use ostler::domain::usage::UsageKind;
use ostler::domain::usage::UsageSubject;
use ostler::live::counters::LiveCounters;
use ostler::live::redis::DEADLINE;
use ostler::live::redis::Namespace;
use ostler::live::redis::RedisLive;
use ostler::live::redis::RedisOptions;
use ostler::telemetry::registry::Registry;

use crate::live_contract;
use crate::services::RedisServer;
use crate::services::unheard_of_issuer;

use super::Live;
use super::stage::Database;
use super::stage::SUBJECTS;
use super::stage::at;
use super::stage::authenticated;
use super::stage::last_use;
use super::stage::node;
use super::stage::running;
use super::stage::stamps;
use super::stage::until;
use super::stage::wait_until_seen;

#[tokio::test]
async fn a_hung_store_holds_up_nobody() {
    let live = Some(live_contract::shared_usage().await);
    let database = Database::default();
    let (here, there) = (node(&database, &live), node(&Database::default(), &live));
    database.hold_writes();
    let pace = Pace {
        live: Duration::from_hours(1),
        store: Duration::from_millis(1),
    };
    let running = running(&here, pace);
    here.note(&authenticated(10));
    database.wait_for_a_held_write().await;

    let secret = SecretId::from_bits(100);
    here.note(&Use {
        secret: Some(secret),
        ..authenticated(20)
    });
    wait_until_seen(&there, UsageSubject::Secret(secret)).await;
    database.let_writes_go();
    running.stop().await;
    assert_eq!(database.stamp(SUBJECTS[0]).unwrap().last_at, at(20));
}

#[tokio::test]
async fn without_redis_evidence_is_not_complete_and_nothing_is_lost() {
    // Security section 2: usage evidence without Redis is `complete: false`.
    let mut server = RedisServer::start();
    let options = RedisOptions {
        url: server.url().into(),
        names: Namespace::new(&unheard_of_issuer(), Epoch::from_random([1; 8])),
        deadline: DEADLINE,
    };
    let clock = Arc::new(ManualClock::at(at(0)));
    let redis = RedisLive::connect(options, clock, LiveCounters::unread()).await;
    let live: Live = Some(Arc::new(redis.unwrap()));
    let database = Database::default();
    let here = node(&database, &live);
    server.kill();

    database.keep(&stamps(5));
    here.note(&authenticated(10));
    assert!(here.flush_to_live().await.is_err());
    let reading = here.read(&SUBJECTS).await.unwrap();
    assert!(!reading.complete);
    let stamp = reading
        .stamp(SUBJECTS[2], UsageKind::Authenticated)
        .unwrap();
    assert_eq!((stamp.first_at, stamp.last_at), (at(5), at(10)));

    server.restart_empty();
    until(async || here.flush_to_live().await.is_ok()).await;
    let there = node(&Database::default(), &live);
    assert_eq!(last_use(&there).await, Some(at(10)));
    assert!(here.read(&SUBJECTS).await.unwrap().complete);
}

#[tokio::test]
async fn at_the_bound_the_oldest_go_and_evidence_is_no_longer_complete() {
    // Security section 2: "bounded buffer, coalesced; drop oldest, count".
    let database = Database::default();
    database.go_away();
    let node = UsageRecorder::bounded(database.clone(), None, &Registry::new(), 160);
    for number in 0..1_000 {
        node.note(&Use {
            account: AccountId::from_bits(number),
            credential: CredentialId::from_bits(number),
            secret: Some(SecretId::from_bits(number)),
            ..authenticated(i64::try_from(number).unwrap())
        });
        // A flow that fails collects, and keeps.
        if number % 50 == 0 {
            assert!(node.flush_to_store().await.is_err());
        }
    }
    assert!(node.dropped() > 0);

    database.come_back();
    node.flush_to_store().await.unwrap();
    assert!(database.written() <= 160);
    let newest = UsageSubject::Secret(SecretId::from_bits(999));
    let reading = node.read(&[newest]).await.unwrap();
    assert_eq!(reading.last_used(newest).unwrap().last_at, at(999));
    assert!(!reading.complete);
}

#[tokio::test]
async fn what_clients_say_of_themselves_is_bounded_and_printable() {
    let node = node(&Database::default(), &None);
    let long = format!("curl\r\n\u{1b}[2J{}", "x".repeat(100_000));
    node.note(&Use {
        user_agent: Some(&long),
        address: Some("::ffff:192.0.2.1".parse().unwrap()),
        ..authenticated(10)
    });
    let reading = node.read(&SUBJECTS).await.unwrap();
    let stamp = reading.last_used(SUBJECTS[0]).unwrap();
    let agent = stamp.user_agent.as_deref().unwrap();
    assert_eq!(agent.chars().count(), 200);
    assert!(agent.starts_with("curl") && !agent.contains(char::is_control));
    assert_eq!(stamp.address, Some(IpAddr::from([192, 0, 2, 1])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn notes_of_many_threads_are_all_there() {
    let database = Database::default();
    let node = node(&database, &None);
    let mut threads = tokio::task::JoinSet::new();
    for thread in 0..8_u32 {
        let node = node.clone();
        threads.spawn(async move {
            for turn in 0..200_u32 {
                node.note(&Use {
                    credential: CredentialId::from_bits(u128::from(turn)),
                    secret: None,
                    ..authenticated(i64::from(thread * 1_000 + turn))
                });
                if turn % 20 == 0 {
                    node.flush_to_store().await.unwrap();
                }
            }
        });
    }
    threads.join_all().await;
    node.flush_to_store().await.unwrap();

    for turn in 0..200_u32 {
        let subject = UsageSubject::Credential(CredentialId::from_bits(u128::from(turn)));
        let stamp = database.stamp(subject).unwrap();
        let expected = (at(i64::from(turn)), at(i64::from(7_000 + turn)));
        assert_eq!((stamp.first_at, stamp.last_at), expected);
    }
}
