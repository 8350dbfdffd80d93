//! The ring of this node follows the records.
//!
//! Every node does so every second, and at once when it meets a token of a key that it does not know:
//! another node may have made it active just now. (That a key was taken back never waits for this: on
//! a shared store each token's standing includes its key's, in the one statement that decides.)

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;
use crate::jwt::key_files;
use crate::store::Store;

use super::super::App;
use super::super::StoreError;

/// Whose turn it is to let the ring follow. One after the other, so that an older reading never
/// replaces a newer one; and who has waited while another *began* to read need not read again, so a
/// flood of unknown keys is one reading after the other and no more.
#[derive(Debug, Default)]
pub struct KeyTurn {
    /// How many readings have begun.
    begun: AtomicU64,
    latest: Mutex<Reading>,
}

/// The latest reading that ended well.
#[derive(Debug, Default)]
struct Reading {
    number: u64,
    /// What was wrong with the files, which is said once.
    fault: Option<String>,
}

/// Lets the ring follow the records as they are now. Files that cannot be read are said in the log:
/// they stand in the way of nothing else.
pub async fn follow(app: &App) -> Result<(), StoreError> {
    let before = app.key_turn.begun.load(Ordering::Acquire);
    let mut latest = app.key_turn.latest.lock().await;
    if latest.number > before {
        return Ok(());
    }
    let number = app.key_turn.begun.fetch_add(1, Ordering::AcqRel) + 1;
    let records = app.store.list_signing_keys().await?;
    let fault = if app.key_ring.is_of(&records) {
        None
    } else {
        read(app, records).await?
    };
    if fault != latest.fault
        && let Some(fault) = &fault
    {
        tracing::error!(fault, "not all signing keys can be read");
    }
    *latest = Reading { number, fault };
    Ok(())
}

/// Follows a change that this node has made and that is durable: it is not undone by a failure, which
/// only means that this node follows a little later.
pub(in crate::app) async fn take_over(app: &App) {
    if let Err(error) = follow(app).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the signing keys of this node do not follow their records yet"
        );
    }
}

/// Takes a key out of the ring, whatever else can be read: a change that took it back is durable.
pub(in crate::app) async fn forget(app: &App, kid: &str) {
    let _turn = app.key_turn.latest.lock().await;
    app.key_ring.revoke(kid);
}

/// Reads the keys of these records; returns what is wrong with those that cannot be read.
async fn read(app: &App, records: Vec<SigningKeyRecord>) -> Result<Option<String>, StoreError> {
    let app = app.clone();
    let read = tokio::task::spawn_blocking(move || {
        let reloaded = app.key_ring.reload(&app.keys_dir, &records);
        remove_over(&app, &records);
        reloaded.err().map(|error| error.to_string())
    });
    read.await
        .map_err(|error| StoreError::Unavailable(Box::new(error)))
}

/// A private key that signs and verifies nothing is only something to lose.
fn remove_over(app: &App, records: &[SigningKeyRecord]) {
    match key_files::remove_over(&app.keys_dir, records) {
        Ok(removed) => {
            for kid in removed {
                tracing::info!(kid, "removed the file of a signing key that is over");
            }
        }
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the file of a signing key that is over was not removed"
        ),
    }
}

/// Writes when keys have last signed here, where that is later than what is recorded.
pub async fn note_signatures(app: &App) -> Result<(), StoreError> {
    let here = app.key_ring.last_signed();
    if here.is_empty() {
        return Ok(());
    }
    let records = app.store.list_signing_keys().await?;
    let noted = |kid: &str| {
        let record = records.iter().find(|record| record.kid == kid);
        record.and_then(|record| record.last_signed_at)
    };
    let signed: Vec<_> = here
        .into_iter()
        .filter_map(|(kid, second)| Some((kid, Timestamp::from_second(second).ok()?)))
        .filter(|(kid, at)| noted(kid) < Some(*at))
        .collect();
    app.store.record_signatures(&signed).await
}

/// Notes that from `now` on this node signs tokens that live for so long at most: at its start, and
/// whenever `tokens.max_lifetime_seconds` may have changed. What was signed under a longer one lives on,
/// and keeps its key published once that is succeeded. Where it cannot be noted, the longer one goes on
/// to count.
pub async fn limit_tokens(
    store: &dyn Store,
    max_lifetime: Duration,
    now: Timestamp,
) -> Result<(), StoreError> {
    store.record_shorter_tokens(max_lifetime, now).await?;
    store.record_longer_tokens(max_lifetime).await
}

/// Notes it again where another node has started since, with shorter lives than this node's.
pub(super) async fn note_lifetime(
    app: &App,
    records: &[SigningKeyRecord],
) -> Result<(), StoreError> {
    let own = app.config.tokens.max_lifetime;
    let is_noted = |key: &SigningKeyRecord| {
        key.state != KeyState::Active || key.max_token_lifetime >= Some(own)
    };
    if records.iter().all(is_noted) {
        return Ok(());
    }
    app.store.record_longer_tokens(own).await
}
