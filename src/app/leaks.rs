//! Reports of leaked secrets.
//!
//! Whoever holds a secret may report it: holding it is all the proof that is needed, and whoever should
//! not hold it had better report it than use it. What is reported is known by its hash only. A live
//! secret is revoked with its tokens, in the same call; where the organization wants a person to decide,
//! the report is kept for one ([`waiting`]). The reporter is told nothing, whatever the secret was.

pub mod waiting;

use std::net::IpAddr;

use crate::domain::api_token::ApiToken;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialRef;
use crate::domain::id::SecretId;
use crate::domain::organization::LeakReport;
use crate::domain::organization::Status;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretKind;
use crate::domain::secret::SecretStatus;
use crate::store::Lookup;
use crate::store::SecretOwner;
use crate::store::StoreError;

use super::App;
use super::api_tokens;
use super::audited::AuditedChange;
use super::authority::Identity;
use super::authority::Origin;
use super::credentials;
use super::problem::Problem;
use super::problem::Submitted;
use super::to_completion;

/// Proof that whoever reports has not reported too often, and from where that is.
#[derive(Clone, Copy, Debug)]
pub struct Admitted(IpAddr);

/// Counts a report from `address`, before anything of it is read: what it is of makes no difference,
/// so that the throttle tells nobody which were of something.
pub async fn admit(app: &App, address: IpAddr) -> Result<Admitted, Problem> {
    let now = app.clock.now();
    match app.throttle.count_report(address, now).await {
        Some(wait) => Err(Problem::TooManyRequests(wait)),
        None => Ok(Admitted(address)),
    }
}

/// Takes a report.
pub async fn report(
    app: &App,
    Admitted(address): Admitted,
    reported: Submitted<String>,
    origin: Origin,
) -> Result<(), Problem> {
    let reported = reported?;
    let kinds = [SecretKind::ClientSecret, SecretKind::ApiToken];
    let mut read = kinds.iter().map(|kind| Secret::parse(*kind, &reported));
    let Some(secret) = read.find_map(|secret| secret) else {
        // It cannot be one of ours, as whoever sent it can see too.
        return Ok(());
    };
    let hash = app.pepper.hash(&secret);
    let Some(owner) = app.store.find_secret_owner(&hash).await? else {
        return Ok(());
    };
    let app = app.clone();
    to_completion(async move { take_back(&app, owner, address, origin).await }).await?;
    Ok(())
}

async fn take_back(
    app: &App,
    owner: SecretOwner,
    address: IpAddr,
    origin: Origin,
) -> Result<(), StoreError> {
    let (reporter, organization) = (Identity::Anonymous, Some(owner.organization));
    let mut change = AuditedChange::begin(app, &reporter, &origin, organization).await?;
    let Some(leaked) = Leaked::find(&mut change, &owner).await? else {
        return Ok(());
    };
    let lookup = Lookup::Id(owner.organization);
    let organization = change.rows().find_organization(&lookup).await?;
    let policy = organization.map(|organization| organization.policy.leak_report);
    match policy {
        Some(LeakReport::Finding) => keep(change, &owner, &leaked, address).await,
        Some(LeakReport::Revoke) | None => leaked.revoke(change, owner.secret).await,
    }
}

/// Keeps a report for a person. The first one of a secret is enough.
async fn keep(
    mut change: AuditedChange,
    owner: &SecretOwner,
    leaked: &Leaked,
    address: IpAddr,
) -> Result<(), StoreError> {
    let now = change.now;
    let added = change
        .rows()
        .add_leak(owner.organization, owner.secret, now, Some(address))
        .await?;
    if !added {
        return Ok(());
    }
    let changes = Changes::default().with("leak_reported", false, true);
    let (action, target) = (leaked.action(), leaked.target(owner.secret));
    change.commit_on_no_terms(action, target, changes).await
}

/// A live secret that was reported, and whose it is.
enum Leaked {
    Secret(Credential),
    ApiToken(ApiToken),
}

impl Leaked {
    /// What was reported, under the lock; `None` when it has ended.
    async fn find(
        change: &mut AuditedChange,
        owner: &SecretOwner,
    ) -> Result<Option<Self>, StoreError> {
        let (organization, account, now) = (owner.organization, owner.account, change.now);
        let rows = change.rows();
        let found = match owner.credential {
            CredentialRef::ClientSecret(id) => {
                let lookup = Lookup::Id(id);
                let found = rows.find_credential(organization, account, &lookup).await?;
                found.map(Self::Secret)
            }
            CredentialRef::ApiToken(id) => {
                let lookup = Lookup::Id(id);
                let found = rows.find_api_token(organization, account, &lookup).await?;
                found.map(Self::ApiToken)
            }
        };
        Ok(found.filter(|leaked| {
            let credential = leaked.credential();
            let mut live = credential.live_secrets(now);
            credential.status != Status::Revoked && live.any(|secret| secret.id == owner.secret)
        }))
    }

    fn credential(&self) -> &Credential {
        match self {
            Self::Secret(credential) => credential,
            Self::ApiToken(token) => token.credential(),
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Secret(_) => "secret.report_leak",
            Self::ApiToken(_) => "api_token.report_leak",
        }
    }

    fn target(&self, secret: SecretId) -> Target {
        match self {
            Self::Secret(credential) => credentials::target_secret(credential, secret),
            Self::ApiToken(token) => api_tokens::target(token),
        }
    }

    /// Revokes it, with the tokens that were got with it.
    async fn revoke(&self, mut change: AuditedChange, secret: SecretId) -> Result<(), StoreError> {
        let credential = match self {
            Self::ApiToken(token) => {
                let (target, changes) = api_tokens::revoke_in(&mut change, token).await?;
                return change
                    .commit_on_no_terms(self.action(), target, changes)
                    .await;
            }
            Self::Secret(credential) => credential,
        };
        let now = change.now;
        let before = SecretStatus::of_one(&credential.secrets, secret, now);
        change
            .rows()
            .revoke_secret(credential.organization, secret, now)
            .await?;
        change.kill_tokens_got_by(credential).await?;
        let after = SecretStatus::Revoked.as_str();
        let changes = Changes::default()
            .with("status", before.map(SecretStatus::as_str), after)
            .with("tokens_revoked", false, true);
        let target = self.target(secret);
        change
            .commit_on_no_terms(self.action(), target, changes)
            .await
    }
}
