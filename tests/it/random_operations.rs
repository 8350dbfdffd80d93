//! Operations at random, against a model of what must be so.
//!
//! Accounts, credentials, roles and groups are made, edited, disabled, enabled, deleted, rotated and
//! narrowed, accounts come into groups and leave them, tokens are issued and revoked, time passes, the
//! server restarts, keys change, Redis forgets or goes away, and the store fails in the middle of a
//! change. After every step each token is asked about, and the
//! answers must hold the properties of the promise:
//!
//! - P1: once inactive, never active again;
//! - P2: after the acknowledgement of what ends a token, it is inactive, and nothing else ends one;
//! - P3: the key of a token that is active is published;
//! - P4: a token says nothing beyond its credential, nor beyond what its account may do *now*;
//! - P6: a secret stands in the one answer that made it, and in nothing that is read or kept;
//! - P7: each change has one audit event, and each event of success is of one change.
//!
//! A sequence that fails is shortened and printed with its seed. `OSTLER_TEST_SEED=<seed>` runs the
//! one sequence of that seed; `OSTLER_TEST_SEQUENCES=<n>` as many of them, or of those from 0 on.

mod access;
mod decide;
mod model;
mod operation;
mod perform;
mod secrecy;
mod sequence;
mod stage;

use std::cell::RefCell;
use std::env;

use proptest::test_runner::Config;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestCaseError;
use proptest::test_runner::TestError;
use proptest::test_runner::TestRng;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

use operation::operations;
use sequence::Sequence;
use stage::Stage;

/// How many sequences are run, if nobody says otherwise: some seconds of them.
const ON_SQLITE: u64 = 14;
const ON_POSTGRES: u64 = 5;

/// How long a sequence that fails is tried shorter and simpler, in milliseconds.
const SHORTENING_MILLIS: u32 = 40_000;

#[test]
fn whatever_happens_no_token_outlives_what_ended_it_or_says_more_than_is_granted() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let first = number("OSTLER_TEST_SEED");
    let on_postgres = env::var("OSTLER_TEST_STORE").is_ok_and(|store| store == "postgres");
    let default = match (first, on_postgres) {
        (Some(_), _) => 1,
        (None, true) => ON_POSTGRES,
        (None, false) => ON_SQLITE,
    };
    let count = number("OSTLER_TEST_SEQUENCES").unwrap_or(default);

    let first = first.unwrap_or(0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stage = RefCell::new(None);
    for seed in first..first.saturating_add(count) {
        if let Err(shortest) = run(seed, &runtime, &stage) {
            panic!("OSTLER_TEST_SEED={seed}\n{shortest}");
        }
    }
}

/// Runs the sequence of a seed; where it fails, tells the shortest that does.
fn run(seed: u64, runtime: &Runtime, stage: &RefCell<Option<Stage>>) -> Result<(), String> {
    let config = Config {
        cases: 1,
        failure_persistence: None,
        max_shrink_iters: u32::MAX,
        max_shrink_time: SHORTENING_MILLIS,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let outcome = TestRunner::new_with_rng(config, rng).run(&operations(), |operations| {
        // A server that something went wrong with is not used again.
        let known = stage.take();
        runtime.block_on(async {
            let mut used = match known {
                Some(stage) => stage,
                None => Stage::start().await,
            };
            let outcome = Sequence::run(&mut used, &operations).await;
            outcome.map_err(TestCaseError::fail)?;
            stage.replace(Some(used));
            Ok(())
        })
    });
    outcome.map_err(|error| match error {
        TestError::Fail(why, _) | TestError::Abort(why) => why.to_string(),
    })
}
