//! The file: TOML, strict, with the line of each value.
//!
//! The parser recovers from a syntax error, so one reading finds them all. What stands on a line
//! with such an error is not taken for a value, and no message shows the line itself: it may hold
//! a secret.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use super::bounded;
use super::keys;
use super::keys::KEYS;
use super::problem::Complaint;
use super::problem::Origin;
use super::problem::Warning;
use super::problem::shown;
use super::sources::Said;
use super::suggest;
use super::value::Raw;

/// The largest configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 65_536;

/// The most syntax errors that are reported: after so many it is some other kind of file.
const MAX_SYNTAX_ERRORS: usize = 10;

/// What the file says.
pub(super) fn read(path: &Path, said: &mut Said) {
    match bounded::read(path, MAX_FILE_BYTES) {
        Ok((text, metadata)) => {
            let mut document = Document::new(path, &text);
            document.read(said);
            if metadata.permissions().mode() & 0o004 != 0 {
                said.warnings.extend(document.exposed(said));
            }
        }
        Err(complaint) => {
            said.is_partial = true;
            let origin = Origin::File {
                path: path.to_owned(),
                line: None,
            };
            said.problems.push(complaint.about(None, origin));
        }
    }
}

struct Document<'a> {
    path: PathBuf,
    text: &'a str,
    broken_lines: BTreeSet<usize>,
    /// The first broken section header; the parser puts what follows it into no section.
    lost_after: Option<usize>,
}

impl<'a> Document<'a> {
    fn new(path: &Path, text: &'a str) -> Self {
        Self {
            path: path.to_owned(),
            text,
            broken_lines: BTreeSet::new(),
            lost_after: None,
        }
    }

    fn read(&mut self, said: &mut Said) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let line = self.line(error.span().map_or(self.text.len(), |span| span.start));
            // The first error of a line is its cause; the others follow from it.
            let is_first = self.broken_lines.insert(line);
            if is_first && self.broken_lines.len() <= MAX_SYNTAX_ERRORS {
                let what = format!("is not TOML: {}", error.message());
                let complaint = Complaint::new(what, "mend the line; a text is written in quotes");
                said.problems.push(complaint.about(None, self.origin(line)));
            }
        }
        said.is_partial = !self.broken_lines.is_empty();
        self.lost_after = self.first_broken_header();
        self.section("", table.get_ref(), said);
    }

    fn first_broken_header(&self) -> Option<usize> {
        let is_header = |(_, line): &(usize, &str)| line.trim_start().starts_with('[');
        let lines = (1..).zip(self.text.lines());
        let mut headers = lines.filter(is_header).map(|(number, _)| number);
        headers.find(|number| self.broken_lines.contains(number))
    }

    fn section(&self, prefix: &str, table: &DeTable<'_>, said: &mut Said) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let line = self.line(name.span().start);
            if !self.broken_lines.contains(&line) || value.get_ref().is_table() {
                self.entry(prefix, name.get_ref(), value, line, said);
            }
        }
    }

    fn entry(
        &self,
        prefix: &str,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        line: usize,
        said: &mut Said,
    ) {
        let path = format!("{prefix}{name}");
        let inner = format!("{path}.");
        let is_section = KEYS.iter().any(|key| key.path.starts_with(&inner));
        let complaint = match (keys::find(&path), value.get_ref()) {
            // A quoted name may have a dot of its own, and is then no key.
            _ if name.contains('.') => unknown(&path),
            (Some(key), value) => return said.set(key, raw(value), self.origin(line)),
            (None, DeValue::Table(table)) if is_section => {
                return self.section(&inner, table, said);
            }
            (None, _) if is_section => {
                Complaint::new("is a section, not a value", format!("write [{path}]"))
            }
            (None, _) if prefix.is_empty() && self.lost_after.is_some_and(|at| at < line) => return,
            (None, _) => unknown(&path),
        };
        let key = shown(&path);
        said.problems
            .push(complaint.about(Some(&key), self.origin(line)));
    }

    /// A warning for each password in this file, which others can read.
    fn exposed(&self, said: &Said) -> Vec<Warning> {
        let from_here = |origin: &Origin| matches!(origin, Origin::File { .. });
        KEYS.iter()
            .filter(|key| key.is_secret())
            .filter_map(|key| Some((key, said.setting(key.path)?)))
            .filter(|(_, setting)| from_here(&setting.origin))
            .filter(|(_, setting)| setting.raw.as_text().is_some_and(|text| text.contains('@')))
            .map(|(key, setting)| Warning {
                key: key.path,
                origin: setting.origin.clone(),
                what: format!(
                    "{} has a password and can be read by everybody",
                    self.path.display()
                ),
            })
            .collect()
    }

    fn origin(&self, line: usize) -> Origin {
        Origin::File {
            path: self.path.clone(),
            line: Some(line),
        }
    }

    /// The line of a byte, counted from 1.
    fn line(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or(self.text);
        1 + before.matches('\n').count()
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.clone().into_owned()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Raw::Number(number),
            Err(_) => Raw::Other("a very large number"),
        },
        DeValue::Boolean(on) => Raw::Switch(*on),
        DeValue::Array(values) => {
            let texts = values.iter().map(|value| value.get_ref().as_str());
            let texts: Option<Vec<&str>> = texts.collect();
            texts.map_or(
                Raw::Other("a list with something else than text"),
                |texts| Raw::List(texts.into_iter().map(str::to_owned).collect()),
            )
        }
        DeValue::Float(_) => Raw::Other("a number with a fraction"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Table(_) => Raw::Other("a section"),
    }
}

