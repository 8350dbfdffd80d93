//! The configuration as its callers see it: sources in, values or the whole report out.

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use insta::assert_snapshot;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;

const DAY: Duration = Duration::from_hours(24);

fn good(sources: &Sources) -> Config {
    match check(sources) {
        Ok((config, _)) => config,
        Err(problems) => panic!("{problems}"),
    }
}

fn variables(given: &[(&str, &str)]) -> Sources {
    Sources::new().environment(given.iter().copied())
}

/// The mistakes of these variables, each as `key: what`.
fn mistakes(given: &[(&str, &str)]) -> Vec<String> {
    let problems = check(&variables(given)).expect_err("a mistake");
    let shown = |problem: &Problem| {
        let key = problem.key.as_deref().unwrap_or("-");
        format!("{key}: {}", problem.what)
    };
    problems.iter().map(shown).collect()
}

fn warnings(given: &[(&str, &str)]) -> Vec<String> {
    let (_, warnings) = check(&variables(given)).unwrap_or_else(|problems| panic!("{problems}"));
    let shown = |warning: &Warning| format!("{}: {}", warning.key, warning.what);
    warnings.iter().map(shown).collect()
}

/// A file of the given text that only its owner can read.
fn file(dir: &TempDir, text: &str) -> PathBuf {
    let path = dir.path().join("ostler.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let (config, warnings) = check(&Sources::new()).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.issuer.as_str(), "http://127.0.0.1:8080");
    assert!(!config.server.behind_tls_proxy);
    assert!(config.server.trusted_proxies.is_empty());
    assert!(config.server.tls.is_none());
    assert!(!config.server.atlassian_path);
    assert_eq!(config.management.listen.to_string(), "127.0.0.1:9090");
    assert_eq!(config.admin.listen, None);
    assert_eq!(
        config.database.url.expose_secret(),
        "sqlite://data/ostler.db"
    );
    assert_eq!(config.database.engine, DatabaseEngine::Sqlite);
    assert!(config.redis.url.is_none());
    assert_eq!(config.data.dir, Path::new("data"));
    assert_eq!(config.keys.dir, Path::new("keys"));
    assert_eq!(config.keys.rotation, 90 * DAY);
    assert_eq!(config.keys.publish_before, Duration::from_hours(1));
    assert_eq!(config.tokens.lifetime, Duration::from_mins(15));
    assert_eq!(config.tokens.max_lifetime, Duration::from_hours(1));
    assert_eq!(config.tokens.max_bytes, 4096);
    assert_eq!(config.limits.failed_auth_per_minute, Some(60));
    assert_eq!(config.limits.connections, 10_000);
    assert_eq!(config.limits.body_bytes, 65_536);
    assert_eq!(config.limits.admin_body_bytes, 1_048_576);
    assert_eq!(config.secrets.pepper_file, Path::new("keys/pepper"));
    assert_eq!(config.audit.retention, 400 * DAY);
    assert_eq!(config.usage.retention, 30 * DAY);
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let dir = TempDir::new().unwrap();
    let file = file(
        &dir,
        "[data]\ndir = 'file'\n[keys]\ndir = 'file'\n[tokens]\nlifetime_seconds = 1",
    );
    let sources = Sources::new()
        .flag("data.dir", "--data", "flag")
        .environment([("OSTLER_DATA__DIR", "env"), ("OSTLER_KEYS__DIR", "env")])
        .file(Some(file))
        .default_to("tokens.lifetime_seconds", "2")
        .default_to("tokens.max_lifetime_seconds", "3");

    let config = good(&sources);

    assert_eq!(config.data.dir, Path::new("flag"));
    assert_eq!(config.keys.dir, Path::new("env"));
    assert_eq!(config.tokens.lifetime, Duration::from_secs(1));
    assert_eq!(config.tokens.max_lifetime, Duration::from_secs(3));
}

#[test]
fn a_default_follows_the_key_that_it_names() {
    let dev = Sources::new()
        .default_to("data.dir", ".ostler-dev")
        .default_to("keys.dir", "<data.dir>/keys");
    let config = good(&dev);
    assert_eq!(config.keys.dir, Path::new(".ostler-dev/keys"));
    assert_eq!(
        config.secrets.pepper_file,
        Path::new(".ostler-dev/keys/pepper")
    );
    assert_eq!(
        config.database.url.expose_secret(),
        "sqlite://.ostler-dev/ostler.db"
    );

    let elsewhere = dev.flag("data.dir", "--data", "/tmp/100% mine?").flag(
        "server.listen",
        "--listen",
        "[::1]:8081",
    );
    let config = good(&elsewhere);
    assert_eq!(config.keys.dir, Path::new("/tmp/100% mine?/keys"));
    assert_eq!(
        config.database.url.expose_secret(),
        "sqlite:///tmp/100%25%20mine%3F/ostler.db"
    );
    assert_eq!(config.server.issuer.as_str(), "http://[::1]:8081");
}

#[test]
fn every_key_can_be_set_in_the_file() {
    let dir = TempDir::new().unwrap();
    let file = file(
        &dir,
        r#"
        [server]
        listen = "0.0.0.0:8443"
        issuer = "https://auth.example.com/ostler"
        behind_tls_proxy = true
        trusted_proxies = ["10.0.0.0/8", "::1"]
        tls.cert_file = "cert.pem"
        tls.key_file = "key.pem"
        atlassian_path = true
        [management]
        listen = "127.0.0.1:1"
        [admin]
        listen = "127.0.0.1:2"
        [database]
        url = "postgres://ostler:hunter2@db/ostler"
        [redis]
        url = "redis://:hunter2@redis"
        [data]
        dir = "/data"
        [keys]
        dir = "/keys"
        rotation_days = 7
        publish_before_seconds = 600
        [tokens]
        lifetime_seconds = 60
        max_lifetime_seconds = 120
        max_bytes = 8_192
        [limits]
        failed_auth_per_minute = 0
        connections = 5
        body_bytes = 0x4000
        admin_body_bytes = 20000
        [secrets]
        pepper_file = "/pepper"
        [audit]
        retention_days = 1
        [usage]
        retention_days = 2
        "#,
    );
    let text = fs::read_to_string(&file).unwrap();
    for key in KEYS {
        let name = key.path.rsplit('.').next().unwrap();
        assert!(text.contains(&format!("{name} = ")), "{}", key.path);
    }
    let (config, warnings) = check(&Sources::new().file(Some(file))).unwrap();
    assert_eq!(warnings, []);

    let debug = format!("{config:?}");
    assert!(!debug.contains("hunter2"), "{debug}");
    assert_eq!(config.server.issuer.path(), "/ostler");
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.server.tls.unwrap().key_file, Path::new("key.pem"));
    assert!(config.server.behind_tls_proxy && config.server.atlassian_path);
    assert_eq!(config.admin.listen.unwrap().port(), 2);
    assert_eq!(config.database.engine, DatabaseEngine::Postgres);
    assert_eq!(
        config.redis.url.unwrap().expose_secret(),
        "redis://:hunter2@redis"
    );
    assert_eq!(config.tokens.max_bytes, 8192);
    assert_eq!(config.limits.failed_auth_per_minute, None);
    assert_eq!(config.limits.body_bytes, 16_384);
    assert_eq!(config.secrets.pepper_file, Path::new("/pepper"));
}

