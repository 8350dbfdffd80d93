//! The flags that set keys of the configuration, for the commands that run on the server's machine.

use std::path::PathBuf;

use clap::Args;

use super::environment::Environment;
use crate::config::Sources;

/// Flags over environment over file; see `ostler config check`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Configuration")]
pub struct SettingsArgs {
    /// The configuration file (TOML) [env: OSTLER_CONFIG]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// data.dir: the embedded database, the lock and the local socket
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// keys.dir: signing keys and the server's own secrets
    #[arg(long, value_name = "DIR")]
    keys: Option<String>,
    /// server.listen: where the main listener binds
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// server.issuer: the server's name, as clients see it
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// management.listen: where health and metrics are served
    #[arg(long, value_name = "ADDRESS")]
    management_listen: Option<String>,
    /// admin.listen: a listener of its own for the admin API
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
}

impl SettingsArgs {
    /// Where the configuration comes from.
    pub fn sources(&self, environment: &Environment) -> Sources {
        let file = self
            .config
            .clone()
            .or_else(|| environment.path("OSTLER_CONFIG"));
        let flags = [
            ("data.dir", "--data", &self.data),
            ("keys.dir", "--keys", &self.keys),
            ("server.listen", "--listen", &self.listen),
            ("server.issuer", "--issuer", &self.issuer),
            (
                "management.listen",
                "--management-listen",
                &self.management_listen,
            ),
            ("admin.listen", "--admin-listen", &self.admin_listen),
        ];
        let sources = Sources::new()
            .file(file)
            .environment(environment.variables());
        flags
            .into_iter()
            .fold(sources, |sources, (key, name, value)| match value {
                Some(value) => sources.flag(key, name, value),
                None => sources,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn a_flag_wins_over_a_variable() {
        let environment =
            Environment::from_iter([("OSTLER_DATA__DIR", "env"), ("OSTLER_KEYS__DIR", "env")]);
        let args = SettingsArgs {
            data: Some("flag".to_owned()),
            listen: Some("127.0.0.1:1234".to_owned()),
            ..SettingsArgs::default()
        };
        let (config, _) = config::check(&args.sources(&environment)).unwrap();
        assert_eq!(config.data.dir, PathBuf::from("flag"));
        assert_eq!(config.keys.dir, PathBuf::from("env"));
        assert_eq!(config.server.issuer.as_str(), "http://127.0.0.1:1234");
    }

    #[test]
    fn a_mistake_names_the_flag() {
        let args = SettingsArgs {
            issuer: Some("auth.example.com".to_owned()),
            ..SettingsArgs::default()
        };
        let problems = config::check(&args.sources(&Environment::default())).unwrap_err();
        assert!(problems.to_string().contains("flag --issuer"), "{problems}");
    }
}
