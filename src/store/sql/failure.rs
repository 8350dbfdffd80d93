//! What a failure means: for the caller, for the connection, and for the store gate.
//!
//! A constraint, a trigger or a statement's time limit says something about one statement. A
//! connection that breaks says something about the database, and closes the gate.

use sqlx::error::DatabaseError;

use crate::store::StoreError;
use crate::store::WriteError;

/// What a query comes to.
pub(super) type Answer<T> = Result<T, Failure>;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The driver or the database says so.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A column holds what no version of this server writes.
    #[error("the database holds an unreadable {0}")]
    Unreadable(&'static str),
    /// The database must not be used as it is: a standby, or one that loses what it acknowledged.
    #[error("the database {0}")]
    Unfit(&'static str),
    /// It took longer than it may.
    #[error("the database did not answer in time")]
    TooLate,
    /// What is to be changed does not exist in this organization.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// What is asked of a transaction in which something has failed already.
    #[error("the transaction has failed")]
    Abandoned,
}

/// What a failure says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Something has the place already.
    Taken,
    /// This statement cannot be done: a constraint, a trigger.
    Statement,
    /// A row cannot be read.
    Unreadable(&'static str),
    /// This statement was not done in time, and the database says so itself.
    Slow,
    /// The database takes no changes for now: a full disk, a primary that was demoted.
    Frozen,
    /// The database cannot be reached, read or written.
    Broken,
}

impl Failure {
    /// What it says.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Unreadable(what) => Verdict::Unreadable(what),
            Self::Missing(_) | Self::Abandoned => Verdict::Statement,
            Self::Sql(sqlx::Error::Database(error)) => of_database(error.as_ref()),
            Self::Sql(
                sqlx::Error::Decode(_)
                | sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::RowNotFound,
            ) => Verdict::Unreadable("row"),
            // The database has a shorter limit than ours: silence beyond it is a dead connection.
            Self::TooLate | Self::Unfit(_) | Self::Sql(_) => Verdict::Broken,
        }
    }
}

fn of_database(error: &dyn DatabaseError) -> Verdict {
    if error.is_unique_violation() {
        return Verdict::Taken;
    }
    let code = error.code().unwrap_or_default();
    // A SQLSTATE has five characters, a result code of SQLite is a number of at most four digits.
    match code.parse::<u16>() {
        Ok(number) if code.len() < 5 => of_sqlite(number),
        _ => of_sqlstate(&code),
    }
}

/// By the primary result code, the low byte: <https://www.sqlite.org/rescode.html>.
fn of_sqlite(extended: u16) -> Verdict {
    const BUSY: u16 = 5;
    const LOCKED: u16 = 6;
    const READONLY: u16 = 8;
    const INTERRUPT: u16 = 9;
    const FULL: u16 = 13;
    const ERROR: u16 = 1;
    const CONSTRAINT: u16 = 19;
    match extended & 0xFF {
        BUSY | LOCKED | INTERRUPT => Verdict::Slow,
        FULL | READONLY => Verdict::Frozen,
        ERROR | CONSTRAINT => Verdict::Statement,
        _ => Verdict::Broken,
    }
}

/// By class: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_sqlstate(code: &str) -> Verdict {
    match code {
        "57014" | "55P03" => Verdict::Slow,
        "53100" | "25006" => Verdict::Frozen,
        "53300" | "25P03" => Verdict::Broken,
        _ if ["08", "57", "58", "F0", "XX"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            Verdict::Broken
        }
        _ => Verdict::Statement,
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure.verdict() {
            Verdict::Unreadable(what) => Self::Corrupt { what },
            Verdict::Slow => Self::Deadline,
            _ if matches!(failure, Failure::TooLate) => Self::Deadline,
            _ => Self::Unavailable(Box::new(failure)),
        }
    }
}

impl From<Failure> for WriteError {
    fn from(failure: Failure) -> Self {
        match failure.verdict() {
            Verdict::Taken => Self::Taken,
            _ => Self::Store(failure.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broken_database_is_called_broken() {
        for (code, verdict) in [
            (2067, Verdict::Statement), // SQLITE_CONSTRAINT_UNIQUE, had it not been one before
            (1811, Verdict::Statement), // SQLITE_CONSTRAINT_TRIGGER
            (5, Verdict::Slow),
            (261, Verdict::Slow), // SQLITE_BUSY_RECOVERY
            (13, Verdict::Frozen),
            (8, Verdict::Frozen),
            (10, Verdict::Broken),
            (1034, Verdict::Broken), // SQLITE_IOERR_FSYNC
            (11, Verdict::Broken),
            (26, Verdict::Broken),
        ] {
            assert_eq!(of_sqlite(code), verdict, "{code}");
        }
        for (code, verdict) in [
            ("P0001", Verdict::Statement),
            ("23503", Verdict::Statement),
            ("40P01", Verdict::Statement),
            ("57014", Verdict::Slow),
            ("53100", Verdict::Frozen),
            ("25006", Verdict::Frozen),
            ("57P01", Verdict::Broken),
            ("08006", Verdict::Broken),
            ("58030", Verdict::Broken),
            ("XX001", Verdict::Broken),
        ] {
            assert_eq!(of_sqlstate(code), verdict, "{code}");
        }
    }
}
