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
        answer: KeptAnswer {
            status: 201,
            tag: Some(EntityTag::of("sa_1", Version(1))),
            body: format!(r#"{{"name":"größe","request":"{request}"}}"#),
        },
        at: at(second),
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

pub async fn a_call_is_added_once_with_its_answer(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let mut first = call("a", "x", 100);
    first.answer.tag = None;
    first.answer.body.clear();
    assert!(add(bench, organization, &first, 0).await);
    assert!(!add(bench, organization, &call("a", "x", 101), 0).await);
    assert!(!add(bench, organization, &call("a", "y", 101), 0).await);
    assert!(add(bench, organization, &call("b", "x", 101), 0).await);

    let store = bench.reopen().await;
    let found = ok!(store.find_answered_call(&first.call.id, at(0)));
    assert_eq!(found, Some(first));
}

pub async fn a_call_whose_change_is_rolled_back_was_not_answered(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let first = call("a", "x", 100);
    let mut change = bench.change(organization).await;
    assert!(ok!(change.add_answered_call(&first, at(0))));
    drop(change);
    assert!(add(bench, organization, &call("a", "y", 101), 0).await);
}

pub async fn a_call_that_changed_nothing_keeps_its_answer(bench: &mut Bench) {
    bench.organization("alpha").await;
    let store = bench.store();
    let kept = call("a", "x", 100);
    assert!(ok!(store.keep_answer(&kept, at(0))));
    for other in [call("a", "x", 101), call("a", "y", 101)] {
        assert!(!ok!(store.keep_answer(&other, at(0))));
    }
    assert_eq!(
        ok!(store.find_answered_call(&kept.call.id, at(0))),
        Some(kept)
    );
}

pub async fn a_call_is_over_after_its_time(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let old = call("a", "x", 100);
    assert!(ok!(bench.store().keep_answer(&old, at(0))));
    let id = &old.call.id;
    assert!(ok!(bench.store().find_answered_call(id, at(99))).is_some());
    none!(bench.store().find_answered_call(id, at(100)));
    // Its place is free then, for any call.
    assert!(!add(bench, organization, &call("a", "y", 200), 99).await);
    assert!(add(bench, organization, &call("a", "y", 200), 100).await);

    let store = bench.store();
    let young = call("b", "x", 300);
    assert!(ok!(store.keep_answer(&young, at(0))));
    assert_eq!(ok!(store.remove_answered_calls(at(199))), 0);
    assert_eq!(ok!(store.remove_answered_calls(at(200))), 1);
    none!(store.find_answered_call(id, at(0)));
    assert!(ok!(store.find_answered_call(&young.call.id, at(0))).is_some());
}
