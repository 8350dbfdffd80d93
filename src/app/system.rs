//! The server itself, for those who may look at it: what it is, how it is configured, how it is.
//! Nothing here is a secret, an address of another service, or a path.

use crate::config::DatabaseEngine;
use crate::domain::role::AdminScope;
use crate::domain::signing_key::Algorithm;

use super::App;
use super::authority::Caller;
use super::problem::Problem;
use super::problem::Submitted;

/// What the server is and how it is.
#[derive(Clone, Debug)]
pub struct SystemInfo {
    /// Its version.
    pub version: &'static str,
    /// Its issuer.
    pub issuer: String,
    /// Where the durable facts are: `sqlite` or `postgres`.
    pub database: &'static str,
    /// Where the perishable facts are: `memory` or `redis`.
    pub live_state: &'static str,
    /// How long tokens live unless something says otherwise, in seconds.
    pub token_lifetime_seconds: u64,
    /// How long they live at most, in seconds.
    pub max_token_lifetime_seconds: u64,
    /// The largest token, in bytes.
    pub max_token_bytes: usize,
    /// Failed authentications per client id and address in a minute; `None` = no limit.
    pub failed_auth_per_minute: Option<u32>,
    /// How old a signing key is meant to become, in days.
    pub key_rotation_days: u64,
    /// How long audit events are kept, in days.
    pub audit_retention_days: u64,
    /// How long usage is kept, in days.
    pub usage_retention_days: u64,
    /// How it is.
    pub health: SystemHealth,
}

/// Whether what it needs answers.
#[derive(Clone, Copy, Debug)]
pub struct SystemHealth {
    /// The database.
    pub database: bool,
    /// The live state; without it every answer is still right.
    pub live_state: bool,
    /// An active signing key of each algorithm.
    pub signing_keys: bool,
}

const DAY_SECS: u64 = 24 * 60 * 60;

/// The server, as it is now.
pub async fn info(
    app: &App,
    caller: &Caller,
    nothing: Submitted<()>,
) -> Result<SystemInfo, Problem> {
    caller.require(AdminScope::SystemRead)?;
    nothing?;
    let config = &app.config;
    let (database, live_state) = tokio::join!(app.store.ping(), app.live.ping());
    Ok(SystemInfo {
        version: env!("CARGO_PKG_VERSION"),
        issuer: config.server.issuer.as_str().to_owned(),
        database: match config.database.engine {
            DatabaseEngine::Sqlite => "sqlite",
            DatabaseEngine::Postgres => "postgres",
        },
        live_state: if config.redis.url.is_some() {
            "redis"
        } else {
            "memory"
        },
        token_lifetime_seconds: config.tokens.lifetime.as_secs(),
        max_token_lifetime_seconds: config.tokens.max_lifetime.as_secs(),
        max_token_bytes: config.tokens.max_bytes,
        failed_auth_per_minute: config.limits.failed_auth_per_minute,
        key_rotation_days: config.keys.rotation.as_secs() / DAY_SECS,
        audit_retention_days: config.audit.retention.as_secs() / DAY_SECS,
        usage_retention_days: config.usage.retention.as_secs() / DAY_SECS,
        health: SystemHealth {
            database: database.is_ok(),
            live_state: live_state.is_ok(),
            signing_keys: Algorithm::ALL
                .into_iter()
                .all(|algorithm| app.key_ring.can_sign(algorithm)),
        },
    })
}
