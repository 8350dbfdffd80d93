//! [`Store`]: the reads, the writes that are no changes, and the beginning of a change.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::account::ServiceAccount;
use crate::domain::api::Api;
use crate::domain::api::ApiRecord;
use crate::domain::audit::AuditDraft;
use crate::domain::client::Client;
use crate::domain::credential::Credential;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::domain::id::ResourceId;
use crate::domain::organization::Organization;
use crate::domain::resource::Resource;
use crate::domain::signing_key::SigningKeyRecord;
use crate::domain::token::TokenId;
use crate::domain::usage::CredentialUse;
use crate::domain::usage::LastUse;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;
use crate::store::AccessReads;
use crate::store::AccountReads;
use crate::store::ApiReads;
use crate::store::Change;
use crate::store::CredentialReads;
use crate::store::Holder;
use crate::store::Instance;
use crate::store::Lookup;
use crate::store::OrganizationFilter;
use crate::store::Page;
use crate::store::ResourceFilter;
use crate::store::ResourceLookup;
use crate::store::RevokedToken;
use crate::store::SigningKeyReads;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::TokenReads;
use crate::store::TokenStanding;
use crate::store::UsageStamps;

use super::SqlStore;
use super::access;
use super::account;
use super::api;
use super::change::SqlChange;
use super::client;
use super::credential;
use super::instance;
use super::last_use;
use super::organization;
use super::resource;
use super::revoked_token;
use super::signing_key;
use super::usage;

#[async_trait]
impl Store for SqlStore {
    fn is_open(&self) -> bool {
        self.gate.is_open()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(|db| Box::pin(instance::ping(db))).await
    }

    async fn find_instance(&self) -> Result<Option<Instance>, StoreError> {
        self.read(|db| Box::pin(instance::find(db))).await
    }

    async fn record_events(
        &self,
        organization: OrganizationId,
        events: &[AuditDraft],
    ) -> Result<(), StoreError> {
        let mut transaction = self.transaction(Some(organization), None).await?;
        transaction.record(events).await
    }

    async fn begin(
        &self,
        organization: Option<OrganizationId>,
    ) -> Result<Box<dyn Change>, StoreError> {
        let transaction = self.transaction(organization, None).await?;
        Ok(Box::new(SqlChange(transaction)))
    }

    async fn begin_by(
        &self,
        organization: Option<OrganizationId>,
        by: OrganizationId,
    ) -> Result<Box<dyn Change>, StoreError> {
        let transaction = self.transaction(organization, Some(by)).await?;
        Ok(Box::new(SqlChange(transaction)))
    }

    async fn close(&self) {
        self.pings.abort();
        self.readers.close().await;
        self.writers.close().await;
    }
}

#[async_trait]
impl SigningKeyReads for SqlStore {
    async fn list_signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError> {
        self.read(|db| Box::pin(signing_key::list(db))).await
    }

    async fn record_signatures(&self, signed: &[(String, Timestamp)]) -> Result<(), StoreError> {
        for (kid, at) in signed.iter().cloned() {
            self.write(move |db| {
                Box::pin(async move { signing_key::note_signed(db, &kid, at).await })
            })
            .await?;
        }
        Ok(())
    }

    async fn record_longer_tokens(&self, max_lifetime: Duration) -> Result<(), StoreError> {
        self.write(move |db| Box::pin(signing_key::note_longer(db, max_lifetime)))
            .await?;
        Ok(())
    }

    async fn record_shorter_tokens(
        &self,
        max_lifetime: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |db| Box::pin(signing_key::note_shorter(db, max_lifetime, now)))
            .await?;
        Ok(())
    }
}

#[async_trait]
impl TokenReads for SqlStore {
    async fn find_client(&self, client_id: ClientId) -> Result<Option<Client>, StoreError> {
        let interned = Arc::clone(&self.interned);
        self.read(move |db| Box::pin(async move { client::find(db, client_id, &interned).await }))
            .await
    }

    async fn find_token_standing(
        &self,
        client_id: ClientId,
        token: TokenId,
        kid: &str,
    ) -> Result<Option<TokenStanding>, StoreError> {
        let kid = kid.to_owned();
        self.read(move |db| {
            Box::pin(async move { client::find_token_standing(db, client_id, token, &kid).await })
        })
        .await
    }

    async fn list_revoked_tokens(&self, now: Timestamp) -> Result<Vec<RevokedToken>, StoreError> {
        let mut tokens = Vec::new();
        loop {
            let after = tokens.last().map(|token: &RevokedToken| token.id);
            let batch = self
                .read(move |db| Box::pin(revoked_token::list(db, now, after)))
                .await?;
            let is_last = batch.len() < usize::from(revoked_token::BATCH);
            tokens.extend(batch);
            if is_last {
                return Ok(tokens);
            }
        }
    }

    async fn remove_revoked_tokens(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let batch = self
                .write(move |db| Box::pin(revoked_token::remove(db, before)))
                .await?;
            removed += batch;
            if batch < u64::from(revoked_token::BATCH) {
                return Ok(removed);
            }
        }
    }
}

