//! What every live state promises: the same cases on each of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ostler::clock::Clock;
use ostler::clock::ManualClock;
use ostler::domain::id::AccountId;
use ostler::domain::id::ClientId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::OrganizationId;
use ostler::domain::id::SecretId;
use ostler::domain::organization::Generation;
use ostler::domain::token::Epoch;
use ostler::domain::token::Generations;
use ostler::domain::token::TokenId;
use ostler::domain::usage::UsageKind;
use ostler::domain::usage::UsageStamp;
use ostler::domain::usage::UsageSubject;
use ostler::live::Dead;
use ostler::live::LiveState;
use ostler::live::SharedUsage;
use ostler::live::TokenNames;
use ostler::live::counters::LiveCounters;
use ostler::live::failures::FailureCounter;
use ostler::live::memory::Bounds;
use ostler::live::memory::MemoryLive;
use ostler::live::redis::Namespace;
use ostler::live::redis::RedisLive;
use ostler::live::redis::RedisOptions;

use crate::services::redis_url;
use crate::services::unheard_of_issuer;

/// A live state that nobody else uses, and the time it goes by.
pub struct Fresh {
    pub live: Arc<dyn LiveState>,
    pub clock: Arc<ManualClock>,
}

macro_rules! cases {
    ($($case:ident)*) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::memory()).await;
            })*
        }

        mod in_redis {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::redis().await).await;
            })*
        }
    };
}

cases! {
    it_answers_a_ping
    nothing_is_dead_until_it_is_said
    a_revoked_token_is_dead_and_no_other_is
    a_raised_generation_kills_exactly_the_older_tokens
    a_generation_is_never_lowered
    what_is_dead_may_be_said_again_and_all_at_once
    a_mark_that_has_ended_says_nothing
    failures_are_counted_per_client_address_and_window
    no_failure_is_lost_among_many_at_once
}

/// The live state of one process.
pub fn memory() -> Fresh {
    let clock = Arc::new(ManualClock::at(at(0)));
    Fresh {
        live: Arc::new(MemoryLive::new(clock.clone(), &LiveCounters::unread())),
        clock,
    }
}

/// Part of the Redis that all tests share, under a name that only this test has.
pub async fn redis() -> Fresh {
    let (live, clock) = redis_live().await;
    Fresh { live, clock }
}

/// The same, as a place where nodes see each other's usage.
pub async fn shared_usage() -> Arc<dyn SharedUsage> {
    redis_live().await.0
}

async fn redis_live() -> (Arc<RedisLive>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(at(0)));
    let options = RedisOptions {
        url: redis_url().into(),
        names: Namespace::new(&unheard_of_issuer(), Epoch::from_random([1; 8])),
        // On a busy machine an answer may take its time; deadlines have tests of their own.
        deadline: Duration::from_secs(10),
    };
    let live = RedisLive::connect(options, clock.clone(), LiveCounters::unread()).await;
    (Arc::new(live.unwrap()), clock)
}

// --- The cases

async fn it_answers_a_ping(fresh: Fresh) {
    fresh.live.ping().await.unwrap();
}

async fn nothing_is_dead_until_it_is_said(Fresh { live, .. }: Fresh) {
    assert!(!live.is_dead(&token(1)).await.unwrap());
    live.mark_dead(&[], at(60)).await.unwrap();
    assert!(!live.is_dead(&token(1)).await.unwrap());
}

async fn a_revoked_token_is_dead_and_no_other_is(Fresh { live, .. }: Fresh) {
    let revoked = token(1);
    let other = TokenNames {
        id: TokenId::from_bytes([2; 16]),
        ..revoked
    };
    live.mark_dead(&[Dead::Token(revoked.id)], at(60))
        .await
        .unwrap();

    assert!(live.is_dead(&revoked).await.unwrap());
    assert!(!live.is_dead(&other).await.unwrap());
}

