//! The audit trail, as it is read back and cut.

use jiff::SignedDuration;
use ostler::domain::audit::AuditDraft;
use ostler::domain::audit::AuditResult;
use ostler::domain::audit::Chain;
use ostler::domain::audit_chain::Link;
use ostler::domain::audit_event::AuditEvent;
use ostler::domain::id::ClientId;
use ostler::domain::id::OrganizationId;
use ostler::domain::id::RequestId;
use ostler::store::ChainExtent;
use ostler::store::Checkpoint;
use ostler::store::EventFilter;
use ostler::store::Named;
use ostler::store::Page;
use ostler::store::StoreError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;
use crate::store_contract::things::event_of;

/// Writes an event at a second, changed by `with`.
async fn write(
    bench: &Bench,
    organization: OrganizationId,
    second: i64,
    with: impl FnOnce(&mut AuditDraft),
) {
    let mut event = event_of(organization);
    event.at = at(second);
    with(&mut event);
    let change = bench.change(organization).await;
    ok!(change.commit(&event));
}

async fn list(bench: &Bench, chain: Chain, filter: &EventFilter) -> Vec<AuditEvent> {
    let page = Page {
        limit: 201,
        after: None,
    };
    ok!(bench.store().list_events(chain, filter, page))
}

fn sequences(events: &[AuditEvent]) -> Vec<i64> {
    events.iter().map(|event| event.sequence).collect()
}

pub async fn events_come_newest_first_and_are_found_by_every_filter(bench: &mut Bench) {
    let alpha = bench.organization("alpha").await.id;
    let beta = bench.organization("beta").await.id;
    let chain = Chain::Organization(alpha);
    write(bench, alpha, 1, |event| event.actor.name = "other".into()).await;
    write(bench, alpha, 2, |event| {
        event.action = "thing.other";
        event.actor.credential = Some(ClientId::from_bits(8));
    })
    .await;
    write(bench, alpha, 3, |event| {
        event.target.id = "thing_2".into();
        event.target.name = ClientId::from_bits(9).to_string();
    })
    .await;
    write(bench, alpha, 4, |event| event.result = AuditResult::Refused).await;
    write(bench, alpha, 5, |event| {
        event.request_id = Some(RequestId::from_bits(5));
    })
    .await;
    write(bench, beta, 6, |_| {}).await;
    bench.reopen().await;

    let all = EventFilter::default();
    let found = list(bench, chain, &all).await;
    assert_eq!(sequences(&found), [5, 4, 3, 2, 1]);
    assert!(found.iter().all(AuditEvent::is_sealed));
    assert_eq!(
        found[0].request_id,
        Some(RequestId::from_bits(5).to_string())
    );
    assert_eq!(list(bench, Chain::Organization(beta), &all).await.len(), 1);
    let unknown = Chain::Organization(OrganizationId::from_bits(1));
    assert!(list(bench, unknown, &all).await.is_empty());

    let page = Page {
        limit: 2,
        after: Some(4),
    };
    let page = bench.store().list_events(chain, &all, page).await.unwrap();
    assert_eq!(sequences(&page), [3, 2]);

    for (filter, expected) in filters() {
        assert_eq!(
            sequences(&list(bench, chain, &filter).await),
            expected,
            "{filter:?}"
        );
    }
}

/// Filters, and the events that they find.
fn filters() -> Vec<(EventFilter, Vec<i64>)> {
    [filters_by_name(), filters_by_time_and_result()].concat()
}

fn filters_by_name() -> Vec<(EventFilter, Vec<i64>)> {
    let all = EventFilter::default();
    let id = |text: &str| Some(Named::Id(text.to_owned()));
    let name = |text: &str| Some(Named::Name(text.to_owned()));
    let any = |text: &str| Some(Named::Any(text.to_owned()));
    let client = |bits| Some(Named::Client(ClientId::from_bits(bits).to_string()));
    vec![
        (
            EventFilter {
                action: Some("thing.other".into()),
                ..all.clone()
            },
            vec![2],
        ),
        (
            EventFilter {
                actor: name("other"),
                ..all.clone()
            },
            vec![1],
        ),
        (
            EventFilter {
                actor: id("sa_x"),
                ..all.clone()
            },
            vec![5, 4, 3, 2, 1],
        ),
        (
            EventFilter {
                actor: any("other"),
                ..all.clone()
            },
            vec![1],
        ),
        (
            EventFilter {
                actor: client(8),
                ..all.clone()
            },
            vec![2],
        ),
        (
            EventFilter {
                target: client(9),
                ..all.clone()
            },
            vec![3],
        ),
        (
            EventFilter {
                target: id("thing_2"),
                ..all.clone()
            },
            vec![3],
        ),
        (
            EventFilter {
                target: any("thing_2"),
                ..all.clone()
            },
            vec![3],
        ),
        (
            EventFilter {
                target: name("thing_2"),
                ..all.clone()
            },
            vec![],
        ),
    ]
}

fn filters_by_time_and_result() -> Vec<(EventFilter, Vec<i64>)> {
    let all = EventFilter::default();
    let name = |text: &str| Some(Named::Name(text.to_owned()));
    vec![
        (
            EventFilter {
                result: Some(AuditResult::Refused),
                ..all.clone()
            },
            vec![4],
        ),
        (
            EventFilter {
                request_id: Some(RequestId::from_bits(5)),
                ..all.clone()
            },
            vec![5],
        ),
        (
            EventFilter {
                from: Some(at(3)),
                ..all.clone()
            },
            vec![5, 4, 3],
        ),
        (
            EventFilter {
                to: Some(at(3)),
                ..all.clone()
            },
            vec![2, 1],
        ),
        (
            EventFilter {
                from: Some(at(2)),
                to: Some(at(5)),
                actor: name("admin"),
                action: Some("thing.change".into()),
                ..all.clone()
            },
            vec![4, 3],
        ),
    ]
}

