//! [`AuditReads`] and [`AuditWrites`].

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::audit::Chain;
use crate::domain::audit_event::AuditEvent;
use crate::store::AuditReads;
use crate::store::AuditWrites;
use crate::store::ChainExtent;
use crate::store::Checkpoint;
use crate::store::EventFilter;
use crate::store::Page;
use crate::store::StoreError;

use super::super::SqlStore;
use super::super::change::SqlChange;
use super::trail;

#[async_trait]
impl AuditReads for SqlStore {
    async fn list_events(
        &self,
        chain: Chain,
        filter: &EventFilter,
        page: Page<i64>,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let filter = filter.clone();
        self.read(move |db| Box::pin(async move { trail::list(db, chain, &filter, page).await }))
            .await
    }

    async fn find_extent(&self, chain: Chain) -> Result<ChainExtent, StoreError> {
        self.read(move |db| Box::pin(trail::find_extent(db, chain)))
            .await
    }

    async fn walk_chain(
        &self,
        chain: Chain,
        after: i64,
        up_to: i64,
        limit: u16,
    ) -> Result<Vec<Option<AuditEvent>>, StoreError> {
        self.read(move |db| Box::pin(trail::walk(db, chain, after, up_to, limit)))
            .await
    }

    async fn list_chains_before(&self, before: Timestamp) -> Result<Vec<Chain>, StoreError> {
        self.read(move |db| Box::pin(trail::list_chains_before(db, before)))
            .await
    }

    async fn find_last_before(
        &self,
        chain: Chain,
        before: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        self.read(move |db| Box::pin(trail::find_last_before(db, chain, before)))
            .await
    }
}

#[async_trait]
impl AuditWrites for SqlChange {
    async fn find_checkpoint(&mut self, chain: Chain) -> Result<Option<Checkpoint>, StoreError> {
        self.0.run(|db| trail::find_checkpoint(db, chain)).await
    }

    async fn remove_events(
        &mut self,
        chain: Chain,
        checkpoint: &Checkpoint,
    ) -> Result<u64, StoreError> {
        self.0.run(|db| trail::remove(db, chain, checkpoint)).await
    }
}
