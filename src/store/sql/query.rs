//! Making queries, and reading rows by the names of their columns.
//!
//! One text serves both databases: `$1` placeholders, and no types but TEXT, BIGINT and SMALLINT. A
//! column that does not parse is a corrupt row, never a panic.

use std::fmt::Display;
use std::fmt::Write;
use std::net::IpAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::Row as _;
use sqlx::any::AnyArguments;
use sqlx::any::AnyRow;

use crate::domain::organization::Generation;
use crate::domain::organization::Status;
use crate::domain::version::Version;
use crate::store::Page;

use super::failure::Answer;
use super::failure::Failure;

/// A connection to either database.
pub(super) type Db = AnyConnection;

/// A statement with its arguments.
pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Any, AnyArguments>;

/// A query under way, for those that are handed to another task.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Answer<T>> + Send + 'c>>;

/// All rows of a query.
pub(super) async fn all(db: &mut Db, query: Query<'_>) -> Answer<Vec<Row>> {
    let rows = query.fetch_all(db).await?;
    Ok(rows.into_iter().map(Row).collect())
}

/// The one row of a query, if there is one. It is read to its end: a failure after the row counts.
pub(super) async fn one(db: &mut Db, query: Query<'_>) -> Answer<Option<Row>> {
    Ok(all(db, query).await?.pop())
}

/// Makes a change; returns how many rows it touched.
pub(super) async fn execute(db: &mut Db, query: Query<'_>) -> Answer<u64> {
    Ok(query.execute(db).await?.rows_affected())
}

/// Makes a change of exactly one row. The caller has seen the row under the lock of its
/// organization, so if it is not there, the change is wrong and must not be committed.
pub(super) async fn execute_one(db: &mut Db, query: Query<'_>, what: &'static str) -> Answer<()> {
    match execute(db, query).await? {
        1 => Ok(()),
        _ => Err(Failure::Missing(what)),
    }
}

/// Runs a text without arguments, which may be several statements.
pub(super) async fn script(db: &mut Db, text: &'static str) -> Answer<()> {
    sqlx::raw_sql(text).execute(db).await?;
    Ok(())
}

/// `$first, ...`: `count` placeholders, for a list of values.
pub(super) fn placeholders(first: usize, count: usize) -> String {
    let mut list = String::new();
    for number in first..first + count {
        let separator = if number == first { "" } else { ", " };
        let _ = write!(list, "{separator}${number}");
    }
    list
}

/// `(...), (...)`: placeholders for `rows` rows, from the first argument on.
///
/// `SQLite` looks for the name of each among the names of all, so there they have none.
pub(super) fn values(db: &Db, rows: usize, columns: usize) -> String {
    let is_sqlite = is_sqlite(db);
    let row = |number: usize| {
        if is_sqlite {
            format!("({})", vec!["?"; columns].join(", "))
        } else {
            format!("({})", placeholders(number * columns + 1, columns))
        }
    };
    let rows: Vec<_> = (0..rows).map(row).collect();
    rows.join(", ")
}

/// Parts of `rows` for one statement each, the longest first: of few lengths (a power of two), since each
/// length is a statement of its own, to be prepared and remembered.
///
/// A round trip to a server is worth many rows. `SQLite` works on this machine, maybe on the only core of
/// it, and requests are answered between two statements: 16 rows take about 20 us.
pub(super) fn parts<'r, T>(
    db: &Db,
    mut rows: &'r [T],
) -> impl Iterator<Item = &'r [T]> + use<'r, T> {
    let longest = if is_sqlite(db) { 16_usize } else { 128 };
    std::iter::from_fn(move || {
        let length = rows.len().min(longest).checked_ilog2()?;
        let (part, rest) = rows.split_at(1 << length);
        rows = rest;
        Some(part)
    })
}

fn is_sqlite(db: &Db) -> bool {
    db.backend_name() == "SQLite"
}

/// Binds what a list is paged by: the id that it follows, and how many items. Ids are never empty, so
/// the empty text comes before all of them.
pub(super) fn paged<Id: Display>(query: Query<'_>, page: Page<Id>) -> Query<'_> {
    let after = page.after.map_or_else(String::new, |id| id.to_string());
    query.bind(after).bind(i64::from(page.limit))
}

/// A query whose text is put together by us; what comes from outside is in its arguments.
pub(super) fn assembled(text: String) -> Query<'static> {
    sqlx::query(sqlx::AssertSqlSafe(text))
}

