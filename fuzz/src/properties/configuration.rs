//! The configuration: a file, and after a line `#environment` variables, one a line.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use ostler::config::Config;
use ostler::config::Sources;

/// A password that no input has.
const CANARY: &str = "canary-5e1f-7c02";

/// Where the file is written: in memory, since it is written for every input.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let in_memory = PathBuf::from("/dev/shm");
    let place = if in_memory.is_dir() {
        in_memory
    } else {
        std::env::temp_dir()
    };
    place.join(format!("ostler-fuzz-{}.toml", std::process::id()))
});

/// What is accepted keeps the rules; what is refused, is refused without a secret; and whatever it is
/// it is so twice.
pub fn check(input: &[u8]) -> bool {
    const ENVIRONMENT: &[u8] = b"#environment\n";
    let at = input
        .windows(ENVIRONMENT.len())
        .position(|window| window == ENVIRONMENT);
    let (file, variables) = match at {
        Some(at) => (&input[..at], &input[at + ENVIRONMENT.len()..]),
        None => (input, &[][..]),
    };
    let toml_is_right =
        std::str::from_utf8(file).is_ok_and(|text| text.parse::<toml::Table>().is_ok());
    let sources = sources(file, variables);
    let outcome = ostler::config::check(&sources);
    let shown = match &outcome {
        Ok((config, warnings)) => {
            assert!(toml_is_right);
            check_rules(config);
            let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
            format!("{config:?} {}", warnings.join(" "))
        }
        Err(problems) => {
            assert!(problems.iter().next().is_some());
            for problem in problems.iter() {
                assert!(!problem.what.is_empty() && !problem.fix.is_empty());
                // It goes to a terminal.
                assert!(
                    !problem
                        .to_string()
                        .contains(|c: char| c.is_control() && c != '\n')
                );
            }
            problems.to_string()
        }
    };
    let quoted = input
        .windows(CANARY.len())
        .any(|window| window == CANARY.as_bytes());
    assert!(quoted || !shown.contains(CANARY), "{shown}");

    let again = match ostler::config::check(&sources) {
        Ok((config, _)) => format!("{config:?}"),
        Err(problems) => problems.to_string(),
    };
    assert!(shown.starts_with(&again));
    outcome.is_ok()
}

fn sources(file: &[u8], variables: &[u8]) -> Sources {
    fs::write(&*FILE, file).expect("the file is written");
    let mut pairs: Vec<(OsString, OsString)> = Vec::new();
    for line in variables.split(|byte| *byte == b'\n') {
        let Some(equals) = line.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let name = line[..equals].to_vec();
        // Reading other files is not what this is about.
        if !name.ends_with(b"_FILE") {
            let text = |bytes: Vec<u8>| OsString::from_vec(bytes);
            pairs.push((text(name), text(line[equals + 1..].to_vec())));
        }
    }
    let secrets = [
        (
            "OSTLER_DATABASE__URL",
            format!("postgres://ostler:{CANARY}@db.example.com/ostler"),
        ),
        (
            "OSTLER_REDIS__URL",
            format!("redis://:{CANARY}@redis.example.com"),
        ),
    ];
    let secrets = secrets
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()));
    Sources::new()
        .file(Some(FILE.clone()))
        .environment(secrets.chain(pairs).collect::<Vec<(OsString, OsString)>>())
}

fn check_rules(config: &Config) {
    let tokens = &config.tokens;
    assert!(Duration::from_secs(1) <= tokens.lifetime && tokens.lifetime <= tokens.max_lifetime);
    assert!(tokens.max_lifetime <= Duration::from_hours(7 * 24));
    assert!(tokens.max_bytes <= ostler::jwt::MAX_TOKEN_LEN);

    let server = &config.server;
    let exposed = !server.listen.ip().is_loopback();
    assert!(!exposed || server.tls.is_some() || server.behind_tls_proxy);
    let issuer = server.issuer.as_str();
    assert!(issuer.starts_with("https://") || issuer.starts_with("http://"));
    if let Some(rest) = issuer.strip_prefix("http://") {
        let local = ["127.", "localhost", "[::1]"];
        assert!(local.iter().any(|host| rest.starts_with(host)), "{issuer}");
    }
    assert!(
        !issuer
            .bytes()
            .any(|byte| byte.is_ascii_control() || byte == b' ')
    );
}
