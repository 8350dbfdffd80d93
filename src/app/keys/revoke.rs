//! Revoking a key: the emergency. It leaves the JWKS and its tokens are dead, at once; when it was the
//! one that signed, another signs from the same instant on. All of it is one change.

use crate::domain::audit::Changes;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;

use super::super::App;
use super::super::audited::AuditedChange;
use super::super::authority::OnInstance;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::NewKeyFile;
use super::add;
use super::described;
use super::find;
use super::forget;
use super::generate;
use super::pending;
use super::take_over;
use super::target;
use super::update;

/// Revokes a key.
pub async fn revoke(
    instance: OnInstance,
    kid: String,
    submitted: Submitted<()>,
) -> Result<SigningKeyRecord, Problem> {
    to_completion(async move {
        let app = instance.app.clone();
        // Making a key takes time, so it is made before the lock is taken, if one will be needed.
        let known = app.store.list_signing_keys().await?;
        let needs = find(&known, &kid)?;
        submitted?;
        // Nothing is made for a call that will be refused.
        instance.caller.terms().check(&needs)?;
        let mut spare = None;
        if needs.state == KeyState::Active && known_successor(&app, &known, &needs).is_none() {
            spare = Some(generate(&app, needs.algorithm).await?);
        }
        let revoked = revoke_with(&instance, &kid, spare).await?;
        Ok(described(&app, revoked))
    })
    .await
}

/// A pending key that verifiers know, which is better than a new one.
fn known_successor(
    app: &App,
    all: &[SigningKeyRecord],
    key: &SigningKeyRecord,
) -> Option<SigningKeyRecord> {
    let next = pending(all, key.algorithm)?;
    let publish_before = app.config.keys.publish_before;
    let known = next.check_activation(publish_before, false, app.clock.now());
    known.is_ok().then(|| next.clone())
}

/// Revokes the key under the lock. The spare key is taken if it is needed.
async fn revoke_with(
    instance: &OnInstance,
    kid: &str,
    spare: Option<NewKeyFile>,
) -> Result<SigningKeyRecord, Problem> {
    let app = &instance.app;
    let mut change = instance.begin().await?;
    let all = change.rows().list_signing_keys().await?;
    let key = find(&all, kid)?;
    change.check_version(&key)?;
    if key.state == KeyState::Revoked {
        drop(change);
        // The ring may have failed to follow the first time.
        forget(app, kid).await;
        take_over(app).await;
        return Ok(key);
    }
    let now = change.now;
    let revoked = update(&mut change, key.clone().revoked(now)).await?;
    change.open.revoke_key(kid);
    let mut changes =
        Changes::default().with("state", key.state.as_str(), KeyState::Revoked.as_str());
    if key.state == KeyState::Active {
        let next = replace(app, &mut change, &all, &key, spare).await?;
        changes = changes.with("active_kid", key.kid.as_str(), next.kid.as_str());
    }
    change
        .commit("signing_key.revoke", target(&key), changes)
        .await?;
    Ok(revoked)
}

/// Lets another key sign in place of the one that is revoked.
async fn replace(
    app: &App,
    change: &mut AuditedChange,
    all: &[SigningKeyRecord],
    key: &SigningKeyRecord,
    spare: Option<NewKeyFile>,
) -> Result<SigningKeyRecord, Problem> {
    let lifetime = app.config.tokens.max_lifetime;
    if let Some(next) = known_successor(app, all, key) {
        let next = next.activated(change.now, lifetime);
        return Ok(update(change, next).await?);
    }
    let file = match spare {
        Some(file) => file,
        // Somebody has made the key the active one since: then this takes a little longer.
        None => generate(app, key.algorithm).await?,
    };
    let next = SigningKeyRecord::pending(file.kid().to_owned(), key.algorithm, change.now);
    let next = next.activated(change.now, lifetime);
    add(change, &next, file).await?;
    Ok(next)
}
