//! An API token with all that an administrator sees of it, and never its value.

use jiff::Timestamp;

use crate::domain::api_token::ApiToken;
use crate::domain::credential::CredentialStatus;
use crate::domain::secret::Secret;
use crate::domain::usage::UsageReading;
use crate::domain::usage::UsageSubject;
use crate::domain::version::EntityTag;
use crate::domain::version::Versioned;

use super::super::access::Book;
use super::super::access::DescribedAccess;
use super::super::authority::InOrganization;
use super::super::problem::Problem;

/// An API token with all that an administrator sees of it.
#[derive(Clone, Debug)]
pub struct DescribedApiToken {
    /// The API token.
    pub token: ApiToken,
    /// How it stands now.
    pub status: CredentialStatus,
    /// What it is narrowed to; `None` = all of its account's access.
    pub access: Option<DescribedAccess>,
    /// When it was last used: introspected or exchanged.
    pub last_used_at: Option<Timestamp>,
}

/// An API token with its value, which is shown this once.
#[derive(Debug)]
pub struct IssuedApiToken {
    /// The API token.
    pub token: DescribedApiToken,
    /// Its value.
    pub value: Secret,
}

impl Versioned for DescribedApiToken {
    fn tag(&self) -> EntityTag {
        self.token.tag()
    }
}

impl Versioned for IssuedApiToken {
    fn tag(&self) -> EntityTag {
        self.token.tag()
    }
}

pub(super) async fn one(
    within: &InOrganization,
    token: ApiToken,
) -> Result<DescribedApiToken, Problem> {
    let described = all(within, vec![token]).await?.pop();
    described.ok_or(Problem::NotFound("API token"))
}

pub(super) async fn all(
    within: &InOrganization,
    tokens: Vec<ApiToken>,
) -> Result<Vec<DescribedApiToken>, Problem> {
    let app = &within.app;
    let subjects: Vec<_> = tokens.iter().map(subject).collect();
    let usage = app.usage.read(&subjects).await?;
    let mut book = Book::new(within);
    for token in &tokens {
        if let Some(narrowing) = &token.credential().narrowing {
            book.read(app.store.as_ref(), narrowing).await?;
        }
    }
    let now = app.clock.now();
    let described = tokens
        .into_iter()
        .map(|token| describe(token, &usage, &book, now));
    Ok(described.collect())
}

pub(super) fn describe(
    token: ApiToken,
    usage: &UsageReading,
    book: &Book,
    now: Timestamp,
) -> DescribedApiToken {
    let narrowing = token.credential().narrowing.as_ref();
    let last_used = usage.last_used(subject(&token));
    DescribedApiToken {
        status: token.status_at(now),
        access: narrowing.map(|narrowing| book.describe(narrowing)),
        last_used_at: last_used.map(|stamp| stamp.last_at),
        token,
    }
}

fn subject(token: &ApiToken) -> UsageSubject {
    UsageSubject::Credential(token.credential().id)
}