#[async_trait]
impl ApiReads for SqlStore {
    async fn find_api_by_audience(&self, audience: &str) -> Result<Option<Api>, StoreError> {
        let audience = audience.to_owned();
        self.read(move |db| Box::pin(async move { api::find_by_audience(db, &audience).await }))
            .await
    }

    async fn find_api(
        &self,
        organization: OrganizationId,
        api: &Lookup<ApiId>,
    ) -> Result<Option<ApiRecord>, StoreError> {
        let api = api.clone();
        self.read(move |db| Box::pin(async move { api::find(db, organization, &api).await }))
            .await
    }

    async fn list_apis(
        &self,
        organization: OrganizationId,
        text: Option<&str>,
        page: Page<ApiId>,
    ) -> Result<Vec<ApiRecord>, StoreError> {
        let text = text.map(str::to_owned);
        self.read(move |db| {
            Box::pin(async move { api::list(db, organization, text.as_deref(), page).await })
        })
        .await
    }

    async fn find_resource(
        &self,
        organization: OrganizationId,
        api: ApiId,
        resource: &ResourceLookup,
    ) -> Result<Option<Resource>, StoreError> {
        let resource = resource.clone();
        self.read(move |db| {
            Box::pin(async move { resource::find(db, organization, api, &resource).await })
        })
        .await
    }

    async fn list_resources(
        &self,
        organization: OrganizationId,
        api: ApiId,
        filter: &ResourceFilter,
        page: Page<ResourceId>,
    ) -> Result<Vec<Resource>, StoreError> {
        let filter = filter.clone();
        self.read_snapshot(move |db| {
            Box::pin(async move { resource::list(db, organization, api, &filter, page).await })
        })
        .await
    }
}

#[async_trait]
impl UsageStamps for SqlStore {
    async fn record_usage(&self, uses: &[CredentialUse]) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let uses = uses.to_vec();
        self.write_together(move |db| Box::pin(async move { usage::record(db, &uses).await }))
            .await
    }

    async fn record_last_use(&self, uses: &[LastUse]) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let uses = uses.to_vec();
        self.write_together(move |db| Box::pin(async move { last_use::record(db, &uses).await }))
            .await
    }

    async fn list_usage(&self, subjects: &[UsageSubject]) -> Result<Vec<UsageStamp>, StoreError> {
        let mut stamps = Vec::new();
        for batch in subjects.chunks(usage::BATCH) {
            let batch = batch.to_vec();
            let found = self.read(move |db| Box::pin(async move { usage::list(db, &batch).await }));
            stamps.extend(found.await?);
        }
        Ok(stamps)
    }
}

#[async_trait]
impl AccountReads for SqlStore {
    async fn find_organization(
        &self,
        organization: &Lookup<OrganizationId>,
    ) -> Result<Option<Organization>, StoreError> {
        let organization = organization.clone();
        self.read(move |db| Box::pin(async move { organization::find(db, &organization).await }))
            .await
    }

    async fn list_organizations(
        &self,
        among: Option<&[OrganizationId]>,
        filter: &OrganizationFilter,
        page: Page<OrganizationId>,
    ) -> Result<Vec<Organization>, StoreError> {
        let (among, filter) = (among.map(<[_]>::to_vec), filter.clone());
        self.read(move |db| {
            Box::pin(async move { organization::list(db, among.as_deref(), &filter, page).await })
        })
        .await
    }

    async fn count_accounts(&self, organization: OrganizationId) -> Result<u32, StoreError> {
        self.read(move |db| Box::pin(account::count(db, organization)))
            .await
    }

    async fn find_account(
        &self,
        organization: OrganizationId,
        account: &Lookup<AccountId>,
    ) -> Result<Option<ServiceAccount>, StoreError> {
        let account = account.clone();
        self.read(move |db| {
            Box::pin(async move { account::find(db, organization, &account).await })
        })
        .await
    }

    async fn list_accounts(
        &self,
        organization: OrganizationId,
        page: Page<AccountId>,
    ) -> Result<Vec<ServiceAccount>, StoreError> {
        self.read(move |db| Box::pin(account::list(db, organization, page)))
            .await
    }
}

#[async_trait]
impl AccessReads for SqlStore {
    async fn find_access(
        &self,
        organization: OrganizationId,
        holder: Holder,
    ) -> Result<Option<Access>, StoreError> {
        self.read_snapshot(move |db| Box::pin(access::find(db, organization, holder)))
            .await
    }
}

#[async_trait]
impl CredentialReads for SqlStore {
    async fn find_credential(
        &self,
        organization: OrganizationId,
        account: AccountId,
        credential: &Lookup<CredentialId>,
    ) -> Result<Option<Credential>, StoreError> {
        let credential = credential.clone();
        self.read_snapshot(move |db| {
            Box::pin(async move { credential::find(db, organization, account, &credential).await })
        })
        .await
    }

    async fn list_credentials(
        &self,
        organization: OrganizationId,
        accounts: Option<&[AccountId]>,
        page: Page<CredentialId>,
    ) -> Result<Vec<Credential>, StoreError> {
        let accounts = accounts.map(<[_]>::to_vec);
        self.read_snapshot(move |db| {
            Box::pin(
                async move { credential::list(db, organization, accounts.as_deref(), page).await },
            )
        })
        .await
    }
}
