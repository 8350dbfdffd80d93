//! An account with all that an administrator sees of it.

use jiff::Timestamp;

use crate::domain::account::AccountStatus;
use crate::domain::account::ServiceAccount;
use crate::domain::name::Name;
use crate::domain::role::NamedRole;
use crate::domain::usage::UsageSubject;
use crate::domain::version::EntityTag;
use crate::domain::version::Versioned;

use super::super::access::Book;
use super::super::access::DescribedAccess;
use super::super::authority::InOrganization;
use super::super::problem::Problem;

/// An account with all that an administrator sees of it.
#[derive(Clone, Debug)]
pub struct DescribedAccount {
    /// The account.
    pub account: ServiceAccount,
    /// How it stands now.
    pub status: AccountStatus,
    /// Its own grants.
    pub access: DescribedAccess,
    /// The names of its roles.
    pub roles: Vec<Name>,
    /// When it was last used, in any way.
    pub last_used_at: Option<Timestamp>,
    /// How many of its credentials may authenticate now.
    pub active_credentials: u32,
    /// How many of its API tokens are good now.
    pub active_api_tokens: u32,
}

impl Versioned for DescribedAccount {
    fn tag(&self) -> EntityTag {
        self.account.tag()
    }
}

pub(super) async fn one(
    within: &InOrganization,
    account: ServiceAccount,
) -> Result<DescribedAccount, Problem> {
    let described = all(within, vec![account]).await?.pop();
    described.ok_or(Problem::NotFound("service account"))
}

pub(super) async fn all(
    within: &InOrganization,
    accounts: Vec<ServiceAccount>,
) -> Result<Vec<DescribedAccount>, Problem> {
    let app = &within.app;
    let now = app.clock.now();
    let ids: Vec<_> = accounts.iter().map(|account| account.id).collect();
    let subjects: Vec<_> = ids.iter().map(|id| UsageSubject::Account(*id)).collect();
    let usage = app.usage.read(&subjects).await?;
    let active = app
        .store
        .count_active_credentials_of(within.id(), &ids, now)
        .await?;
    let tokens = app
        .store
        .count_active_api_tokens_of(within.id(), &ids, now)
        .await?;
    let mut granted = app.store.list_access(within.id(), &ids).await?;
    let mut roles = app.store.list_roles_of(within.id(), &ids).await?;

    let mut book = Book::new(within);
    let mut described = Vec::with_capacity(accounts.len());
    for account in accounts {
        let access = granted.remove(&account.id).unwrap_or_default();
        book.read(app.store.as_ref(), &access).await?;
        let last_used = usage.last_used(UsageSubject::Account(account.id));
        described.push(DescribedAccount {
            status: account.status_at(now),
            access: book.describe(&access),
            roles: names(roles.remove(&account.id).unwrap_or_default()),
            last_used_at: last_used.map(|stamp| stamp.last_at),
            active_credentials: active.get(&account.id).copied().unwrap_or(0),
            active_api_tokens: tokens.get(&account.id).copied().unwrap_or(0),
            account,
        });
    }
    Ok(described)
}

fn names(roles: Vec<NamedRole>) -> Vec<Name> {
    roles.into_iter().map(|role| role.name).collect()
}
