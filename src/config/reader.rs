//! Typed values out of what the sources said, gathering mistakes instead of stopping at the first.

use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;

use super::keys;
use super::keys::Key;
use super::keys::Kind;
use super::problem::Complaint;
use super::problem::Origin;
use super::problem::Problem;
use super::problem::Warning;
use super::sources::Said;
use super::sources::Setting;
use super::value::Parse;
use super::value::Raw;

/// What a path keeps as it is inside of a URL; `?`, `%` and `:` would mean something there.
const PATH_IN_URL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A mark that a value is wrong and that this has been reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported;

/// Reads the values of keys and remembers what was wrong with them.
pub(super) struct Reader {
    said: Said,
    refused: Vec<&'static str>,
}

impl Reader {
    pub(super) fn new(said: Said) -> Self {
        Self {
            said,
            refused: Vec::new(),
        }
    }

    /// The value of a key.
    pub(super) fn read<T>(&mut self, path: &'static str, parse: Parse<T>) -> Result<T, Reported> {
        let key = known(path);
        let Some(setting) = self.setting(key) else {
            // Its default follows a key whose own value is of the wrong type.
            return Err(self.refuse_silently(path));
        };
        parse(&setting.raw, key).map_err(|complaint| {
            if setting
                .follows
                .is_some_and(|source| self.refused.contains(&source))
            {
                return self.refuse_silently(path);
            }
            self.refuse(path, complaint)
        })
    }

    /// The value of a key that may be left out or empty.
    pub(super) fn optional<T>(
        &mut self,
        path: &'static str,
        parse: Parse<T>,
    ) -> Result<Option<T>, Reported> {
        match self.setting(known(path)) {
            Some(setting) if !setting.raw.is_empty() => self.read(path, parse).map(Some),
            _ => Ok(None),
        }
    }

    /// The value of a key if it has one and it is right; reports nothing.
    pub(super) fn peek<T>(&self, path: &'static str, parse: Parse<T>) -> Option<T> {
        let key = known(path);
        parse(&self.setting(key)?.raw, key).ok()
    }

    /// Reports a mistake in the value of a key.
    pub(super) fn refuse(&mut self, path: &'static str, complaint: Complaint) -> Reported {
        let problem = complaint.about(Some(path), self.origin(path));
        self.said.problems.push(problem);
        self.refuse_silently(path)
    }

    /// Notes that a value is doubtful.
    pub(super) fn warn(&mut self, path: &'static str, what: impl Into<String>) {
        let warning = Warning {
            key: path,
            origin: self.origin(path),
            what: what.into(),
        };
        self.said.warnings.push(warning);
    }

    /// Whether any source says something about a key.
    pub(super) fn is_set(&self, path: &'static str) -> bool {
        let setting = self.said.setting(path);
        setting.is_some_and(|setting| !setting.raw.is_empty())
    }

    /// Sets another default, unless the caller chose one.
    pub(super) fn default_to(&mut self, path: &'static str, value: &str) {
        self.said.default_to(path, value);
    }

    /// Whether the file was not read whole, so that how its values fit together means nothing.
    pub(super) fn is_partial(&self) -> bool {
        self.said.is_partial
    }

    /// What was gathered.
    pub(super) fn finish(self) -> (Vec<Problem>, Vec<Warning>) {
        (self.said.problems, self.said.warnings)
    }

    fn refuse_silently(&mut self, path: &'static str) -> Reported {
        self.refused.push(path);
        Reported
    }

    fn origin(&self, path: &'static str) -> Origin {
        let setting = self.said.setting(path);
        setting.map_or(Origin::Default, |setting| setting.origin.clone())
    }

    /// What a source set, else the default.
    pub(super) fn setting(&self, key: &'static Key) -> Option<Setting> {
        let set = self.said.setting(key.path).cloned();
        set.or_else(|| self.follow(key, self.said.default_of(key)?))
    }

    /// A default, with the value of the key that it names in its place.
    fn follow(&self, key: &Key, default: &str) -> Option<Setting> {
        let followed = default.split_once('<').and_then(|(before, rest)| {
            let (name, after) = rest.split_once('>')?;
            Some((before, keys::find(name)?, after))
        });
        let (text, follows) = match followed {
            None => (default.to_owned(), None),
            Some((before, source, after)) => {
                let setting = self.setting(source)?;
                let text = inside(key, setting.raw.as_text()?);
                (format!("{before}{text}{after}"), Some(source.path))
            }
        };
        Some(Setting {
            raw: Raw::Word(text),
            origin: Origin::Default,
            follows,
        })
    }
}

/// A followed value as it is written inside of the value of `key`.
fn inside(key: &Key, text: &str) -> String {
    match key.kind {
        Kind::DatabaseUrl => utf8_percent_encode(text, PATH_IN_URL).to_string(),
        _ => text.to_owned(),
    }
}

fn known(path: &'static str) -> &'static Key {
    keys::find(path).expect("the code reads no key that is not in the table")
}
