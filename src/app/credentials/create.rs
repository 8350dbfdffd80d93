//! Making a credential, with its first secret.

use ipnet::IpNet;
use serde_json::Value;

use crate::domain::access::Access;
use crate::domain::account::ServiceAccount;
use crate::domain::audit::Changes;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialKind;
use crate::domain::credential::DEFAULT_SECRET_LIFETIME;
use crate::domain::credential::MAX_CREDENTIALS;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::domain::id::SecretId;
use crate::domain::name::Label;
use crate::domain::organization::Generation;
use crate::domain::organization::Status;
use crate::domain::rotation::Lifetime;
use crate::domain::rotation::after;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretKind;
use crate::domain::secret::StoredSecret;
use crate::domain::usage::UsageReading;
use crate::domain::version::Version;
use crate::random;
use crate::store::Lookup;
use crate::store::StoreError;

use super::super::App;
use super::super::access::Book;
use super::super::access::PresentedAccess;
use super::super::access::Reading;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::directory::Touched;
use super::super::problem::Conflict;
use super::super::problem::Mistakes;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::described::IssuedCredential;
use super::described::describe;
use super::effective_access;
use super::target;

/// A credential that is to be made.
#[derive(Clone, Debug)]
pub struct NewCredential {
    /// Its name.
    pub name: Label,
    /// How long its secret lives; usually 90 days.
    pub lifetime: Lifetime,
    /// The networks that it may come from; empty = any.
    pub allowed_networks: Vec<IpNet>,
    /// What it is narrowed to; `None` = all of its account's access.
    pub access: Option<PresentedAccess>,
}

impl NewCredential {
    /// See [`InOrganization::recognise_audiences`].
    pub(in crate::app) async fn recognise_audiences(
        &mut self,
        within: &InOrganization,
    ) -> Result<(), StoreError> {
        match &mut self.access {
            Some(presented) => within.recognise_audiences(presented).await,
            None => Ok(()),
        }
    }
}

/// Makes a credential.
pub async fn create(
    within: InOrganization,
    account: String,
    submitted: Submitted<NewCredential>,
) -> Result<IssuedCredential, Problem> {
    to_completion(async move {
        let mut submitted = submitted;
        if let Ok(new) = &mut submitted {
            new.recognise_audiences(&within).await?;
        }
        let mut change = within.begin().await?;
        let account = within.account_in(change.rows(), &account).await?;
        let new = submitted?;

        let mut reading = Reading::of_nothing(&within);
        let mistakes = &mut reading.mistakes;
        check_expiry(&mut change, within.id(), "", new.lifetime, mistakes).await?;
        let narrowing = match &new.access {
            None => None,
            Some(presented) => Some(reading.narrowing(change.rows(), presented).await?),
        };
        if !reading.is_good() {
            drop(change);
            return Err(reading.refuse().await);
        }
        let resulting = effective_access(&mut change, &account, narrowing.as_ref()).await?;
        within.caller.may_hand_on(&resulting)?;
        check_room(&mut change, &account).await?;
        let added = add(&within.app, &mut change, &account, &new, narrowing).await?;
        let issued = added.describe(&reading.book, change.now);
        let changes = changes(&issued);
        let target = target(&issued.credential.credential);
        change.commit("credential.create", target, changes).await?;
        Ok(issued)
    })
    .await
}

async fn check_room(change: &mut AuditedChange, account: &ServiceAccount) -> Result<(), Problem> {
    let rows = change.rows();
    let count = rows.count_credentials(account.organization, account.id);
    if count.await? < MAX_CREDENTIALS {
        return Ok(());
    }
    Err(Problem::conflict(
        Conflict::QuotaReached,
        format!(
            "an account has at most {MAX_CREDENTIALS} credentials, expired and revoked ones among \
             them: delete one that is not needed any more"
        ),
    ))
}

