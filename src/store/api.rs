//! Edits and deletions of APIs, and who stands in their way.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::api::Api;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::resource::Resource;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::scope::Scope;

use super::NamedHolder;
use super::ResourceLookup;
use super::StoreError;

/// What of an API a grant may name.
#[derive(Clone, Debug)]
pub enum ApiPart {
    /// The API as such.
    Whole,
    /// A scope.
    Scope(Scope),
    /// A resource type of which it reaches something.
    Type(ResourceType),
    /// A resource, by its key.
    Resource(ResourceType, ResourceKey),
}

/// Reads and writes of APIs in a change.
#[async_trait]
pub trait ApiChanges: Send {
    /// A resource.
    async fn find_resource(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        resource: &ResourceLookup,
    ) -> Result<Option<Resource>, StoreError>;

    /// The accounts, roles and credentials of which a grant names this part, and the resources of a
    /// type: the first `limit`.
    async fn list_holders_of_part(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        part: &ApiPart,
        limit: u32,
    ) -> Result<Vec<NamedHolder>, StoreError>;

    /// The accounts that hold this part by whichever way, and those of the credentials that name it, in
    /// the order of their ids: the first `limit`.
    async fn list_accounts_with_part(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        part: &ApiPart,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError>;

    /// Writes the token settings of an API anew, and its resource types. One that is gone leaves every
    /// grant; it may have no resources.
    async fn update_api(
        &mut self,
        organization: OrganizationId,
        api: &Api,
    ) -> Result<(), StoreError>;

    /// Deletes an API with its scopes and resources, and takes it out of every grant. Its audience
    /// stays reserved.
    async fn remove_api(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Deletes a scope of an API, and takes it out of every grant.
    async fn remove_scope(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        scope: &Scope,
    ) -> Result<(), StoreError>;

    /// Writes the name of a resource anew.
    async fn update_resource(
        &mut self,
        organization: OrganizationId,
        resource: &Resource,
    ) -> Result<(), StoreError>;

    /// Deletes a resource, and takes its key out of every grant.
    async fn remove_resource(
        &mut self,
        organization: OrganizationId,
        resource: &Resource,
    ) -> Result<(), StoreError>;
}
