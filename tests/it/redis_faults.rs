//! Redis that is away, hung, empty or wrong: nothing wrong is answered, nobody waits long, and
//! everything goes on by itself when it is back.

mod away;
mod hung;
mod kept;
mod wrong;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

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
use ostler::live::redis::InvalidRedisUrl;
use ostler::live::redis::Namespace;
use ostler::live::redis::RedisLive;
use ostler::live::redis::RedisOptions;
use redis::aio::MultiplexedConnection;
use tokio::time::interval;
use tokio::time::timeout;

use crate::services::RedisServer;

/// Long enough for an answer on a busy machine.
const PATIENT: Duration = Duration::from_secs(10);

/// What scheduling may add to a deadline on a busy machine: far less than ten deadlines.
const SLACK: Duration = Duration::from_millis(500);

const SUBJECT: UsageSubject = UsageSubject::Secret(SecretId::from_bits(1));

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
