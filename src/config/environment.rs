//! The environment: `OSTLER_` and the path of a key with `__` for each dot.
//!
//! The shell's own variables (`OSTLER_URL`, `OSTLER_TOKEN`, ...) share the prefix, and Kubernetes
//! adds variables for a service of that name (`OSTLER_PORT`, ...). Neither has a `__`, so a name
//! with one is meant for us, and an unknown one is a mistake. So is the name of a key with `_` for
//! `__`: to pass over it would start a server without what its operator configured.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::bounded;
use super::keys::KEYS;
use super::keys::Key;
use super::problem::Complaint;
use super::problem::Origin;
use super::problem::Problem;
use super::problem::Warning;
use super::problem::shown;
use super::sources::Said;
use super::suggest;
use super::value::Raw;

/// The largest file with a secret, in bytes.
const MAX_SECRET_BYTES: u64 = 4096;

/// What the variables say.
pub(super) fn read(variables: &[(OsString, OsString)], said: &mut Said) {
    for key in KEYS {
        match (
            lookup(variables, Some(key.variable())),
            lookup(variables, key.file_variable()),
        ) {
            (Some(_), Some((name, _))) => said.problems.push(both(key, name)),
            (Some((name, value)), None) => from_value(key, name, value, said),
            (None, Some((name, value))) => from_file(key, name, value, said),
            (None, None) => {}
        }
    }
    let names = variables.iter().filter_map(|(name, _)| name.to_str());
    said.problems.extend(names.filter_map(unknown));
}

fn lookup(variables: &[(OsString, OsString)], name: Option<String>) -> Option<(String, &OsStr)> {
    let name = name?;
    // As in a process environment, of several equal names the last one counts.
    let found = variables.iter().rev().find(|(known, _)| *known == *name);
    found.map(|(_, value)| (name, value.as_os_str()))
}

fn from_value(key: &'static Key, name: String, value: &OsStr, said: &mut Said) {
    let origin = Origin::Variable(name);
    if let Some(text) = value.to_str() {
        said.set(key, Raw::Word(text.to_owned()), origin);
    } else {
        let complaint = Complaint::new("is not UTF-8 text", "write it in UTF-8");
        said.problems.push(complaint.about(Some(key.path), origin));
    }
}

fn from_file(key: &'static Key, name: String, value: &OsStr, said: &mut Said) {
    let origin = Origin::Variable(name);
    match secret(Path::new(value)) {
        Ok((text, doubts)) => {
            let warn = |what| Warning {
                key: key.path,
                origin: origin.clone(),
                what,
            };
            said.warnings.extend(doubts.into_iter().map(warn));
            said.set(key, Raw::Word(text), origin);
        }
        Err(complaint) => {
            let problem = complaint.about(Some(key.path), origin);
            said.problems.push(problem);
        }
    }
}

/// The secret in a file without the line end after it, and what is doubtful about the file. Docker
/// and Kubernetes mount secrets as links, and readable by all: so these are doubts, not mistakes.
fn secret(path: &Path) -> Result<(String, Vec<String>), Complaint> {
    if path.as_os_str().is_empty() {
        return Err(Complaint::new(
            "names no file",
            "give the path of the file with the secret",
        ));
    }
    let (text, metadata) = bounded::read(path, MAX_SECRET_BYTES)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        let what = format!("{} is empty", path.display());
        return Err(Complaint::new(what, "put the secret in it, on one line"));
    }
    let mut doubts = Vec::new();
    if fs::symlink_metadata(path).is_ok_and(|itself| itself.is_symlink()) {
        doubts.push(format!("{} is a symbolic link", path.display()));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o044 != 0 {
        doubts.push(format!(
            "{} can be read by others than its owner (mode {mode:04o})",
            path.display()
        ));
    }
    Ok((line.to_owned(), doubts))
}

/// The mistake of a name that is meant for us and that we do not know.
fn unknown(name: &str) -> Option<Problem> {
    let rest = name.strip_prefix("OSTLER_")?;
    let known = KEYS
        .iter()
        .flat_map(|key| [Some(key.variable()), key.file_variable()])
        .flatten();
    let near = known
        .filter(|known| known.replace("__", "_") == name.replace("__", "_"))
        .min_by_key(|known| *known != name);
    let fix = match near {
        _ if rest.starts_with("TEST_") => return None,
        Some(known) if known == name => return None,
        Some(known) => format!("did you mean {known}?"),
        None if name.contains("__") => suggest::for_variable(name),
        None => return None,
    };
    let origin = Origin::Variable(shown(name));
    Some(Complaint::new("sets no key", fix).about(None, origin))
}

