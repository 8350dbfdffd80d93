//! What may change while the server runs.
//!
//! Limits, lifetimes and schedules are looked at each time, so a new value can simply be put in their
//! place. The issuer, the listeners and the stores cannot: the server is built on them.

use super::sections::Config;
use super::sections::KeysConfig;
use super::sections::ServerConfig;
use super::sections::TlsConfig;

impl Config {
    /// This configuration with all that may change while the server runs as `newer` has it, and the
    /// keys that differ besides: they wait for the next start.
    #[must_use]
    pub fn renewed_by(&self, newer: Self) -> (Self, Vec<&'static str>) {
        let waiting = self.waiting_in(&newer);
        let old = self.clone();
        let renewed = Self {
            server: ServerConfig {
                trusted_proxies: newer.server.trusted_proxies,
                tls: old
                    .server
                    .tls
                    .and(newer.server.tls.clone())
                    .or(self.server.tls.clone()),
                ..old.server
            },
            keys: KeysConfig {
                dir: old.keys.dir,
                ..newer.keys
            },
            tokens: newer.tokens,
            limits: newer.limits,
            audit: newer.audit,
            usage: newer.usage,
            ..old
        };
        (renewed, waiting)
    }

    fn waiting_in(&self, newer: &Self) -> Vec<&'static str> {
        use secrecy::ExposeSecret;
        let redis = |config: &Self| {
            let url = config.redis.url.as_ref();
            url.map(|url| url.expose_secret().to_owned())
        };
        let is_on = |tls: &Option<TlsConfig>| tls.is_some();
        let (old, new) = (&self.server, &newer.server);
        let database = |config: &Self| config.database.url.expose_secret().to_owned();
        [
            ("server.listen", old.listen != new.listen),
            ("server.issuer", old.issuer != new.issuer),
            ("server.tls.cert_file", is_on(&old.tls) != is_on(&new.tls)),
            (
                "server.atlassian_path",
                old.atlassian_path != new.atlassian_path,
            ),
            (
                "management.listen",
                self.management.listen != newer.management.listen,
            ),
            ("admin.listen", self.admin.listen != newer.admin.listen),
            ("database.url", database(self) != database(newer)),
            ("redis.url", redis(self) != redis(newer)),
            ("data.dir", self.data.dir != newer.data.dir),
            ("keys.dir", self.keys.dir != newer.keys.dir),
            (
                "secrets.pepper_file",
                self.secrets.pepper_file != newer.secrets.pepper_file,
            ),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sources;
    use super::super::check;
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Config {
        let sources = Sources::new().environment(variables.iter().copied());
        check(&sources)
            .unwrap_or_else(|problems| panic!("{problems}"))
            .0
    }

    /// Debug text shows every value but the secrets.
    fn text(config: &Config) -> String {
        format!("{config:?}")
    }

    #[test]
    fn each_key_changes_at_once_or_is_named() {
        let tls = [
            ("OSTLER_SERVER__TLS__CERT_FILE", "a.pem"),
            ("OSTLER_SERVER__TLS__KEY_FILE", "b.pem"),
            // The default issuer follows TLS.
            ("OSTLER_SERVER__ISSUER", "https://auth.example.com"),
        ];
        let old = config(&tls);
        for (variable, value, waits) in [
            (
                "OSTLER_SERVER__LISTEN",
                "127.0.0.1:1",
                Some("server.listen"),
            ),
            (
                "OSTLER_SERVER__ISSUER",
                "https://b.example.com",
                Some("server.issuer"),
            ),
            ("OSTLER_SERVER__TRUSTED_PROXIES", "10.0.0.0/8", None),
            ("OSTLER_SERVER__TLS__CERT_FILE", "other.pem", None),
            (
                "OSTLER_SERVER__ATLASSIAN_PATH",
                "true",
                Some("server.atlassian_path"),
            ),
            (
                "OSTLER_MANAGEMENT__LISTEN",
                "127.0.0.1:1",
                Some("management.listen"),
            ),
            ("OSTLER_ADMIN__LISTEN", "127.0.0.1:1", Some("admin.listen")),
            (
                "OSTLER_DATABASE__URL",
                "postgres://db/x",
                Some("database.url"),
            ),
            ("OSTLER_REDIS__URL", "redis://a", Some("redis.url")),
            ("OSTLER_KEYS__DIR", "elsewhere", Some("keys.dir")),
            ("OSTLER_KEYS__ROTATION_DAYS", "30", None),
            ("OSTLER_KEYS__PUBLISH_BEFORE_SECONDS", "600", None),
            ("OSTLER_TOKENS__LIFETIME_SECONDS", "60", None),
            ("OSTLER_TOKENS__MAX_LIFETIME_SECONDS", "1800", None),
            ("OSTLER_TOKENS__MAX_BYTES", "2048", None),
            ("OSTLER_LIMITS__FAILED_AUTH_PER_MINUTE", "0", None),
            ("OSTLER_LIMITS__CONNECTIONS", "5", None),
            ("OSTLER_LIMITS__BODY_BYTES", "20000", None),
            ("OSTLER_LIMITS__ADMIN_BODY_BYTES", "20000", None),
            (
                "OSTLER_SECRETS__PEPPER_FILE",
                "/pepper",
                Some("secrets.pepper_file"),
            ),
            ("OSTLER_AUDIT__RETENTION_DAYS", "1", None),
            ("OSTLER_USAGE__RETENTION_DAYS", "1", None),
        ] {
            let set: Vec<_> = tls.iter().copied().chain([(variable, value)]).collect();
            let newer = config(&set);
            let (renewed, waiting) = old.renewed_by(newer.clone());
            match waits {
                None => {
                    assert!(waiting.is_empty(), "{variable}: {waiting:?}");
                    assert_eq!(text(&renewed), text(&newer), "{variable}");
                }
                Some(key) => {
                    assert!(waiting.contains(&key), "{variable}: {waiting:?}");
                    assert_eq!(text(&renewed), text(&old), "{variable}");
                }
            }
        }
    }

    #[test]
    fn tls_is_neither_begun_nor_ended_in_a_running_server() {
        let with = config(&[
            ("OSTLER_SERVER__TLS__CERT_FILE", "a.pem"),
            ("OSTLER_SERVER__TLS__KEY_FILE", "b.pem"),
        ]);
        let without = config(&[]);
        for (old, newer) in [(&with, &without), (&without, &with)] {
            let (renewed, waiting) = old.renewed_by(newer.clone());
            assert!(waiting.contains(&"server.tls.cert_file"), "{waiting:?}");
            assert_eq!(text(&renewed), text(old));
        }
    }
}
