//! The table of keys: each with its kind, bounds, default and one line of documentation.
//!
//! Reading, checking, suggesting and documenting all come from this one table, so they cannot
//! disagree. A default may name another key in angle brackets, and then follows it.

/// One key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// The path in the file: `tokens.lifetime_seconds`.
    pub path: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// The value where nothing is said, with `<other.key>` for another key's value; `None` means
    /// that the key may be left out, or be empty, and is then off.
    pub default: Option<&'static str>,
    /// What it does, in one line.
    pub doc: &'static str,
}

/// What the value of a key must be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An IP address and a port.
    Address,
    /// The issuer: an absolute URL in normal form.
    Issuer,
    /// `true` or `false`.
    Switch,
    /// A list of networks in CIDR form; in one text, separated by commas.
    Networks,
    /// A file or directory, relative to the working directory.
    Path,
    /// The URL of the durable store; a secret.
    DatabaseUrl,
    /// The URL of the live state; a secret.
    RedisUrl,
    /// A whole number, both ends included. Its unit is the last word of the key.
    Number {
        /// The least value.
        min: u64,
        /// The greatest value.
        max: u64,
    },
}

impl Key {
    /// Whether the value may carry a password: it is never shown, and may come from a file that
    /// [`Key::file_variable`] names.
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::DatabaseUrl | Kind::RedisUrl)
    }

    /// The environment variable: `OSTLER_TOKENS__LIFETIME_SECONDS`.
    pub fn variable(&self) -> String {
        format!("OSTLER_{}", self.path.to_uppercase().replace('.', "__"))
    }

    /// The environment variable that names a file with the value; only secrets have one.
    pub fn file_variable(&self) -> Option<String> {
        self.is_secret()
            .then(|| format!("{}_FILE", self.variable()))
    }
}

/// The key with this path.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// A week, the longest that an access token may live or a key wait.
const WEEK: u64 = 7 * 24 * 60 * 60;

/// How long a verifier may keep the JWKS, by the `Cache-Control` of our own answer, and by how much its
/// clock may differ from ours, in seconds: no key signs before it has been published for that long
/// (security case 157).
const LEAST_PUBLISHED: u64 = 300 + 60;

