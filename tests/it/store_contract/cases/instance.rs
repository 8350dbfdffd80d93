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

pub async fn the_longest_life_of_what_a_key_signs_is_noted(bench: &mut Bench) {
    let hours = |hours: u64| std::time::Duration::from_secs(hours * 3_600);
    let active = key("active", Algorithm::Es256, KeyState::Active, 10);
    let pending = key("pending", Algorithm::EdDsa, KeyState::Pending, 20);
    let mut change = bench.store().begin(None).await.unwrap();
    ok!(change.add_signing_key(&active));
    ok!(change.add_signing_key(&pending));
    ok!(change.commit(&event(Chain::Instance)));
    let store = bench.store();
    let noted = async || {
        let keys = ok!(store.list_signing_keys());
        assert_eq!(keys[1], pending);
        (keys[0].max_token_lifetime, keys[0].longer_tokens_end_at)
    };
    // A key that has signed nothing yet has signed nothing that lives longer.
    ok!(store.record_shorter_tokens(hours(1), at(100)));
    assert_eq!(noted().await, (None, None));
    ok!(store.record_longer_tokens(hours(2)));
    ok!(store.record_longer_tokens(hours(1)));
    assert_eq!(noted().await, (Some(hours(2)), None));
    ok!(store.record_shorter_tokens(hours(2), at(200)));
    assert_eq!(noted().await, (Some(hours(2)), None));
    ok!(store.record_shorter_tokens(hours(1), at(300)));
    let end = Some(at(300 + 7_200));
    assert_eq!(noted().await, (Some(hours(1)), end));
    // Shorter ones that were shortened later end earlier all the same.
    ok!(store.record_shorter_tokens(hours(1) / 2, at(400)));
    assert_eq!(noted().await, (Some(hours(1) / 2), end));
    ok!(store.record_longer_tokens(hours(3)));
    ok!(store.record_shorter_tokens(hours(1), at(500)));
    let end = Some(at(500 + 3 * 3_600));
    assert_eq!(noted().await, (Some(hours(1)), end));
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
        max_token_lifetime: None,
        longer_tokens_end_at: None,
        leaves_jwks_at: None,
        version: Version::FIRST,
    }
}