async fn a_raised_generation_kills_exactly_the_older_tokens(Fresh { live, .. }: Fresh) {
    let (organization, account, credential) = (token(1), token(2), token(3));
    let raised = Generation(3);
    let dead = [
        Dead::Organization(organization.organization, raised),
        Dead::Account(account.account, raised),
        Dead::Credential(credential.client_id, raised),
    ];
    live.mark_dead(&dead, at(60)).await.unwrap();

    for (generation, is_dead) in [(1, true), (2, true), (3, false), (4, false)] {
        for (mut names, which) in [(organization, 0), (account, 1), (credential, 2)] {
            let carried = [
                &mut names.generations.organization,
                &mut names.generations.account,
                &mut names.generations.credential,
            ];
            for (place, one) in carried.into_iter().enumerate() {
                // Only the raised counter may matter, so the others are as old as can be.
                *one = Generation(if place == which { generation } else { 1 });
            }
            assert_eq!(
                live.is_dead(&names).await.unwrap(),
                is_dead,
                "{which} {generation}"
            );
        }
    }
    assert!(!live.is_dead(&token(4)).await.unwrap());
}

async fn a_generation_is_never_lowered(Fresh { live, .. }: Fresh) {
    let mut names = token(1);
    names.generations.account = Generation(4);
    for generation in [5, 2, 4] {
        // A writer that is late, with an earlier end too.
        let dead = [Dead::Account(names.account, Generation(generation))];
        live.mark_dead(&dead, at(20 + generation)).await.unwrap();
        assert!(live.is_dead(&names).await.unwrap(), "{generation}");
    }
}

async fn what_is_dead_may_be_said_again_and_all_at_once(Fresh { live, .. }: Fresh) {
    let dead: Vec<Dead> = (0..1_000)
        .flat_map(|number| {
            let names = token(number);
            [
                Dead::Token(names.id),
                Dead::Account(names.account, Generation(2)),
            ]
        })
        .collect();
    live.mark_dead(&dead, at(60)).await.unwrap();
    live.mark_dead(&dead, at(60)).await.unwrap();

    for number in [0, 499, 999] {
        let names = token(number);
        assert!(live.is_dead(&names).await.unwrap(), "{number}");
    }
    assert!(!live.is_dead(&token(1_000)).await.unwrap());
}

async fn a_mark_that_has_ended_says_nothing(Fresh { live, clock }: Fresh) {
    let names = token(1);
    let dead = [
        Dead::Token(names.id),
        Dead::Account(names.account, Generation(9)),
    ];
    live.mark_dead(&dead, clock.now()).await.unwrap();
    assert!(!live.is_dead(&names).await.unwrap());
}

#[tokio::test]
async fn stamps_keep_the_earliest_first_and_the_latest_last() {
    let live = redis_live().await.0;
    let subject = UsageSubject::Secret(SecretId::from_bits(1));
    let stamp = |first, last, address: &str| UsageStamp {
        subject,
        kind: UsageKind::Authenticated,
        first_at: at(first),
        last_at: at(last),
        address: Some(address.parse().unwrap()),
        user_agent: None,
    };
    let expected = stamp(5, 30, "10.0.0.3");
    let readings = [
        stamp(10, 20, "10.0.0.1"),
        stamp(10, 30, "10.0.0.3"),
        stamp(5, 15, "10.0.0.2"),
        // From the same place as the last, told late.
        stamp(6, 12, "10.0.0.3"),
    ];
    for reading in readings.iter().chain(&readings) {
        live.touch(std::slice::from_ref(reading)).await.unwrap();
    }
    assert_eq!(live.list_usage(&[subject]).await.unwrap(), [expected]);
}