#[test]
fn an_empty_value_turns_off_what_may_be_off_and_is_wrong_elsewhere() {
    let dir = TempDir::new().unwrap();
    let file = file(
        &dir,
        "[redis]\nurl = 'redis://a'\n[admin]\nlisten = '127.0.0.1:1'",
    );
    let off = [
        ("OSTLER_REDIS__URL", ""),
        ("OSTLER_ADMIN__LISTEN", ""),
        ("OSTLER_SERVER__TRUSTED_PROXIES", ""),
        ("OSTLER_SERVER__TLS__CERT_FILE", ""),
    ];
    let config = good(&variables(&off).file(Some(file)));
    assert!(config.redis.url.is_none());
    assert_eq!(config.admin.listen, None);
    assert!(config.server.tls.is_none());

    for key in KEYS.iter().filter(|key| key.default.is_some()) {
        let problems = mistakes(&[(key.variable().as_str(), "")]);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(key.path), "{problems:?}");
    }
}

#[test]
fn plain_http_beyond_loopback_needs_tls_or_a_proxy() {
    let exposed = "is not loopback, and would carry secrets without TLS";
    let issuer = ("OSTLER_SERVER__ISSUER", "https://auth.example.com");
    let anywhere = ("OSTLER_SERVER__LISTEN", "0.0.0.0:8080");
    let admin = ("OSTLER_ADMIN__LISTEN", "192.0.2.1:8081");
    let expected = [
        format!("server.listen: 0.0.0.0:8080 {exposed}"),
        format!("admin.listen: 192.0.2.1:8081 {exposed}"),
    ];
    assert_eq!(mistakes(&[issuer, anywhere, admin]), expected);

    good(&variables(&[
        issuer,
        anywhere,
        admin,
        ("OSTLER_SERVER__BEHIND_TLS_PROXY", "true"),
    ]));
    good(&variables(&[
        issuer,
        anywhere,
        admin,
        ("OSTLER_SERVER__TLS__CERT_FILE", "cert.pem"),
        ("OSTLER_SERVER__TLS__KEY_FILE", "key.pem"),
    ]));
}

