//! `/organizations/{org}/groups/{group}/members`

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::groups;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::group::Member;
use crate::domain::id::AccountId;
use crate::domain::role::AdminScope;

use super::filters::read_search;
use super::inside::Inside;
use super::listing::listed;
use super::operation::action;
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
            .lists::<MemberBody>()
            .searches("A part of the name or of the e-mail, without regard to case; or the id"),
        )
        .put(
            member,
            put,
            action(
                "group.add_member",
                AdminScope::AccessWrite,
                "Put a service account into a group",
            )
            .answers::<MemberBody>()
            .conflicts(&[Conflict::QuotaReached])
            .described("A service account is in at most 100 groups."),
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
    Inside(within, [group], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let wanted = call.page_of(read_search);
    let found = groups::list_members(&within, &group, wanted).await?;
    Ok(listed::<_, MemberBody>(found))
}

/// `PUT .../members/{account}` puts an account into the group.
pub(super) async fn put(
    Inside(within, [group, account], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let member = groups::add_member(within, group, account, call.nothing()).await?;
    Ok(Json(MemberBody::from(member)))
}

/// `DELETE .../members/{account}` takes it out.
pub(super) async fn delete(
    Inside(within, [group, account], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    groups::remove_member(within, group, account, call.nothing()).await?;
    Ok(StatusCode::NO_CONTENT)
}