#[tokio::test]
async fn stamps_merge_from_many_nodes_at_once() {
    let live = redis_live().await.0;
    let subject = UsageSubject::Credential(CredentialId::from_bits(1));
    let mut nodes = tokio::task::JoinSet::new();
    for node in 0..16_u8 {
        let live = live.clone();
        nodes.spawn(async move {
            for turn in 0..10 {
                let second = i64::from(node) * 10 + turn;
                let stamp = UsageStamp {
                    subject,
                    kind: UsageKind::Issued,
                    first_at: at(second),
                    last_at: at(second),
                    address: Some(IpAddr::from([10, 0, 0, node])),
                    user_agent: Some(format!("node/{node} turn {turn}").into()),
                };
                live.touch(&[stamp]).await.unwrap();
            }
        });
    }
    nodes.join_all().await;

    let merged = live.list_usage(&[subject]).await.unwrap();
    let [merged] = merged.as_slice() else {
        panic!("{merged:?}");
    };
    assert_eq!((merged.first_at, merged.last_at), (at(0), at(159)));
    // Where and with what belong to the last use, not to the last writer.
    assert_eq!(merged.address, Some(IpAddr::from([10, 0, 0, 15])));
    assert_eq!(merged.user_agent.as_deref(), Some("node/15 turn 9"));
}

#[tokio::test]
async fn stamps_keep_where_and_with_what() {
    let live = redis_live().await.0;
    let addresses = [None, Some("192.0.2.7"), Some("2001:db8::7")];
    let agents = [
        None,
        Some(""),
        Some("curl/8"),
        Some(" blanks  kept "),
        Some("Ünï ☂"),
    ];
    let mut stamps = Vec::new();
    for (number, address) in addresses.iter().enumerate() {
        for (other, agent) in agents.iter().enumerate() {
            stamps.push(UsageStamp {
                subject: UsageSubject::Account(AccountId::from_bits((number * 10 + other) as u128)),
                kind: UsageKind::Seen,
                first_at: at(1),
                last_at: at(1),
                address: address.map(|text| text.parse().unwrap()),
                user_agent: agent.map(Into::into),
            });
        }
    }
    live.touch(&stamps).await.unwrap();

    for stamp in stamps {
        assert_eq!(live.list_usage(&[stamp.subject]).await.unwrap(), [stamp]);
    }
}

#[tokio::test]
async fn only_what_was_asked_for_is_listed() {
    let live = redis_live().await.0;
    // The three have the same bits, and are three things.
    let subjects = [
        UsageSubject::Account(AccountId::from_bits(7)),
        UsageSubject::Credential(CredentialId::from_bits(7)),
        UsageSubject::Secret(SecretId::from_bits(7)),
    ];
    let mut stamps = Vec::new();
    for (number, subject) in (0..).zip(subjects) {
        for (other, kind) in (0..).zip(UsageKind::ALL) {
            stamps.push(plain(subject, kind, at(number * 10 + other)));
        }
    }
    live.touch(&stamps).await.unwrap();

    for subject in subjects {
        let mut listed = live.list_usage(&[subject]).await.unwrap();
        listed.sort_by_key(|stamp| stamp.kind);
        let of_it: Vec<_> = stamps.iter().filter(|one| one.subject == subject).collect();
        assert_eq!(listed.iter().collect::<Vec<_>>(), of_it);
    }
    assert_eq!(live.list_usage(&subjects).await.unwrap().len(), 9);
    let unknown = UsageSubject::Secret(SecretId::from_bits(8));
    assert_eq!(live.list_usage(&[unknown]).await.unwrap(), []);
    assert_eq!(live.list_usage(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn more_stamps_than_fit_one_request_are_all_kept() {
    let live = redis_live().await.0;
    let stamps: Vec<_> = (0..1_500)
        .map(|number| {
            let subject = UsageSubject::Secret(SecretId::from_bits(number));
            plain(subject, UsageKind::Authenticated, at(1))
        })
        .collect();
    live.touch(&stamps).await.unwrap();

    let subjects: Vec<_> = stamps.iter().map(|stamp| stamp.subject).collect();
    let mut listed = live.list_usage(&subjects).await.unwrap();
    listed.sort_by_key(|stamp| stamp.subject);
    assert_eq!(listed, stamps);
}

async fn failures_are_counted_per_client_address_and_window(Fresh { live, .. }: Fresh) {
    let counter = |client: &str, address: &str| FailureCounter {
        client_id: client.into(),
        address: address.parse().unwrap(),
    };
    let here = counter("sac_x", "192.0.2.1");
    for expected in 1..=3 {
        assert_eq!(count(&live, &here, at(0)).await, expected);
    }
    assert_eq!(count(&live, &counter("sac_y", "192.0.2.1"), at(0)).await, 1);
    assert_eq!(count(&live, &counter("sac_x", "192.0.2.2"), at(0)).await, 1);
    assert_eq!(
        count(&live, &counter("sac_x", "2001:db8::1"), at(0)).await,
        1
    );

    assert_eq!(count(&live, &here, at(59)).await, 4);
    assert_eq!(count(&live, &here, at(60)).await, 1);
}

async fn no_failure_is_lost_among_many_at_once(Fresh { live, .. }: Fresh) {
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let live = live.clone();
        attempts.spawn(async move {
            let counter = FailureCounter {
                client_id: "sac_x".into(),
                address: IpAddr::from([192, 0, 2, 1]),
            };
            count(&live, &counter, at(0)).await
        });
    }
    let mut counts = attempts.join_all().await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=200).collect::<Vec<_>>());
}

