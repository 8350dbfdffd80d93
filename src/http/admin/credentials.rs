//! `.../service-accounts/{account}/credentials`
//!
//! - [`body`]: as answers show one; [`reading`]: what is said of one
//! - [`inventory`]: those of a whole organization; [`secrets`]: their secrets, one by one

mod body;
mod inventory;
mod reading;
mod secrets;

pub(super) use body::CredentialBody;
pub(super) use reading::read_credential;

use axum::http::StatusCode;
use axum::response::IntoResponse;

use crate::app::credentials;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::role::AdminScope;

use super::filters::ABOUT_ACCESS;
use super::filters::read_credentials;
use super::inside::Inside;
use super::listing::created;
use super::listing::listed;
use super::listing::shown;
use super::operation::action;
use super::routes::Routes;
use reading::read_edit;
use reading::read_rotation;

/// The routes of credentials.
pub(super) fn routes(routes: Routes) -> Routes {
    let credentials = "/organizations/{org}/service-accounts/{account}/credentials";
    let credential = format!("{credentials}/{{credential}}");
    let routes = routes
        .get(
            credentials,
            list,
            action(
                "credential.list",
                AdminScope::AccountsRead,
                "List the credentials of a service account",
            )
            .lists::<CredentialBody>()
            .filters_credentials()
            .described(ABOUT_ACCESS),
        )
        .post(
            credentials,
            post,
            action(
                "credential.create",
                AdminScope::CredentialsWrite,
                "Make a credential",
            )
            .makes::<CredentialBody>()
            .reads(read_credential)
            .conflicts(&[Conflict::NameTaken, Conflict::QuotaReached])
            .described(
                "`client_secret` is shown in this answer only. A service account has at most 1000 \
                 credentials.",
            ),
        )
        .get(
            &credential,
            get,
            action(
                "credential.read",
                AdminScope::AccountsRead,
                "Read a credential, and when each of its secrets was used",
            )
            .answers::<CredentialBody>(),
        )
        .patch(
            &credential,
            patch,
            action(
                "credential.update",
                AdminScope::CredentialsWrite,
                "Edit a credential",
            )
            .answers::<CredentialBody>()
            .reads(|fields| Some(read_edit(fields)))
            .conflicts(&[Conflict::NameTaken, Conflict::LastAdministrator])
            .described("A narrowing that leaves less kills the tokens from before."),
        )
        .delete(
            &credential,
            delete,
            action(
                "credential.delete",
                AdminScope::CredentialsWrite,
                "Delete a credential and its tokens",
            )
            .removes()
            .conflicts(&[Conflict::LastAdministrator]),
        );
    let routes = actions(routes, &credential);
    secrets::routes(inventory::routes(routes), &credential)
}

/// What is done with a credential.
fn actions(routes: Routes, credential: &str) -> Routes {
    let credential = |rest: &str| format!("{credential}{rest}");
    routes
        .post(
            &credential("/rotate"),
            rotate,
            action(
                "credential.rotate",
                AdminScope::CredentialsWrite,
                "Give a credential a new secret",
            )
            .answers::<CredentialBody>()
            .reads(|fields| Some(read_rotation(fields)))
            .conflicts(&[
                Conflict::OverlapInProgress,
                Conflict::WrongState,
                Conflict::LastAdministrator,
            ])
            .described(
                "The old secret works for the overlap, to the second. `client_secret` is shown in \
                 this answer only. Of the secrets that have ended, the last 20 are kept.",
            ),
        )
        .post(
            &credential("/revoke"),
            revoke,
            action(
                "credential.revoke",
                AdminScope::CredentialsWrite,
                "Take a credential back for good",
            )
            .answers::<CredentialBody>()
            .conflicts(&[Conflict::LastAdministrator]),
        )
        .post(
            &credential("/disable"),
            disable,
            action(
                "credential.disable",
                AdminScope::CredentialsWrite,
                "Stop a credential; its tokens die for good",
            )
            .answers::<CredentialBody>()
            .conflicts(&[Conflict::WrongState, Conflict::LastAdministrator]),
        )
        .post(
            &credential("/enable"),
            enable,
            action(
                "credential.enable",
                AdminScope::CredentialsWrite,
                "Let a credential work again",
            )
            .answers::<CredentialBody>()
            .conflicts(&[Conflict::WrongState]),
        )
}

/// `POST .../credentials` makes a credential.
pub(super) async fn post(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let made = credentials::create(within, account, call.object(read_credential)).await?;
    Ok(created::<_, CredentialBody>(made))
}

/// `GET .../credentials`
pub(super) async fn list(
    Inside(within, [account], call): Inside<1>,
) -> Result<impl IntoResponse, Problem> {
    let found = credentials::list(&within, &account, call.page_of(read_credentials)).await?;
    Ok(listed::<_, CredentialBody>(found))
}

/// `GET .../credentials/{credential}`
pub(super) async fn get(
    Inside(within, [account, credential], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let found = credentials::show(&within, &account, &credential).await?;
    call.nothing()?;
    Ok(shown::<_, CredentialBody>(found))
}

/// `POST .../credentials/{credential}/rotate` gives it a new secret.
pub(super) async fn rotate(
    Inside(within, [account, credential], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let rotated = credentials::rotate(
        within,
        account,
        credential,
        call.object(|fields| Some(read_rotation(fields))),
    )
    .await?;
    Ok(shown::<_, CredentialBody>(rotated))
}

/// `POST .../credentials/{credential}/revoke` takes it back for good.
pub(super) async fn revoke(
    Inside(within, [account, credential], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let revoked = credentials::revoke(within, account, credential, call.nothing()).await?;
    Ok(shown::<_, CredentialBody>(revoked))
}

/// `PATCH .../credentials/{credential}` edits it.
pub(super) async fn patch(
    Inside(within, [account, credential], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let submitted = call.object(|fields| Some(read_edit(fields)));
    let edited = credentials::edit(within, account, credential, submitted).await?;
    Ok(shown::<_, CredentialBody>(edited))
}

/// `POST .../credentials/{credential}/disable`
pub(super) async fn disable(
    Inside(within, [account, credential], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let disabled = credentials::disable(within, account, credential, call.nothing()).await?;
    Ok(shown::<_, CredentialBody>(disabled))
}

/// `POST .../credentials/{credential}/enable`
pub(super) async fn enable(
    Inside(within, [account, credential], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    let enabled = credentials::enable(within, account, credential, call.nothing()).await?;
    Ok(shown::<_, CredentialBody>(enabled))
}

/// `DELETE .../credentials/{credential}`
pub(super) async fn delete(
    Inside(within, [account, credential], call): Inside<2>,
) -> Result<impl IntoResponse, Problem> {
    credentials::delete(within, account, credential, call.nothing()).await?;
    Ok(StatusCode::NO_CONTENT)
}
