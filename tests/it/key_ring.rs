//! Signing keys in use: from their files, side by side, and while they are exchanged.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;
use ostler::domain::id::AccountId;
use ostler::domain::id::ClientId;
use ostler::domain::id::OrganizationId;
use ostler::domain::organization::Generation;
use ostler::domain::scope::ScopeSet;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::signing_key::KeyState;
use ostler::domain::token::Claims;
use ostler::domain::token::Epoch;
use ostler::domain::token::Generations;
use ostler::domain::token::TokenTyp;
use ostler::jwt::InvalidToken;
use ostler::jwt::KeyRing;
use ostler::keys::KeysDir;
use ostler::random;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::test_keys;
use crate::test_keys::Which;

const ISSUER: &str = "https://auth.example.com";

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn directory() -> (TempDir, KeysDir) {
    let root = tempfile::tempdir().unwrap();
    let dir = KeysDir::create(&root.path().join("keys")).unwrap();
    (root, dir)
}

pub fn claims() -> Claims {
    Claims {
        issuer: ISSUER.into(),
        account: AccountId::generate(1, random::id_bits()),
        client_id: ClientId::generate(1, random::id_bits()),
        audience: "https://api.example.com".into(),
        issued_at: now().as_second(),
        expires_at: now().as_second() + 900,
        id: random::token_id(),
        scopes: ScopeSet::parse("read write").unwrap(),
        details: Vec::new(),
        organization: OrganizationId::generate(1, 1),
        generations: Generations {
            epoch: Epoch::from_random([1; 8]),
            organization: Generation::FIRST,
            account: Generation::FIRST,
            credential: Generation::FIRST,
        },
    }
}

async fn sign(ring: &KeyRing, algorithm: Algorithm) -> String {
    let token = ring.sign(TokenTyp::AtJwt, algorithm, &claims()).await;
    token.unwrap().into_string()
}

#[tokio::test]
async fn tokens_of_before_a_restart_verify_after_it() {
    let (_root, dir) = directory();
    let records = test_keys::install(&dir, now());
    for algorithm in Algorithm::ALL {
        let token = sign(&KeyRing::load(&dir, &records).unwrap(), algorithm).await;
        let restarted = KeyRing::load(&dir, &records).unwrap();
        assert!(restarted.verify(&token, ISSUER, now()).is_ok());
    }
}

#[tokio::test]
async fn two_servers_in_one_process_keep_their_keys_apart() {
    let (_one, dir) = directory();
    let one = KeyRing::load(&dir, &test_keys::install(&dir, now())).unwrap();
    let (_other, dir) = directory();
    let spare = test_keys::add(&dir, Algorithm::Es256, Which::Spare, now());
    let other = KeyRing::load(&dir, &[spare]).unwrap();

    let (ones, others) = (
        sign(&one, Algorithm::Es256).await,
        sign(&other, Algorithm::Es256).await,
    );
    drop(one);

    assert!(other.verify(&others, ISSUER, now()).is_ok());
    let refused = other.verify(&ones, ISSUER, now());
    assert_eq!(refused.unwrap_err(), InvalidToken::UnknownKey);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_rotations_under_load_fail_no_signature_and_no_verification() {
    let (_root, dir) = directory();
    let mut records = [Which::First, Which::Spare]
        .map(|which| test_keys::add(&dir, Algorithm::EdDsa, which, now()));
    records[1].state = KeyState::Retiring;
    let ring = Arc::new(KeyRing::load(&dir, &records).unwrap());
    let (verified, stop) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );

    let load = [0; 3].map(|_| {
        let (ring, verified, stop) = (ring.clone(), verified.clone(), stop.clone());
        tokio::spawn(async move {
            let mut kids = HashSet::new();
            while !stop.load(Relaxed) {
                let token = sign(&ring, Algorithm::EdDsa).await;
                kids.insert(ring.verify(&token, ISSUER, now()).unwrap().kid().to_owned());
                verified.fetch_add(1, Relaxed);
                tokio::task::yield_now().await;
            }
            kids
        })
    });
    for _ in 0..100 {
        let (first, spare) = (records[0].state, records[1].state);
        (records[0].state, records[1].state) = (spare, first);
        ring.reload(&dir, &records).unwrap();
        let before = verified.load(Relaxed);
        // Each of the three may have begun with the keys of before; the fourth has not.
        while verified.load(Relaxed) < before + 4 && !load.iter().any(JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Relaxed);

    let mut kids = HashSet::new();
    for seen in load {
        kids.extend(seen.await.unwrap());
    }
    assert_eq!(kids.len(), 2, "both keys have signed");
}
