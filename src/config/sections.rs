//! The checked values, one struct per section of the file.
//!
//! The defaults and bounds are in the table of [`super::keys`]; what is here holds once
//! [`super::check`] has answered.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use crate::domain::issuer::Issuer;

/// Everything that can be configured, checked. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[server]`: the main listener and the server's name.
    pub server: ServerConfig,
    /// `[management]`: health and metrics.
    pub management: ManagementConfig,
    /// `[admin]`: the admin API's own listener.
    pub admin: AdminConfig,
    /// `[database]`: the durable store.
    pub database: DatabaseConfig,
    /// `[redis]`: the shared live state.
    pub redis: RedisConfig,
    /// `[data]`: files that the server writes.
    pub data: DataConfig,
    /// `[keys]`: private keys and their schedule.
    pub keys: KeysConfig,
    /// `[tokens]`: lifetimes and size of access tokens.
    pub tokens: TokensConfig,
    /// `[limits]`: bounds on what arrives.
    pub limits: LimitsConfig,
    /// `[secrets]`: how client secrets are stored.
    pub secrets: SecretsConfig,
    /// `[audit]`: the audit trail.
    pub audit: AuditConfig,
    /// `[usage]`: the usage buckets.
    pub usage: UsageConfig,
}

/// The main listener and the server's name.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where the main listener binds. Loopback, unless there is TLS or `behind_tls_proxy`.
    pub listen: SocketAddr,
    /// The issuer; `http://<listen>` (`https` with TLS) unless it is said.
    pub issuer: Issuer,
    /// The certificate and key with which the listeners speak TLS, if they do.
    pub tls: Option<TlsConfig>,
    /// Whether a proxy in front speaks TLS, so that plain HTTP beyond loopback is intended.
    pub behind_tls_proxy: bool,
    /// Whose `X-Forwarded-For` is believed; nobody's when empty.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether `POST /rest/oauth2/latest/token` answers too.
    pub atlassian_path: bool,
}

/// Files of a TLS listener, not yet read.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The certificate chain, PEM.
    pub cert_file: PathBuf,
    /// The private key, PEM.
    pub key_file: PathBuf,
}

/// Health and metrics.
#[derive(Clone, Debug)]
pub struct ManagementConfig {
    /// Where `/livez`, `/readyz` and `/metrics` are served, without authentication.
    pub listen: SocketAddr,
}

/// The admin API's own listener.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Where `/admin/v1` is served; with the main listener when `None`.
    pub listen: Option<SocketAddr>,
}

/// The durable store.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `sqlite:` with a file, or `postgres:`; it may carry a password.
    pub url: SecretString,
    /// Which of the two `url` is.
    pub engine: DatabaseEngine,
}

/// A kind of database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DatabaseEngine {
    /// A file of this machine, owned by one process.
    Sqlite,
    /// A PostgreSQL server, shared by several nodes.
    Postgres,
}

/// The shared live state.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis:`, `rediss:` or `unix:`; live state is in-process when `None`.
    pub url: Option<SecretString>,
}

/// Files that the server writes.
#[derive(Clone, Debug)]
pub struct DataConfig {
    /// The data directory: the embedded database, the lock, the local socket.
    pub dir: PathBuf,
}

/// Private keys and their schedule.
#[derive(Clone, Debug)]
pub struct KeysConfig {
    /// The directory of signing keys and of the server's other secrets (0700).
    pub dir: PathBuf,
    /// How long a signing key is meant to be active; a whole number of days.
    pub rotation: Duration,
    /// How long a key is in the JWKS before it signs.
    pub publish_before: Duration,
}

/// Lifetimes and size of access tokens.
#[derive(Clone, Debug)]
pub struct TokensConfig {
    /// The lifetime where nobody asks for another.
    pub lifetime: Duration,
    /// The longest lifetime anything may set; at least `lifetime`.
    pub max_lifetime: Duration,
    /// The largest token, in bytes of its compact form.
    pub max_bytes: usize,
}

/// Bounds on what arrives.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// Failed authentications per client id and address in a minute, before 429; `None` = no limit.
    pub failed_auth_per_minute: Option<u32>,
    /// Connections that are open at once, per listener.
    pub connections: usize,
    /// The largest body at an OAuth endpoint, in bytes.
    pub body_bytes: usize,
    /// The largest body at the admin API, in bytes.
    pub admin_body_bytes: usize,
}

/// How client secrets are stored.
#[derive(Clone, Debug)]
pub struct SecretsConfig {
    /// The file of the pepper, the key of each stored secret's HMAC.
    pub pepper_file: PathBuf,
}

/// The audit trail.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// How long events are kept; a whole number of days.
    pub retention: Duration,
}

/// The usage buckets.
#[derive(Clone, Debug)]
pub struct UsageConfig {
    /// How long buckets are kept; a whole number of days.
    pub retention: Duration,
}