#[test]
fn with_tls_the_default_issuer_is_https() {
    let tls = [
        ("OSTLER_SERVER__TLS__CERT_FILE", "cert.pem"),
        ("OSTLER_SERVER__TLS__KEY_FILE", "key.pem"),
    ];
    let config = good(&variables(&tls));
    assert_eq!(config.server.issuer.as_str(), "https://127.0.0.1:8080");
}

#[test]
fn the_usual_lifetime_is_within_a_maximum_that_was_lowered() {
    for (maximum, lifetime) in [("600", 600), ("900", 900), ("7200", 900)] {
        let config = good(&variables(&[(
            "OSTLER_TOKENS__MAX_LIFETIME_SECONDS",
            maximum,
        )]));
        assert_eq!(config.tokens.lifetime, Duration::from_secs(lifetime));
    }
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    for (given, mistake) in [
        (
            &[("OSTLER_SERVER__TLS__CERT_FILE", "cert.pem")][..],
            "server.tls.cert_file: server.tls.key_file is missing, and TLS needs both",
        ),
        (
            &[("OSTLER_SERVER__TLS__KEY_FILE", "key.pem")],
            "server.tls.key_file: server.tls.cert_file is missing, and TLS needs both",
        ),
        (
            &[("OSTLER_TOKENS__LIFETIME_SECONDS", "3601")],
            "tokens.lifetime_seconds: 3601 is more than tokens.max_lifetime_seconds, 3600",
        ),
        (
            &[
                ("OSTLER_TOKENS__LIFETIME_SECONDS", "900"),
                ("OSTLER_TOKENS__MAX_LIFETIME_SECONDS", "600"),
            ],
            "tokens.lifetime_seconds: 900 is more than tokens.max_lifetime_seconds, 600",
        ),
        (
            &[
                ("OSTLER_KEYS__ROTATION_DAYS", "1"),
                ("OSTLER_KEYS__PUBLISH_BEFORE_SECONDS", "86400"),
            ],
            "keys.publish_before_seconds: 86400 is not less than keys.rotation_days",
        ),
        // Security case 157.
        (
            &[("OSTLER_KEYS__PUBLISH_BEFORE_SECONDS", "0")],
            "keys.publish_before_seconds: 0 is out of bounds",
        ),
        (
            &[("OSTLER_KEYS__PUBLISH_BEFORE_SECONDS", "359")],
            "keys.publish_before_seconds: 359 is out of bounds",
        ),
        (
            &[("OSTLER_MANAGEMENT__LISTEN", "127.0.0.1:8080")],
            "management.listen: 127.0.0.1:8080 overlaps with server.listen",
        ),
        (
            &[("OSTLER_ADMIN__LISTEN", "127.0.0.1:9090")],
            "admin.listen: 127.0.0.1:9090 overlaps with management.listen",
        ),
        (
            &[("OSTLER_MANAGEMENT__LISTEN", "0.0.0.0:8080")],
            "management.listen: 0.0.0.0:8080 overlaps with server.listen",
        ),
        (
            &[("OSTLER_SERVER__LISTEN", "127.0.0.1:0")],
            "server.issuer: \"http://127.0.0.1:0\" names an address or port that no client can reach",
        ),
        (
            &[
                ("OSTLER_SERVER__LISTEN", "0.0.0.0:8080"),
                ("OSTLER_SERVER__BEHIND_TLS_PROXY", "true"),
            ],
            "server.issuer: \"http://0.0.0.0:8080\" names an address or port that no client can reach",
        ),
    ] {
        assert_eq!(mistakes(given), [mistake]);
    }
    let soon = variables(&[("OSTLER_KEYS__PUBLISH_BEFORE_SECONDS", "359")]);
    let told = check(&soon).unwrap_err().to_string();
    let fix = "from 360 to 604800: a verifier may keep the JWKS for 300 s, and its clock";
    assert!(told.contains(fix), "{told}");
    let known = variables(&[("OSTLER_KEYS__PUBLISH_BEFORE_SECONDS", "360")]);
    assert_eq!(good(&known).keys.publish_before, Duration::from_mins(6));
}

