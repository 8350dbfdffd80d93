//! Redis that is away, hung, empty or wrong: nothing wrong is answered, nobody waits long, and
//! everything goes on by itself when it is back.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use metrics::Counter;
use ostler::clock::ManualClock;
use ostler::domain::id::AccountId;
use ostler::domain::id::ClientId;
use ostler::domain::id::OrganizationId;
use ostler::domain::id::SecretId;
use ostler::domain::issuer::Issuer;
use ostler::domain::organization::Generation;
use ostler::domain::token::Epoch;
use ostler::domain::token::Generations;
use ostler::domain::token::TokenId;
use ostler::domain::usage::UsageKind;
use ostler::domain::usage::UsageStamp;
use ostler::domain::usage::UsageSubject;
use ostler::live::Dead;
use ostler::live::LiveError;
use ostler::live::LiveState;
use ostler::live::SharedUsage;
use ostler::live::TokenNames;
use ostler::live::counters::LiveCounters;
use ostler::live::failures::FailureCounter;
use ostler::live::redis::DEADLINE;
use ostler::live::redis::InvalidRedisUrl;
use ostler::live::redis::Namespace;
use ostler::live::redis::RedisLive;
use ostler::live::redis::RedisOptions;
use redis::aio::MultiplexedConnection;
use tokio::time::interval;
use tokio::time::timeout;

use crate::services::Fault;
use crate::services::FaultProxy;
use crate::services::RedisServer;

/// Long enough for an answer on a busy machine.
const PATIENT: Duration = Duration::from_secs(10);

/// What scheduling may add to a deadline on a busy machine: far less than ten deadlines.
const SLACK: Duration = Duration::from_millis(500);

const SUBJECT: UsageSubject = UsageSubject::Secret(SecretId::from_bits(1));

// --- Away

#[tokio::test]
async fn a_server_starts_without_redis_and_finds_it_later() {
    let mut server = RedisServer::start();
    server.kill();

    let started = Instant::now();
    let live = connect(&server.url(), DEADLINE).await;
    assert!(started.elapsed() < DEADLINE + SLACK);
    assert!(matches!(
        live.is_dead(&token(1)).await,
        Err(LiveError::BreakerOpen)
    ));

    server.restart_empty();
    wait_for_an_answer(&live).await;
    assert!(!live.is_dead(&token(1)).await.unwrap());
}

#[tokio::test]
async fn a_server_starts_while_redis_accepts_and_never_answers() {
    // Security case 124.
    let server = RedisServer::start();
    let (proxy, url) = FaultProxy::before(&server.url()).await;
    proxy.set(Fault::BlackHole);

    let started = Instant::now();
    let live = connect(&url, DEADLINE).await;
    assert!(started.elapsed() < DEADLINE + SLACK);
    assert!(live.ping().await.is_err());

    proxy.set(Fault::Pass);
    wait_for_an_answer(&live).await;
}

