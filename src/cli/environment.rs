//! The shell's environment variables, taken once, so that a test brings its own.

use std::ffi::OsString;
use std::path::PathBuf;

use super::failure::Failure;

/// Environment variables by name. It has no `Debug`: some of them are secrets.
#[derive(Clone, Default)]
pub struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// A variable; an empty one counts as not set.
    pub fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        self.raw(name)
            .map(|value| value.to_owned().into_string())
            .transpose()
            .map_err(|_| Failure::usage(format!("{name} is not UTF-8 text")))
    }

    /// A variable that names a file or directory.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.raw(name).map(PathBuf::from)
    }

    /// All of them.
    pub fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> {
        self.0.iter().cloned()
    }

    fn raw(&self, name: &str) -> Option<&OsString> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        Self(
            variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let environment = Environment::from_iter([("OSTLER_URL", ""), ("OSTLER_TOKEN", "t")]);
        assert_eq!(environment.text("OSTLER_URL").unwrap(), None);
        assert_eq!(
            environment.text("OSTLER_TOKEN").unwrap().as_deref(),
            Some("t")
        );
        assert_eq!(environment.path("HOME"), None);
    }
}