#[test]
fn a_default_that_follows_a_wrong_value_is_not_reported_beside_it() {
    for (given, mistake) in [
        (
            ("OSTLER_SERVER__LISTEN", "example.com"),
            "server.listen: \"example.com\" is not an IP address and a port",
        ),
        (
            ("OSTLER_DATA__DIR", "a\nb"),
            "data.dir: has a line end or another control character",
        ),
    ] {
        assert_eq!(mistakes(&[given]), [mistake]);
    }
    let dir = TempDir::new().unwrap();
    let file = file(&dir, "[data]\ndir = 1\n[keys]\ndir = true");
    let problems = check(&Sources::new().file(Some(file))).unwrap_err();
    let keys: Vec<_> = problems.iter().filter_map(|p| p.key.as_deref()).collect();
    assert_eq!(keys, ["data.dir", "keys.dir"]);
}

#[test]
fn what_is_allowed_but_hardly_meant_is_a_warning() {
    let issuer = ("OSTLER_SERVER__ISSUER", "https://auth.example.com");
    let proxy = ("OSTLER_SERVER__BEHIND_TLS_PROXY", "true");
    for (given, warning) in [
        (
            &[("OSTLER_MANAGEMENT__LISTEN", "0.0.0.0:9090")][..],
            "management.listen: is not loopback and has no authentication",
        ),
        (
            &[issuer],
            "server.issuer: is https, and neither TLS nor server.behind_tls_proxy is configured",
        ),
        (
            &[
                ("OSTLER_SERVER__ISSUER", "http://localhost:8080"),
                ("OSTLER_SERVER__TLS__CERT_FILE", "cert.pem"),
                ("OSTLER_SERVER__TLS__KEY_FILE", "key.pem"),
            ],
            "server.issuer: is http, and the listener speaks TLS",
        ),
        (
            &[issuer, proxy],
            "server.behind_tls_proxy: without server.trusted_proxies, every caller seems to come from the proxy",
        ),
        (
            &[
                issuer,
                proxy,
                ("OSTLER_SERVER__TRUSTED_PROXIES", "0.0.0.0/0"),
            ],
            "server.trusted_proxies: everybody may claim any address",
        ),
    ] {
        assert_eq!(warnings(given), [warning]);
    }
}

