//! Rotation: a new secret beside the old one. The rules are in [`crate::domain::rotation`].

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::audit::Changes;
use crate::domain::credential::Credential;
use crate::domain::credential::DEFAULT_OVERLAP;
use crate::domain::id::SecretId;
use crate::domain::rotation::Lifetime;
use crate::domain::rotation::Rotation;
use crate::domain::rotation::RotationPlan;
use crate::domain::rotation::RotationRefusal;
use crate::domain::secret::SecretKind;

use super::super::accounts;
use super::super::administrators;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::directory::Touched;
use super::super::problem::Conflict;
use super::super::problem::Mistakes;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::changing::ChangingCredential;
use super::create::mint;
use super::described::IssuedCredential;
use super::narrowed;

/// What a rotation is asked for.
#[derive(Clone, Copy, Debug)]
pub struct RotationRequest {
    /// The overlap and the lifetime of the new secret.
    pub rotation: Rotation,
    /// Whether the tokens of the credential die as well.
    pub revoke_tokens: bool,
}

impl Default for RotationRequest {
    fn default() -> Self {
        Self {
            rotation: Rotation {
                overlap: DEFAULT_OVERLAP,
                lifetime: Lifetime::Usual,
                end_overlap: false,
            },
            revoke_tokens: false,
        }
    }
}

/// Gives a credential a new secret; the old one lives on for the overlap.
pub async fn rotate(
    within: InOrganization,
    account: String,
    credential: String,
    submitted: Submitted<RotationRequest>,
) -> Result<IssuedCredential, Problem> {
    to_completion(async move {
        let mut changing = ChangingCredential::begin(within, &account, &credential).await?;
        let ChangingCredential {
            within,
            change,
            account,
            credential,
            ..
        } = &mut changing;
        let held = accounts::effective_access(change, account).await?;
        let resulting = narrowed(&held, credential.narrowing.as_ref());
        within.caller.may_hand_on(&resulting)?;
        let request = submitted?;
        let plan = credential.plan_rotation(&request.rotation, change.now);
        check_end(change, credential, &request.rotation, &plan).await?;
        change.check_version(credential)?;
        let plan = plan.map_err(refusal)?;
        let until = plan.works_until(credential, change.now);
        administrators::keep_one_credential_as_long(change, account, credential, &held, until)
            .await?;

        let kind = SecretKind::ClientSecret;
        let (stored, secret) = mint(&within.app, change, kind, plan.expires_at);
        carry_out(change, credential, &plan).await?;
        change
            .rows()
            .add_secret(within.id(), credential.id, &stored)
            .await?;
        change.open.touch(Touched::Account(account.id));
        if request.revoke_tokens {
            change.kill_tokens_got_by(credential).await?;
        }
        let expired_at = credential.expires_at(change.now);
        let changes = changes(expired_at, &plan, stored.id, request.revoke_tokens);
        Ok(IssuedCredential {
            credential: changing.commit("credential.rotate", changes).await?,
            secret,
        })
    })
    .await
}

/// Refuses a new secret without an end where the organization does not allow that, also when it is
/// only as long as the one before it.
async fn check_end(
    change: &mut AuditedChange,
    credential: &Credential,
    rotation: &Rotation,
    plan: &Result<RotationPlan, RotationRefusal>,
) -> Result<(), Problem> {
    let lifetime = match plan {
        Ok(plan) if plan.expires_at.is_none() => Lifetime::Never,
        _ => rotation.lifetime,
    };
    let mut mistakes = Mistakes::default();
    let organization = credential.organization;
    super::check_expiry(change, organization, "", lifetime, &mut mistakes).await?;
    mistakes.check()
}

fn refusal(refusal: RotationRefusal) -> Problem {
    match refusal {
        RotationRefusal::Revoked => Problem::conflict(
            Conflict::WrongState,
            "the credential was revoked for good: make a new one",
        ),
        RotationRefusal::OverlapInProgress { until } => {
            let until = until.map_or_else(
                || "they do so without end".to_owned(),
                |until| format!("the older one does so until {until}"),
            );
            Problem::conflict(
                Conflict::OverlapInProgress,
                format!(
                    "two secrets work already, and {until}: wait, or end that overlap now with \
                     `end_overlap`"
                ),
            )
        }
    }
}

async fn carry_out(
    change: &mut AuditedChange,
    credential: &Credential,
    plan: &RotationPlan,
) -> Result<(), Problem> {
    for (secret, end) in &plan.ends {
        change
            .rows()
            .set_secret_end(credential.organization, *secret, Some(*end))
            .await?;
    }
    for secret in &plan.forgets {
        change
            .rows()
            .remove_secret(credential.organization, *secret)
            .await?;
    }
    Ok(())
}

fn changes(
    expired_at: Option<Timestamp>,
    plan: &RotationPlan,
    new: SecretId,
    revoke_tokens: bool,
) -> Changes {
    let ended: Vec<_> = plan
        .ends
        .iter()
        .map(|(secret, end)| format!("{secret} ends at {end}"))
        .collect();
    let end = |end: Option<Timestamp>| end.map(|end| end.to_string());
    let changes = Changes::default()
        .with("secret", Value::Null, new.to_string())
        .with("old_secrets", Value::Null, ended)
        .with("expires_at", end(expired_at), end(plan.expires_at))
        .with("tokens_revoked", Value::Null, revoke_tokens);
    if plan.forgets.is_empty() {
        return changes;
    }
    let forgotten: Vec<_> = plan.forgets.iter().map(ToString::to_string).collect();
    changes.with("forgotten_secrets", forgotten, Value::Null)
}
