//! Signing keys: made and made active.
//!
//! The file of a key is written before its record is committed: what a crash leaves between the two
//! is a file that never signs. Then the ring of this node takes the records over.

use serde_json::Value;

use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::signing_key::ActivationRefusal;
use crate::domain::signing_key::Algorithm;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;
use crate::jwt::key_files;

use super::App;
use super::authority::OnInstance;
use super::page::List;
use super::page::Listing;
use super::page::PageRequest;
use super::problem::Conflict;
use super::problem::Problem;
use super::problem::Submitted;
use super::to_completion;

/// Every signing key that was ever made, the oldest first.
pub async fn list(
    instance: &OnInstance,
    request: Submitted<PageRequest>,
) -> Result<Listing<SigningKeyRecord>, Problem> {
    let request = request?;
    let list = List {
        key: &instance.app.server_key,
        path: vec!["keys".to_owned()],
    };
    let page = list.page::<String>(&request)?;
    let all = instance.app.store.list_signing_keys().await?;
    let begin = match page.after {
        None => 0,
        Some(after) => all
            .iter()
            .position(|key| key.kid == after)
            .map_or(all.len(), |position| position + 1),
    };
    let found = all.into_iter().skip(begin).take(page.limit.into());
    Ok(list.listing(&request, found.collect(), |key| key.kid.clone()))
}

/// Makes a key, which is published and does not sign yet.
pub async fn create(
    instance: OnInstance,
    submitted: Submitted<Algorithm>,
) -> Result<SigningKeyRecord, Problem> {
    to_completion(async move {
        let algorithm = submitted?;
        let app = instance.app.clone();
        let kid = off_the_workers(move || key_files::generate(&app.keys_dir, algorithm)).await?;
        let mut change = instance.begin().await?;
        let record = SigningKeyRecord {
            kid,
            algorithm,
            state: KeyState::Pending,
            created_at: change.now,
            published_at: change.now,
            active_from: None,
            last_signed_at: None,
            leaves_jwks_at: None,
        };
        let added = change.rows().add_signing_key(&record).await;
        added.map_err(|error| Problem::of_write(error, "this key is recorded already"))?;
        let changes = Changes::default()
            .with("alg", Value::Null, algorithm.as_str())
            .with("state", Value::Null, record.state.as_str());
        change
            .commit("signing_key.create", target(&record), changes)
            .await?;
        take_over(&instance.app).await?;
        Ok(record)
    })
    .await
}

/// Makes a pending key the one that signs; the one before it goes on verifying what it signed.
pub async fn activate(
    instance: OnInstance,
    kid: String,
    force: Submitted<bool>,
) -> Result<SigningKeyRecord, Problem> {
    to_completion(async move {
        let mut change = instance.begin().await?;
        let all = change.rows().list_signing_keys().await?;
        let found = all.iter().find(|key| key.kid == kid).cloned();
        let key = found.ok_or(Problem::NotFound("signing key"))?;
        let force = force?;
        if key.state == KeyState::Active {
            drop(change);
            // The ring may have failed to follow the first time.
            take_over(&instance.app).await?;
            return Ok(key);
        }
        let config = &instance.app.config;
        key.check_activation(config.keys.publish_before, force, change.now)
            .map_err(refusal)?;

        // The old one stops before the new one begins: the store allows one per algorithm.
        let mut changes =
            Changes::default().with("state", key.state.as_str(), KeyState::Active.as_str());
        let signs_now = |other: &&SigningKeyRecord| {
            other.algorithm == key.algorithm && other.state == KeyState::Active
        };
        if let Some(old) = all.iter().find(signs_now) {
            let old = old
                .clone()
                .succeeded(change.now, config.tokens.max_lifetime);
            change.rows().update_signing_key(&old).await?;
            changes = changes.with("active_kid", old.kid.as_str(), kid.as_str());
        }
        let key = key.activated(change.now);
        change.rows().update_signing_key(&key).await?;
        change
            .commit("signing_key.activate", target(&key), changes)
            .await?;
        take_over(&instance.app).await?;
        Ok(key)
    })
    .await
}

fn refusal(refusal: ActivationRefusal) -> Problem {
    match refusal {
        ActivationRefusal::NotPending(state) => Problem::conflict(
            Conflict::WrongState,
            format!(
                "the key is {}; only a pending key can become active",
                state.as_str()
            ),
        ),
        ActivationRefusal::NotPublishedLongEnough { until } => Problem::conflict(
            Conflict::NotPublishedLongEnough,
            format!(
                "verifiers may not know the key before {until}: wait until then, or say \
                 `{{\"force\": true}}`"
            ),
        ),
    }
}

/// Lets the ring of this node follow the records.
async fn take_over(app: &App) -> Result<(), Problem> {
    // One after the other, so that an older reading never replaces a newer one.
    let _turn = app.key_turn.lock().await;
    let records = app.store.list_signing_keys().await?;
    let app = app.clone();
    off_the_workers(move || app.key_ring.reload(&app.keys_dir, &records)).await
}

/// Runs work that reads files or makes keys where it holds up no request. Its failure is ours: the
/// files of `keys/` cannot be read or written.
async fn off_the_workers<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Problem>
where
    T: Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Problem::Unavailable(Box::new(error))),
        Err(error) => Err(Problem::Unavailable(Box::new(error))),
    }
}

fn target(key: &SigningKeyRecord) -> Target {
    Target {
        kind: "signing_key",
        id: key.kid.clone(),
        name: key.algorithm.to_string(),
    }
}
