//! Configuration: file, environment and flags in, checked values out.
//!
//! [`Sources`] says where values come from, [`check`] answers with a [`Config`] or with every
//! mistake at once. The precedence is flag > environment > file > default; [`KEYS`] is the one
//! table of keys, bounds and defaults. Everything is strict: an unknown key, a value of another
//! type or an unknown `OSTLER_` variable stops the start instead of being passed over, since a
//! server without a protection that its operator wrote down is worse than none.
//!
//! Only the file and the files of secrets (`OSTLER_DATABASE__URL_FILE`) are read here; whether
//! certificates, directories or databases exist is for those who open them. Relative paths mean
//! the working directory, in the file too.

mod assemble;
mod bounded;
mod environment;
mod file;
mod in_force;
mod keys;
mod problem;
mod reader;
mod renewal;
mod rules;
mod sections;
mod sources;
mod suggest;
mod urls;
mod value;

pub use in_force::InForce;
pub use keys::KEYS;
pub use keys::Key;
pub use keys::Kind;
pub use problem::Origin;
pub use problem::Problem;
pub use problem::Problems;
pub use problem::Warning;
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
pub use sources::Sources;

use reader::Reader;

/// Reads, understands and checks a configuration; what `ostler config check` and every start do.
///
/// Warnings are for the caller to log. It blocks while it reads files, which are small.
///
/// # Errors
///
/// All mistakes at once, each with its key, its origin and what to do. No secret is shown.
pub fn check(sources: &Sources) -> Result<(Config, Vec<Warning>), Problems> {
    let mut reader = reader(sources);
    let config = assemble::config(&mut reader);
    if !reader.is_partial() {
        rules::check(&mut reader);
    }
    match (config, reader.finish()) {
        (Ok(config), (problems, warnings)) if problems.is_empty() => Ok((config, warnings)),
        (_, (problems, _)) => Err(Problems(problems)),
    }
}

/// What a configuration that is right puts in force, key by key, and where each value came from; what
/// `ostler config show` prints.
///
/// # Errors
///
/// Those of [`check`].
pub fn in_force(sources: &Sources) -> Result<Vec<InForce>, Problems> {
    check(sources)?;
    Ok(in_force::of(&reader(sources)))
}

/// What the sources say, with the defaults that follow from it.
fn reader(sources: &Sources) -> Reader {
    let mut reader = Reader::new(sources.collect());
    if reader.is_set("server.tls.cert_file") {
        // Plain http cannot be right for a listener that speaks TLS.
        reader.default_to("server.issuer", "https://<server.listen>");
    }
    if let Some(maximum) = rules::maximum_below_usual_lifetime(&reader) {
        // Who lowers only the maximum means all tokens.
        reader.default_to("tokens.lifetime_seconds", &maximum.to_string());
    }
    reader
}

#[cfg(test)]
mod tests;
