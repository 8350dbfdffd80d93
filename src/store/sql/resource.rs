//! The resources of APIs.

use crate::domain::folded::folded;
use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::id::ResourceId;
use crate::domain::name::Label;
use crate::domain::resource::Resource;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::store::Page;
use crate::store::ResourceFilter;
use crate::store::ResourceLookup;

use super::api;
use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::execute_one;
use super::query::one;
use super::query::placeholders;
use super::statement::Conditions;

/// The most keys that one statement looks for.
const BATCH: usize = 500;

/// Resources with their API, and what is read of them.
macro_rules! columns {
    () => {
        "SELECT resource.id, api_id, resource_type, resource_key, resource.name,
                resource.row_version AS row_version
         FROM resource JOIN api ON api.id = api_id "
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            columns!(),
            "WHERE organization_id = $1 AND api_id = $2 AND deleted_at IS NULL ",
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
    filter: &ResourceFilter,
    page: Page<ResourceId>,
) -> Answer<Vec<Resource>> {
    let mut conditions = Conditions::default();
    let (organization, of) = (
        conditions.text(organization.to_string()),
        conditions.text(api.to_string()),
    );
    conditions.add(format!(
        "organization_id = {organization} AND api_id = {of} AND deleted_at IS NULL"
    ));
    conditions.add_after("resource.id", page.after);
    if let Some(kind) = &filter.resource_type {
        let kind = conditions.text(kind.as_str());
        conditions.add(format!("resource_type = {kind}"));
    }
    if let Some(text) = &filter.text {
        let found = find_written(db, api, filter.resource_type.as_ref(), text, &page).await?;
        conditions.add_one_of("resource.id", found);
    }
    let limit = conditions.number(page.limit.into());
    let rest = format!("ORDER BY resource.id LIMIT {limit}");
    let rows = all(db, conditions.statement(columns!(), &rest)).await?;
    rows.iter().map(read).collect()
}

/// The ids of a page of resources that somebody wrote this text of: read of an index and of nothing
/// else.
async fn find_written(
    db: &mut Db,
    api: ApiId,
    kind: Option<&ResourceType>,
    text: &str,
    page: &Page<ResourceId>,
) -> Answer<Vec<String>> {
    let mut conditions = Conditions::default();
    let api = conditions.text(api.to_string());
    conditions.add(format!("api_id = {api}"));
    conditions.add_after("id", page.after);
    if let Some(kind) = kind {
        let kind = conditions.text(kind.as_str());
        conditions.add(format!("resource_type = {kind}"));
    }
    conditions.add_search(text, &["search_text"], "id");
    let limit = conditions.number(page.limit.into());
    let rest = format!("ORDER BY id LIMIT {limit}");
    let rows = all(db, conditions.statement("SELECT id FROM resource", &rest)).await?;
    let ids = rows.iter().map(|row| row.text("id").map(str::to_owned));
    ids.collect()
}

/// What people wrote of a resource, for those who look for a part of it.
pub(super) fn search_text(resource: &Resource) -> String {
    let name = resource.name.as_ref().map_or("", Label::as_str);
    folded(&format!("{} {name}", resource.key))
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
        "INSERT INTO resource (id, api_id, resource_type, resource_key, name, search_text)
         VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let query = query
        .bind(resource.id.to_string())
        .bind(resource.api.to_string())
        .bind(resource.resource_type.as_str())
        .bind(resource.key.as_str())
        .bind(resource.name.as_ref().map(Label::as_str))
        .bind(search_text(resource));
    execute(db, query).await?;
    count(db, resource.api, 1).await
}

/// Notes that the API has so many more resources.
pub(super) async fn count(db: &mut Db, api: ApiId, more: i64) -> Answer<()> {
    let query = sqlx::query("UPDATE api SET resource_count = resource_count + $2 WHERE id = $1");
    execute_one(db, query.bind(api.to_string()).bind(more), "API").await
}
