//! Clean-up: secrets, credentials, API tokens and signing keys that ended long ago are forgotten.
//!
//! Until then they stay to be found: *expired*, *revoked*, and when last used. What ended a quarter of a
//! year ago helps nobody any more, and a list that only grows hides what matters. A token of a key that
//! is forgotten is one of a key that is unknown, and not active either: it was dead for long, since no
//! token lives for more than a week.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::id::OrganizationId;
use crate::store::CleanedUp;
use crate::store::Lookup;
use crate::store::StoreError;

use super::App;
use super::audit::the_instance;
use super::audited::AuditedChange;
use super::authority::Identity;
use super::authority::Origin;
use super::directory::Touched;
use super::to_completion;

/// Who does it.
const JOB: Identity = Identity::Job { name: "clean-up" };

/// How long something that has ended is kept.
const KEPT: Duration = Duration::from_hours(90 * 24);

/// Forgets what ended long ago, in every organization, and the signing keys. Of what one has too much for
/// one transaction, the next run takes the rest.
pub async fn once(app: &App) -> Result<(), StoreError> {
    let Ok(before) = app.clock.now().checked_sub(KEPT) else {
        return Ok(());
    };
    let organizations = app.store.list_organizations_to_clean_up(before).await?;
    for organization in organizations {
        let app = app.clone();
        to_completion(async move { clean_up(&app, organization, before).await }).await?;
    }
    let keys = app.store.list_signing_keys().await?;
    if keys.iter().any(|key| key.was_over(before)) {
        let app = app.clone();
        to_completion(async move { forget_keys(&app, before).await }).await?;
    }
    Ok(())
}

async fn forget_keys(app: &App, before: Timestamp) -> Result<(), StoreError> {
    let mut change = AuditedChange::begin(app, &JOB, &Origin::default(), None).await?;
    let forgotten = change.rows().remove_signing_keys(before).await?;
    if forgotten.is_empty() {
        // Another node was faster.
        return Ok(());
    }
    change.open.touch_keys();
    let changes = Changes::default().with("signing_keys", forgotten, Value::Null);
    change
        .commit_on_no_terms("instance.clean_up", the_instance(), changes)
        .await
}

async fn clean_up(
    app: &App,
    organization: OrganizationId,
    before: Timestamp,
) -> Result<(), StoreError> {
    let nowhere = Origin::default();
    let mut change = AuditedChange::begin(app, &JOB, &nowhere, Some(organization)).await?;
    let cleaned_up = change.rows().clean_up_secrets(organization, before).await?;
    if cleaned_up.secrets == 0 {
        // Another node was faster.
        return Ok(());
    }
    change.open.touch(Touched::Organization(organization));
    let target = target(&mut change, organization).await?;
    change
        .commit_on_no_terms("organization.clean_up", target, changes(&cleaned_up))
        .await
}

async fn target(
    change: &mut AuditedChange,
    organization: OrganizationId,
) -> Result<Target, StoreError> {
    let lookup = Lookup::Id(organization);
    let found = change.rows().find_organization(&lookup).await?;
    let name = found.map(|found| found.name.to_string());
    Ok(Target {
        kind: "organization",
        id: organization.to_string(),
        name: name.unwrap_or_default(),
    })
}

fn changes(cleaned_up: &CleanedUp) -> Changes {
    let text = |ids: Vec<String>| Value::from(ids);
    let credentials = cleaned_up.credentials.iter().map(ToString::to_string);
    let api_tokens = cleaned_up.api_tokens.iter().map(ToString::to_string);
    Changes::default()
        .with("secrets", cleaned_up.secrets, 0)
        .with("credentials", text(credentials.collect()), None::<&str>)
        .with("api_tokens", text(api_tokens.collect()), None::<&str>)
}
