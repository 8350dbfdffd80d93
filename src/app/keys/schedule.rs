//! The schedule of the signing keys, carried out: every node looks every second, and whoever finds a
//! step due takes it under the lock of the instance, where it is decided anew. So each step is taken
//! once, however many nodes there are, and is one change like those that people make.

use crate::domain::audit::Changes;
use crate::domain::key_schedule::KeySchedule;
use crate::domain::key_schedule::KeyStep;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;

use super::super::App;
use super::super::audited::AuditedChange;
use super::super::authority::Identity;
use super::super::authority::Origin;
use super::super::problem::Problem;
use super::super::to_completion;
use super::NewKeyFile;
use super::add;
use super::find;
use super::follow;
use super::generate;
use super::hand_over;
use super::note_lifetime;
use super::note_signatures;
use super::take_over;
use super::target;
use super::update;

/// Who does it.
const JOB: Identity = Identity::Job {
    name: "key-schedule",
};

/// What a node does every second: it follows the records, notes what it has signed, and takes every
/// step that is due.
pub async fn once(app: &App) -> Result<(), Problem> {
    follow(app).await?;
    note_signatures(app).await?;
    loop {
        let records = app.store.list_signing_keys().await?;
        note_lifetime(app, &records).await?;
        let Some(step) = schedule(app).next_step(&records, app.clock.now()) else {
            return Ok(());
        };
        let app = app.clone();
        to_completion(async move { take(&app, step).await }).await?;
    }
}

fn schedule(app: &App) -> KeySchedule {
    KeySchedule {
        rotation: app.config.keys.rotation,
        publish_before: app.config.keys.publish_before,
    }
}

/// Takes a step, if it is still due once it is our turn.
async fn take(app: &App, step: KeyStep) -> Result<(), Problem> {
    // Making a key takes time, so it is made before the lock is taken.
    let spare = match step {
        KeyStep::Publish(algorithm, _) => Some(generate(app, algorithm).await?),
        KeyStep::Activate(_) | KeyStep::Retire(_) => None,
    };
    let taken = take_with(app, step, spare).await;
    take_over(app).await;
    taken
}

async fn take_with(app: &App, expected: KeyStep, spare: Option<NewKeyFile>) -> Result<(), Problem> {
    let mut change = AuditedChange::begin(app, &JOB, &Origin::default(), None).await?;
    let all = change.rows().list_signing_keys().await?;
    match schedule(app).next_step(&all, change.now) {
        Some(KeyStep::Publish(algorithm, begins)) => {
            let is_expected = matches!(expected, KeyStep::Publish(of, _) if of == algorithm);
            let Some(file) = spare.filter(|_| is_expected) else {
                return Ok(());
            };
            let record = SigningKeyRecord {
                activates_at: Some(begins),
                ..SigningKeyRecord::pending(file.kid().to_owned(), algorithm, change.now)
            };
            publish(change, &record, file).await
        }
        Some(KeyStep::Activate(kid)) => {
            let key = find(&all, &kid)?;
            hand_over(app, change, &all, key).await?;
            Ok(())
        }
        Some(KeyStep::Retire(kid)) => retire(change, find(&all, &kid)?).await,
        // Another node was faster.
        None => Ok(()),
    }
}

async fn publish(
    mut change: AuditedChange,
    record: &SigningKeyRecord,
    file: NewKeyFile,
) -> Result<(), Problem> {
    add(&mut change, record, file).await?;
    let none = serde_json::Value::Null;
    let begins = record.activates_at.map(|begins| begins.to_string());
    let changes = Changes::default()
        .with("alg", none.clone(), record.algorithm.as_str())
        .with("state", none.clone(), record.state.as_str())
        .with("activates_at", none, begins);
    change
        .commit("signing_key.create", target(record), changes)
        .await?;
    Ok(())
}

async fn retire(mut change: AuditedChange, key: SigningKeyRecord) -> Result<(), Problem> {
    let now = change.now;
    update(&mut change, key.clone().retired(now)).await?;
    let changes = Changes::default().with("state", key.state.as_str(), KeyState::Retired.as_str());
    change
        .commit("signing_key.retire", target(&key), changes)
        .await?;
    Ok(())
}
