//! `ostler config reference`: the table of keys as a file that can be used as it is.

use std::fmt::Write;

use crate::config::KEYS;
use crate::config::Key;
use crate::config::Kind;

/// The file: every key in its section, behind a `#` with its default.
pub fn text() -> String {
    let mut text = String::from(
        "# Every key with its default. A flag wins over a variable, a variable over this file.\n",
    );
    let mut section = "";
    for key in KEYS {
        let (own, name) = parts(key);
        if own != section {
            section = own;
            let _ = write!(text, "\n[{section}]\n");
        }
        let _ = writeln!(text, "# {} ({})", key.doc, said_by(key));
        let _ = writeln!(text, "# {name} = {}", value(key));
    }
    text
}

/// The section of the file, and the name in it: `server` and `tls.cert_file`.
fn parts(key: &Key) -> (&'static str, &'static str) {
    key.path.split_once('.').unwrap_or(("", key.path))
}

/// Its variable, and what it may be where that is not plain.
fn said_by(key: &Key) -> String {
    let mut said = key.variable();
    if let Some(file) = key.file_variable() {
        let _ = write!(said, ", or {file}");
    }
    if let Kind::Number { min, max } = key.kind {
        let _ = write!(said, "; {min} to {max}");
    }
    said
}

/// The default as TOML writes it; one that follows another key names that.
fn value(key: &Key) -> String {
    let default = key.default.unwrap_or_default();
    match key.kind {
        Kind::Switch | Kind::Number { .. } => default.to_owned(),
        Kind::Networks => "[]".to_owned(),
        _ => format!("{default:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::config::Sources;

    #[test]
    fn every_key_is_there_and_the_defaults_are_what_nothing_says() {
        let text = text();
        for key in KEYS {
            assert!(text.contains(&key.variable()), "{}", key.path);
        }
        // Without the marks, but for what names another key, it is a configuration that is good.
        let is_setting = |line: &&str| {
            let name = line
                .strip_prefix("# ")
                .and_then(|line| line.split_once(" = "));
            name.is_some_and(|(name, _)| !name.contains(' '))
        };
        let lines = text
            .lines()
            .filter(|line| line.starts_with('[') || (is_setting(line) && !line.contains('<')));
        let file: Vec<_> = lines.map(|line| line.trim_start_matches("# ")).collect();
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("ostler.toml");
        std::fs::write(&path, file.join("\n")).unwrap();
        let said = config::in_force(&Sources::new().file(Some(path))).unwrap();
        let unsaid = config::in_force(&Sources::new()).unwrap();
        let values = |all: &[config::InForce]| -> Vec<_> {
            all.iter().map(|one| (one.key, one.value.clone())).collect()
        };
        assert_eq!(values(&said), values(&unsaid));
    }
}
