//! A credential that is being changed, and what it is like then.
//!
//! All of that is read before the change is durable, so that it is said of this very change and of no
//! later one: nothing may stand between a new secret and its owner. The evidence of use is read even
//! before the change is begun: nobody waits for that under a lock.

use crate::domain::account::ServiceAccount;
use crate::domain::audit::Changes;
use crate::domain::credential::Credential;
use crate::domain::organization::Status;
use crate::domain::usage::UsageReading;

use super::super::access::Book;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::problem::Problem;
use super::DescribedCredential;
use super::described::describe;
use super::described::read_usage;
use super::target;

/// A credential that is being changed.
pub(super) struct ChangingCredential {
    /// Where.
    pub(super) within: InOrganization,
    /// The change.
    pub(super) change: AuditedChange,
    /// Whose it is.
    pub(super) account: ServiceAccount,
    /// The credential as it was.
    pub(super) credential: Credential,
    usage: UsageReading,
}

impl ChangingCredential {
    /// Begins a change of the credential of this name or id.
    pub(super) async fn begin(
        within: InOrganization,
        account: &str,
        credential: &str,
    ) -> Result<Self, Problem> {
        let owner = within.account(account).await?;
        let found = within.credential(owner.id, credential).await?;
        let usage = read_usage(&within.app, std::slice::from_ref(&found)).await?;
        let mut change = within.begin().await?;
        let rows = change.rows();
        let account = within.account_in(rows, &owner.id.to_string()).await?;
        let id = found.id.to_string();
        Ok(Self {
            credential: within.credential_in(rows, account.id, &id).await?,
            account,
            within,
            change,
            usage,
        })
    }

    /// The credential as the change has left it so far.
    pub(super) async fn described(&mut self) -> Result<DescribedCredential, Problem> {
        let id = self.credential.id.to_string();
        let rows = self.change.rows();
        let found = self.within.credential_in(rows, self.account.id, &id);
        let credential = found.await?;
        let mut book = Book::new(&self.within);
        if let Some(narrowing) = &credential.narrowing {
            book.learn(self.change.rows(), narrowing).await?;
        }
        Ok(describe(credential, &self.usage, &book, self.change.now))
    }

    /// Sets the status, and ends the change.
    pub(super) async fn set_status(
        mut self,
        status: Status,
        action: &'static str,
    ) -> Result<DescribedCredential, Problem> {
        let (credential, now) = (&self.credential, self.change.now);
        self.change
            .rows()
            .set_credential_status(credential.organization, credential.id, status, now)
            .await?;
        let (before, after) = (credential.status.as_str(), status.as_str());
        let changes = Changes::default().with("status", before, after);
        self.commit(action, changes).await
    }

    /// Ends the change; returns the credential as it is then.
    pub(super) async fn commit(
        mut self,
        action: &'static str,
        changes: Changes,
    ) -> Result<DescribedCredential, Problem> {
        let described = self.described().await?;
        let target = target(&self.credential);
        self.change.commit(action, target, changes).await?;
        Ok(described)
    }
}