// --- Vocabulary

/// Seconds after the beginning of a minute.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

async fn count(live: &Arc<dyn LiveState>, counter: &FailureCounter, now: Timestamp) -> u32 {
    let minute = Duration::from_mins(1);
    live.count_failure(counter, minute, now).await.unwrap()
}

fn plain(subject: UsageSubject, kind: UsageKind, at: Timestamp) -> UsageStamp {
    UsageStamp {
        subject,
        kind,
        first_at: at,
        last_at: at,
        address: None,
        user_agent: None,
    }
}

/// A token of the first generations, which shares no name with that of another `number`.
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

// --- In memory only

#[tokio::test]
async fn a_mark_in_memory_lasts_until_its_end() {
    let Fresh { live, clock } = memory();
    let names = token(1);
    let dead = [
        Dead::Token(names.id),
        Dead::Account(names.account, Generation(2)),
    ];
    live.mark_dead(&dead, at(60)).await.unwrap();
    clock.advance(Duration::from_millis(59_999));
    assert!(live.is_dead(&names).await.unwrap());
    clock.advance(Duration::from_millis(1));
    assert!(!live.is_dead(&names).await.unwrap());
}

#[tokio::test]
async fn memory_is_bounded_in_everything_that_it_keeps() {
    // Security case 120: as many names as an attacker likes.
    let clock = Arc::new(ManualClock::at(at(0)));
    let bounds = Bounds {
        tokens: 10,
        generations: 10,
        failures: 10,
    };
    let live: Arc<dyn LiveState> =
        Arc::new(MemoryLive::bounded(clock, bounds, &LiveCounters::unread()));
    let victim = FailureCounter {
        client_id: "sac_victim".into(),
        address: IpAddr::from([192, 0, 2, 1]),
    };
    assert_eq!(count(&live, &victim, at(0)).await, 1);
    for number in 0..100 {
        let names = token(number);
        let dead = [
            Dead::Token(names.id),
            Dead::Account(names.account, Generation(2)),
        ];
        live.mark_dead(&dead, at(60)).await.unwrap();
        let guesser = FailureCounter {
            client_id: number.to_string(),
            ..victim.clone()
        };
        count(&live, &guesser, at(0)).await;
    }

    assert!(!live.is_dead(&token(0)).await.unwrap());
    assert!(live.is_dead(&token(99)).await.unwrap());
    assert_eq!(count(&live, &victim, at(0)).await, 1);
}