/// Notes it when the organization does not allow what never ends. `at` is where the credential
/// stands in the body.
pub(in crate::app) async fn check_expiry(
    change: &mut AuditedChange,
    organization: OrganizationId,
    at: &str,
    lifetime: Lifetime,
    mistakes: &mut Mistakes,
) -> Result<(), StoreError> {
    if lifetime != Lifetime::Never {
        return Ok(());
    }
    // Read under the lock: the policy may have changed since the caller was let in.
    let lookup = Lookup::Id(organization);
    let found = change.rows().find_organization(&lookup).await?;
    if !found.is_some_and(|found| found.policy.allow_never_expires) {
        mistakes.add(
            &format!("{at}/expires_in_seconds"),
            "not_allowed",
            "the organization's policy wants every secret to end (`allow_never_expires` is false)",
        );
    }
    Ok(())
}

/// A credential and its secret, just stored.
pub(in crate::app) struct Added {
    credential: Credential,
    secret: Secret,
}

impl Added {
    pub(in crate::app) fn describe(self, book: &Book, now: jiff::Timestamp) -> IssuedCredential {
        // What was made just now was never used.
        let unused = UsageReading::default();
        IssuedCredential {
            credential: describe(self.credential, &unused, book, now),
            secret: self.secret,
        }
    }
}

/// Adds a credential to an account, inside a change that has been allowed.
pub(in crate::app) async fn add(
    app: &App,
    change: &mut AuditedChange,
    account: &ServiceAccount,
    new: &NewCredential,
    narrowing: Option<Access>,
) -> Result<Added, Problem> {
    let ends_at = match new.lifetime {
        Lifetime::Usual => Some(after(change.now, DEFAULT_SECRET_LIFETIME)),
        Lifetime::Never => None,
        Lifetime::For(lifetime) => Some(after(change.now, lifetime)),
    };
    let (stored, secret) = mint(app, change, SecretKind::ClientSecret, ends_at);
    let credential = Credential {
        id: change.new_id(CredentialId::generate),
        organization: account.organization,
        account: account.id,
        client_id: change.new_id(ClientId::generate),
        kind: CredentialKind::ClientSecret,
        name: new.name.clone(),
        status: Status::Active,
        generation: Generation::FIRST,
        allowed_networks: new.allowed_networks.clone(),
        narrowing,
        created_at: change.now,
        version: Version::FIRST,
        secrets: vec![stored],
    };
    let taken = "another credential of this account has this name";
    let added = change.rows().add_credential(&credential).await;
    added.map_err(|error| Problem::of_write(error, taken))?;
    change.open.touch(Touched::Account(account.id));
    Ok(Added { credential, secret })
}

/// A new secret, in the form that is stored and in the form that is shown.
pub(in crate::app) fn mint(
    app: &App,
    change: &AuditedChange,
    kind: SecretKind,
    ends_at: Option<jiff::Timestamp>,
) -> (StoredSecret, Secret) {
    let secret = random::secret(kind);
    let stored = StoredSecret {
        id: change.new_id(SecretId::generate),
        hash: app.pepper.hash(&secret),
        pepper: app.pepper.id(),
        hint: secret.hint(),
        created_at: change.now,
        ends_at,
        revoked_at: None,
    };
    (stored, secret)
}

fn changes(issued: &IssuedCredential) -> Changes {
    let made = &issued.credential;
    let credential = &made.credential;
    let networks: Vec<_> = credential
        .allowed_networks
        .iter()
        .map(ToString::to_string)
        .collect();
    let end = made.expires_at.map(|end| end.to_string());
    Changes::default()
        .with("account", Value::Null, credential.account.to_string())
        .with("name", Value::Null, credential.name.as_str())
        .with("client_id", Value::Null, credential.client_id.to_string())
        .with("expires_at", Value::Null, end)
        .with("allowed_networks", Value::Null, networks)
        .with(
            "access",
            Value::Null,
            made.access
                .as_ref()
                .map(super::super::access::DescribedAccess::to_json),
        )
}
