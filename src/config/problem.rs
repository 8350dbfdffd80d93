//! What is wrong or doubtful in a configuration, as data and as text for a terminal.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The configuration file, and the line where it is known.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// Counted from 1.
        line: Option<usize>,
    },
    /// An environment variable, by name.
    Variable(String),
    /// A flag of the command line, by name.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: None } => write!(f, "file {}", path.display()),
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "file {}:{line}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A name that nobody knows, unless it is made of other characters than a key can have: it goes to a
/// terminal.
pub(super) fn shown(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if name.len() <= 80 && name.bytes().all(is_plain) {
        name.to_owned()
    } else {
        "a name that no key can have".to_owned()
    }
}

/// One mistake. It never shows the value of a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The key; `None` for a mistake in the file as such.
    pub key: Option<String>,
    /// Where the value came from.
    pub origin: Origin,
    /// What is wrong, as the rest of a sentence about the key.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => writeln!(f, "  {key} ({})", self.origin)?,
            None => writeln!(f, "  {}", self.origin)?,
        }
        writeln!(f, "    {}", self.what)?;
        write!(f, "    fix: {}", self.fix)
    }
}

/// What is wrong with a value, and the remedy.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Complaint {
    pub(super) what: String,
    pub(super) fix: String,
}

impl Complaint {
    pub(super) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            fix: fix.into(),
        }
    }

    /// The same as a mistake of a source, about a key if it is about one.
    pub(super) fn about(self, key: Option<&str>, origin: Origin) -> Problem {
        Problem {
            key: key.map(str::to_owned),
            origin,
            what: self.what,
            fix: self.fix,
        }
    }
}

/// Every mistake of a configuration, at least one. `Display` is the report for a terminal, several
/// lines without one at the end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// The mistakes, in the order of the report.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has a mistake:")?,
            count => write!(f, "the configuration has {count} mistakes:")?,
        }
        for problem in &self.0 {
            write!(f, "\n\n{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Something that works and is probably not meant. It never shows the value of a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// The key it is about.
    pub key: &'static str,
    /// Where the value came from.
    pub origin: Origin,
    /// What to think about.
    pub what: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.origin, self.what)
    }
}
