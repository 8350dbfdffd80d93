//! The file of a key that was just made: it goes again, unless the change that it was made for may have
//! come.
//!
//! A file is written before its record is committed. Whatever becomes of the call after that (it is
//! refused, its answer under an `Idempotency-Key` was another node's to give, it ends in a panic), the
//! private half goes with it. It stays where only the store knows whether the record came, and where
//! the process ended in between: then it is a file without a record, which is said in a warning and
//! never signs.
//!
//! Files without a record are not swept instead: whoever starts on the wrong database, or on an old one,
//! would lose every key of the right one.

use crate::jwt::key_files;

use super::super::App;

/// The file of a key for which a record has yet to come.
pub(in crate::app) struct NewKeyFile {
    app: App,
    kid: String,
    goes: bool,
}

impl NewKeyFile {
    /// That of the key `kid`, which was just written.
    pub(super) fn of(app: &App, kid: String) -> Self {
        Self {
            app: app.clone(),
            kid,
            goes: true,
        }
    }

    /// Whose file it is.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// It stays: from here on its record may be durable.
    pub(in crate::app) fn keep(mut self) {
        self.goes = false;
    }
}

impl Drop for NewKeyFile {
    fn drop(&mut self) {
        if !self.goes {
            return;
        }
        // It would never sign, so a failure is no reason to fail.
        if let Err(error) = key_files::discard(&self.app.keys_dir, &self.kid) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the file of a key that is not needed was left behind"
            );
        }
    }
}
