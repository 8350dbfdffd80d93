//! `/organizations/{org}/roles`

use axum::http::StatusCode;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::access::DescribedAccess;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::app::roles;
use crate::app::roles::DescribedRole;
use crate::app::roles::NewRole;
use crate::app::roles::RoleEdit;
use crate::domain::id::RoleId;
use crate::domain::name::Name;
use crate::domain::prose::MAX_DESCRIPTION;
use crate::domain::role::AdminScope;

use super::access::read_access;
use super::fields::Fields;
use super::filters::read_search;
use super::inside::Inside;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::FORCE;
use super::operation::action;
use super::routes::Routes;
use super::shape;

/// A role as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Role")]
struct RoleBody {
    id: RoleId,
    name: String,
    description: Option<String>,
    access: DescribedAccess,
    built_in: bool,
}

impl From<DescribedRole> for RoleBody {
    fn from(described: DescribedRole) -> Self {
        let role = described.role;
        Self {
            id: role.id,
            name: role.name.to_string(),
            built_in: role.is_built_in(),
            description: role.description,
            access: described.access,
        }
    }
}

/// The routes of roles.
pub(super) fn routes(routes: Routes) -> Routes {
    let roles = "/organizations/{org}/roles";
    let role = &format!("{roles}/{{role}}");
    routes
        .get(
            roles,
            list,
            action(
                "role.list",
                AdminScope::AccountsRead,
                "List the roles of an organization",
            )
            .lists::<RoleBody>()
            .searches("A part of the name or of the description, without regard to case; or the id")
            .described("Those that are built in come first."),
        )
        .post(
            roles,
            post,
            action("role.create", AdminScope::AccessWrite, "Make a role")
                .makes::<RoleBody>()
                .reads(read)
                .conflicts(&[Conflict::NameTaken, Conflict::QuotaReached])
                .described("An organization has at most 2000 roles of its own."),
        )
        .get(
            role,
            get,
            action("role.read", AdminScope::AccountsRead, "Read a role").answers::<RoleBody>(),
        )
        .patch(
            role,
            patch,
            action("role.update", AdminScope::AccessWrite, "Edit a role")
                .answers::<RoleBody>()
                .described("Whoever loses something by it loses the tokens too.")
                .reads(|fields| Some(read_edit(fields)))
                .conflicts(&[
                    Conflict::QuotaReached,
                    Conflict::WrongState,
                    Conflict::LastAdministrator,
                ]),
        )
        .delete(
            role,
            delete,
            action("role.delete", AdminScope::AccessWrite, "Delete a role")
                .removes()
                .flag(FORCE.0, FORCE.1)
                .conflicts(&[
                    Conflict::InUse,
                    Conflict::WrongState,
                    Conflict::LastAdministrator,
                ]),
        )
}

/// `POST .../roles` makes a role.
pub(super) async fn post(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let made = roles::create(within, call.object(read)).await?;
    Ok(created::<_, RoleBody>(made))
}

/// `GET .../roles`
pub(super) async fn list(
    Inside(within, [], call): Inside<0>,
) -> Result<impl IntoResponse, Problem> {
    let found = roles::list(&within, call.page_of(read_search)).await?;
    Ok(listed::<_, RoleBody>(found))
}

/// `GET .../roles/{role}`
pub(super) async fn get(
    Inside(within, [role], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = roles::show(&within, &role).await?;
    call.nothing()?;
    Ok(shown::<_, RoleBody>(found))
}

/// `PATCH .../roles/{role}` edits a role.
pub(super) async fn patch(
    Inside(within, [role], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let edited = roles::update(within, role, call.object(|fields| Some(read_edit(fields)))).await?;
    Ok(shown::<_, RoleBody>(edited))
}

/// `DELETE .../roles/{role}[?force=true]`
pub(super) async fn delete(
    Inside(within, [role], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    roles::delete(within, role, call.force()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(fields: &mut Fields<'_>) -> Option<NewRole> {
    let name = fields.required("name", |place| place.like(shape::name).parsed(Name::parse));
    let description = fields.optional("description", |place| place.prose(MAX_DESCRIPTION));
    let access = fields.optional("access", read_access);
    Some(NewRole {
        name: name?,
        description,
        access,
    })
}

fn read_edit(fields: &mut Fields<'_>) -> RoleEdit {
    RoleEdit {
        description: fields.edited("description", |place| place.prose(MAX_DESCRIPTION)),
        access: fields.given("access", read_access),
    }
}