fn unknown(path: &str) -> Complaint {
    Complaint::new("is not a key", suggest::for_key(path))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prop_assert;
    use proptest::proptest;
    use proptest::sample::select;

    use super::*;

    fn said(text: &str) -> Said {
        let mut said = Said::default();
        Document::new(Path::new("ostler.toml"), text).read(&mut said);
        said
    }

    /// Each mistake as `line: key: what; fix`.
    fn mistakes(text: &str) -> Vec<String> {
        let shown = |problem: &crate::config::Problem| {
            let Origin::File { line, .. } = &problem.origin else {
                panic!("{problem}")
            };
            let line = line.expect("a line");
            let key = problem.key.as_deref().unwrap_or("-");
            format!("{line}: {key}: {}; {}", problem.what, problem.fix)
        };
        said(text).problems.iter().map(shown).collect()
    }

    #[test]
    fn a_key_is_found_however_its_section_is_written() {
        for text in [
            "[server]\nlisten = 'a'",
            "server.listen = 'a'",
            "server = { listen = 'a' }",
            "\"server\".\"listen\" = 'a'",
        ] {
            let said = said(text);
            assert_eq!(said.problems, []);
            let setting = said.setting("server.listen").expect(text);
            assert_eq!(setting.raw.as_text(), Some("a"));
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_a_suggestion() {
        for (text, mistake) in [
            (
                "[server]\nlisten = 'a'\nisuer = 'b'",
                "3: server.isuer: is not a key; did you mean server.issuer?",
            ),
            (
                "[server]\ncert_file = 'a'",
                "2: server.cert_file: is not a key; did you mean server.tls.cert_file?",
            ),
            (
                "[tokens]\nttl = 1",
                "2: tokens.ttl: is not a key; the keys of tokens are tokens.lifetime_seconds, \
                 tokens.max_lifetime_seconds, tokens.max_bytes",
            ),
            (
                "[clients]\na = 1",
                "1: clients: is not a key; the sections are server, management, admin, database, \
                 redis, data, keys, tokens, limits, secrets, audit, usage",
            ),
            (
                "'server.listen' = 'a'",
                "1: server.listen: is not a key; did you mean server.listen?",
            ),
            (
                "'x@y' = 'a'",
                "1: a name that no key can have: is not a key; the sections are server, \
                 management, admin, database, redis, data, keys, tokens, limits, secrets, audit, usage",
            ),
            (
                "server = 'a'",
                "1: server: is a section, not a value; write [server]",
            ),
            (
                "[[server]]\nlisten = 'a'",
                "1: server: is a section, not a value; write [server]",
            ),
        ] {
            assert_eq!(mistakes(text), [mistake]);
        }
    }

    #[test]
    fn what_is_not_toml_is_reported_by_line_without_showing_it() {
        let quotes = "mend the line; a text is written in quotes";
        for (text, mistake) in [
            (
                "[server]\nlisten = 'a'\nlisten = 'b'",
                "3: -: is not TOML: duplicate key",
            ),
            (
                "[data]\n[server]\n[data]",
                "3: -: is not TOML: duplicate key",
            ),
            (
                "[database]\nurl = postgres://u:hunter2@h/db",
                "2: -: is not TOML: string values must be quoted, expected literal string",
            ),
            (
                "[server]\nlisten = 127.0.0.1:8080",
                "2: -: is not TOML: invalid float, expected nothing",
            ),
            (
                "[server\nlisten = 'a'",
                "1: -: is not TOML: unclosed table, expected `]`",
            ),
        ] {
            assert_eq!(mistakes(text), [format!("{mistake}; {quotes}")]);
        }
    }

    #[test]
    fn all_broken_lines_are_reported_and_the_rest_is_read() {
        let text = "[data]\ndir = data\n[keys]\ndir = \"keys\n[server]\nissuer = 'x'\nbad = 1";
        let said = said(text);
        assert!(said.is_partial);
        assert_eq!(mistakes(text).len(), 3);
        assert!(said.setting("data.dir").is_none());
        assert!(said.setting("server.issuer").is_some());
    }

    #[test]
    fn a_file_of_another_kind_is_not_reported_line_by_line() {
        let text = "%%%\n".repeat(1000);
        assert_eq!(mistakes(&text).len(), MAX_SYNTAX_ERRORS);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_reported(pieces in vec(select(PIECES), 0..24), rest in ".{0,16}") {
            let text = pieces.concat() + &rest;
            let said = said(&text);
            prop_assert!(!said.is_partial || !said.problems.is_empty());
            let shown = format!("{:?}", said.problems);
            prop_assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    const PIECES: &[&str] = &[
        "\n",
        "\r\n",
        " ",
        "[",
        "]",
        "[[",
        "{",
        "}",
        "=",
        ".",
        ",",
        "'",
        "\"",
        "\"\"\"",
        "#",
        "\\",
        "-",
        "1",
        "0x",
        "true",
        "1979-05-27",
        "é",
        "\0",
        "server",
        "tls",
        "listen",
        "database",
        "url",
        "[server]\n",
        "[database]\nurl = ",
        "'postgres://u:hunter2@h'",
    ];
}
