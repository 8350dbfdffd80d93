//! An account that is being changed, and what it is like then.
//!
//! All of that is read before the change is durable, so that it is said of this very change and of no
//! later one. When the account was used is read even before the change is begun: nobody waits for that
//! under a lock.

use crate::domain::account::ServiceAccount;
use crate::domain::audit::Changes;
use crate::domain::credential::CredentialStatus;
use crate::domain::holdings::Holdings;
use crate::domain::organization::Status;
use crate::domain::usage::UsageReading;
use crate::domain::usage::UsageSubject;

use super::super::access::Book;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::problem::Problem;
use super::DescribedAccount;
use super::holdings;
use super::target;

/// An account that is being changed.
pub(super) struct ChangingAccount {
    /// Where.
    pub(super) within: InOrganization,
    /// The change.
    pub(super) change: AuditedChange,
    /// The account as it was.
    pub(super) account: ServiceAccount,
    usage: UsageReading,
}

impl ChangingAccount {
    /// Begins a change of the account of this name or id.
    pub(super) async fn begin(within: InOrganization, account: &str) -> Result<Self, Problem> {
        let found = within.account(account).await?;
        let subject = UsageSubject::Account(found.id);
        let usage = within.app.usage.read(&[subject]).await?;
        let mut change = within.begin().await?;
        let id = found.id.to_string();
        Ok(Self {
            account: within.account_in(change.rows(), &id).await?,
            within,
            change,
            usage,
        })
    }

    /// The account as the change has left it so far.
    pub(super) async fn described(&mut self) -> Result<DescribedAccount, Problem> {
        let account = self.change.reread(&self.account).await?;
        let Holdings { own, roles, .. } = holdings(&mut self.change, &account).await?;
        let now = self.change.now;
        let rows = self.change.rows();
        let mut book = Book::new(&self.within);
        book.learn(rows, &own).await?;
        let credentials = rows
            .list_credentials(account.organization, account.id)
            .await?;
        let statuses = credentials.iter().map(|one| one.status_at(now));
        let active = statuses.filter(|status| *status == CredentialStatus::Active);
        let last_used = self.usage.last_used(UsageSubject::Account(account.id));
        Ok(DescribedAccount {
            status: account.status_at(now),
            access: book.describe(&own),
            roles: roles.iter().map(|role| role.name.clone()).collect(),
            last_used_at: last_used.map(|stamp| stamp.last_at),
            active_credentials: u32::try_from(active.count()).unwrap_or(u32::MAX),
            active_api_tokens: rows
                .count_active_api_tokens(account.organization, account.id, now)
                .await?,
            account,
        })
    }

    /// Sets the status, and ends the change.
    pub(super) async fn set_status(
        mut self,
        status: Status,
        action: &'static str,
    ) -> Result<DescribedAccount, Problem> {
        let (account, now) = (&self.account, self.change.now);
        self.change
            .rows()
            .set_account_status(account.organization, account.id, status, now)
            .await?;
        let changes = Changes::default().with("status", account.status.as_str(), status.as_str());
        self.commit(action, changes).await
    }

    /// Ends the change; returns the account as it is then.
    pub(super) async fn commit(
        mut self,
        action: &'static str,
        changes: Changes,
    ) -> Result<DescribedAccount, Problem> {
        let described = self.described().await?;
        let target = target(&self.account);
        self.change.commit(action, target, changes).await?;
        Ok(described)
    }
}
