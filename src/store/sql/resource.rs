//! The resources of APIs.

use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::id::ResourceId;
use crate::domain::name::Label;
use crate::domain::resource::Resource;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::store::Page;
use crate::store::ResourceLookup;

use super::api;
use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::one;
use super::query::paged;
use super::query::placeholders;

/// The most keys that one statement looks for.
const BATCH: usize = 500;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT resource.id, api_id, resource_type, resource_key, resource.name,
                    resource.row_version AS row_version
             FROM resource JOIN api ON api.id = api_id
             WHERE organization_id = $1 AND api_id = $2 AND deleted_at IS NULL ",
            $rest
        )
    };
}

fn read(row: &Row) -> Answer<Resource> {
    let name = row.optional_text("name")?.map(Label::parse).transpose();
    Ok(Resource {
        id: row.parse("id")?,
        api: row.parse("api_id")?,
        resource_type: row.read("resource_type", ResourceType::parse)?,
        key: row.read("resource_key", ResourceKey::parse)?,
        name: name.map_err(|_| Failure::Unreadable("name"))?,
        version: row.version("row_version")?,
    })
}

pub(super) async fn find(
    db: &mut Db,
    organization: OrganizationId,
    api: ApiId,
    resource: &ResourceLookup,
) -> Answer<Option<Resource>> {
    let query = match resource {
        ResourceLookup::Id(_) => select!("AND resource.id = $3"),
        ResourceLookup::Key(..) => select!("AND resource_type = $3 AND resource_key = $4"),
    };
    let query = sqlx::query(query)
        .bind(organization.to_string())
        .bind(api.to_string());
    let query = match resource {
        ResourceLookup::Id(id) => query.bind(id.to_string()),
        ResourceLookup::Key(kind, key) => query.bind(kind.as_str()).bind(key.as_str()),
    };
    one(db, query).await?.as_ref().map(read).transpose()
}

pub(super) async fn list(
    db: &mut Db,
    organization: OrganizationId,
    api: ApiId,
    page: Page<ResourceId>,
) -> Answer<Vec<Resource>> {
    let query = sqlx::query(select!(
        "AND resource.id > $3 ORDER BY resource.id LIMIT $4"
    ));
    let query = query.bind(organization.to_string()).bind(api.to_string());
    let rows = all(db, paged(query, page)).await?;
    rows.iter().map(read).collect()
}

pub(super) async fn list_known_keys(
    db: &mut Db,
    organization: OrganizationId,
    api: ApiId,
    resource_type: &ResourceType,
    keys: &[ResourceKey],
) -> Answer<Vec<ResourceKey>> {
    let mut known = Vec::new();
    for batch in keys.chunks(BATCH) {
        let query = assembled(format!(
            "{} AND resource_type = $3 AND resource_key IN ({})",
            select!(""),
            placeholders(4, batch.len())
        ));
        let query = query
            .bind(organization.to_string())
            .bind(api.to_string())
            .bind(resource_type.as_str());
        let query = batch
            .iter()
            .fold(query, |query, key| query.bind(key.as_str()));
        for row in all(db, query).await? {
            known.push(row.read("resource_key", ResourceKey::parse)?);
        }
    }
    Ok(known)
}

pub(super) async fn add(
    db: &mut Db,
    organization: OrganizationId,
    resource: &Resource,
) -> Answer<()> {
    api::touch(db, organization, resource.api).await?;
    let query = sqlx::query(
        "INSERT INTO resource (id, api_id, resource_type, resource_key, name)
         VALUES ($1, $2, $3, $4, $5)",
    );
    let query = query
        .bind(resource.id.to_string())
        .bind(resource.api.to_string())
        .bind(resource.resource_type.as_str())
        .bind(resource.key.as_str())
        .bind(resource.name.as_ref().map(Label::as_str));
    execute(db, query).await?;
    Ok(())
}
