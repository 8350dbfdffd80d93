//! `/organizations/{org}/groups/{group}/members`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::app::groups;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::group::Member;
use crate::domain::id::AccountId;
use crate::domain::role::AdminScope;

use super::call::Call;
use super::listing::listed;
use super::operation::action;
use super::path::Path;
use super::routes::Routes;

/// An account in a group as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Member")]
struct MemberBody {
    id: AccountId,
    name: String,
    email: String,
}

impl From<Member> for MemberBody {
    fn from(member: Member) -> Self {
        Self {
            id: member.id,
            name: member.name.to_string(),
            email: member.email,
        }
    }
}

/// The routes of a group's members.
pub(super) fn routes(routes: Routes) -> Routes {
    let members = "/organizations/{org}/groups/{group}/members";
    let member = &format!("{members}/{{account}}");
    routes
        .get(
            members,
            list,
            action(
                "group.list_members",
                AdminScope::AccountsRead,
                "List the service accounts in a group",
            )
            .lists::<MemberBody>(),
        )
        .put(
            member,
            put,
            action(
                "group.add_member",
                AdminScope::AccessWrite,
                "Put a service account into a group",
            )
            .answers::<MemberBody>(),
        )
        .delete(
            member,
            delete,
            action(
                "group.remove_member",
                AdminScope::AccessWrite,
                "Take a service account out of a group",
            )
            .removes()
            .conflicts(&[Conflict::LastAdministrator]),
        )
}

/// `GET .../members`
pub(super) async fn list(
    State(app): State<App>,
    Path((org, group)): Path<(String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccountsRead)
        .await?;
    let found = groups::list_members(&within, &group, call.page()).await?;
    Ok(listed::<_, MemberBody>(found))
}

/// `PUT .../members/{account}` puts an account into the group.
pub(super) async fn put(
    State(app): State<App>,
    Path((org, group, account)): Path<(String, String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccessWrite)
        .await?;
    let member = groups::add_member(within, group, account, call.nothing()).await?;
    Ok(Json(MemberBody::from(member)))
}

/// `DELETE .../members/{account}` takes it out.
pub(super) async fn delete(
    State(app): State<App>,
    Path((org, group, account)): Path<(String, String, String)>,
    call: Call,
) -> Result<impl IntoResponse, Problem> {
    let within = call
        .in_organization(&app, &org, AdminScope::AccessWrite)
        .await?;
    groups::remove_member(within, group, account, call.nothing()).await?;
    Ok(StatusCode::NO_CONTENT)
}