#[test]
fn a_password_in_a_file_that_everybody_reads_is_a_warning() {
    let dir = TempDir::new().unwrap();
    let file = file(&dir, "[database]\nurl = 'postgres://u:hunter2@db/x'");
    let sources = Sources::new().file(Some(file.clone()));
    assert_eq!(check(&sources).unwrap().1, []);

    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let (_, warnings) = check(&sources).unwrap();
    let about = format!("database.url (file {}:2)", file.display());
    let expected = format!(
        "{about}: {} has a password and can be read by everybody",
        file.display()
    );
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].to_string(), expected);
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let problems = check(&Sources::new().file(Some("no/such/ostler.toml".into()))).unwrap_err();
    assert_snapshot!(problems, @r"
    the configuration has a mistake:

      file no/such/ostler.toml
        no/such/ostler.toml cannot be read: No such file or directory (os error 2)
        fix: name a file that this process may read
    ");
}

#[test]
fn several_mistakes_are_one_report() {
    let dir = TempDir::new().unwrap();
    let path = file(
        &dir,
        r#"
        [server]
        isuer = "https://auth.example.com"
        behind_tls_proxy = "yes"
        trusted_proxies = "10.0.0.0/8"

        [tokens]
        lifetime_seconds = 7200
        max_bytes = 100

        [database]
        url = "mysql://ostler:hunter2@db/ostler"

        [keys]
        dir = 7
        "#,
    );
    let sources = Sources::new()
        .file(Some(path))
        .environment([
            ("OSTLER_SERVER__ISSUER", "http://auth.example.com"),
            ("OSTLER_SERVER__LISTN", "0.0.0.0:80"),
            ("OSTLER_REDIS__URL_FILE", "/no/such/secret"),
            ("OSTLER_LIMITS__CONNECTIONS", "lots"),
        ])
        .flag("server.listen", "--listen", "localhost:8080")
        .flag("management.listen", "--management", "0.0.0.0:9090");

    let problems = check(&sources).unwrap_err();

    let report = problems.to_string();
    assert!(!report.contains("hunter2"));
    assert!(!format!("{problems:?}").contains("hunter2"));
    let report = report.replace(&dir.path().display().to_string(), "/etc/ostler");
    assert_snapshot!(report, @r#"
    the configuration has 12 mistakes:

      server.isuer (file /etc/ostler/ostler.toml:3)
        is not a key
        fix: did you mean server.issuer?

      redis.url (variable OSTLER_REDIS__URL_FILE)
        /no/such/secret cannot be read: No such file or directory (os error 2)
        fix: name a file that this process may read

      variable OSTLER_SERVER__LISTN
        sets no key
        fix: did you mean OSTLER_SERVER__LISTEN?

      server.listen (flag --listen)
        "localhost:8080" is not an IP address and a port
        fix: write an IP address and a port, like 127.0.0.1:8080 or [::1]:8080

      server.issuer (variable OSTLER_SERVER__ISSUER)
        "http://auth.example.com" is plain http for a host that is not loopback
        fix: give the https:// URL by which clients reach this server

      server.behind_tls_proxy (file /etc/ostler/ostler.toml:4)
        is text, which is the wrong type
        fix: write true or false, without quotes

      server.trusted_proxies (file /etc/ostler/ostler.toml:5)
        is text, which is the wrong type
        fix: give a list of networks, like ["10.0.0.0/8"]

      database.url (file /etc/ostler/ostler.toml:12)
        is neither sqlite: nor postgres:
        fix: write sqlite://<file>, or postgres://<user>:<password>@<host>/<database>

      keys.dir (file /etc/ostler/ostler.toml:15)
        is a number, which is the wrong type
        fix: give the path of a file or directory, in quotes

      tokens.max_bytes (file /etc/ostler/ostler.toml:9)
        100 is out of bounds
        fix: give a whole number of bytes from 1024 to 8192

      limits.connections (variable OSTLER_LIMITS__CONNECTIONS)
        "lots" is not a whole number
        fix: give a whole number from 1 to 1000000

      tokens.lifetime_seconds (file /etc/ostler/ostler.toml:8)
        7200 is more than tokens.max_lifetime_seconds, 3600
        fix: lower it, or raise tokens.max_lifetime_seconds
    "#);
}
