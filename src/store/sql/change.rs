//! [`Change`]: what may be read and written in a transaction.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::account::ServiceAccount;
use crate::domain::api::ApiRecord;
use crate::domain::api::DescribedScope;
use crate::domain::audit::AuditDraft;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::domain::id::SecretId;
use crate::domain::organization::Generation;
use crate::domain::organization::Organization;
use crate::domain::organization::Status;
use crate::domain::resource::Resource;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::secret::StoredSecret;
use crate::domain::signing_key::SigningKeyRecord;
use crate::domain::token::TokenId;
use crate::domain::version::Version;
use crate::store::AccessChanges;
use crate::store::AccountChanges;
use crate::store::ApiHolder;
use crate::store::ApiRows;
use crate::store::Change;
use crate::store::CredentialChanges;
use crate::store::Holder;
use crate::store::Instance;
use crate::store::Lookup;
use crate::store::RevokedToken;
use crate::store::SigningKeyChanges;
use crate::store::StoreError;
use crate::store::TokenChanges;
use crate::store::TokenStanding;
use crate::store::WriteError;

use super::access;
use super::account;
use super::api;
use super::client;
use super::credential;
use super::instance;
use super::organization;
use super::resource;
use super::revoked_token;
use super::secret;
use super::signing_key;
use super::transaction::Transaction;

/// An open change.
pub(super) struct SqlChange(pub(super) Transaction);

#[async_trait]
impl Change for SqlChange {
    async fn lock_instance(&mut self) -> Result<(), StoreError> {
        self.0.run(instance::lock).await
    }

    async fn find_instance(&mut self) -> Result<Option<Instance>, StoreError> {
        self.0.run(instance::find).await
    }

    async fn put_instance(&mut self, instance: &Instance) -> Result<(), StoreError> {
        self.0.run(|db| instance::put(db, instance)).await
    }

    async fn commit(mut self: Box<Self>, event: &AuditDraft) -> Result<(), StoreError> {
        self.0.commit(event).await
    }
}

#[async_trait]
impl SigningKeyChanges for SqlChange {
    async fn list_signing_keys(&mut self) -> Result<Vec<SigningKeyRecord>, StoreError> {
        self.0.run(signing_key::list).await
    }

    async fn add_signing_key(&mut self, key: &SigningKeyRecord) -> Result<(), WriteError> {
        self.0.run(|db| signing_key::add(db, key)).await
    }

    async fn update_signing_key(&mut self, key: &SigningKeyRecord) -> Result<Version, StoreError> {
        self.0.run(|db| signing_key::update(db, key)).await
    }

    async fn remove_signing_keys(&mut self, before: Timestamp) -> Result<Vec<String>, StoreError> {
        self.0.run(|db| signing_key::remove_over(db, before)).await
    }
}

#[async_trait]
impl TokenChanges for SqlChange {
    async fn find_token_standing(
        &mut self,
        client_id: ClientId,
        token: TokenId,
        kid: &str,
    ) -> Result<Option<TokenStanding>, StoreError> {
        self.0
            .run(|db| client::find_token_standing(db, client_id, token, kid))
            .await
    }

    async fn add_revoked_token(
        &mut self,
        token: &RevokedToken,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.0.run(|db| revoked_token::add(db, token, at)).await
    }
}

#[async_trait]
impl ApiRows for SqlChange {
    async fn find_api(
        &mut self,
        organization: OrganizationId,
        api: &Lookup<ApiId>,
    ) -> Result<Option<ApiRecord>, StoreError> {
        self.0.run(|db| api::find(db, organization, api)).await
    }

    async fn list_known_keys(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        resource_type: &ResourceType,
        keys: &[ResourceKey],
    ) -> Result<Vec<ResourceKey>, StoreError> {
        self.0
            .run(|db| resource::list_known_keys(db, organization, api, resource_type, keys))
            .await
    }

    async fn add_api(&mut self, api: &ApiRecord) -> Result<(), WriteError> {
        self.0.run(|db| api::add(db, api)).await
    }

    async fn add_scope(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        scope: &DescribedScope,
    ) -> Result<(), WriteError> {
        self.0
            .run(|db| api::add_scope(db, organization, api, scope))
            .await
    }

