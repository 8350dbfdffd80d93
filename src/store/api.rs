//! APIs and their resources in the store: read, made, edited and deleted, and who stands in the way.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::api::Api;
use crate::domain::api::ApiRecord;
use crate::domain::api::DescribedScope;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::id::ResourceId;
use crate::domain::resource::Resource;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::scope::Scope;

use super::Lookup;
use super::NamedHolder;
use super::Page;
use super::StoreError;
use super::WriteError;

/// A resource named in a path: by id, or by `type:key`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ResourceLookup {
    /// By id.
    Id(ResourceId),
    /// By type and key.
    Key(ResourceType, ResourceKey),
}

/// Which resources of an API are wanted: those that meet all that is said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ResourceFilter {
    /// Of this type.
    pub resource_type: Option<ResourceType>,
    /// A part of the key or of the name, or the id; without regard to case.
    pub text: Option<String>,
}

/// Reads of APIs and resources.
#[async_trait]
pub trait ApiReads {
    /// An API that has not been deleted, by the `aud` of its tokens, on the whole instance.
    async fn find_api_by_audience(&self, audience: &str) -> Result<Option<Api>, StoreError>;

    /// An API that has not been deleted.
    async fn find_api(
        &self,
        organization: OrganizationId,
        api: &Lookup<ApiId>,
    ) -> Result<Option<ApiRecord>, StoreError>;

    /// APIs that have not been deleted; those with this text in their name or their audience, or as
    /// their id.
    async fn list_apis(
        &self,
        organization: OrganizationId,
        text: Option<&str>,
        page: Page<ApiId>,
    ) -> Result<Vec<ApiRecord>, StoreError>;

    /// A resource.
    async fn find_resource(
        &self,
        organization: OrganizationId,
        api: ApiId,
        resource: &ResourceLookup,
    ) -> Result<Option<Resource>, StoreError>;

    /// Resources of an API.
    async fn list_resources(
        &self,
        organization: OrganizationId,
        api: ApiId,
        filter: &ResourceFilter,
        page: Page<ResourceId>,
    ) -> Result<Vec<Resource>, StoreError>;
}

/// Reads of APIs and resources in a change, and new ones.
#[async_trait]
pub trait ApiRows: Send {
    /// An API that has not been deleted.
    async fn find_api(
        &mut self,
        organization: OrganizationId,
        api: &Lookup<ApiId>,
    ) -> Result<Option<ApiRecord>, StoreError>;

    /// Which of `keys` exist among the resources of `resource_type`.
    async fn list_known_keys(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        resource_type: &ResourceType,
        keys: &[ResourceKey],
    ) -> Result<Vec<ResourceKey>, StoreError>;

    /// A new API with its scopes and resource types. `Taken` for its name and for its audience,
    /// which stays reserved for its organization after deletion.
    async fn add_api(&mut self, api: &ApiRecord) -> Result<(), WriteError>;

    /// A new scope of an API.
    async fn add_scope(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        scope: &DescribedScope,
    ) -> Result<(), WriteError>;

    /// A new resource.
    async fn add_resource(
        &mut self,
        organization: OrganizationId,
        resource: &Resource,
    ) -> Result<(), WriteError>;
}

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

/// Edits and deletions of APIs in a change, and who stands in their way.
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
