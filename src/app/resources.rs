//! Resources: the things inside an API that access can be restricted to.

use serde_json::Value;

use crate::domain::api::ApiRecord;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::id::ResourceId;
use crate::domain::name::Label;
use crate::domain::quota::Limited;
use crate::domain::resource::Resource;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::version::Version;
use crate::store::ApiPart;
/// Which resources of an API are wanted.
pub use crate::store::ResourceFilter;

use super::apis;
use super::audited::AuditedChange;
use super::authority::InOrganization;
use super::edit::Edit;
use super::lookup;
use super::page::List;
use super::page::Listing;
use super::page::PageRequest;
use super::problem::Mistake;
use super::problem::Problem;
use super::problem::Submitted;
use super::problem::nearest;
use super::problem::quoted;
use super::to_completion;

/// A resource that is to be made known.
#[derive(Clone, Debug)]
pub struct NewResource {
    /// Its type, one that the API declares.
    pub resource_type: String,
    /// Its key, unique among its type.
    pub key: ResourceKey,
    /// What people call it.
    pub name: Option<Label>,
}

/// Makes a resource known.
pub async fn create(
    within: InOrganization,
    api: String,
    submitted: Submitted<NewResource>,
) -> Result<Resource, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let record = within.api_in(change.rows(), &api).await?;
        let new = submitted?;
        let resource = Resource {
            id: change.new_id(ResourceId::generate),
            api: record.api.id,
            resource_type: declared(&record, &new.resource_type)?,
            key: new.key,
            name: new.name,
            version: Version::FIRST,
        };
        let what = Limited::Resources(record.api.id);
        change.check_room(within.id(), what).await?;
        let added = change.rows().add_resource(within.id(), &resource).await;
        let taken = "the API has a resource of this type and key already";
        added.map_err(|error| Problem::of_write(error, taken))?;
        let changes = Changes::default()
            .with("type", Value::Null, resource.resource_type.as_str())
            .with("key", Value::Null, resource.key.as_str())
            .with(
                "name",
                Value::Null,
                resource.name.as_ref().map(Label::as_str),
            );
        change
            .commit("resource.create", target(&resource), changes)
            .await?;
        Ok(resource)
    })
    .await
}

/// Gives a resource another name, or none.
pub async fn rename(
    within: InOrganization,
    api: String,
    resource: String,
    name: Submitted<Edit<Label>>,
) -> Result<Resource, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let record = within.api_in(change.rows(), &api).await?;
        let before = within.resource_in(&mut change, &record, &resource).await?;
        let name = name?.of(before.name.clone());
        change.check_version(&before)?;
        if name == before.name {
            return Ok(before);
        }
        let after = Resource {
            name,
            ..before.clone()
        };
        change.rows().update_resource(within.id(), &after).await?;
        let named = |resource: &Resource| resource.name.as_ref().map(Label::to_string);
        let changes = Changes::default().with("name", named(&before), named(&after));
        let after = within.resource_in(&mut change, &record, &resource).await?;
        change
            .commit("resource.update", target(&after), changes)
            .await?;
        Ok(after)
    })
    .await
}

/// Deletes a resource; one that is in use only when it is forced, from all who hold it.
pub async fn delete(
    within: InOrganization,
    api: String,
    resource: String,
    forced: Submitted<bool>,
) -> Result<(), Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let record = within.api_in(change.rows(), &api).await?;
        let resource = within.resource_in(&mut change, &record, &resource).await?;
        let forced = forced?;
        change.check_version(&resource)?;
        let (kind, key) = (resource.resource_type.clone(), resource.key.clone());
        let part = ("the resource", &ApiPart::Resource(kind, key));
        let killed = apis::release(&mut change, &within, &record.api, part, forced).await?;
        change
            .rows()
            .remove_resource(within.id(), &resource)
            .await?;
        let changes = Changes::default()
            .with("type", resource.resource_type.as_str(), Value::Null)
            .with("key", resource.key.as_str(), Value::Null)
            .with("accounts_with_tokens_revoked", Value::Null, killed.count());
        change
            .commit("resource.delete", target(&resource), changes)
            .await?;
        Ok(())
    })
    .await
}

impl InOrganization {
    /// A resource of an API, inside a change.
    async fn resource_in(
        &self,
        change: &mut AuditedChange,
        record: &ApiRecord,
        text: &str,
    ) -> Result<Resource, Problem> {
        let unknown = || Problem::NotFound("resource");
        let lookup = lookup::resource(text).ok_or_else(unknown)?;
        let rows = change.rows();
        let found = rows
            .find_resource(self.id(), record.api.id, &lookup)
            .await?;
        found.ok_or_else(unknown)
    }
}

/// A resource of an API, by its id or by `type:key`.
pub async fn show(within: &InOrganization, api: &str, resource: &str) -> Result<Resource, Problem> {
    let record = within.api(api).await?;
    let unknown = || Problem::NotFound("resource");
    let lookup = lookup::resource(resource).ok_or_else(unknown)?;
    let store = &within.app.store;
    let found = store
        .find_resource(within.id(), record.api.id, &lookup)
        .await?;
    found.ok_or_else(unknown)
}

/// The resources of an API that are asked for, the oldest first.
pub async fn list(
    within: &InOrganization,
    api: &str,
    request: Submitted<(PageRequest, ResourceFilter)>,
) -> Result<Listing<Resource>, Problem> {
    let record = within.api(api).await?;
    let (request, filter) = request?;
    let list = List {
        key: &within.app.server_key,
        path: vec![
            "resources".to_owned(),
            within.id().to_string(),
            record.api.id.to_string(),
            format!("{filter:?}"),
        ],
    };
    let page = list.page::<ResourceId>(&request)?;
    let store = &within.app.store;
    let found = store
        .list_resources(within.id(), record.api.id, &filter, page)
        .await?;
    Ok(list.listing(&request, found, |resource| resource.id))
}

fn declared(record: &ApiRecord, name: &str) -> Result<ResourceType, Problem> {
    let types = &record.api.resource_types;
    if let Some(found) = types.iter().find(|kind| kind.as_str() == name) {
        return Ok(found.clone());
    }
    let known = types.iter().map(ResourceType::as_str);
    Err(Problem::mistake(Mistake {
        pointer: Some("/type".to_owned()),
        code: "unknown_resource_type",
        detail: format!(
            "there is no resource type {} at API `{}`",
            quoted(name),
            record.api.name
        ),
        hint: nearest(name, known).map(|best| format!("did you mean `{best}`?")),
    }))
}

fn target(resource: &Resource) -> Target {
    Target {
        kind: "resource",
        id: resource.id.to_string(),
        name: format!("{}:{}", resource.resource_type, resource.key),
    }
}
