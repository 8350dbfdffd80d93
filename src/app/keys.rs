//! Signing keys: made, made active, succeeded, taken back.
//!
//! The file of a key is written before its record is committed, and goes again where that does not come
//! to be ([`NewKeyFile`]): what a crash leaves between the two is a file that never signs. Once the
//! record is durable the change is acknowledged, and the ring of this node takes the records over; one
//! that could not, at once, does so within a second ([`follow()`]). A key that is taken back is out of
//! the ring before that is acknowledged.
//!
//! - [`rotate`], [`retire`], [`revoke`]: how a key comes to its end
//! - [`schedule`]: the same by itself, in time
//!
//! The private half of a key that is over is removed with the record's change: it is of no use to us
//! any more, and of much to whoever would find it. What it signed is verified with nothing any more,
//! and a backup of the database belongs to a backup of `keys/`.

mod follow;
mod new_file;
pub mod retire;
pub mod revoke;
pub mod rotate;
pub mod schedule;

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::signing_key::ActivationRefusal;
use crate::domain::signing_key::Algorithm;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;
use crate::jwt::key_files;
use crate::jwt::key_files::KeyFilesFault;

use super::App;
use super::StoreError;
use super::audited::AuditedChange;
use super::authority::OnInstance;
use super::off_the_workers;
use super::page::List;
use super::page::Listing;
use super::page::PageRequest;
use super::problem::Conflict;
use super::problem::Problem;
use super::problem::Submitted;
use super::to_completion;

pub use follow::KeyTurn;
pub use follow::follow;
pub(super) use follow::forget;
pub use follow::limit_tokens;
use follow::note_lifetime;
pub use follow::note_signatures;
pub(super) use follow::take_over;
pub(super) use new_file::NewKeyFile;

/// The most keys of one algorithm that are pending at once: verifiers read all of them.
const MAX_PENDING: usize = 10;

/// Which signing keys are wanted: those that meet all that is said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KeyQuery {
    /// How they stand.
    pub state: Option<KeyState>,
    /// What they sign with.
    pub algorithm: Option<Algorithm>,
}

impl KeyQuery {
    fn means(self, key: &SigningKeyRecord) -> bool {
        self.state.is_none_or(|state| key.state == state)
            && self.algorithm.is_none_or(|wanted| key.algorithm == wanted)
    }
}

/// The most keys, those that are over among them: every node reads the records of all of them every
/// second, and verifiers those of the ones that are not.
const MAX_KEYS: usize = 500;

/// The signing keys that are asked for, the oldest first.
pub async fn list(
    instance: &OnInstance,
    request: Submitted<(PageRequest, KeyQuery)>,
) -> Result<Listing<SigningKeyRecord>, Problem> {
    let (request, query) = request?;
    let list = List {
        key: &instance.app.server_key,
        path: vec!["keys".to_owned(), format!("{query:?}")],
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
    let found = all.into_iter().skip(begin);
    let found = found.filter(|key| query.means(key)).take(page.limit.into());
    let listing = list.listing(&request, found.collect(), |key| key.kid.clone());
    Ok(listing.map(|key| described(&instance.app, key)))
}

/// A signing key.
pub async fn show(instance: &OnInstance, kid: &str) -> Result<SigningKeyRecord, Problem> {
    let all = instance.app.store.list_signing_keys().await?;
    Ok(described(&instance.app, find(&all, kid)?))
}

/// Makes a key, which is published and does not sign yet.
pub async fn create(
    instance: OnInstance,
    submitted: Submitted<Algorithm>,
) -> Result<SigningKeyRecord, Problem> {
    to_completion(async move {
        let algorithm = submitted?;
        let app = &instance.app;
        // Nothing is made for a call that will be refused.
        instance.caller.terms().check_compared()?;
        let known = app.store.list_signing_keys().await?;
        check_pending(&known, algorithm)?;
        check_room(&known, 1)?;
        let file = generate(app, algorithm).await?;
        create_with(&instance, algorithm, file).await
    })
    .await
}

async fn create_with(
    instance: &OnInstance,
    algorithm: Algorithm,
    file: NewKeyFile,
) -> Result<SigningKeyRecord, Problem> {
    let mut change = instance.begin().await?;
    let all = change.rows().list_signing_keys().await?;
    check_pending(&all, algorithm)?;
    check_room(&all, 1)?;
    let record = SigningKeyRecord::pending(file.kid().to_owned(), algorithm, change.now);
    add(&mut change, &record, file).await?;
    let changes = Changes::default()
        .with("alg", Value::Null, algorithm.as_str())
        .with("state", Value::Null, record.state.as_str());
    change
        .commit("signing_key.create", target(&record), changes)
        .await?;
    Ok(record)
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
        let key = find(&all, &kid)?;
        let force = force?;
        change.check_version(&key)?;
        if key.state == KeyState::Active {
            drop(change);
            // The ring may have failed to follow the first time.
            take_over(&instance.app).await;
            return Ok(described(&instance.app, key));
        }
        let config = &instance.app.config;
        key.check_activation(config.keys.publish_before, force, change.now)
            .map_err(refusal)?;
        let key = hand_over(&instance.app, change, &all, key).await?;
        Ok(described(&instance.app, key))
    })
    .await
}

