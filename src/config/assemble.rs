//! Each section out of the values of its keys.
//!
//! Every key of a section is read before the first mistake ends it, so that all are reported.

use super::problem::Complaint;
use super::reader::Reader;
use super::reader::Reported;
use super::sections::AdminConfig;
use super::sections::AuditConfig;
use super::sections::Config;
use super::sections::DataConfig;
use super::sections::DatabaseConfig;
use super::sections::KeysConfig;
use super::sections::LimitsConfig;
use super::sections::ManagementConfig;
use super::sections::RedisConfig;
use super::sections::SecretsConfig;
use super::sections::ServerConfig;
use super::sections::TlsConfig;
use super::sections::TokensConfig;
use super::sections::UsageConfig;
use super::urls;
use super::value;

/// The whole configuration. A key is read before those whose defaults follow it.
pub(super) fn config(reader: &mut Reader) -> Result<Config, Reported> {
    let server = server(reader);
    let management = management(reader);
    let admin = admin(reader);
    let data = data(reader);
    let database = database(reader);
    let redis = redis(reader);
    let keys = keys(reader);
    let tokens = tokens(reader);
    let limits = limits(reader);
    let secrets = secrets(reader);
    let audit = audit(reader);
    let usage = usage(reader);
    Ok(Config {
        server: server?,
        management: management?,
        admin: admin?,
        database: database?,
        redis: redis?,
        data: data?,
        keys: keys?,
        tokens: tokens?,
        limits: limits?,
        secrets: secrets?,
        audit: audit?,
        usage: usage?,
    })
}

fn server(reader: &mut Reader) -> Result<ServerConfig, Reported> {
    let listen = reader.read("server.listen", value::address);
    let issuer = reader.read("server.issuer", value::issuer);
    let behind_tls_proxy = reader.read("server.behind_tls_proxy", value::switch);
    let trusted_proxies = reader.optional("server.trusted_proxies", value::networks);
    let tls = tls(reader);
    let atlassian_path = reader.read("server.atlassian_path", value::switch);
    Ok(ServerConfig {
        listen: listen?,
        issuer: issuer?,
        tls: tls?,
        behind_tls_proxy: behind_tls_proxy?,
        trusted_proxies: trusted_proxies?.unwrap_or_default(),
        atlassian_path: atlassian_path?,
    })
}

fn tls(reader: &mut Reader) -> Result<Option<TlsConfig>, Reported> {
    let cert_file = reader.optional("server.tls.cert_file", value::path);
    let key_file = reader.optional("server.tls.key_file", value::path);
    let (set, missing) = match (cert_file?, key_file?) {
        (None, None) => return Ok(None),
        (Some(cert_file), Some(key_file)) => {
            return Ok(Some(TlsConfig {
                cert_file,
                key_file,
            }));
        }
        (Some(_), None) => ("server.tls.cert_file", "server.tls.key_file"),
        (None, Some(_)) => ("server.tls.key_file", "server.tls.cert_file"),
    };
    let what = format!("{missing} is missing, and TLS needs both");
    Err(reader.refuse(set, Complaint::new(what, format!("set {missing}"))))
}

fn management(reader: &mut Reader) -> Result<ManagementConfig, Reported> {
    let listen = reader.read("management.listen", value::address)?;
    Ok(ManagementConfig { listen })
}

fn admin(reader: &mut Reader) -> Result<AdminConfig, Reported> {
    let listen = reader.optional("admin.listen", value::address)?;
    Ok(AdminConfig { listen })
}

fn database(reader: &mut Reader) -> Result<DatabaseConfig, Reported> {
    let (url, engine) = reader.read("database.url", urls::database_url)?;
    Ok(DatabaseConfig { url, engine })
}

fn redis(reader: &mut Reader) -> Result<RedisConfig, Reported> {
    let url = reader.optional("redis.url", urls::redis_url)?;
    Ok(RedisConfig { url })
}

fn data(reader: &mut Reader) -> Result<DataConfig, Reported> {
    let dir = reader.read("data.dir", value::path)?;
    Ok(DataConfig { dir })
}

fn keys(reader: &mut Reader) -> Result<KeysConfig, Reported> {
    let dir = reader.read("keys.dir", value::path);
    let rotation = reader.read("keys.rotation_days", value::days);
    let publish_before = reader.read("keys.publish_before_seconds", value::publication);
    Ok(KeysConfig {
        dir: dir?,
        rotation: rotation?,
        publish_before: publish_before?,
    })
}

fn tokens(reader: &mut Reader) -> Result<TokensConfig, Reported> {
    let lifetime = reader.read("tokens.lifetime_seconds", value::seconds);
    let max_lifetime = reader.read("tokens.max_lifetime_seconds", value::seconds);
    let max_bytes = reader.read("tokens.max_bytes", value::count);
    Ok(TokensConfig {
        lifetime: lifetime?,
        max_lifetime: max_lifetime?,
        max_bytes: max_bytes?,
    })
}

fn limits(reader: &mut Reader) -> Result<LimitsConfig, Reported> {
    let failed_auth_per_minute = reader.read("limits.failed_auth_per_minute", value::rate);
    let connections = reader.read("limits.connections", value::count);
    let body_bytes = reader.read("limits.body_bytes", value::count);
    let admin_body_bytes = reader.read("limits.admin_body_bytes", value::count);
    Ok(LimitsConfig {
        failed_auth_per_minute: Some(failed_auth_per_minute?).filter(|limit| *limit > 0),
        connections: connections?,
        body_bytes: body_bytes?,
        admin_body_bytes: admin_body_bytes?,
    })
}

fn secrets(reader: &mut Reader) -> Result<SecretsConfig, Reported> {
    let pepper_file = reader.read("secrets.pepper_file", value::path)?;
    Ok(SecretsConfig { pepper_file })
}

fn audit(reader: &mut Reader) -> Result<AuditConfig, Reported> {
    let retention = reader.read("audit.retention_days", value::days)?;
    Ok(AuditConfig { retention })
}

fn usage(reader: &mut Reader) -> Result<UsageConfig, Reported> {
    let retention = reader.read("usage.retention_days", value::days)?;
    Ok(UsageConfig { retention })
}
