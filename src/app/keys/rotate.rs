//! Rotating keys now, whatever the schedule says: a successor that verifiers know takes over, and
//! where there is none, one is published, which takes over by itself as soon as they do.

use jiff::Timestamp;

use crate::domain::audit::Changes;
use crate::domain::rotation::after;
use crate::domain::signing_key::Algorithm;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;

use super::super::App;
use super::super::audit::the_instance;
use super::super::audited::AuditedChange;
use super::super::authority::OnInstance;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::NewKeyFile;
use super::active;
use super::add;
use super::check_room;
use super::described;
use super::generate;
use super::pending;
use super::succeed;
use super::update;

/// What is rotated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rotation {
    /// The algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Whether a successor signs at once, whatever verifiers know.
    pub force: bool,
}

/// Rotates the keys of some algorithms, in one change. Returns the successors: those that sign now,
/// and those that will.
pub async fn rotate(
    instance: OnInstance,
    submitted: Submitted<Rotation>,
) -> Result<Vec<SigningKeyRecord>, Problem> {
    to_completion(async move {
        let Rotation { algorithms, force } = submitted?;
        let app = instance.app.clone();
        // Nothing is made for a call that will be refused.
        instance.caller.terms().check_compared()?;
        let spares = spares(&app, &algorithms).await?;
        let rotated = rotate_with(&instance, &algorithms, force, spares).await?;
        let successors = rotated.into_iter();
        Ok(successors.map(|key| described(&app, key)).collect())
    })
    .await
}

/// A new key for each algorithm that has none pending. Making them takes time, so it is done before the
/// lock is taken.
async fn spares(
    app: &App,
    algorithms: &[Algorithm],
) -> Result<Vec<(Algorithm, NewKeyFile)>, Problem> {
    let known = app.store.list_signing_keys().await?;
    let is_missing = |algorithm: &&Algorithm| pending(&known, **algorithm).is_none();
    let missing: Vec<_> = algorithms.iter().filter(is_missing).copied().collect();
    check_room(&known, missing.len())?;
    let mut spares = Vec::with_capacity(missing.len());
    for algorithm in missing {
        spares.push((algorithm, generate(app, algorithm).await?));
    }
    Ok(spares)
}

async fn rotate_with(
    instance: &OnInstance,
    algorithms: &[Algorithm],
    force: bool,
    spares: Vec<(Algorithm, NewKeyFile)>,
) -> Result<Vec<SigningKeyRecord>, Problem> {
    let mut change = instance.begin().await?;
    let all = change.rows().list_signing_keys().await?;
    let mut rotating = Rotating {
        app: &instance.app,
        all: &all,
        force,
        spares,
        changes: Changes::default(),
    };
    let mut successors = Vec::new();
    for algorithm in algorithms {
        successors.push(rotating.step(&mut change, *algorithm).await?);
    }
    let Rotating { changes, .. } = rotating;
    if changes != Changes::default() {
        change
            .commit("signing_key.rotate", the_instance(), changes)
            .await?;
    }
    Ok(successors)
}

struct Rotating<'a> {
    app: &'a App,
    all: &'a [SigningKeyRecord],
    force: bool,
    /// The keys that were made for it and are not taken yet.
    spares: Vec<(Algorithm, NewKeyFile)>,
    /// By the name of the algorithm.
    changes: Changes,
}

impl Rotating<'_> {
    /// Rotates one algorithm; returns its successor.
    async fn step(
        &mut self,
        change: &mut AuditedChange,
        algorithm: Algorithm,
    ) -> Result<SigningKeyRecord, Problem> {
        let publish_before = self.app.config.keys.publish_before;
        let (next, file) = if let Some(next) = pending(self.all, algorithm) {
            (next.clone(), None)
        } else {
            let file = self.new_key(algorithm).await?;
            let kid = file.kid().to_owned();
            let next = SigningKeyRecord::pending(kid, algorithm, change.now);
            (next, Some(file))
        };
        if next
            .check_activation(publish_before, self.force, change.now)
            .is_ok()
        {
            return self.activate(change, next, file).await;
        }
        let begins = after(next.published_at, publish_before);
        self.plan(change, next, begins, file).await
    }

    /// A new key, of which there is no record yet.
    async fn new_key(&mut self, algorithm: Algorithm) -> Result<NewKeyFile, Problem> {
        let spare = self.spares.iter().position(|(of, _)| *of == algorithm);
        if let Some(spare) = spare {
            return Ok(self.spares.swap_remove(spare).1);
        }
        // The pending key that was there a moment ago has been used.
        check_room(self.all, 1)?;
        generate(self.app, algorithm).await
    }

    async fn activate(
        &mut self,
        change: &mut AuditedChange,
        next: SigningKeyRecord,
        file: Option<NewKeyFile>,
    ) -> Result<SigningKeyRecord, Problem> {
        succeed(self.app, change, self.all, next.algorithm).await?;
        let next = next.activated(change.now, self.app.config.tokens.max_lifetime);
        let next = put(change, next, file).await?;
        self.note(&next);
        Ok(next)
    }

    /// Says when the key takes over.
    async fn plan(
        &mut self,
        change: &mut AuditedChange,
        next: SigningKeyRecord,
        begins: Timestamp,
        file: Option<NewKeyFile>,
    ) -> Result<SigningKeyRecord, Problem> {
        if next.activates_at.is_some_and(|planned| planned <= begins) {
            return Ok(next);
        }
        let next = SigningKeyRecord {
            activates_at: Some(begins),
            ..next
        };
        let next = put(change, next, file).await?;
        self.note(&next);
        Ok(next)
    }

    fn note(&mut self, next: &SigningKeyRecord) {
        let old = active(self.all, next.algorithm).map(|old| old.kid.clone());
        let after = match next.state {
            KeyState::Active => next.kid.clone(),
            _ => format!("{} (pending)", next.kid),
        };
        self.changes = std::mem::take(&mut self.changes).with(next.algorithm.as_str(), old, after);
    }
}

/// Adds a key, when it has a new file, or writes it anew.
async fn put(
    change: &mut AuditedChange,
    key: SigningKeyRecord,
    file: Option<NewKeyFile>,
) -> Result<SigningKeyRecord, Problem> {
    if let Some(file) = file {
        add(change, &key, file).await?;
        return Ok(key);
    }
    Ok(update(change, key).await?)
}