/// An instant as it is stored, in unix milliseconds.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A duration as it is stored, in seconds.
pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// A flag as it is stored.
pub(super) fn flag(value: bool) -> i16 {
    i16::from(value)
}

/// One row.
pub(super) struct Row(AnyRow);

impl Row {
    /// A TEXT.
    pub(super) fn text(&self, column: &'static str) -> Answer<&str> {
        self.optional_text(column)?
            .ok_or(Failure::Unreadable(column))
    }

    /// A TEXT that may be NULL.
    pub(super) fn optional_text(&self, column: &'static str) -> Answer<Option<&str>> {
        self.0
            .try_get(column)
            .map_err(|_| Failure::Unreadable(column))
    }

    /// A TEXT in a form that a function reads.
    pub(super) fn read<'r, T, E>(
        &'r self,
        column: &'static str,
        parse: impl FnOnce(&'r str) -> Result<T, E>,
    ) -> Answer<T> {
        parse(self.text(column)?).map_err(|_| Failure::Unreadable(column))
    }

    /// A TEXT that names one of a few things.
    pub(super) fn word<T>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Answer<T> {
        parse(self.text(column)?).ok_or(Failure::Unreadable(column))
    }

    /// A TEXT of a type that has one form.
    pub(super) fn parse<T: FromStr>(&self, column: &'static str) -> Answer<T> {
        self.read(column, str::parse)
    }

    /// A TEXT of JSON.
    pub(super) fn json<'r, T: serde::Deserialize<'r>>(&'r self, column: &'static str) -> Answer<T> {
        self.read(column, serde_json::from_str)
    }

    /// An integer.
    pub(super) fn integer(&self, column: &'static str) -> Answer<i64> {
        self.optional_integer(column)?
            .ok_or(Failure::Unreadable(column))
    }

    /// An integer that may be NULL.
    pub(super) fn optional_integer(&self, column: &'static str) -> Answer<Option<i64>> {
        self.0
            .try_get(column)
            .map_err(|_| Failure::Unreadable(column))
    }

    /// A flag.
    pub(super) fn flag(&self, column: &'static str) -> Answer<bool> {
        Ok(self.integer(column)? != 0)
    }

    /// An instant.
    pub(super) fn instant(&self, column: &'static str) -> Answer<Timestamp> {
        self.optional_instant(column)?
            .ok_or(Failure::Unreadable(column))
    }

    /// An instant that may be NULL.
    pub(super) fn optional_instant(&self, column: &'static str) -> Answer<Option<Timestamp>> {
        self.optional_integer(column)?
            .map(Timestamp::from_millisecond)
            .transpose()
            .map_err(|_| Failure::Unreadable(column))
    }

    /// A number of seconds that may be NULL.
    pub(super) fn optional_seconds(&self, column: &'static str) -> Answer<Option<Duration>> {
        self.optional_integer(column)?
            .map(|seconds| u64::try_from(seconds).map(Duration::from_secs))
            .transpose()
            .map_err(|_| Failure::Unreadable(column))
    }

    /// A count that may be NULL.
    pub(super) fn optional_count(&self, column: &'static str) -> Answer<Option<u32>> {
        self.optional_integer(column)?
            .map(u32::try_from)
            .transpose()
            .map_err(|_| Failure::Unreadable(column))
    }

    /// A status.
    pub(super) fn status(&self, column: &'static str) -> Answer<Status> {
        self.word(column, Status::parse)
    }

    /// A counter.
    pub(super) fn generation(&self, column: &'static str) -> Answer<Generation> {
        self.integer(column).map(Generation)
    }

    /// A version.
    pub(super) fn version(&self, column: &'static str) -> Answer<Version> {
        self.integer(column).map(Version)
    }

    /// An address that may be NULL.
    pub(super) fn optional_address(&self, column: &'static str) -> Answer<Option<IpAddr>> {
        self.optional_text(column)?
            .map(str::parse)
            .transpose()
            .map_err(|_| Failure::Unreadable(column))
    }
}
