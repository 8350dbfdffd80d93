//! `/organizations/{org}/groups`

use axum::http::StatusCode;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::groups;
use crate::app::groups::GroupEdit;
use crate::app::groups::NewGroup;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::group::Group;
use crate::domain::id::GroupId;
use crate::domain::name::Name;
use crate::domain::prose::MAX_DESCRIPTION;
use crate::domain::role::AdminScope;

use super::account_roles::read_names;
use super::fields::Fields;
use super::filters::read_search;
use super::inside::Inside;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::action;
use super::routes::Routes;
use super::shape;

/// A group as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Group")]
struct GroupBody {
    id: GroupId,
    name: String,
    description: Option<String>,
    roles: Vec<String>,
    member_count: u32,
}

impl From<Group> for GroupBody {
    fn from(group: Group) -> Self {
        let roles = group.roles.iter();
        Self {
            id: group.id,
            name: group.name.to_string(),
            description: group.description,
            roles: roles.map(|role| role.name.to_string()).collect(),
            member_count: group.member_count,
        }
    }
}

/// The routes of groups.
pub(super) fn routes(routes: Routes) -> Routes {
    let groups = "/organizations/{org}/groups";
    let group = &format!("{groups}/{{group}}");
    routes
        .get(
            groups,
            list,
            action(
                "group.list",
                AdminScope::AccountsRead,
                "List the groups of an organization",
            )
            .lists::<GroupBody>()
            .searches(
                "A part of the name or of the description, without regard to case; or the id",
            ),
        )
        .post(
            groups,
            post,
            action("group.create", AdminScope::AccessWrite, "Make a group")
                .makes::<GroupBody>()
                .reads(read)
                .conflicts(&[Conflict::NameTaken, Conflict::QuotaReached])
                .described("An organization has at most 10000 groups."),
        )
        .get(
            group,
            get,
            action("group.read", AdminScope::AccountsRead, "Read a group").answers::<GroupBody>(),
        )
        .patch(
            group,
            patch,
            action("group.update", AdminScope::AccessWrite, "Edit a group")
                .answers::<GroupBody>()
                .described("Whoever loses something by it loses the tokens too.")
                .reads(|fields| Some(read_edit(fields)))
                .conflicts(&[Conflict::QuotaReached, Conflict::LastAdministrator]),
        )
        .delete(
            group,
            delete,
            action("group.delete", AdminScope::AccessWrite, "Delete a group")
                .removes()
                .described("Its members stay, without what they had by it.")
                .conflicts(&[Conflict::LastAdministrator]),
        )
}

/// `POST .../groups` makes a group.
pub(super) async fn post(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let made = groups::create(within, call.object(read)).await?;
    Ok(created::<_, GroupBody>(made))
}

/// `GET .../groups`
pub(super) async fn list(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let found = groups::list(&within, call.page_of(read_search)).await?;
    Ok(listed::<_, GroupBody>(found))
}

/// `GET .../groups/{group}`
pub(super) async fn get(
    Inside(within, [group], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = groups::show(&within, &group).await?;
    call.nothing()?;
    Ok(shown::<_, GroupBody>(found))
}

/// `PATCH .../groups/{group}` edits a group.
pub(super) async fn patch(
    Inside(within, [group], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let edited =
        groups::update(within, group, call.object(|fields| Some(read_edit(fields)))).await?;
    Ok(shown::<_, GroupBody>(edited))
}

/// `DELETE .../groups/{group}`
pub(super) async fn delete(
    Inside(within, [group], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    groups::delete(within, group, call.nothing()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(fields: &mut Fields<'_>) -> Option<NewGroup> {
    let name = fields.required("name", |place| place.like(shape::name).parsed(Name::parse));
    let description = fields.optional("description", |place| place.prose(MAX_DESCRIPTION));
    let roles = fields.optional("roles", read_names);
    Some(NewGroup {
        name: name?,
        description,
        roles: roles.unwrap_or_default(),
    })
}

fn read_edit(fields: &mut Fields<'_>) -> GroupEdit {
    GroupEdit {
        description: fields.edited("description", |place| place.prose(MAX_DESCRIPTION)),
        roles: fields.given("roles", read_names),
    }
}
