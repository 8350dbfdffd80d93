//! `/system/info`

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::app::problem::Problem;
use crate::app::system;
use crate::app::system::SystemInfo;
use crate::domain::role::AdminScope;

use super::call::Call;
use super::operation::action;
use super::routes::Routes;

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SystemInfo")]
struct InfoBody {
    version: &'static str,
    issuer: String,
    #[schemars(extend("enum" = ["sqlite", "postgres"]))]
    database: &'static str,
    #[schemars(extend("enum" = ["memory", "redis"]))]
    live_state: &'static str,
    token_lifetime_seconds: u64,
    max_token_lifetime_seconds: u64,
    max_token_bytes: usize,
    failed_auth_per_minute: Option<u32>,
    key_rotation_days: u64,
    audit_retention_days: u64,
    usage_retention_days: u64,
    health: HealthBody,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SystemHealth")]
struct HealthBody {
    #[schemars(extend("enum" = ["ok", "failed"]))]
    database: &'static str,
    #[schemars(extend("enum" = ["ok", "failed"]))]
    live_state: &'static str,
    #[schemars(extend("enum" = ["ok", "failed"]))]
    signing_keys: &'static str,
}

impl From<SystemInfo> for InfoBody {
    fn from(info: SystemInfo) -> Self {
        let shown = |is_well| if is_well { "ok" } else { "failed" };
        Self {
            version: info.version,
            issuer: info.issuer,
            database: info.database,
            live_state: info.live_state,
            token_lifetime_seconds: info.token_lifetime_seconds,
            max_token_lifetime_seconds: info.max_token_lifetime_seconds,
            max_token_bytes: info.max_token_bytes,
            failed_auth_per_minute: info.failed_auth_per_minute,
            key_rotation_days: info.key_rotation_days,
            audit_retention_days: info.audit_retention_days,
            usage_retention_days: info.usage_retention_days,
            health: HealthBody {
                database: shown(info.health.database),
                live_state: shown(info.health.live_state),
                signing_keys: shown(info.health.signing_keys),
            },
        }
    }
}

/// The routes of the system.
pub(super) fn routes(routes: Routes) -> Routes {
    routes.get(
        "/system/info",
        info,
        action(
            "system.read_info",
            AdminScope::SystemRead,
            "Read what the server is, how it is configured and how it is",
        )
        .answers::<InfoBody>(),
    )
}

/// `GET /system/info`
pub(super) async fn info(State(app): State<App>, call: Call) -> Result<impl IntoResponse, Problem> {
    let found = system::info(&app, &call.caller, call.nothing()).await?;
    Ok(Json(InfoBody::from(found)))
}
