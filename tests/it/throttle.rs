//! Throttling of guesses (contract section 2, *Throttling*; security case 17).

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use ostler::app::throttle::RetryAfter;
use ostler::app::throttle::Throttle;
use ostler::clock::ManualClock;
use ostler::domain::token::Epoch;
use ostler::live::LiveState;
use ostler::live::counters::LiveCounters;
use ostler::live::redis::DEADLINE;
use ostler::live::redis::Namespace;
use ostler::live::redis::RedisLive;
use ostler::live::redis::RedisOptions;
use ostler::telemetry::registry::Registry;

use crate::services::RedisServer;
use crate::services::unheard_of_issuer;

macro_rules! cases {
    ($($case:ident)*) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::live_contract::memory().live).await;
            })*
        }

        mod in_redis {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::live_contract::redis().await.live).await;
            })*
        }
    };
}

cases! {
    so_many_failures_are_allowed_and_then_the_minute_must_end
    a_thousand_spellings_of_a_client_id_are_one_bucket
    another_client_or_place_is_not_slowed
    two_nodes_count_together
    zero_is_no_limit
}

async fn so_many_failures_are_allowed_and_then_the_minute_must_end(live: Arc<dyn LiveState>) {
    let throttle = Throttle::new(live, Some(60), &Registry::new());
    for _ in 0..60 {
        assert_eq!(fail(&throttle, "sac_x", "192.0.2.1", 10).await, None);
    }
    for (second, seconds) in [(10, 50), (59, 1)] {
        let wait = Some(RetryAfter { seconds });
        assert_eq!(fail(&throttle, "sac_x", "192.0.2.1", second).await, wait);
    }
    assert_eq!(fail(&throttle, "sac_x", "192.0.2.1", 60).await, None);
}

async fn a_thousand_spellings_of_a_client_id_are_one_bucket(live: Arc<dyn LiveState>) {
    let throttle = Throttle::new(live, Some(60), &Registry::new());
    let mut slowed = 0;
    for turn in 0..1_000_usize {
        let blanks = " ".repeat(turn % 7);
        let spelled = match turn % 4 {
            0 => "sac_abc",
            1 => "SAC_abc",
            2 => "%73ac_%61bc",
            _ => "Sac_aB%43",
        };
        let address = format!("2001:db8::{turn:x}");
        let client_id = format!("{blanks}{spelled}{blanks}");
        slowed += usize::from(fail(&throttle, &client_id, &address, 0).await.is_some());
    }
    assert_eq!(slowed, 940);

    let mut slowed = 0;
    for turn in 0..1_000 {
        let client_id = if turn % 2 == 0 {
            "caf\u{e9}"
        } else {
            "cafe\u{301}"
        };
        slowed += usize::from(fail(&throttle, client_id, "192.0.2.1", 0).await.is_some());
    }
    assert_eq!(slowed, 940);
}

async fn another_client_or_place_is_not_slowed(live: Arc<dyn LiveState>) {
    let throttle = Throttle::new(live, Some(1), &Registry::new());
    for _ in 0..2 {
        fail(&throttle, "sac_x", "192.0.2.1", 0).await;
        fail(&throttle, "sac_x", "2001:db8:1:1::1", 0).await;
    }
    assert!(fail(&throttle, "sac_x", "192.0.2.1", 0).await.is_some());
    for (client_id, address) in [
        ("sac_y", "192.0.2.1"),
        ("sac_x", "192.0.2.2"),
        ("sac_x", "2001:db8:1:2::1"),
    ] {
        assert_eq!(fail(&throttle, client_id, address, 0).await, None);
    }
}

async fn two_nodes_count_together(live: Arc<dyn LiveState>) {
    let nodes = [(); 2].map(|()| Throttle::new(live.clone(), Some(10), &Registry::new()));
    for turn in 0..10 {
        let node = &nodes[turn % 2];
        assert_eq!(fail(node, "sac_x", "192.0.2.1", 0).await, None);
    }
    for node in &nodes {
        assert!(fail(node, "sac_x", "192.0.2.1", 0).await.is_some());
    }
}

async fn zero_is_no_limit(live: Arc<dyn LiveState>) {
    let throttle = Throttle::new(live, None, &Registry::new());
    for _ in 0..200 {
        assert_eq!(fail(&throttle, "sac_x", "192.0.2.1", 0).await, None);
    }
}

#[tokio::test]
async fn without_redis_each_process_counts_for_itself_and_tighter() {
    // Security section 2: throttling without Redis is a "per-process limiter, tighter".
    let mut server = RedisServer::start();
    let options = RedisOptions {
        url: server.url().into(),
        names: Namespace::new(&unheard_of_issuer(), Epoch::from_random([1; 8])),
        deadline: DEADLINE,
    };
    let clock = Arc::new(ManualClock::at(at(0)));
    let redis = RedisLive::connect(options, clock, LiveCounters::unread()).await;
    let throttle = Throttle::new(Arc::new(redis.unwrap()), Some(60), &Registry::new());
    server.kill();

    for _ in 0..15 {
        assert_eq!(fail(&throttle, "sac_x", "192.0.2.1", 10).await, None);
    }
    let wait = Some(RetryAfter { seconds: 50 });
    assert_eq!(fail(&throttle, "sac_x", "192.0.2.1", 10).await, wait);
    assert_eq!(fail(&throttle, "sac_y", "192.0.2.1", 10).await, None);
    assert_eq!(fail(&throttle, "sac_x", "192.0.2.1", 60).await, None);
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

async fn fail(
    throttle: &Throttle,
    client_id: &str,
    address: &str,
    second: i64,
) -> Option<RetryAfter> {
    let address: IpAddr = address.parse().unwrap();
    throttle.after_failure(client_id, address, at(second)).await
}
