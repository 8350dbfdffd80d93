//! A credential with all that an administrator sees of it, and never its secret.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::credential::Credential;
use crate::domain::credential::CredentialStatus;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretStatus;
use crate::domain::secret::StoredSecret;
use crate::domain::usage::UsageKind;
use crate::domain::usage::UsageReading;
use crate::domain::usage::UsageSubject;
use crate::domain::version::EntityTag;
use crate::domain::version::Versioned;
use crate::store::StoreError;

use super::super::App;
use super::super::access::Book;
use super::super::access::DescribedAccess;
use super::super::authority::InOrganization;
use super::super::problem::Problem;

/// A credential with all that an administrator sees of it.
#[derive(Clone, Debug)]
pub struct DescribedCredential {
    /// The credential.
    pub credential: Credential,
    /// How it stands now.
    pub status: CredentialStatus,
    /// When it ends, as it stands now; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// What it is narrowed to; `None` = all of its account's access.
    pub access: Option<DescribedAccess>,
    /// When it was last used, in any way.
    pub last_used_at: Option<Timestamp>,
    /// Its secrets, from the oldest to the newest.
    pub secrets: Vec<DescribedSecret>,
}

/// A secret with the evidence of its use; its value is known to nobody.
#[derive(Clone, Debug)]
pub struct DescribedSecret {
    /// The secret, as it is stored.
    pub secret: StoredSecret,
    /// How it stands now.
    pub status: SecretStatus,
    /// When it first authenticated.
    pub first_used_at: Option<Timestamp>,
    /// When it last authenticated.
    pub last_used_at: Option<Timestamp>,
    /// From where it last did.
    pub last_used_address: Option<IpAddr>,
    /// With what it last did.
    pub last_used_user_agent: Option<Arc<str>>,
}

/// A credential with a new secret, which is shown this once.
#[derive(Debug)]
pub struct IssuedCredential {
    /// The credential.
    pub credential: DescribedCredential,
    /// The secret.
    pub secret: Secret,
}

impl Versioned for DescribedCredential {
    fn tag(&self) -> EntityTag {
        self.credential.tag()
    }
}

impl Versioned for IssuedCredential {
    fn tag(&self) -> EntityTag {
        self.credential.tag()
    }
}

pub(super) async fn one(
    within: &InOrganization,
    credential: Credential,
) -> Result<DescribedCredential, Problem> {
    let described = all(within, vec![credential]).await?.pop();
    described.ok_or(Problem::NotFound("credential"))
}

pub(super) async fn all(
    within: &InOrganization,
    credentials: Vec<Credential>,
) -> Result<Vec<DescribedCredential>, Problem> {
    let app = &within.app;
    let usage = read_usage(app, &credentials).await?;
    let mut book = Book::new(within);
    for credential in &credentials {
        if let Some(narrowing) = &credential.narrowing {
            book.read(app.store.as_ref(), narrowing).await?;
        }
    }
    let now = app.clock.now();
    let described = credentials
        .into_iter()
        .map(|credential| describe(credential, &usage, &book, now));
    Ok(described.collect())
}

/// What is known of the use of these credentials and their secrets.
pub(super) async fn read_usage(
    app: &App,
    credentials: &[Credential],
) -> Result<UsageReading, StoreError> {
    let subjects: Vec<_> = credentials
        .iter()
        .flat_map(|credential| {
            let secrets = credential.secrets.iter();
            let secrets = secrets.map(|secret| UsageSubject::Secret(secret.id));
            secrets.chain([UsageSubject::Credential(credential.id)])
        })
        .collect();
    app.usage.read(&subjects).await
}

pub(super) fn describe(
    credential: Credential,
    usage: &UsageReading,
    book: &Book,
    now: Timestamp,
) -> DescribedCredential {
    let statuses = SecretStatus::of_each(&credential.secrets, now);
    let secrets = credential.secrets.iter().zip(statuses);
    let last_used = usage.last_used(UsageSubject::Credential(credential.id));
    DescribedCredential {
        status: credential.status_at(now),
        expires_at: credential.expires_at(now),
        access: credential
            .narrowing
            .as_ref()
            .map(|narrowing| book.describe(narrowing)),
        last_used_at: last_used.map(|stamp| stamp.last_at),
        secrets: secrets
            .map(|(secret, status)| describe_secret(secret, status, usage))
            .collect(),
        credential,
    }
}

fn describe_secret(
    secret: &StoredSecret,
    status: SecretStatus,
    usage: &UsageReading,
) -> DescribedSecret {
    let stamp = usage.stamp(UsageSubject::Secret(secret.id), UsageKind::Authenticated);
    DescribedSecret {
        status,
        first_used_at: stamp.map(|stamp| stamp.first_at),
        last_used_at: stamp.map(|stamp| stamp.last_at),
        last_used_address: stamp.and_then(|stamp| stamp.address),
        last_used_user_agent: stamp.and_then(|stamp| stamp.user_agent.clone()),
        secret: secret.clone(),
    }
}