fn both(key: &Key, file_variable: String) -> Problem {
    let what = format!("{} is set as well", key.variable());
    Complaint::new(what, "unset one of the two")
        .about(Some(key.path), Origin::Variable(file_variable))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn said(variables: &[(&str, &OsStr)]) -> Said {
        let owned = |(name, value): &(&str, &OsStr)| (name.into(), (*value).to_owned());
        let variables: Vec<(OsString, OsString)> = variables.iter().map(owned).collect();
        let mut said = Said::default();
        read(&variables, &mut said);
        said
    }

    fn text(said: &Said, path: &str) -> Option<String> {
        said.setting(path)?.raw.as_text().map(str::to_owned)
    }

    fn advice(name: &str) -> Option<String> {
        unknown(name).map(|problem| problem.fix)
    }

    #[test]
    fn a_name_that_sets_no_key_is_refused_with_the_nearest_one() {
        let general = "unset it; variables are OSTLER_, the section, `__` and the key";
        for (name, fix) in [
            (
                "OSTLER_SERVER__LISTN",
                "did you mean OSTLER_SERVER__LISTEN?",
            ),
            (
                "OSTLER_SERVR__LISTEN",
                "did you mean OSTLER_SERVER__LISTEN?",
            ),
            (
                "OSTLER_SERVER_LISTEN",
                "did you mean OSTLER_SERVER__LISTEN?",
            ),
            (
                "OSTLER_SERVER__TLS_CERT_FILE",
                "did you mean OSTLER_SERVER__TLS__CERT_FILE?",
            ),
            (
                "OSTLER_SERVER__ISSUER_FILE",
                "did you mean OSTLER_SERVER__ISSUER?",
            ),
            (
                "OSTLER_DATABASE_URL_FILE",
                "did you mean OSTLER_DATABASE__URL_FILE?",
            ),
            ("OSTLER_server__listen", general),
            ("OSTLER___", general),
            ("OSTLER_NOTHING__LIKE_IT_AT_ALL", general),
        ] {
            assert_eq!(advice(name).as_deref(), Some(fix), "{name}");
        }
        assert_eq!(
            advice(&format!("OSTLER__{}", "X".repeat(10_000))).as_deref(),
            Some(general)
        );
    }

    #[test]
    fn a_name_that_would_speak_to_the_terminal_is_not_shown() {
        for name in ["OSTLER__\u{1b}[2J", "OSTLER_S\u{7}__LISTEN", "OSTLER__é"] {
            let origin = unknown(name).map(|problem| problem.origin);
            let hidden = Origin::Variable("a name that no key can have".to_owned());
            assert_eq!(origin, Some(hidden), "{name:?}");
        }
    }

    #[test]
    fn what_is_not_meant_for_the_configuration_is_passed_over() {
        for name in [
            "OSTLER_URL",
            "OSTLER_CLIENT_ID",
            "OSTLER_CLIENT_SECRET",
            "OSTLER_CLIENT_SECRET_FILE",
            "OSTLER_TOKEN",
            "OSTLER_ORGANIZATION",
            "OSTLER_PROFILE",
            "OSTLER_CONFIG",
            "OSTLER_LOG",
            "OSTLER_TEST_POSTGRES__URL",
            "OSTLER_SERVICE_HOST",
            "OSTLER_PORT_8080_TCP_ADDR",
            "PATH",
            "SERVER__LISTEN",
        ] {
            assert_eq!(advice(name), None, "{name}");
        }
    }

    #[test]
    fn a_secret_is_read_from_its_file_without_the_line_end() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("url");
        for (content, expected) in [
            ("redis://a", "redis://a"),
            ("redis://a\n", "redis://a"),
            ("redis://a\r\n", "redis://a"),
            ("redis://a\n\n", "redis://a\n"),
            (" redis://a ", " redis://a "),
        ] {
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
            let said = said(&[("OSTLER_REDIS__URL_FILE", file.as_os_str())]);
            assert_eq!(text(&said, "redis.url").as_deref(), Some(expected));
            assert_eq!((said.problems, said.warnings), (vec![], vec![]));
        }
    }

    #[test]
    fn a_link_and_a_file_that_others_can_read_are_doubtful_but_read() {
        let dir = TempDir::new().unwrap();
        let (file, link) = (dir.path().join("url"), dir.path().join("link"));
        fs::write(&file, "redis://a").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();

        let said = said(&[("OSTLER_REDIS__URL_FILE", link.as_os_str())]);

        assert_eq!(text(&said, "redis.url").as_deref(), Some("redis://a"));
        let doubts: Vec<String> = said.warnings.iter().map(Warning::to_string).collect();
        let about = "redis.url (variable OSTLER_REDIS__URL_FILE)";
        let link = link.display();
        assert_eq!(
            doubts,
            [
                format!("{about}: {link} is a symbolic link"),
                format!("{about}: {link} can be read by others than its owner (mode 0640)"),
            ]
        );
    }

    #[test]
    fn a_secret_file_that_is_no_secret_is_refused() {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("empty"), "").unwrap();
        fs::write(at("blank"), "\n").unwrap();
        fs::write(at("large"), "x".repeat(4097)).unwrap();
        fs::write(at("binary"), b"redis://\xff").unwrap();
        for (path, what) in [
            (at("empty"), " is empty"),
            (at("blank"), " is empty"),
            (at("large"), " is larger than 4096 bytes"),
            (at("binary"), " is not UTF-8 text"),
            (at("."), " is not a regular file"),
            (
                at("missing"),
                " cannot be read: No such file or directory (os error 2)",
            ),
            ("/dev/zero".into(), " is not a regular file"),
            ("".into(), "names no file"),
        ] {
            let said = said(&[("OSTLER_REDIS__URL_FILE", path.as_os_str())]);
            assert_eq!(text(&said, "redis.url"), None);
            let [problem] = &said.problems[..] else {
                panic!("not one problem: {:?}", said.problems)
            };
            assert!(problem.what.ends_with(what), "{problem}");
        }
    }

    #[test]
    fn a_secret_by_value_and_by_file_is_a_mistake() {
        let said = said(&[
            ("OSTLER_REDIS__URL", OsStr::new("redis://a")),
            ("OSTLER_REDIS__URL_FILE", OsStr::new("/run/secrets/redis")),
        ]);
        let what: Vec<&str> = said.problems.iter().map(|p| p.what.as_str()).collect();
        assert_eq!(what, ["OSTLER_REDIS__URL is set as well"]);
    }

    #[test]
    fn a_value_that_is_not_utf_8_is_refused() {
        let value = OsString::from_vec(vec![b'a', 0xff]);
        let said = said(&[("OSTLER_DATA__DIR", &value)]);
        let what: Vec<&str> = said.problems.iter().map(|p| p.what.as_str()).collect();
        assert_eq!(what, ["is not UTF-8 text"]);
    }
}