#[tokio::test]
async fn only_a_malformed_url_is_an_error_and_it_is_not_shown() {
    for url in ["", "http://user:hunter2@host", "redis://:hunter2@host:x"] {
        let error = try_to_connect(url, names(1), DEADLINE)
            .await
            .map(|_| ())
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn redis_killed_and_restarted_empty_knows_nothing_and_goes_on() {
    // Security cases 71 and 123.
    let mut server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    mark(&live, 1).await;

    server.kill();
    // The first to ask may see the connection break, the others that there is none.
    for _ in 0..10 {
        assert!(live.is_dead(&token(1)).await.is_err());
    }

    server.restart_empty();
    wait_for_an_answer(&live).await;
    assert!(!live.is_dead(&token(1)).await.unwrap());
    mark(&live, 1).await;
    assert!(live.is_dead(&token(1)).await.unwrap());
}

#[tokio::test]
async fn a_flushed_redis_knows_nothing_and_goes_on() {
    // Security case 71.
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    mark(&live, 1).await;
    touch(&live).await;
    run(&mut raw(&server).await, &["FLUSHALL"]).await;

    assert!(!live.is_dead(&token(1)).await.unwrap());
    assert_eq!(live.list_usage(&[SUBJECT]).await.unwrap(), []);
    mark(&live, 1).await;
    assert!(live.is_dead(&token(1)).await.unwrap());
}

#[tokio::test]
async fn connections_that_are_reset_are_made_anew() {
    // Security case 124: reset at once, and reset after the request before the reply.
    let server = RedisServer::start();
    let (proxy, url) = FaultProxy::before(&server.url()).await;
    let live = connect(&url, PATIENT).await;
    for fault in [Fault::Cut, Fault::CutReplies] {
        wait_for_an_answer(&live).await;
        proxy.set(fault);
        for _ in 0..5 {
            assert!(live.is_dead(&token(1)).await.is_err());
        }
        proxy.set(Fault::Pass);
    }
    wait_for_an_answer(&live).await;
}

#[tokio::test]
async fn a_password_that_is_wrong_for_a_while_is_tried_again() {
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    let mut raw = raw(&server).await;
    let password = server.url()["redis://:".len()..]
        .split_once('@')
        .unwrap()
        .0
        .to_owned();
    run(&mut raw, &["CONFIG", "SET", "requirepass", "another"]).await;
    run(&mut raw, &["CLIENT", "KILL", "TYPE", "normal"]).await;
    for _ in 0..10 {
        assert!(live.ping().await.is_err());
    }

    run(&mut raw, &["CONFIG", "SET", "requirepass", &password]).await;
    wait_for_an_answer(&live).await;
}

// --- Hung

#[tokio::test]
async fn a_hung_redis_costs_a_deadline_and_then_nothing() {
    // Security case 124.
    let server = RedisServer::start();
    let live = connect(&server.url(), DEADLINE).await;
    wait_for_an_answer(&live).await;
    server.stop_answering();

    for _ in 0..3 {
        let asked = Instant::now();
        let answer = live.is_dead(&token(1)).await;
        assert!(matches!(answer, Err(LiveError::Deadline)), "{answer:?}");
        assert!(asked.elapsed() >= DEADLINE && asked.elapsed() < DEADLINE + SLACK);
    }
    let asked = Instant::now();
    for _ in 0..1_000 {
        let answer = live.is_dead(&token(1)).await;
        assert!(matches!(answer, Err(LiveError::BreakerOpen)), "{answer:?}");
    }
    assert!(asked.elapsed() < SLACK, "a thousand answers, no wait");

    server.answer_again();
    wait_for_an_answer(&live).await;
    mark(&live, 1).await;
    assert!(live.is_dead(&token(1)).await.unwrap());
}

#[tokio::test]
async fn requests_do_not_pile_up_before_a_hung_redis() {
    let server = RedisServer::start();
    let live = Arc::new(connect(&server.url(), DEADLINE).await);
    wait_for_an_answer(&live).await;
    server.stop_answering();

    let mut requests = tokio::task::JoinSet::new();
    let asked = Instant::now();
    for number in 0..2_000 {
        let live = live.clone();
        requests.spawn(async move { live.is_dead(&token(number)).await.is_err() });
    }
    assert!(requests.join_all().await.into_iter().all(|failed| failed));
    // All of them waited at the same time, not one after the other.
    assert!(asked.elapsed() < DEADLINE + 4 * SLACK);
    server.answer_again();
}

#[tokio::test]
async fn each_kind_of_question_has_a_deadline() {
    let server = RedisServer::start();
    for question in 0..5 {
        let live = connect(&server.url(), DEADLINE).await;
        wait_for_an_answer(&live).await;
        server.stop_answering();
        let asked = Instant::now();
        let failed = match question {
            0 => live.ping().await.is_err(),
            1 => live.mark_dead(&dead(1), later()).await.is_err(),
            2 => live.touch(&[stamp()]).await.is_err(),
            3 => live.list_usage(&[SUBJECT]).await.is_err(),
            _ => count(&live).await.is_err(),
        };
        assert!(failed, "{question}");
        assert!(asked.elapsed() < DEADLINE + SLACK, "{question}");
        server.answer_again();
    }
}

#[tokio::test]
async fn clients_that_hang_up_leave_every_other_answer_its_own() {
    // Security case 127: replies come late, and every second caller is gone by then.
    let server = RedisServer::start();
    let (proxy, url) = FaultProxy::before(&server.url()).await;
    let live = Arc::new(connect(&url, PATIENT).await);
    wait_for_an_answer(&live).await;
    for number in (0..200).step_by(3) {
        mark(&live, number).await;
    }
    proxy.set(Fault::Delay(Duration::from_millis(15)));

    for _round in 0..5 {
        let mut callers = tokio::task::JoinSet::new();
        for number in 0..200_u128 {
            let live = live.clone();
            callers.spawn(async move {
                let question = async { live.is_dead(&token(number)).await.unwrap() };
                let patience = match number % 2 {
                    0 => PATIENT,
                    // Gone at some point between the request and its reply.
                    _ => Duration::from_micros(u64::try_from(number).unwrap() * 250),
                };
                let answer = timeout(patience, question).await;
                answer.is_ok_and(|is_dead| is_dead != number.is_multiple_of(3))
            });
        }
        let wrong = callers.join_all().await;
        assert!(wrong.into_iter().all(|wrong| !wrong));
    }
}

// --- Wrong

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

// --- Kept

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

// --- Vocabulary

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// An hour from now.
fn later() -> Timestamp {
    Timestamp::from_second(1_800_003_600).unwrap()
}

fn names(epoch: u8) -> Namespace {
    let issuer = Issuer::parse("https://auth.example").unwrap();
    Namespace::new(&issuer, Epoch::from_random([epoch; 8]))
}

async fn connect(url: &str, deadline: Duration) -> RedisLive {
    try_to_connect(url, names(1), deadline).await.unwrap()
}

async fn try_to_connect(
    url: &str,
    names: Namespace,
    deadline: Duration,
) -> Result<RedisLive, InvalidRedisUrl> {
    let options = RedisOptions {
        url: url.into(),
        names,
        deadline,
    };
    let clock = Arc::new(ManualClock::at(now()));
    RedisLive::connect(options, clock, LiveCounters::unread()).await
}

/// A connection whose values that are not ours are counted where the test can see it.
async fn connect_and_count(server: &RedisServer) -> (RedisLive, Arc<AtomicU64>) {
    let unreadable = Arc::new(AtomicU64::new(0));
    let counters = LiveCounters {
        unreadable: Counter::from_arc(unreadable.clone()),
        ..LiveCounters::unread()
    };
    let options = RedisOptions {
        url: server.url().into(),
        names: names(1),
        deadline: PATIENT,
    };
    let clock = Arc::new(ManualClock::at(now()));
    let live = RedisLive::connect(options, clock, counters).await;
    (live.unwrap(), unreadable)
}

/// Asks again and again, as requests do, until there is an answer.
async fn wait_for_an_answer(live: &RedisLive) {
    let mut ticks = interval(Duration::from_millis(10));
    let answered = async {
        while live.ping().await.is_err() {
            ticks.tick().await;
        }
    };
    timeout(PATIENT, answered).await.unwrap();
}

fn dead(number: u128) -> [Dead; 4] {
    let names = token(number);
    [
        Dead::Token(names.id),
        Dead::Organization(names.organization, Generation(2)),
        Dead::Account(names.account, Generation(2)),
        Dead::Credential(names.client_id, Generation(2)),
    ]
}

async fn mark(live: &RedisLive, number: u128) {
    live.mark_dead(&dead(number), later()).await.unwrap();
}

fn stamp() -> UsageStamp {
    UsageStamp {
        subject: SUBJECT,
        kind: UsageKind::Authenticated,
        first_at: now(),
        last_at: now(),
        address: Some(IpAddr::from([192, 0, 2, 1])),
        user_agent: Some("curl/8".into()),
    }
}

async fn touch(live: &RedisLive) {
    live.touch(&[stamp()]).await.unwrap();
}

async fn count(live: &RedisLive) -> Result<u32, LiveError> {
    let counter = FailureCounter {
        client_id: "sac_x".into(),
        address: IpAddr::from([192, 0, 2, 1]),
    };
    live.count_failure(&counter, Duration::from_mins(1), now())
        .await
}

fn token(number: u128) -> TokenNames {
    TokenNames {
        id: TokenId::from_bytes(number.to_be_bytes()),
        organization: OrganizationId::from_bits(number),
        account: AccountId::from_bits(number),
        client_id: ClientId::from_bits(number),
        generations: Generations {
            epoch: Epoch::from_random([1; 8]),
            organization: Generation::FIRST,
            account: Generation::FIRST,
            credential: Generation::FIRST,
        },
    }
}

/// A connection of the test's own, to see and to spoil what is stored.
async fn raw(server: &RedisServer) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn run(raw: &mut MultiplexedConnection, command: &[&str]) {
    let mut cmd = redis::cmd(command[0]);
    cmd.arg(&command[1..]);
    let _: redis::Value = cmd.query_async(raw).await.unwrap();
}

async fn keys(raw: &mut MultiplexedConnection) -> BTreeSet<String> {
    redis::cmd("KEYS").arg("*").query_async(raw).await.unwrap()
}

/// The key of the one stamp that [`touch`] writes.
async fn usage_key(raw: &mut MultiplexedConnection, live: &RedisLive) -> String {
    touch(live).await;
    let keys = keys(raw).await;
    keys.into_iter()
        .find(|key| key.contains(":usage:"))
        .unwrap()
}
