//! Calls that were made under an `Idempotency-Key`.

use ostler::domain::digest::Digest;
use ostler::domain::id::OrganizationId;
use ostler::domain::retry::KeptAnswer;
use ostler::domain::retry::KeyedCall;
use ostler::domain::version::EntityTag;
use ostler::domain::version::Version;
use ostler::store::AnsweredCall;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;
use crate::store_contract::things::event_of;

fn call(id: &str, request: &str, second: i64) -> AnsweredCall {
    AnsweredCall {
        call: KeyedCall {
            id: Digest::of(&[id.as_bytes()]),
            request: Digest::of(&[request.as_bytes()]),
        },
        answer: None,
        at: at(second),
    }
}

fn answered(call: &AnsweredCall) -> AnsweredCall {
    AnsweredCall {
        answer: Some(KeptAnswer {
            status: 201,
            tag: Some(EntityTag::of("sa_1", Version(1))),
            body: r#"{"name":"größe"}"#.to_owned(),
        }),
        ..call.clone()
    }
}

async fn add(
    bench: &Bench,
    organization: OrganizationId,
    call: &AnsweredCall,
    expired: i64,
) -> bool {
    let mut change = bench.change(organization).await;
    let added = ok!(change.add_answered_call(call, at(expired)));
    if added {
        let seen = ok!(change.find_answered_call(&call.call.id, at(expired)));
        assert_eq!(seen.as_ref(), Some(call));
        ok!(change.commit(&event_of(organization)));
    }
    added
}

pub async fn a_call_takes_its_place_once_and_gets_its_answer(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let first = call("a", "x", 100);
    assert!(add(bench, organization, &first, 0).await);
    assert!(!add(bench, organization, &call("a", "x", 101), 0).await);
    assert!(!add(bench, organization, &call("a", "y", 101), 0).await);
    assert!(add(bench, organization, &call("b", "x", 101), 0).await);

    let store = bench.reopen().await;
    let found = ok!(store.find_answered_call(&first.call.id, at(0)));
    assert_eq!(found.as_ref(), Some(&first));
    // Another call does not answer for it; it answers once, and that stays.
    assert!(!ok!(
        store.keep_answer(&answered(&call("a", "y", 102)), at(0))
    ));
    assert!(ok!(store.keep_answer(&answered(&first), at(0))));
    assert!(!ok!(
        store.keep_answer(&answered(&call("a", "x", 103)), at(0))
    ));
    let found = ok!(bench
        .reopen()
        .await
        .find_answered_call(&first.call.id, at(0)));
    assert_eq!(found, Some(answered(&first)));
}

pub async fn a_call_that_changed_nothing_keeps_its_answer(bench: &mut Bench) {
    bench.organization("alpha").await;
    let store = bench.store();
    let kept = answered(&call("a", "x", 100));
    assert!(ok!(store.keep_answer(&kept, at(0))));
    assert!(!ok!(
        store.keep_answer(&answered(&call("a", "y", 100)), at(0))
    ));
    assert_eq!(
        ok!(store.find_answered_call(&kept.call.id, at(0))),
        Some(kept)
    );
}

pub async fn a_call_is_over_after_its_time(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let old = answered(&call("a", "x", 100));
    assert!(ok!(bench.store().keep_answer(&old, at(0))));
    let id = &old.call.id;
    assert!(ok!(bench.store().find_answered_call(id, at(99))).is_some());
    none!(bench.store().find_answered_call(id, at(100)));
    // Its place is free then, for any call.
    assert!(!add(bench, organization, &call("a", "y", 200), 99).await);
    assert!(add(bench, organization, &call("a", "y", 200), 100).await);

    let store = bench.store();
    let young = answered(&call("b", "x", 300));
    assert!(ok!(store.keep_answer(&young, at(0))));
    assert_eq!(ok!(store.remove_answered_calls(at(199))), 0);
    assert_eq!(ok!(store.remove_answered_calls(at(200))), 1);
    none!(store.find_answered_call(id, at(0)));
    assert!(ok!(store.find_answered_call(&young.call.id, at(0))).is_some());
}
