//! A transaction that ends with its audit event (or is made of such events), or has not happened.

use tokio::runtime::Handle;

use crate::domain::audit::AuditDraft;
use crate::domain::id::OrganizationId;
use crate::store::StoreError;

use super::audit;
use super::connector::Engine;
use super::failure::Answer;
use super::failure::Failure;
use super::instance;
use super::organization;
use super::pool::Lease;
use super::query::Db;
use super::turns::Turn;

/// An open transaction.
pub(super) struct Transaction {
    /// `None` once it has ended.
    open: Option<Open>,
    /// After a failure nothing more is done, on either database: on PostgreSQL the transaction is
    /// dead, and on SQLite it would commit without what failed.
    failed: bool,
}

struct Open {
    lease: Lease,
    /// Let go after the transaction has ended.
    turn: Turn,
}

impl Transaction {
    /// Begins a transaction and locks the organization, or the instance; the one that it is made by
    /// is locked against changes alone.
    pub(super) async fn begin(
        mut lease: Lease,
        turn: Turn,
        engine: Engine,
        organization: Option<OrganizationId>,
        by: Option<OrganizationId>,
    ) -> Result<Self, StoreError> {
        lease.begin(engine.begin_change()).await?;
        let mut transaction = Self {
            open: Some(Open { lease, turn }),
            failed: false,
        };
        let by = by.filter(|by| engine.has_many_writers() && Some(*by) != organization);
        let locked: Answer<()> = transaction.run(|db| lock(db, organization, by)).await;
        locked?;
        Ok(transaction)
    }

    /// Makes a query in it.
    pub(super) async fn run<'c, T, W, E>(
        &'c mut self,
        work: impl FnOnce(&'c mut Db) -> W,
    ) -> Result<T, E>
    where
        T: Send,
        W: Future<Output = Answer<T>> + Send,
        E: From<Failure>,
    {
        let Some(open) = self.open.as_mut().filter(|_| !self.failed) else {
            return Err(Failure::Abandoned.into());
        };
        // Also when this is dropped half-way.
        self.failed = true;
        let answer = open.lease.run(work).await?;
        self.failed = false;
        Ok(answer)
    }

    /// Appends the event to its chain and commits.
    pub(super) async fn commit(&mut self, event: &AuditDraft) -> Result<(), StoreError> {
        let appended: Answer<()> = self.run(|db| audit::append(db, event)).await;
        appended?;
        self.end().await
    }

    /// Appends those of the events that are not there yet, and commits.
    pub(super) async fn record(&mut self, events: &[AuditDraft]) -> Result<(), StoreError> {
        let appended: Answer<()> = self.run(|db| audit::append_missing(db, events)).await;
        appended?;
        self.end().await
    }

    async fn end(&mut self) -> Result<(), StoreError> {
        let Some(open) = &mut self.open else {
            return Err(Failure::Abandoned.into());
        };
        open.lease.commit().await?;
        self.open = None;
        Ok(())
    }
}

/// Organizations are locked in the order of their ids and the instance after them, so that changes
/// that cross wait for one another and never in a circle.
async fn lock(
    db: &mut Db,
    organization: Option<OrganizationId>,
    by: Option<OrganizationId>,
) -> Answer<()> {
    let (before, after) = match (by, organization) {
        (Some(by), Some(organization)) if organization < by => (None, Some(by)),
        _ => (by, None),
    };
    if let Some(by) = before {
        organization::share(db, by).await?;
    }
    match organization {
        Some(organization) => organization::lock(db, organization).await?,
        None => instance::lock(db).await?,
    }
    match after {
        Some(by) => organization::share(db, by).await,
        None => Ok(()),
    }
}

/// Rolls back, unless it was committed. Where that cannot be waited for, the connection is closed,
/// which rolls back too.
impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(Open { mut lease, turn }) = self.open.take() else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                lease.roll_back().await;
                drop(lease);
                drop(turn);
            });
        }
    }
}
