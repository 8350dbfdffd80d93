//! How a durable change is made.
//!
//! 1. [`begin`]: one transaction, under the lock of its organization;
//! 2. the action reads and writes through [`OpenChange::rows`], and notes what it touches;
//! 3. [`OpenChange::commit`]: the audit event and the change become durable together; then this
//!    node's memory follows, then the live state is told, then the signing keys of this node follow
//!    their records. Only then may the change be acknowledged.
//!
//! The live state is told within its own deadline, and its failure fails nothing: it costs later
//! readers a look-up in the store.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::OwnedMutexGuard;

use crate::domain::audit::AuditDraft;
use crate::domain::id::OrganizationId;
use crate::live::Dead;
use crate::store::Change;
use crate::store::RevokedToken;
use crate::store::StoreError;

use super::App;
use super::directory::Touched;
use super::keys;
use super::keys::NewKeyFile;

/// How long the live state keeps what is dead: longer than any token may live
/// (`tokens.max_lifetime_seconds` is at most 7 days), with room for clocks that differ.
const DEAD_FOR: Duration = Duration::from_hours(8 * 24);

/// A transaction with what it will have touched when it is committed.
pub struct OpenChange {
    /// Reads and writes.
    pub rows: Box<dyn Change>,
    touched: Vec<Touched>,
    dead: Vec<Dead>,
    revoked: Option<RevokedToken>,
    keys: TouchedKeys,
    /// Kept until this node's memory has followed.
    turn: Option<OwnedMutexGuard<()>>,
}

/// What a change does to the signing keys.
#[derive(Default)]
struct TouchedKeys {
    /// Whether it changes any.
    any: bool,
    /// One that it takes back.
    revoked: Option<String>,
    /// The files of those that it makes: they go with it if it does not come to be.
    made: Vec<NewKeyFile>,
}

/// Begins a change inside an organization, or one of the instance (`None`).
pub async fn begin(
    app: &App,
    organization: Option<OrganizationId>,
) -> Result<OpenChange, StoreError> {
    open(app, app.store.begin(organization)).await
}

/// The same for a change that somebody of the organization `by` makes: what ends their token waits
/// for the end of it.
pub async fn begin_by(
    app: &App,
    organization: Option<OrganizationId>,
    by: OrganizationId,
) -> Result<OpenChange, StoreError> {
    open(app, app.store.begin_by(organization, by)).await
}

async fn open(
    app: &App,
    begun: impl Future<Output = Result<Box<dyn Change>, StoreError>>,
) -> Result<OpenChange, StoreError> {
    // Before the connection: nobody waits for a turn while holding one.
    let turn = app.directory.turn().await?;
    let rows = begun.await?;
    app.directory.settle(app.clock.now()).await?;
    Ok(OpenChange {
        rows,
        touched: Vec::new(),
        dead: Vec::new(),
        revoked: None,
        keys: TouchedKeys::default(),
        turn,
    })
}

impl OpenChange {
    /// Notes that what is remembered of `what` is no longer true.
    pub fn touch(&mut self, what: Touched) {
        self.touched.push(what);
    }

    /// Notes tokens that the change kills.
    pub fn kill(&mut self, dead: Dead) {
        self.dead.push(dead);
    }

    /// Notes a single token that the change revokes.
    pub fn revoke(&mut self, token: RevokedToken) {
        self.dead.push(Dead::Token(token.id));
        self.revoked = Some(token);
    }

    /// Notes that the records of the signing keys change.
    pub fn touch_keys(&mut self) {
        self.keys.any = true;
    }

    /// Notes that a signing key is made; this is its file.
    pub(super) fn add_key(&mut self, file: NewKeyFile) {
        self.keys.made.push(file);
        self.touch_keys();
    }

    /// Notes that a signing key is taken back, with everything that it signed.
    pub fn revoke_key(&mut self, kid: &str) {
        self.keys.revoked = Some(kid.to_owned());
    }

    /// Makes the change durable, together with its audit event, and lets this node and the live
    /// state know. When this returns `Ok`, no later question sees the old state.
    pub async fn commit(mut self, app: &App, event: &AuditDraft) -> Result<(), StoreError> {
        // Whatever is heard of it: from here on it may be durable.
        self.keys.keep_files();
        if let Err(error) = self.rows.commit(event).await {
            // The answer may be all that was lost.
            app.directory.doubt();
            return Err(error);
        }
        app.directory.forget(&self.touched);
        let now = app.clock.now();
        if let Some(token) = &self.revoked {
            app.directory.note_revoked(token, now);
        }
        drop(self.turn);
        tell_live_state(app, &self.dead, now).await;
        self.keys.follow(app).await;
        Ok(())
    }
}

impl TouchedKeys {
    fn keep_files(&mut self) {
        self.made.drain(..).for_each(NewKeyFile::keep);
    }

    async fn follow(&self, app: &App) {
        if let Some(kid) = &self.revoked {
            keys::forget(app, kid).await;
        }
        if self.any {
            keys::take_over(app).await;
        }
    }
}

async fn tell_live_state(app: &App, dead: &[Dead], now: Timestamp) {
    if dead.is_empty() {
        return;
    }
    let until = now.saturating_add(DEAD_FOR).unwrap_or(Timestamp::MAX);
    if let Err(error) = app.live.mark_dead(dead, until).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the live state was not told of a revocation; the store decides"
        );
    }
}