    async fn add_resource(
        &mut self,
        organization: OrganizationId,
        resource: &Resource,
    ) -> Result<(), WriteError> {
        self.0
            .run(|db| resource::add(db, organization, resource))
            .await
    }
}

#[async_trait]
impl AccountChanges for SqlChange {
    async fn find_organization(
        &mut self,
        organization: &Lookup<OrganizationId>,
    ) -> Result<Option<Organization>, StoreError> {
        self.0.run(|db| organization::find(db, organization)).await
    }

    async fn count_accounts(&mut self, organization: OrganizationId) -> Result<u32, StoreError> {
        self.0.run(|db| account::count(db, organization)).await
    }

    async fn find_account(
        &mut self,
        organization: OrganizationId,
        account: &Lookup<AccountId>,
    ) -> Result<Option<ServiceAccount>, StoreError> {
        self.0
            .run(|db| account::find(db, organization, account))
            .await
    }

    async fn add_organization(&mut self, organization: &Organization) -> Result<(), WriteError> {
        self.0.run(|db| organization::add(db, organization)).await
    }

    async fn add_account(&mut self, account: &ServiceAccount) -> Result<(), WriteError> {
        self.0.run(|db| account::add(db, account)).await
    }

    async fn set_account_status(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        status: Status,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| account::set_status(db, organization, account, status, at))
            .await
    }

    async fn raise_account_generation(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<Generation, StoreError> {
        self.0
            .run(|db| account::raise_generation(db, organization, account))
            .await
    }

    async fn remove_account(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| account::remove(db, organization, account, at))
            .await
    }
}

#[async_trait]
impl AccessChanges for SqlChange {
    async fn find_access(
        &mut self,
        organization: OrganizationId,
        holder: Holder,
    ) -> Result<Option<Access>, StoreError> {
        self.0
            .run(|db| access::find(db, organization, holder))
            .await
    }

    async fn list_holders(&mut self, api: ApiId) -> Result<Vec<ApiHolder>, StoreError> {
        self.0.run(|db| access::list_holders(db, api)).await
    }

    async fn replace_access(
        &mut self,
        organization: OrganizationId,
        holder: Holder,
        access: Option<&Access>,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| access::replace(db, organization, holder, access))
            .await
    }
}

#[async_trait]
impl CredentialChanges for SqlChange {
    async fn find_credential(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        credential: &Lookup<CredentialId>,
    ) -> Result<Option<Credential>, StoreError> {
        self.0
            .run(|db| credential::find(db, organization, account, credential))
            .await
    }

    async fn list_credentials(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<Vec<Credential>, StoreError> {
        self.0
            .run(|db| credential::of_account(db, organization, account))
            .await
    }

    async fn list_credential_refs(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        limit: u16,
    ) -> Result<(Vec<CredentialRef>, u32), StoreError> {
        self.0
            .run(|db| credential::refs_of_account(db, organization, account, limit))
            .await
    }

    async fn add_credential(&mut self, credential: &Credential) -> Result<(), WriteError> {
        self.0.run(|db| credential::add(db, credential)).await
    }

    async fn set_credential_status(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
        status: Status,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| credential::set_status(db, organization, credential, status, at))
            .await
    }

    async fn revoke_all_credentials(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        self.0
            .run(|db| credential::revoke_all(db, organization, account, at))
            .await
    }

    async fn raise_credential_generation(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
    ) -> Result<Generation, StoreError> {
        self.0
            .run(|db| credential::raise_generation(db, organization, credential))
            .await
    }

    async fn remove_credential(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| credential::remove(db, organization, credential))
            .await
    }

    async fn add_secret(
        &mut self,
        organization: OrganizationId,
        credential: CredentialId,
        secret: &StoredSecret,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| secret::add(db, organization, credential, secret))
            .await
    }

    async fn set_secret_end(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
        ends_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| secret::set_end(db, organization, secret, ends_at))
            .await
    }

    async fn revoke_secret(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| secret::revoke(db, organization, secret, at))
            .await
    }

    async fn remove_secret(
        &mut self,
        organization: OrganizationId,
        secret: SecretId,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| secret::remove(db, organization, secret))
            .await
    }
}