pub async fn a_span_of_time_misses_no_event_however_late_it_is(bench: &mut Bench) {
    let alpha = bench.organization("alpha").await.id;
    let chain = Chain::Organization(alpha);
    // A clock that was set back, and an event that was written long after it happened.
    let seconds = [100, 110, 50, 111, 112, 60, 113, 3, 200];
    for second in seconds {
        write(bench, alpha, second, |_| {}).await;
    }
    for from in (0..=210).step_by(7) {
        for to in (from..=210).step_by(7) {
            // To the millisecond that is stored.
            let nearly = SignedDuration::from_micros(-1);
            let filter = EventFilter {
                from: Some(at(from) + nearly),
                to: Some(at(to) + nearly),
                ..EventFilter::default()
            };
            let expected = (1_i64..).zip(seconds);
            let mut expected: Vec<_> = expected
                .filter(|(_, second)| (from..to).contains(second))
                .map(|(sequence, _)| sequence)
                .collect();
            expected.reverse();
            let found = list(bench, chain, &filter).await;
            assert_eq!(sequences(&found), expected, "{from} to {to}");
        }
    }
}

pub async fn a_chain_is_walked_from_one_number_to_another(bench: &mut Bench) {
    let alpha = bench.organization("alpha").await.id;
    let chain = Chain::Organization(alpha);
    for second in 1..=5 {
        write(bench, alpha, second, |_| {}).await;
    }
    let store = bench.store();
    let walked = async |after, up_to, limit| {
        let events = store.walk_chain(chain, after, up_to, limit).await.unwrap();
        let events = events.into_iter().map(|event| event.unwrap().sequence);
        events.collect::<Vec<_>>()
    };
    assert_eq!(walked(0, 5, 3).await, [1, 2, 3]);
    assert_eq!(walked(3, 4, 3).await, [4]);
    assert!(walked(5, 9, 3).await.is_empty());

    // What cannot be read is said in its place.
    let off = if bench.is_sqlite() {
        "DROP TRIGGER audit_event_is_not_edited"
    } else {
        "ALTER TABLE audit_event DISABLE TRIGGER USER"
    };
    bench.sql(off).await.unwrap();
    let far = "UPDATE audit_event SET at = 9000000000000000000 WHERE action = 'thing.change' AND sequence = 2";
    bench.sql(far).await.unwrap();
    let events = store.walk_chain(chain, 0, 3, 3).await.unwrap();
    let readable: Vec<_> = events.iter().map(Option::is_some).collect();
    assert_eq!(readable, [true, false, true]);
}

pub async fn a_chain_reaches_to_its_head_and_its_last_event(bench: &mut Bench) {
    let alpha = bench.organization("alpha").await.id;
    let chain = Chain::Organization(alpha);
    let none = ChainExtent {
        head: Link::genesis(),
        last_sequence: 0,
        checkpoint: None,
    };
    assert_eq!(ok!(bench.store().find_extent(chain)), none);
    for second in [5, 7, 6] {
        write(bench, alpha, second, |_| {}).await;
    }
    let last = list(bench, chain, &EventFilter::default()).await.remove(0);
    let store = bench.store();
    let extent = ok!(store.find_extent(chain));
    assert_eq!((extent.head, extent.last_sequence), (last.link(), 3));

    for (before, expected) in [(5, None), (6, Some(1)), (7, Some(1)), (8, Some(3))] {
        let found = store.find_last_before(chain, at(before)).await.unwrap();
        assert_eq!(found, expected, "before {before}");
        let chains = store.list_chains_before(at(before)).await.unwrap();
        assert_eq!(chains.contains(&chain), expected.is_some());
    }
}

pub async fn only_what_is_before_a_checkpoint_is_removed(bench: &mut Bench) {
    let alpha = bench.organization("alpha").await.id;
    let beta = bench.organization("beta").await.id;
    let chain = Chain::Organization(alpha);
    for second in 1..=5 {
        write(bench, alpha, second, |_| {}).await;
        write(bench, beta, second, |_| {}).await;
    }
    let events = list(bench, chain, &EventFilter::default()).await;
    let checkpoint = Checkpoint {
        link: events[2].link(),
        signed: "signed".to_owned(),
    };
    let mut change = bench.change(alpha).await;
    none!(change.find_checkpoint(chain));
    assert_eq!(change.remove_events(chain, &checkpoint).await.unwrap(), 3);
    ok!(change.commit(&event_of(alpha)));

    bench.reopen().await;
    let left = list(bench, chain, &EventFilter::default()).await;
    assert_eq!(sequences(&left), [6, 5, 4]);
    let extent = ok!(bench.store().find_extent(chain));
    assert_eq!(extent.checkpoint, Some(checkpoint));
    let others = list(bench, Chain::Organization(beta), &EventFilter::default()).await;
    assert_eq!(others.len(), 5);

    // A checkpoint stands at an event that is there, and is what stands between SQL and the events.
    let elsewhere = Checkpoint {
        link: Link {
            sequence: 5,
            hash: "0".repeat(64),
        },
        signed: "signed".to_owned(),
    };
    let mut change = bench.change(alpha).await;
    let refused = change.remove_events(chain, &elsewhere).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    drop(change);
    for statement in [
        "DELETE FROM audit_event WHERE sequence = 6",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_checkpoint SET sequence = 6",
    ] {
        bench.sql(statement).await.unwrap_err();
    }
    assert_eq!(list(bench, chain, &EventFilter::default()).await, left);
}
