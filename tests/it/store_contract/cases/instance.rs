//! The instance and its signing keys.

use ostler::domain::audit::Chain;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::signing_key::KeyState;
use ostler::domain::signing_key::SigningKeyRecord;
use ostler::domain::token::Epoch;
use ostler::domain::version::Version;
use ostler::store::WriteError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;
use crate::store_contract::things::event;
use crate::store_contract::things::instance;

pub async fn an_empty_store_has_no_instance_and_keeps_the_one_that_is_written(bench: &mut Bench) {
    bench.store().ping().await.unwrap();
    assert_eq!(bench.store().find_instance().await.unwrap(), None);

    let mut begun = instance();
    begun.initialized_at = None;
    let mut change = bench.store().begin(None).await.unwrap();
    assert_eq!(change.find_instance().await.unwrap(), None);
    ok!(change.put_instance(&begun));
    assert_eq!(change.find_instance().await.unwrap(), Some(begun));
    ok!(change.commit(&event(Chain::Instance)));
    let store = bench.reopen().await;
    assert_eq!(store.find_instance().await.unwrap(), Some(begun));

    let mut restored = instance();
    restored.epoch = Epoch::from_random([9; 8]);
    let mut change = store.begin(None).await.unwrap();
    ok!(change.put_instance(&restored));
    ok!(change.commit(&event(Chain::Instance)));
    let store = bench.reopen().await;
    assert_eq!(store.find_instance().await.unwrap(), Some(restored));
}

pub async fn signing_keys_keep_their_state_and_one_is_active_per_algorithm(bench: &mut Bench) {
    let mut first = key("first", Algorithm::Es256, KeyState::Active, 10);
    let other = key("other", Algorithm::EdDsa, KeyState::Active, 20);
    let mut second = key("second", Algorithm::Es256, KeyState::Pending, 30);
    let mut change = bench.store().begin(None).await.unwrap();
    for key in [&second, &other, &first] {
        ok!(change.add_signing_key(key));
    }
    ok!(change.commit(&event(Chain::Instance)));
    let store = bench.reopen().await;
    let keys = [first.clone(), other.clone(), second.clone()];
    assert_eq!(store.list_signing_keys().await.unwrap(), keys);

    let mut change = store.begin(None).await.unwrap();
    let third = key("third", Algorithm::Es256, KeyState::Active, 40);
    let taken = change.add_signing_key(&third).await;
    assert!(matches!(taken, Err(WriteError::Taken)));
    drop(change);

    first.state = KeyState::Retiring;
    first.leaves_jwks_at = Some(at(60));
    second.state = KeyState::Active;
    second.active_from = Some(at(50));
    second.activates_at = Some(at(49));
    let mut change = store.begin(None).await.unwrap();
    for key in [&mut first, &mut second] {
        key.version = ok!(change.update_signing_key(key));
        assert_eq!(key.version, Version(2));
    }
    let keys = [first, other, second];
    assert_eq!(change.list_signing_keys().await.unwrap(), keys);
    ok!(change.commit(&event(Chain::Instance)));
    let store = bench.reopen().await;
    assert_eq!(store.list_signing_keys().await.unwrap(), keys);
}

pub async fn a_keys_last_signature_only_moves_forward(bench: &mut Bench) {
    let mut key = key("first", Algorithm::Es256, KeyState::Active, 10);
    let mut change = bench.store().begin(None).await.unwrap();
    ok!(change.add_signing_key(&key));
    ok!(change.commit(&event(Chain::Instance)));
    let signed = |second| ("first".to_owned(), at(second));
    let store = bench.store();
    ok!(store.record_signatures(&[signed(60), signed(50)]));
    ok!(store.record_signatures(&[signed(40), ("unknown".to_owned(), at(70))]));
    // What was read before it was written does not take it back.
    let mut change = store.begin(None).await.unwrap();
    // Nor does a signature raise the version.
    key.version = ok!(change.update_signing_key(&key));
    assert_eq!(key.version, Version(2));
    ok!(change.commit(&event(Chain::Instance)));
    key.last_signed_at = Some(at(60));
    let store = bench.reopen().await;
    assert_eq!(store.list_signing_keys().await.unwrap(), [key]);
}

fn key(kid: &str, algorithm: Algorithm, state: KeyState, second: i64) -> SigningKeyRecord {
    SigningKeyRecord {
        kid: kid.to_owned(),
        algorithm,
        state,
        created_at: at(second),
        published_at: at(second),
        activates_at: None,
        active_from: (state == KeyState::Active).then(|| at(second)),
        last_signed_at: None,
        leaves_jwks_at: None,
        version: Version::FIRST,
    }
}