/// Every key, in the order of the documentation.
pub const KEYS: &[Key] = &[
    Key {
        path: "server.listen",
        kind: Kind::Address,
        default: Some("127.0.0.1:8080"),
        doc: "Where the main listener binds; beyond loopback only with TLS or behind a TLS proxy.",
    },
    Key {
        path: "server.issuer",
        kind: Kind::Issuer,
        default: Some("http://<server.listen>"),
        doc: "The server's one name, kept byte for byte; https unless the host is loopback. With TLS the default is https.",
    },
    Key {
        path: "server.behind_tls_proxy",
        kind: Kind::Switch,
        default: Some("false"),
        doc: "Says that a proxy in front speaks TLS, so plain HTTP beyond loopback is intended.",
    },
    Key {
        path: "server.trusted_proxies",
        kind: Kind::Networks,
        default: None,
        doc: "Networks of proxies whose X-Forwarded-For is believed.",
    },
    Key {
        path: "server.tls.cert_file",
        kind: Kind::Path,
        default: None,
        doc: "The certificate chain (PEM); with server.tls.key_file it turns TLS on.",
    },
    Key {
        path: "server.tls.key_file",
        kind: Kind::Path,
        default: None,
        doc: "The certificate's private key (PEM).",
    },
    Key {
        path: "server.atlassian_path",
        kind: Kind::Switch,
        default: Some("false"),
        doc: "Serves POST /rest/oauth2/latest/token too, for scripts made for Atlassian Data Center.",
    },
    Key {
        path: "management.listen",
        kind: Kind::Address,
        default: Some("127.0.0.1:9090"),
        doc: "Where health and metrics are served, without authentication.",
    },
    Key {
        path: "admin.listen",
        kind: Kind::Address,
        default: None,
        doc: "A listener of its own for the admin API; with the main one when left out.",
    },
    Key {
        path: "database.url",
        kind: Kind::DatabaseUrl,
        default: Some("sqlite://<data.dir>/ostler.db"),
        doc: "The durable store: sqlite: with a file, or postgres:.",
    },
    Key {
        path: "redis.url",
        kind: Kind::RedisUrl,
        default: None,
        doc: "The shared live state: redis:, rediss: or unix:; in-process when left out.",
    },
    Key {
        path: "data.dir",
        kind: Kind::Path,
        default: Some("data"),
        doc: "The directory of the embedded database, the lock and the local socket.",
    },
    Key {
        path: "keys.dir",
        kind: Kind::Path,
        default: Some("keys"),
        doc: "The directory of signing keys and of the server's own secrets (0700).",
    },
    Key {
        path: "keys.rotation_days",
        kind: Kind::Number { min: 1, max: 3650 },
        default: Some("90"),
        doc: "How long a signing key is meant to be active.",
    },
    Key {
        path: "keys.publish_before_seconds",
        kind: Kind::Number {
            min: LEAST_PUBLISHED,
            max: WEEK,
        },
        default: Some("3600"),
        doc: "How long a new key is in the JWKS before it signs: verifiers may keep the JWKS for 300 s. Less than keys.rotation_days.",
    },
    Key {
        path: "tokens.lifetime_seconds",
        kind: Kind::Number { min: 1, max: WEEK },
        default: Some("900"),
        doc: "The lifetime of an access token where nothing else is asked or set; the maximum where that is shorter.",
    },
    Key {
        path: "tokens.max_lifetime_seconds",
        kind: Kind::Number { min: 1, max: WEEK },
        default: Some("3600"),
        doc: "The longest lifetime that an API, account or request may have.",
    },
    Key {
        // At most what a presented token may have; at least what the claims alone need.
        path: "tokens.max_bytes",
        kind: Kind::Number {
            min: 1024,
            max: 8192,
        },
        default: Some("4096"),
        doc: "The largest access token that is issued.",
    },
    Key {
        path: "limits.failed_auth_per_minute",
        kind: Kind::Number {
            min: 0,
            max: 1_000_000,
        },
        default: Some("60"),
        doc: "Failed authentications per client id and address before 429; 0 = off.",
    },
    Key {
        path: "limits.connections",
        kind: Kind::Number {
            min: 1,
            max: 1_000_000,
        },
        default: Some("10000"),
        doc: "Connections open at once, per listener.",
    },
    Key {
        // A body must hold the largest parameters that the token endpoint reads.
        path: "limits.body_bytes",
        kind: Kind::Number {
            min: 16_384,
            max: 16_777_216,
        },
        default: Some("65536"),
        doc: "The largest body at an OAuth endpoint.",
    },
    Key {
        path: "limits.admin_body_bytes",
        kind: Kind::Number {
            min: 16_384,
            max: 67_108_864,
        },
        default: Some("1048576"),
        doc: "The largest body at the admin API.",
    },
    Key {
        path: "secrets.pepper_file",
        kind: Kind::Path,
        default: Some("<keys.dir>/pepper"),
        doc: "The file of the pepper, the key of each stored secret's HMAC.",
    },
    Key {
        path: "audit.retention_days",
        kind: Kind::Number {
            min: 1,
            max: 36_500,
        },
        default: Some("400"),
        doc: "How long audit events are kept.",
    },
    Key {
        path: "usage.retention_days",
        kind: Kind::Number { min: 1, max: 3650 },
        default: Some("30"),
        doc: "How long hourly usage is kept.",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_has_one_path_and_one_documented_line() {
        let mut seen = HashSet::new();
        for key in KEYS {
            assert!(seen.insert(key.path), "{} is there twice", key.path);
            assert!(
                key.doc.ends_with('.') && !key.doc.contains('\n'),
                "{}",
                key.path
            );
        }
    }

    #[test]
    fn no_key_is_the_section_of_another() {
        for key in KEYS {
            let inner = format!("{}.", key.path);
            assert!(!KEYS.iter().any(|other| other.path.starts_with(&inner)));
        }
    }

    #[test]
    fn variables_are_the_path_in_upper_case() {
        let pepper = find("secrets.pepper_file").expect("in the table");
        assert_eq!(pepper.variable(), "OSTLER_SECRETS__PEPPER_FILE");
        assert_eq!(pepper.file_variable(), None);

        let secrets: Vec<String> = KEYS.iter().filter_map(Key::file_variable).collect();
        assert_eq!(
            secrets,
            ["OSTLER_DATABASE__URL_FILE", "OSTLER_REDIS__URL_FILE"]
        );
    }
}
