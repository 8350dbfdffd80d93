//! Configuration: file, environment and flags in, checked values out.

mod sections;

pub use sections::AdminConfig;
pub use sections::AuditConfig;
pub use sections::Config;
pub use sections::DataConfig;
pub use sections::DatabaseConfig;
pub use sections::DatabaseEngine;
pub use sections::KeysConfig;
pub use sections::LimitsConfig;
pub use sections::ManagementConfig;
pub use sections::RedisConfig;
pub use sections::SecretsConfig;
pub use sections::ServerConfig;
pub use sections::TlsConfig;
pub use sections::TokensConfig;
pub use sections::UsageConfig;