/// Makes `key` the one that signs, in a change of its own.
async fn hand_over(
    app: &App,
    mut change: AuditedChange,
    all: &[SigningKeyRecord],
    key: SigningKeyRecord,
) -> Result<SigningKeyRecord, Problem> {
    let state = key.state.as_str();
    let mut changes = Changes::default().with("state", state, KeyState::Active.as_str());
    if let Some(old) = succeed(app, &mut change, all, key.algorithm).await? {
        changes = changes.with("active_kid", old.kid.as_str(), key.kid.as_str());
    }
    let key = key.activated(change.now, app.config.tokens.max_lifetime);
    let key = update(&mut change, key).await?;
    change
        .commit("signing_key.activate", target(&key), changes)
        .await?;
    Ok(key)
}

/// Lets the key of `algorithm` that signs now do so no more. The old one stops before the new one
/// begins: the store allows one per algorithm.
async fn succeed(
    app: &App,
    change: &mut AuditedChange,
    all: &[SigningKeyRecord],
    algorithm: Algorithm,
) -> Result<Option<SigningKeyRecord>, StoreError> {
    let Some(old) = active(all, algorithm) else {
        return Ok(None);
    };
    let old = old
        .clone()
        .succeeded(change.now, app.config.tokens.max_lifetime);
    Ok(Some(update(change, old).await?))
}

fn active(all: &[SigningKeyRecord], algorithm: Algorithm) -> Option<&SigningKeyRecord> {
    all.iter()
        .find(|key| key.algorithm == algorithm && key.state == KeyState::Active)
}

/// The pending key of `algorithm` that verifiers know for the longest time.
fn pending(all: &[SigningKeyRecord], algorithm: Algorithm) -> Option<&SigningKeyRecord> {
    all.iter()
        .filter(|key| key.algorithm == algorithm && key.state == KeyState::Pending)
        .min_by_key(|key| key.published_at)
}

fn find(all: &[SigningKeyRecord], kid: &str) -> Result<SigningKeyRecord, Problem> {
    let found = all.iter().find(|key| key.kid == kid);
    found.cloned().ok_or(Problem::NotFound("signing key"))
}

/// Refuses to make `more` keys where there are many, whatever has become of them. To revoke one is never
/// refused.
fn check_room(all: &[SigningKeyRecord], more: usize) -> Result<(), Problem> {
    if all.len() + more <= MAX_KEYS {
        return Ok(());
    }
    Err(Problem::conflict(
        Conflict::QuotaReached,
        format!(
            "there are {MAX_KEYS} keys: those that are retired or revoked are forgotten after 90 days"
        ),
    ))
}

fn check_pending(all: &[SigningKeyRecord], algorithm: Algorithm) -> Result<(), Problem> {
    let pending = all
        .iter()
        .filter(|key| key.algorithm == algorithm && key.state == KeyState::Pending);
    if pending.count() < MAX_PENDING {
        return Ok(());
    }
    Err(Problem::conflict(
        Conflict::QuotaReached,
        format!(
            "{MAX_PENDING} keys for {algorithm} are pending already: retire one, or let it sign"
        ),
    ))
}

/// Adds the record of a new key; its file stays when the change comes to be.
async fn add(
    change: &mut AuditedChange,
    record: &SigningKeyRecord,
    file: NewKeyFile,
) -> Result<(), Problem> {
    let added = change.rows().add_signing_key(record).await;
    added.map_err(|error| Problem::of_write(error, "this key is recorded already"))?;
    change.open.add_key(file);
    Ok(())
}

/// Writes a key anew; returns it with the version that it has from now on.
async fn update(
    change: &mut AuditedChange,
    key: SigningKeyRecord,
) -> Result<SigningKeyRecord, StoreError> {
    let version = change.rows().update_signing_key(&key).await?;
    change.open.touch_keys();
    Ok(SigningKeyRecord { version, ..key })
}

/// The key with its last signature, as far as this node knows of it before it is written.
fn described(app: &App, key: SigningKeyRecord) -> SigningKeyRecord {
    let mut signed = app.key_ring.last_signed().into_iter();
    let here = signed.find(|(kid, _)| *kid == key.kid);
    let here = here.and_then(|(_, second)| Timestamp::from_second(second).ok());
    SigningKeyRecord {
        last_signed_at: key.last_signed_at.max(here),
        ..key
    }
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

/// Makes a key and its file, where that holds up no request. A failure is ours: the files of `keys/`
/// cannot be written.
async fn generate(app: &App, algorithm: Algorithm) -> Result<NewKeyFile, Problem> {
    let app = app.clone();
    let made = off_the_workers(move || {
        let kid = key_files::generate(&app.keys_dir, algorithm)?;
        Ok::<_, KeyFilesFault>(NewKeyFile::of(&app, kid))
    });
    made.await?
        .map_err(|fault| Problem::Unavailable(Box::new(fault)))
}

fn target(key: &SigningKeyRecord) -> Target {
    Target {
        kind: "signing_key",
        id: key.kid.clone(),
        name: key.algorithm.to_string(),
    }
}
