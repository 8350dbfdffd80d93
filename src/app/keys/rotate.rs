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
use super::active;
use super::add;
use super::check_room;
use super::described;
use super::discard;
use super::generate;
use super::has_changed_nothing;
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
        let mut spares = spares(&app, &algorithms).await?;
        let rotated = rotate_with(&instance, &algorithms, force, &mut spares).await;
        if rotated.as_ref().err().is_none_or(has_changed_nothing) {
            for (_, unused) in spares {
                discard(&app, unused).await;
            }
        }
        let successors = rotated?.into_iter();
        Ok(successors.map(|key| described(&app, key)).collect())
    })
    .await
}

/// A new key for each algorithm that has none pending: what is not taken is discarded. Making them takes
/// time, so it is done before the lock is taken.
async fn spares(app: &App, algorithms: &[Algorithm]) -> Result<Vec<(Algorithm, String)>, Problem> {
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
    spares: &mut Vec<(Algorithm, String)>,
) -> Result<Vec<SigningKeyRecord>, Problem> {
    let mut change = instance.begin().await?;
    let all = change.rows().list_signing_keys().await?;
    let mut rotating = Rotating {
        app: &instance.app,
        all: &all,
        force,
        spares,
        changes: Changes::default(),
        taken: Vec::new(),
    };
    let mut successors = Vec::new();
    for algorithm in algorithms {
        successors.push(rotating.step(&mut change, *algorithm).await?);
    }
    let Rotating { changes, taken, .. } = rotating;
    if changes != Changes::default() {
        change
            .commit("signing_key.rotate", the_instance(), changes)
            .await?;
    }
    spares.retain(|(_, kid)| !taken.contains(kid));
    Ok(successors)
}

struct Rotating<'a> {
    app: &'a App,
    all: &'a [SigningKeyRecord],
    force: bool,
    /// The keys that were made for it.
    spares: &'a mut Vec<(Algorithm, String)>,
    /// By the name of the algorithm.
    changes: Changes,
    /// The new keys that were used.
    taken: Vec<String>,
}

impl Rotating<'_> {
    /// Rotates one algorithm; returns its successor.
    async fn step(
        &mut self,
        change: &mut AuditedChange,
        algorithm: Algorithm,
    ) -> Result<SigningKeyRecord, Problem> {
        let publish_before = self.app.config.keys.publish_before;
        let (next, is_new) = match pending(self.all, algorithm) {
            Some(next) => (next.clone(), false),
            None => (self.publish(change.now, algorithm).await?, true),
        };
        if next
            .check_activation(publish_before, self.force, change.now)
            .is_ok()
        {
            return self.activate(change, next, is_new).await;
        }
        let begins = after(next.published_at, publish_before);
        self.plan(change, next, begins, is_new).await
    }

    /// A new pending key, not added yet.
    async fn publish(
        &mut self,
        now: Timestamp,
        algorithm: Algorithm,
    ) -> Result<SigningKeyRecord, Problem> {
        let spare = self.spares.iter().find(|(of, _)| *of == algorithm);
        let kid = if let Some((_, kid)) = spare {
            kid.clone()
        } else {
            // The pending key that was there a moment ago has been used.
            check_room(self.all, 1)?;
            let kid = generate(self.app, algorithm).await?;
            self.spares.push((algorithm, kid.clone()));
            kid
        };
        self.taken.push(kid.clone());
        Ok(SigningKeyRecord::pending(kid, algorithm, now))
    }

    async fn activate(
        &mut self,
        change: &mut AuditedChange,
        next: SigningKeyRecord,
        is_new: bool,
    ) -> Result<SigningKeyRecord, Problem> {
        succeed(self.app, change, self.all, next.algorithm).await?;
        let next = next.activated(change.now, self.app.config.tokens.max_lifetime);
        let next = put(change, next, is_new).await?;
        self.note(&next);
        Ok(next)
    }

    /// Says when the key takes over.
    async fn plan(
        &mut self,
        change: &mut AuditedChange,
        next: SigningKeyRecord,
        begins: Timestamp,
        is_new: bool,
    ) -> Result<SigningKeyRecord, Problem> {
        if next.activates_at.is_some_and(|planned| planned <= begins) {
            return Ok(next);
        }
        let next = SigningKeyRecord {
            activates_at: Some(begins),
            ..next
        };
        let next = put(change, next, is_new).await?;
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

async fn put(
    change: &mut AuditedChange,
    key: SigningKeyRecord,
    is_new: bool,
) -> Result<SigningKeyRecord, Problem> {
    if is_new {
        add(change, &key).await?;
        return Ok(key);
    }
    Ok(update(change, key).await?)
}
