//! Retiring a key: it signs no more, and what it signed counts to its end.

use crate::domain::audit::Changes;
use crate::domain::signing_key::KeyState;
use crate::domain::signing_key::SigningKeyRecord;

use super::super::App;
use super::super::audited::AuditedChange;
use super::super::authority::OnInstance;
use super::super::problem::Conflict;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::described;
use super::find;
use super::pending;
use super::refusal;
use super::succeed;
use super::take_over;
use super::target;
use super::update;

/// Retires a key. One that signs is succeeded by a pending one of its algorithm, and stays in the JWKS
/// until its tokens are dead; one that has not signed yet leaves at once.
pub async fn retire(
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
        let app = &instance.app;
        let retired = match key.state {
            KeyState::Active => succeeded(app, change, &all, key, force).await?,
            KeyState::Pending => dropped(change, key).await?,
            KeyState::Retiring | KeyState::Retired => {
                drop(change);
                // The ring may have failed to follow the first time.
                take_over(app).await;
                key
            }
            KeyState::Revoked => {
                return Err(Problem::conflict(
                    Conflict::WrongState,
                    "the key is revoked, which is more than to be retired",
                ));
            }
        };
        Ok(described(app, retired))
    })
    .await
}

async fn succeeded(
    app: &App,
    mut change: AuditedChange,
    all: &[SigningKeyRecord],
    key: SigningKeyRecord,
    force: bool,
) -> Result<SigningKeyRecord, Problem> {
    let Some(next) = pending(all, key.algorithm) else {
        return Err(Problem::conflict(
            Conflict::InUse,
            format!(
                "it is the only key that signs {alg}: publish another (`POST /keys`) and let it \
                 take over",
                alg = key.algorithm
            ),
        ));
    };
    next.check_activation(app.config.keys.publish_before, force, change.now)
        .map_err(refusal)?;
    let retired = succeed(app, &mut change, all, key.algorithm).await?;
    let lifetime = app.config.tokens.max_lifetime;
    let next = next.clone().activated(change.now, lifetime);
    let next = update(&mut change, next).await?;
    let changes = Changes::default()
        .with("state", key.state.as_str(), KeyState::Retiring.as_str())
        .with("active_kid", key.kid.as_str(), next.kid.as_str());
    change
        .commit("signing_key.retire", target(&key), changes)
        .await?;
    Ok(retired.unwrap_or(key))
}

async fn dropped(
    mut change: AuditedChange,
    key: SigningKeyRecord,
) -> Result<SigningKeyRecord, Problem> {
    let now = change.now;
    let retired = update(&mut change, key.clone().retired(now)).await?;
    let changes = Changes::default().with("state", key.state.as_str(), KeyState::Retired.as_str());
    change
        .commit("signing_key.retire", target(&key), changes)
        .await?;
    Ok(retired)
}
