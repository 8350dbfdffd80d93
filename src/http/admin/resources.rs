//! `/organizations/{org}/apis/{api}/resources`

use axum::http::StatusCode;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::edit::Edit;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::app::resources;
use crate::app::resources::NewResource;
use crate::app::resources::ResourceFilter;
use crate::domain::id::ResourceId;
use crate::domain::name::Label;
use crate::domain::resource::Resource;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::role::AdminScope;

use super::fields::Fields;
use super::inside::Inside;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::FORCE;
use super::operation::action;
use super::place::Place;
use super::query::Query;
use super::routes::Routes;
use super::shape;
use super::shape::text_like;

/// A resource as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Resource")]
struct ResourceBody {
    id: ResourceId,
    r#type: String,
    key: String,
    name: Option<String>,
}

impl From<Resource> for ResourceBody {
    fn from(resource: Resource) -> Self {
        Self {
            id: resource.id,
            r#type: resource.resource_type.to_string(),
            key: resource.key.to_string(),
            name: resource.name.map(|name| name.to_string()),
        }
    }
}

/// The routes of resources.
pub(super) fn routes(routes: Routes) -> Routes {
    let resources = "/organizations/{org}/apis/{api}/resources";
    routes
        .get(
            resources,
            list,
            action(
                "resource.list",
                AdminScope::ApisRead,
                "List the resources of an API",
            )
            .lists::<ResourceBody>()
            .parameter("type", "Of this type", text_like(shape::resource_type()))
            .searches("A part of the key or of the name, without regard to case; or the id"),
        )
        .post(
            resources,
            post,
            action(
                "resource.create",
                AdminScope::ApisWrite,
                "Make a resource known",
            )
            .makes::<ResourceBody>()
            .reads(read)
            .conflicts(&[Conflict::NameTaken, Conflict::QuotaReached])
            .described("An API has at most 100000 resources."),
        )
        .get(
            &format!("{resources}/{{resource}}"),
            get,
            action("resource.read", AdminScope::ApisRead, "Read a resource")
                .answers::<ResourceBody>(),
        )
        .patch(
            &format!("{resources}/{{resource}}"),
            patch,
            action(
                "resource.update",
                AdminScope::ApisWrite,
                "Give a resource another name",
            )
            .answers::<ResourceBody>()
            .reads(|fields| Some(read_edit(fields))),
        )
        .delete(
            &format!("{resources}/{{resource}}"),
            delete,
            action(
                "resource.delete",
                AdminScope::ApisWrite,
                "Delete a resource",
            )
            .removes()
            .flag(FORCE.0, FORCE.1)
            .conflicts(&[Conflict::InUse]),
        )
}

/// `POST .../resources` makes a resource known.
pub(super) async fn post(
    Inside(within, [api], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let made = resources::create(within, api, call.object(read)).await?;
    Ok(created::<_, ResourceBody>(made))
}

/// `GET .../resources`
pub(super) async fn list(
    Inside(within, [api], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = resources::list(&within, &api, call.page_of(read_query)).await?;
    Ok(listed::<_, ResourceBody>(found))
}

/// `GET .../resources/{resource}`, where `{resource}` is an id or `type:key`.
pub(super) async fn get(
    Inside(within, [api, resource], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let found = resources::show(&within, &api, &resource).await?;
    call.nothing()?;
    Ok(shown::<_, ResourceBody>(found))
}

/// `PATCH .../resources/{resource}` gives it another name.
pub(super) async fn patch(
    Inside(within, [api, resource], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let renamed = resources::rename(
        within,
        api,
        resource,
        call.object(|fields| Some(read_edit(fields))),
    )
    .await?;
    Ok(shown::<_, ResourceBody>(renamed))
}

/// `DELETE .../resources/{resource}[?force=true]`
pub(super) async fn delete(
    Inside(within, [api, resource], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    resources::delete(within, api, resource, call.force()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the list is asked for.
fn read_query(query: &mut Query) -> ResourceFilter {
    ResourceFilter {
        resource_type: query.read("type", ResourceType::parse),
        text: query.prose("q"),
    }
}

/// The name that a resource is to have.
fn read_edit(fields: &mut Fields<'_>) -> Edit<Label> {
    fields.edited("name", |place| {
        place.like(shape::label).parsed(Label::parse)
    })
}

fn read(fields: &mut Fields<'_>) -> Option<NewResource> {
    let resource_type = fields.required("type", Place::text);
    let key = fields.required("key", |place| {
        place.like(shape::resource_key).parsed(ResourceKey::parse)
    });
    let name = fields.optional("name", |place| {
        place.like(shape::label).parsed(Label::parse)
    });
    Some(NewResource {
        resource_type: resource_type?,
        key: key?,
        name,
    })
}
