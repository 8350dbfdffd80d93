//! Redis says what it should not.

use std::sync::atomic::Ordering;

use ostler::domain::issuer::Issuer;
use ostler::domain::token::Epoch;
use ostler::live::LiveError;
use ostler::live::LiveState;
use ostler::live::SharedUsage;
use ostler::live::redis::Namespace;

use crate::services::RedisServer;

use super::PATIENT;
use super::SUBJECT;
use super::connect;
use super::connect_and_count;
use super::count;
use super::dead;
use super::keys;
use super::later;
use super::mark;
use super::names;
use super::raw;
use super::run;
use super::stamp;
use super::token;
use super::touch;
use super::try_to_connect;
use super::usage_key;

#[tokio::test]
async fn keys_of_another_type_say_nothing_and_are_written_anew() {
    let server = RedisServer::start();
    let (live, unreadable) = connect_and_count(&server).await;
    let mut raw = raw(&server).await;
    mark(&live, 1).await;
    touch(&live).await;
    for key in keys(&mut raw).await {
        run(&mut raw, &["DEL", &key]).await;
        run(&mut raw, &["HSET", &key, "generation", "99"]).await;
    }

    assert!(!live.is_dead(&token(1)).await.unwrap());
    assert_eq!(unreadable.load(Ordering::SeqCst), 4);
    // Hidden evidence is no evidence of rest: the reading fails once, and is then true again.
    assert!(live.list_usage(&[SUBJECT]).await.is_err());
    assert_eq!(live.list_usage(&[SUBJECT]).await.unwrap(), []);

    let usage = usage_key(&mut raw, &live).await;
    run(&mut raw, &["DEL", &usage]).await;
    run(&mut raw, &["LPUSH", &usage, "x"]).await;
    mark(&live, 1).await;
    touch(&live).await;
    assert!(live.is_dead(&token(1)).await.unwrap());
    assert_eq!(live.list_usage(&[SUBJECT]).await.unwrap(), [stamp()]);
}

#[tokio::test]
async fn each_mark_is_enough_though_the_others_are_of_another_type() {
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    let mut raw = raw(&server).await;
    for one in dead(1) {
        live.mark_dead(&[one], later()).await.unwrap();
        let good = keys(&mut raw).await;
        live.mark_dead(&dead(1), later()).await.unwrap();
        for key in keys(&mut raw).await.difference(&good) {
            run(&mut raw, &["DEL", key]).await;
            run(&mut raw, &["RPUSH", key, "1"]).await;
        }
        assert!(live.is_dead(&token(1)).await.unwrap(), "{one:?}");
        run(&mut raw, &["FLUSHALL"]).await;
    }
}

#[tokio::test]
async fn garbage_under_our_names_kills_nothing() {
    let server = RedisServer::start();
    let (live, unreadable) = connect_and_count(&server).await;
    let mut raw = raw(&server).await;
    mark(&live, 1).await;
    let (tokens, generations): (Vec<_>, Vec<_>) = keys(&mut raw)
        .await
        .into_iter()
        .partition(|key| key.contains(":jti:"));
    for key in &generations {
        run(&mut raw, &["DEL", key]).await;
        run(&mut raw, &["ZADD", key, "5", "another member"]).await;
    }
    for (garbage, score) in [("", "inf"), ("11", "1e300"), ("dead", "2.5")] {
        for key in &tokens {
            run(&mut raw, &["SET", key, garbage]).await;
        }
        for key in &generations {
            run(&mut raw, &["ZADD", key, score, "generation"]).await;
        }
        let before = unreadable.load(Ordering::SeqCst);
        assert!(!live.is_dead(&token(1)).await.unwrap(), "{garbage} {score}");
        assert_eq!(unreadable.load(Ordering::SeqCst) - before, 4);
    }
}

#[tokio::test]
async fn an_unreadable_stamp_makes_one_reading_fail_and_not_the_next() {
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    let mut raw = raw(&server).await;
    touch(&live).await;
    let key = usage_key(&mut raw, &live).await;
    run(&mut raw, &["ZADD", &key, "inf", "never written by us"]).await;

    assert!(live.list_usage(&[SUBJECT]).await.is_err());
    touch(&live).await;
    assert_eq!(live.list_usage(&[SUBJECT]).await.unwrap(), [stamp()]);
}

#[tokio::test]
async fn a_counter_that_holds_no_count_is_not_believed() {
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    let mut raw = raw(&server).await;
    assert_eq!(count(&live).await.unwrap(), 1);
    let key = keys(&mut raw).await.pop_first().unwrap();
    for garbage in ["x", "-5", "9223372036854775807"] {
        run(&mut raw, &["SET", &key, garbage]).await;
        assert!(count(&live).await.is_err(), "{garbage}");
    }
    run(&mut raw, &["DEL", &key]).await;
    run(&mut raw, &["RPUSH", &key, "1"]).await;
    assert!(count(&live).await.is_err());
}

#[tokio::test]
async fn another_epoch_or_instance_kills_nothing() {
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    mark(&live, 1).await;
    touch(&live).await;

    let restored = try_to_connect(&server.url(), names(2), PATIENT)
        .await
        .unwrap();
    assert!(!restored.is_dead(&token(1)).await.unwrap());
    // A use before the restore was a use all the same.
    assert_eq!(restored.list_usage(&[SUBJECT]).await.unwrap(), [stamp()]);

    let other = Issuer::parse("https://other.example").unwrap();
    let names = Namespace::new(&other, Epoch::from_random([1; 8]));
    let other = try_to_connect(&server.url(), names, PATIENT).await.unwrap();
    assert!(!other.is_dead(&token(1)).await.unwrap());
    assert_eq!(other.list_usage(&[SUBJECT]).await.unwrap(), []);
}

#[tokio::test]
async fn a_redis_that_refuses_writes_says_so() {
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    let mut raw = raw(&server).await;
    run(&mut raw, &["REPLICAOF", "127.0.0.1", "1"]).await;

    let refused = live.mark_dead(&dead(1), later()).await.unwrap_err();
    assert!(matches!(refused, LiveError::Unavailable(_)), "{refused:?}");
    assert!(live.touch(&[stamp()]).await.is_err());
    assert!(count(&live).await.is_err());
    run(&mut raw, &["REPLICAOF", "NO", "ONE"]).await;
    mark(&live, 1).await;
}
