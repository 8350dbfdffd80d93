//! `.../credentials/{credential}/secrets/{secret}`

use axum::http::StatusCode;
use axum::response::IntoResponse;

use crate::app::credentials;
use crate::app::problem::Conflict;
use crate::app::problem::Problem;
use crate::domain::role::AdminScope;

use super::super::inside::Inside;
use super::super::operation::action;
use super::super::routes::Routes;

/// The route of a secret.
pub(super) fn routes(routes: Routes, credential: &str) -> Routes {
    routes
        .delete(
            &format!("{credential}/secrets/{{secret}}"),
            retire,
            action(
                "secret.delete",
                AdminScope::CredentialsWrite,
                "Retire one secret of a credential",
            )
            .removes()
            .flag("force", "Whatever the evidence of its use says")
            .conflicts(&[Conflict::SecretInUse, Conflict::LastAdministrator])
            .described(
                "A secret is in use when it was used after the other one first was, when no other \
                 one was used, or when not all usage can be read. The problem says what is known, in \
                 `evidence`.",
            ),
        )
}

/// `DELETE .../credentials/{credential}/secrets/{secret}[?force=true]` retires one secret.
pub(super) async fn retire(
    Inside(within, [account, credential, secret], call): Inside<3>,
) -> Result<impl IntoResponse, Problem> {
    credentials::retire(within, account, credential, secret, call.force()).await?;
    Ok(StatusCode::NO_CONTENT)
}
