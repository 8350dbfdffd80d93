//! Where a configuration comes from, and which source wins.

use std::ffi::OsString;
use std::path::PathBuf;

use super::environment;
use super::file;
use super::keys;
use super::keys::Key;
use super::problem::Complaint;
use super::problem::Origin;
use super::problem::Problem;
use super::problem::Warning;
use super::suggest;
use super::value::Raw;

/// The sources of a configuration: flag > environment > file > default.
///
/// Nothing is taken from the process by itself, so a test needs no environment of its own. It has
/// no `Debug`: a variable or a flag may be a secret.
///
/// ```
/// use ostler::config::Sources;
/// use ostler::config::check;
///
/// let sources = Sources::new()
///     .environment([("OSTLER_TOKENS__LIFETIME_SECONDS", "600")])
///     .flag("data.dir", "--data", "/var/lib/ostler");
/// let (config, warnings) = check(&sources).unwrap();
/// assert_eq!(config.tokens.lifetime.as_secs(), 600);
/// assert!(warnings.is_empty());
/// ```
#[derive(Clone, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    flags: Vec<(String, String, String)>,
    defaults: Vec<(String, String)>,
}

impl Sources {
    /// No source at all: the defaults of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// The configuration file; it must exist when it is named.
    #[must_use]
    pub fn file(mut self, path: Option<PathBuf>) -> Self {
        self.file = path;
        self
    }

    /// The environment, as `std::env::vars_os` gives it.
    #[must_use]
    pub fn environment<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        let variables = variables.into_iter();
        self.environment
            .extend(variables.map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// A flag of the command line, by the key that it sets and by its own name (`--listen`).
    #[must_use]
    pub fn flag(mut self, key: &str, name: &str, value: impl Into<String>) -> Self {
        self.flags.push((key.into(), name.into(), value.into()));
        self
    }

    /// Another default for a key than the table's. It may name a key in angle brackets, like
    /// `<data.dir>/keys`, and then follows that key.
    #[must_use]
    pub fn default_to(mut self, key: &str, value: impl Into<String>) -> Self {
        self.defaults.push((key.into(), value.into()));
        self
    }

    /// Everything that the sources say, before it is understood.
    pub(super) fn collect(&self) -> Said {
        let mut said = Said::default();
        for (path, value) in &self.defaults {
            if let Some(key) = said.known(path, &Origin::Default) {
                said.defaults.push((key.path, value.clone()));
            }
        }
        if let Some(path) = &self.file {
            file::read(path, &mut said);
        }
        environment::read(&self.environment, &mut said);
        for (path, name, value) in &self.flags {
            let origin = Origin::Flag(name.clone());
            if let Some(key) = said.known(path, &origin) {
                said.set(key, Raw::Word(value.clone()), origin);
            }
        }
        said
    }
}

/// A value and where it came from.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) raw: Raw,
    pub(super) origin: Origin,
    /// The key whose value this default follows.
    pub(super) follows: Option<&'static str>,
}

/// What the sources said, the winner for each key.
#[derive(Default)]
pub(super) struct Said {
    settings: Vec<(&'static str, Setting)>,
    defaults: Vec<(&'static str, String)>,
    /// Mistakes of the sources as such: a key that nobody knows, a file that cannot be read.
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
    /// Whether the file could be read to its end; if not, what it says is not the whole of it.
    pub(super) is_partial: bool,
}

impl Said {
    /// Sets a key; what was set before loses.
    pub(super) fn set(&mut self, key: &'static Key, raw: Raw, origin: Origin) {
        let setting = Setting {
            raw,
            origin,
            follows: None,
        };
        self.settings.retain(|(path, _)| *path != key.path);
        self.settings.push((key.path, setting));
    }

    /// What a source set, if one did.
    pub(super) fn setting(&self, path: &str) -> Option<&Setting> {
        let mut settings = self.settings.iter();
        settings.find_map(|(set, setting)| (*set == path).then_some(setting))
    }

    /// Replaces the default of a key, unless that was already done.
    pub(super) fn default_to(&mut self, path: &'static str, value: &str) {
        self.defaults.push((path, value.to_owned()));
    }

    /// The default of a key: the caller's, else the table's.
    pub(super) fn default_of(&self, key: &Key) -> Option<&str> {
        let mut defaults = self.defaults.iter();
        defaults
            .find_map(|(path, value)| (*path == key.path).then_some(value.as_str()))
            .or(key.default)
    }

    fn known(&mut self, path: &str, origin: &Origin) -> Option<&'static Key> {
        let key = keys::find(path);
        if key.is_none() {
            let complaint = Complaint::new("is not a key", suggest::for_key(path));
            let problem = complaint.about(Some(path), origin.clone());
            self.problems.push(problem);
        }
        key
    }
}
