//! What Redis keeps, and for how long.

use std::net::IpAddr;
use std::time::Duration;

use ostler::domain::usage::UsageStamp;
use ostler::live::SharedUsage;

use crate::services::RedisServer;

use super::PATIENT;
use super::connect;
use super::count;
use super::keys;
use super::mark;
use super::raw;
use super::stamp;
use super::touch;
use super::usage_key;

#[tokio::test]
async fn every_key_ends_by_itself_and_when_it_was_told() {
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    let mut raw = raw(&server).await;
    mark(&live, 1).await;
    touch(&live).await;
    count(&live).await.unwrap();

    let keys = keys(&mut raw).await;
    assert_eq!(keys.len(), 6, "{keys:?}");
    for key in keys {
        let expected = match key.as_str() {
            dead if dead.contains(":dead:") => Duration::from_hours(1),
            usage if usage.contains(":usage:") => Duration::from_hours(35 * 24),
            _ => Duration::from_mins(2),
        };
        let left: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut raw)
            .await
            .unwrap();
        let left = Duration::from_millis(u64::try_from(left).unwrap());
        assert!(left <= expected, "{key}: {left:?}");
        assert!(left + PATIENT > expected, "{key}: {left:?}");
    }
}

#[tokio::test]
async fn a_stamp_takes_the_same_room_from_however_many_places() {
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    let mut raw = raw(&server).await;
    for place in 0..50 {
        let stamp = UsageStamp {
            address: Some(IpAddr::from([10, 0, 0, place])),
            ..stamp()
        };
        live.touch(&[stamp]).await.unwrap();
    }
    let key = usage_key(&mut raw, &live).await;
    let members: u32 = redis::cmd("ZCARD")
        .arg(&key)
        .query_async(&mut raw)
        .await
        .unwrap();
    assert_eq!(members, 2);
}
